"""The components of a whole campaign in memory: their numbers and weighted spectra, not the spectra themselves."""

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

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INTENSITY_POWER, MASS_POWER = 0.8, 0.3
"""Weights for comparing runs. A library search leans on the heavy ions, which tell compounds apart; one compound in two
runs differs by noise alone, and that is worst where heavy ions are weak."""

_USUAL_WIDTH_S = 8.0
_NUMBERS = (
    "component", "rt_s", "rt_start_s", "rt_end_s", "ri", "ri_extrapolated", "area", "snr", "purity", "saturated",
)  # fmt: skip


@dataclass(frozen=True)
class Campaign:
    """Components by run name and component number, so that the order of the input leaves no trace.

    Attributes
    ----------
    runs: names of the runs, sorted; also those without components.
    run: (n,) number of the run.
    position: (n,) row in the components tables as `components_of` reads them.
    values: numeric columns of COMPONENTS by name, (n,) each; NaN for null.
    weighted: (n, n_masses) unit-norm spectra, intensity^0.8 * mass^0.3.
    """

    runs: list[str]
    run: Ints
    position: Ints
    values: Mapping[str, Floats]
    weighted: csr_array

    @property
    def quality(self) -> Floats:
        """(n,) signal to noise times purity; a saturated component, its spectrum distorted, counts a tenth."""
        quality = np.nan_to_num(self.values["snr"] * self.values["purity"])
        return np.where(self.values["saturated"] == 1, 0.1 * quality, quality)

    @property
    def width_s(self) -> Floats:
        """(n,) widths of the peaks at 1 % of their height, s; the median where unknown."""
        width = self.values["rt_end_s"] - self.values["rt_start_s"]
        known = width[width > 0]
        return np.where(width > 0, width, np.median(known) if len(known) else _USUAL_WIDTH_S)


def read_campaign(paths: Sequence[Path], runs: Sequence[str]) -> Campaign:
    """The components of `runs` in the tables `paths`; one table at a time holds its spectra in memory."""
    ordered = sorted(runs)
    numbers: list[Ints] = [np.empty(0, dtype=np.int64)]
    columns: dict[str, list[Floats]] = {name: [np.empty(0)] for name in _NUMBERS}
    spectra: list[csr_array] = []
    for part in components_of(paths, runs, ["run", *_NUMBERS, "mz", "intensity"]):
        numbers.append(pc.index_in(part["run"], pa.array(ordered, pa.string())).to_numpy().astype(np.int64))
        spectra.append(
            weighted_matrix(part["mz"], part["intensity"], intensity_power=INTENSITY_POWER, mass_power=MASS_POWER)
        )
        for name in _NUMBERS:
            columns[name].append(pc.fill_null(part[name].cast(pa.float64()), np.nan).to_numpy())
    run = np.concatenate(numbers)
    values = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.lexsort((values["component"], run))
    sorted_values = {name: column[order] for name, column in values.items()}
    return Campaign(ordered, run[order], order, sorted_values, _stacked(spectra)[order])


def spectra_of(paths: Sequence[Path], runs: Sequence[str], positions: Ints) -> tuple[pa.Array, pa.Array]:
    """m/z and intensities of the components at `positions` (see `Campaign.position`), in that order."""
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
    """The rows of matrices of unequal width."""
    if not matrices:
        return csr_array((0, 1), dtype=np.float32)
    n_masses = max(matrix.shape[1] for matrix in matrices)
    for matrix in matrices:
        matrix.resize(matrix.shape[0], n_masses)
    return csr_array(vstack(matrices, format="csr"))
