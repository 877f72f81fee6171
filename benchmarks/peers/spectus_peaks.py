"""Components of one run by this project, in a process of its own as the peers have it; run by
benchmarks/deconvolution.py.

    python spectus_peaks.py RUN.npz COMPONENTS.parquet NAME
"""

import sys
from pathlib import Path

import numpy as np

from spectus import tables
from spectus.deconvolution.deconvolve import deconvolve
from spectus.raw.run import Run


def main(source: str, target: str, name: str) -> None:
    with np.load(source) as run:
        scans = Run(run["rt_s"], run["offsets"], run["mz"], run["intensity"], "simulated")
    tables.write(deconvolve(scans, name), Path(target), tables.COMPONENTS)


if __name__ == "__main__":
    main(*sys.argv[1:])
