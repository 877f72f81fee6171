"""Components tables made for the tests."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectus import tables

Spectrum = dict[int, float]


def alkane(carbons: int, heaviest: int = 800) -> Spectrum:
    """An n-alkane: CnH2n+1, CnH2n and CnH2n-1 ions that decay with mass, M+ and its isotope peak."""
    molecule = 14 * carbons + 2
    ions = {43: 0.65, 57: 1.0, 71: 0.7, 85: 0.5, 41: 0.3, 55: 0.22, 56: 0.15, 69: 0.13, 70: 0.12}
    for number, mass in enumerate(range(99, molecule - 28, 14)):
        ions |= {mass: 0.17 * 0.7**number, mass - 2: 0.1 * 0.7**number, mass - 1: 0.06 * 0.7**number}
    ions = {mass: value for mass, value in ions.items() if value > 0.001}
    ions |= {molecule: 0.9 / carbons**1.3, molecule + 1: 0.9 / carbons**1.3 * 0.011 * carbons}
    return {mass: value for mass, value in ions.items() if mass <= heaviest}


def fame(carbons: int) -> Spectrum:
    """The methyl ester of a saturated acid: McLafferty ion 74, 87, the (CH2)nCOOMe ions, M-43, M-31 and M+."""
    molecule = 14 * carbons + 46
    ions = {55: 0.3, 57: 0.2, 59: 0.12, 69: 0.15, 74: 1.0, 75: 0.17, 83: 0.08, 87: 0.65, 88: 0.05, 97: 0.05, 101: 0.06}
    ions |= {mass: value for mass, value in ((129, 0.06), (143, 0.15), (199, 0.05)) if mass < molecule - 31}
    return ions | {molecule - 43: 0.09, molecule - 31: 0.06, molecule: 0.05, molecule + 1: 0.008}


def spectrum(seed: int, n_peaks: int = 20) -> Spectrum:
    """A spectrum like no other."""
    rng = np.random.default_rng(seed)
    mass = rng.choice(np.arange(40, 400), n_peaks, replace=False)
    return {int(m): float(v) for m, v in zip(mass, rng.exponential(0.3, n_peaks) + 0.02, strict=True)}


def component(rt_s: float, ions: Spectrum, height: float = 1e5, **columns: Any) -> dict[str, Any]:
    """One row of a components table; peaks are 8 s wide."""
    top = max(ions.values(), default=1.0)
    mass = sorted(ions)
    return {
        "rt_s": rt_s,
        "rt_start_s": rt_s - 4.0,
        "rt_end_s": rt_s + 4.0,
        "area": 3.0 * height,
        "height": height,
        "snr": height / 100,
        "purity": 0.9,
        "n_peaks": len(ions),
        "saturated": False,
        "mz": mass,
        "intensity": [ions[m] / top for m in mass],
    } | columns


def run_table(run: str, components: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The components of one run, numbered by time."""
    rows = sorted(components, key=lambda row: row["rt_s"])
    numbered = [{"run": run, "component": number, **row} for number, row in enumerate(rows, 1)]
    return tables.table(tables.COMPONENTS, numbered)


def write_runs(path: Path, *runs: pa.Table) -> Path:
    """One components file of several runs, a row group each."""
    with tables.writing(path, tables.COMPONENTS) as writer:
        for run in runs:
            writer.append(run)
    return path


def write_sheet(path: Path, *rows: tuple[str, ...]) -> Path:
    """A sample sheet from (run, type) or (run, type, batch)."""
    lines = ["\t".join((row[0], f"raw/{row[0]}.cdf", row[1], row[2] if len(row) > 2 else "")) for row in rows]
    path.write_text("run\tpath\ttype\tbatch\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path
