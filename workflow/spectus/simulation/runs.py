"""The runs of a campaign with a known ground truth, in memory: what each holds and what was recorded."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from spectus import tables
from spectus.raw.run import Run
from spectus.simulation.detector import acquire
from spectus.simulation.disturbances import peak_areas
from spectus.simulation.elution import drifted, nearest_distance
from spectus.simulation.mixture import Mixture, draw_compounds, draw_ladder
from spectus.simulation.presets import SimulationSettings
from spectus.types import Flags


@dataclass(frozen=True)
class SimulatedRun:
    """One simulated run.

    Attributes
    ----------
    name
        Name of the run.
    type
        Type in the sample sheet.
    amount
        Amount in a dilution series, in no unit; None otherwise.
    run
        What was recorded.
    profile
        Whether these are profiles, not centroids.
    ground_truth
        What the run holds (schema GROUND_TRUTH).
    """

    name: str
    type: str
    amount: float | None
    run: Run
    profile: bool
    ground_truth: pa.Table


@dataclass(frozen=True)
class _Plan:
    """A run before it is simulated: the mixture as this run has it, without the run's drift."""

    name: str
    type: str
    amount: float | None
    mixture: Mixture


def simulate(library: pa.Table, settings: SimulationSettings, seed: int) -> Iterator[SimulatedRun]:
    """Simulate the runs of a campaign, one at a time: ladder, samples or dilutions, blanks.

    Parameters
    ----------
    library
        Spectra (schema SPECTRA) from which the compounds are drawn.
    settings
        Settings of the simulation.
    seed
        Seed of the random numbers.

    Yields
    ------
    SimulatedRun
        The next run.

    Raises
    ------
    InputError
        The library has too few usable compounds or RI standards.
    """
    for number, plan in enumerate(_plans(library, settings, seed)):
        rng = np.random.default_rng([seed, 1, number])
        times = drifted(plan.mixture.rt_s, settings, rng)
        mixture = replace(plan.mixture, rt_s=times)
        run = acquire(mixture, settings, rng)
        ground_truth = ground_truth_of(plan.name, mixture, settings)
        yield SimulatedRun(plan.name, plan.type, plan.amount, run, bool(settings.analyzer), ground_truth)


def ground_truth_of(name: str, mixture: Mixture, settings: SimulationSettings) -> pa.Table:
    """Describe what a run holds.

    Parameters
    ----------
    name
        Name of the run.
    mixture
        Its compounds.
    settings
        Settings of the simulation.

    Returns
    -------
    pa.Table
        Table of schema GROUND_TRUTH; `nearest_s` is null for a compound that is alone.
    """
    masses = np.arange(settings.mz_low, settings.mz_high + 1)
    distance = nearest_distance(mixture.rt_s)
    peaks = [np.flatnonzero(spectrum) for spectrum in mixture.spectra]
    area = peak_areas(mixture) * mixture.height * mixture.spectra.sum(axis=1)
    columns = {
        "run": [name] * len(mixture),
        "compound": mixture.compound.astype(np.int32),
        "name": list(mixture.names),
        "smiles": list(mixture.smiles),
        "inchikey": list(mixture.inchikeys),
        "rt_s": mixture.rt_s,
        "ri": pa.array(mixture.ri, from_pandas=True),
        "fwhm_s": mixture.fwhm_s,
        "height": mixture.height,
        "area": area,
        "group": mixture.group.astype(np.int32),
        "nearest_s": pa.array(np.where(np.isfinite(distance), distance, np.nan), from_pandas=True),
        "mz": [masses[ions].astype(np.float32) for ions in peaks],
        "intensity": [row[ions].astype(np.float32) for row, ions in zip(mixture.spectra, peaks, strict=True)],
        "exact_mz": [
            row[ions] if settings.resolving_power else None for row, ions in zip(mixture.exact, peaks, strict=True)
        ],
    }
    return tables.table(tables.GROUND_TRUTH, columns)


def _plans(library: pa.Table, settings: SimulationSettings, seed: int) -> list[_Plan]:
    """Plan all runs of a campaign."""
    rng = np.random.default_rng([seed, 0])
    plans = []
    if settings.ladder:
        plans.append(_Plan("ladder", "ladder", None, draw_ladder(library, settings, rng)))
    if settings.samples or settings.blanks:
        pool = draw_compounds(library, settings, rng)
        n_ri_standards = sum(len(plan.mixture) for plan in plans)
        pool = replace(pool, compound=pool.compound + n_ri_standards)
        everywhere = np.zeros(len(pool), dtype=bool)
        everywhere[rng.choice(len(pool), size=settings.contaminants, replace=False)] = True
        pool = _with_contaminants(pool, everywhere, settings, rng)
        plans += _samples(pool, everywhere, settings, rng)
        blanks = ["blank"] if settings.blanks == 1 else [f"blank_{n}" for n in range(1, settings.blanks + 1)]
        plans += [_Plan(name, "blank", None, pool.only(everywhere)) for name in blanks]
    return plans


def _with_contaminants(
    pool: Mixture, everywhere: Flags, settings: SimulationSettings, rng: np.random.Generator
) -> Mixture:
    """Lower the heights of contaminants to within a decade of the lowest height."""
    weak = settings.height_low_counts * 10.0 ** rng.uniform(0.0, 1.0, size=len(pool))
    return replace(pool, height=np.where(everywhere, np.minimum(weak, settings.height_high_counts), pool.height))


def _samples(pool: Mixture, everywhere: Flags, settings: SimulationSettings, rng: np.random.Generator) -> list[_Plan]:
    """Plan the samples or the dilution series."""
    if settings.dilution_decades > 0:
        amounts = np.logspace(0.0, -settings.dilution_decades, settings.samples)[::-1]
        return [
            _Plan(
                f"level_{number:02d}", "calibrator", float(f"{amount:.6g}"), replace(pool, height=pool.height * amount)
            )
            for number, amount in enumerate(amounts, start=1)
        ]
    home = rng.permutation(len(pool)) % max(settings.samples, 1)
    common = everywhere | (rng.permutation(len(pool)) < round(settings.shared * len(pool)))
    plans = []
    for sample in range(settings.samples):
        factor = 10.0 ** rng.normal(0.0, settings.amount_sd_decades, size=len(pool))
        height = np.where(everywhere, pool.height, np.minimum(pool.height * factor, settings.height_high_counts))
        mixture = replace(pool, height=height).only(common | (home == sample))
        plans.append(_Plan(f"sample_{sample + 1}", "sample", None, mixture))
    return plans
