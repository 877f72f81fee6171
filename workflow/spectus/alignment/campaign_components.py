"""The components of a whole campaign in memory: numeric columns and weighted spectra, not the spectra themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from spectus.deconvolution.component_tables import components_of
from spectus.library.similarity import weighted_matrix
from spectus.types import Floats, Ints

RUN_INTENSITY_POWER = 0.8
"""Power of the intensity when spectra of two runs are compared. Chosen on simulated campaigns
(`benchmarks/alignment.py`).
"""

RUN_MASS_POWER = 0.3
"""Power of the mass. A library search weighs heavy ions more, because they distinguish compounds. Two spectra of one
compound differ by noise alone, which is worst where heavy ions are weak. Chosen as above.
"""

_USUAL_WIDTH_S = 8.0
"""Width of a peak at 1 % of its height if none is known, s. Chosen: typical of quadrupole runs."""

_SATURATED_QUALITY = 0.1
"""Factor on the quality of a saturated component. Chosen: its spectrum is distorted."""

_NUMBERS = (
    "component", "rt_s", "rt_start_s", "rt_end_s", "ri", "ri_extrapolated", "area", "snr", "purity", "confidence",
    "saturated",
)  # fmt: skip
"""Numeric columns of COMPONENTS that the alignment uses."""


@dataclass(frozen=True)
class PlacedComponents:
    """Components as drift and grouping see them; every array has n rows.

    Attributes
    ----------
    x
        Retention, s or index units.
    run
        Run number.
    width
        Width of the peak at 1 % of its height, in the unit of `x`.
    quality
        Confidence in the component's spectrum, in no unit (see `Campaign.quality`).
    spectra
        (n, n_masses) spectra of length 1.
    """

    x: Floats
    run: Ints
    width: Floats
    quality: Floats
    spectra: csr_array


@dataclass(frozen=True)
class Campaign:
    """Components sorted by run name and component number, so that the order of the input has no effect.

    Attributes
    ----------
    runs
        Names of the runs, sorted; also those without components.
    run
        (n,) number of the run.
    position
        (n,) row in the components tables in the order in which `components_of` reads them.
    values
        Numeric columns of COMPONENTS by name, (n,) each; NaN for null.
    scale
        (n,) scale of the retention index, None where there is no index.
    weighted
        (n, n_masses) spectra of length 1, of intensity^0.8 * mass^0.3.
    """

    runs: list[str]
    run: Ints
    position: Ints
    values: Mapping[str, Floats]
    scale: NDArray[np.object_]
    weighted: csr_array

    @property
    def quality(self) -> Floats:
        """(n,) signal-to-noise ratio times purity; a saturated component counts a tenth."""
        quality = np.nan_to_num(self.values["snr"] * self.values["purity"])
        return np.where(self.values["saturated"] == 1, _SATURATED_QUALITY * quality, quality)

    @property
    def width_s(self) -> Floats:
        """(n,) widths of the peaks at 1 % of their height, s; the median where unknown."""
        width = self.values["rt_end_s"] - self.values["rt_start_s"]
        known = width[width > 0]
        return np.where(width > 0, width, np.median(known) if len(known) else _USUAL_WIDTH_S)


def read_campaign(paths: Sequence[Path], runs: Sequence[str]) -> Campaign:
    """Read the components of some runs. The spectra of one row group at a time are in memory.

    Parameters
    ----------
    paths
        Components tables.
    runs
        Names of the wanted runs.

    Returns
    -------
    Campaign
        The components.
    """
    ordered = sorted(runs)
    numbers: list[Ints] = [np.empty(0, dtype=np.int64)]
    columns: dict[str, list[Floats]] = {name: [np.empty(0)] for name in _NUMBERS}
    scales: list[object] = []
    spectra: list[csr_array] = []
    for part in components_of(paths, runs, ["run", *_NUMBERS, "ri_scale", "mz", "intensity"]):
        scales += part["ri_scale"].to_pylist()
        numbers.append(pc.index_in(part["run"], pa.array(ordered, pa.string())).to_numpy().astype(np.int64))
        spectra.append(
            weighted_matrix(
                part["mz"], part["intensity"], intensity_power=RUN_INTENSITY_POWER, mass_power=RUN_MASS_POWER
            )
        )
        for name in _NUMBERS:
            columns[name].append(pc.fill_null(part[name].cast(pa.float64()), np.nan).to_numpy())
    run = np.concatenate(numbers)
    values = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.lexsort((values["component"], run))
    sorted_values = {name: column[order] for name, column in values.items()}
    scale = np.array(scales, dtype=object)[order]
    return Campaign(ordered, run[order], order, sorted_values, scale, _stacked(spectra)[order])


def spectra_of(paths: Sequence[Path], runs: Sequence[str], positions: Ints) -> tuple[pa.Array, pa.Array]:
    """Read the spectra of some components.

    Parameters
    ----------
    paths
        Components tables.
    runs
        Names of the runs, as for `read_campaign`.
    positions
        Wanted rows (see `Campaign.position`).

    Returns
    -------
    mz, intensity : pa.Array
        Lists of m/z, Th, and intensity (base peak 1) in the order of `positions`.
    """
    sorted_positions = np.sort(positions)
    mz: list[pa.Array] = []
    intensity: list[pa.Array] = []
    first = 0
    for part in components_of(paths, runs, ["run", "mz", "intensity"]):
        low, high = np.searchsorted(sorted_positions, [first, first + part.num_rows])
        rows = part.take(pa.array(sorted_positions[low:high] - first))
        mz += rows["mz"].chunks
        intensity += rows["intensity"].chunks
        first += part.num_rows
    rank = pa.array(np.argsort(np.argsort(positions)))
    kind = pa.list_(pa.float32())
    return tuple(pa.chunked_array(chunks, kind).combine_chunks().take(rank) for chunks in (mz, intensity))


def _stacked(matrices: Sequence[csr_array]) -> csr_array:
    """Stack matrices of unequal width."""
    if not matrices:
        return csr_array((0, 1), dtype=np.float32)
    n_masses = max(matrix.shape[1] for matrix in matrices)
    for matrix in matrices:
        matrix.resize(matrix.shape[0], n_masses)
    return csr_array(vstack(matrices, format="csr"))
