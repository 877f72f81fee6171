"""A simulated run as users get it: profiles go through a file and `spectus convert`; centroids are there already."""

import tempfile
from pathlib import Path

from spectus.raw.convert import convert_runs
from spectus.raw.read import read_run
from spectus.raw.run import Run
from spectus.simulation.campaign import write_run
from spectus.simulation.runs import SimulatedRun


def centroids_of(simulated: SimulatedRun) -> Run:
    """Return the centroids of a simulated run."""
    if not simulated.profile:
        return simulated.run
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_run(simulated, folder / "run.mzML", "simulation")
        convert_runs([folder / "run.mzML"], ["converted"], folder, folder / "runs.parquet", "fail")
        return read_run(folder / "converted.mzML")
