"""Comparing the retention indices of queries and library records across scales.

Indices are subtracted on one scale only. An index of the FAME scale is converted where the other one is of the n-alkane
scale. An index of unknown scale is read as n-alkane index, which most libraries have, and is not compared with the FAME
scale. Converted and extrapolated indices weigh less.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus.library.ri_scales import CONVERSION_ERROR, RiScale, to_alkane
from spectus.library.similarity import Factor
from spectus.types import Flags, Floats, Ints

RI_WEIGHT = 0.05
"""Exponent of the index's density in the score; measured with benchmarks/ri_weight.py."""

_DEGREES_OF_FREEDOM = 3
"""Of Student's t; chosen: tails heavy enough that one wrong library index does not hide a match."""

EXTRAPOLATED_TOLERANCE = 5.0
"""Times the tolerance, for an index outside the ladder. Chosen: an isothermal ladder extrapolated by two carbons is 98
index units off, which then costs a score 3 % and not 20 %."""

_LOWEST_FAME, _HIGHEST_FAME = 800.0, 3000.0
"""Index units, between which a FAME index is converted and not extrapolated."""

SAME, CONVERTED, EXTRAPOLATED = "same scale", "converted", "extrapolated"
"""Values of the column `ri_basis`."""


@dataclass(frozen=True)
class _Indices:
    """Retention indices of n spectra.

    Attributes
    ----------
    ri, on_alkane : ndarray, (n,)
        As given, and on the n-alkane scale, index units; NaN where there is none.
    is_fame, is_named : ndarray of bool, (n,)
        The index is of the FAME scale; its scale is known.
    extrapolated, beyond : ndarray of bool, (n,)
        It lies outside the ladder; its conversion would be extrapolated.
    """

    ri: Floats
    on_alkane: Floats
    is_fame: Flags
    is_named: Flags
    extrapolated: Flags
    beyond: Flags

    @classmethod
    def of(cls, spectra: pa.Table) -> "_Indices":
        """Take the indices of a table of schema SPECTRA."""
        ri = pc.fill_null(spectra["ri"], np.nan).to_numpy().astype(np.float64)
        is_fame = _flags(pc.equal(spectra["ri_scale"], RiScale.FAME.value))
        is_named = is_fame | _flags(pc.equal(spectra["ri_scale"], RiScale.ALKANE.value))
        outside = is_fame & ((ri < _LOWEST_FAME) | (ri > _HIGHEST_FAME))
        on_alkane = np.where(is_fame, to_alkane(np.nan_to_num(ri)), ri)
        return cls(
            ri,
            np.where(np.isnan(ri), np.nan, on_alkane),
            is_fame,
            is_named,
            _flags(spectra["ri_extrapolated"]),
            outside,
        )

    def has(self, scale: RiScale | None) -> bool:
        """Tell whether an index of this scale is among them; None: of unknown scale."""
        of_scale = {RiScale.FAME: self.is_fame, RiScale.ALKANE: self.is_named & ~self.is_fame, None: ~self.is_named}
        return bool((of_scale[scale] & np.isfinite(self.ri)).any())


@dataclass(frozen=True)
class RiComparison:
    """Differences between the retention indices of queries and library records, pair by pair."""

    queries: _Indices
    library: _Indices

    @classmethod
    def of(cls, queries: pa.Table, library: pa.Table) -> "RiComparison":
        """Compare two tables of schema SPECTRA."""
        return cls(_Indices.of(queries), _Indices.of(library))

    def deltas(self, query: Ints, entry: Ints) -> Floats:
        """Return the query's index minus the record's, (n_pairs,) index units; NaN where they cannot be compared."""
        asked, held = self.queries, self.library
        both_fame = asked.is_fame[query] & held.is_fame[entry]
        given = asked.ri[query] - held.ri[entry]
        on_alkane = asked.on_alkane[query] - held.on_alkane[entry]
        unknown = self._mixed(query, entry) & ~(asked.is_named[query] & held.is_named[entry])
        return np.where(unknown, np.nan, np.where(both_fame, given, on_alkane))

    def bases(self, query: Ints, entry: Ints) -> list[str | None]:
        """Return what each difference rests on: `SAME`, `CONVERTED`, `EXTRAPOLATED`; None where there is none."""
        missing = np.isnan(self.deltas(query, entry))
        mixed, extrapolated = self._mixed(query, entry), self._extrapolated(query, entry)
        return [
            None if nothing else EXTRAPOLATED if outside else CONVERTED if converted else SAME
            for nothing, outside, converted in zip(missing.tolist(), extrapolated.tolist(), mixed.tolist(), strict=True)
        ]

    def factor(self, tolerance: float) -> Factor:
        """Return the function that gives each pair the factor of its score.

        Parameters
        ----------
        tolerance
            Scale of `ri_factor`, index units, for indices that are neither converted nor extrapolated.
        """

        def of_pairs(query: NDArray[np.int64], entry: NDArray[np.int64]) -> NDArray[np.float64]:
            wide = np.where(self._mixed(query, entry), np.hypot(tolerance, CONVERSION_ERROR), tolerance)
            wider = np.where(self._extrapolated(query, entry), EXTRAPOLATED_TOLERANCE * wide, wide)
            return ri_factor(self.deltas(query, entry), wider)

        return of_pairs

    def notes(self, name: str) -> list[str]:
        """Say in one line each what a library's scale means for the comparison.

        Parameters
        ----------
        name
            The library, as the line calls it.
        """
        asked, held = self.queries, self.library
        alkane_queries = asked.has(RiScale.ALKANE)
        lines = []
        if (alkane_queries and held.has(RiScale.FAME)) or (asked.has(RiScale.FAME) and held.has(RiScale.ALKANE)):
            lines.append(
                f"{name}: retention indices of the FAME scale are converted to the n-alkane scale with the measured "
                f"indices of the methyl esters (standard error {CONVERSION_ERROR:g})"
            )
        if asked.has(None) and held.has(RiScale.FAME):
            lines.append(
                f"{name}: its retention indices are on the FAME scale, the scale of the queries' indices is not known; "
                "they are not compared"
            )
        if asked.has(RiScale.FAME) and held.has(None):
            lines.append(
                f"{name}: the scale of its retention indices is not known, the queries' are on the FAME scale; they "
                "are not compared"
            )
        if alkane_queries and held.has(None):
            lines.append(f"{name}: the scale of its retention indices is not known; they are read as n-alkane indices")
        return lines

    def _mixed(self, query: Ints, entry: Ints) -> Flags:
        """Tell which pairs have one index of the FAME scale."""
        mixed: Flags = self.queries.is_fame[query] ^ self.library.is_fame[entry]
        return mixed

    def _extrapolated(self, query: Ints, entry: Ints) -> Flags:
        """Tell which pairs have an index outside the ladder, or one whose conversion is extrapolated."""
        asked, held = self.queries, self.library
        conversion = self._mixed(query, entry) & (asked.beyond[query] | held.beyond[entry])
        outside: Flags = asked.extrapolated[query] | held.extrapolated[entry] | conversion
        return outside


def ri_factor(delta: Floats, tolerance: float | Floats) -> Floats:
    """Return what a difference of retention indices leaves of a score: 1 at none, 0.97 at `tolerance`, 0.80 at 5 times.

    The factor is the density of Student's t with 3 degrees of freedom over its value at 0,
    (1 + (delta / tolerance)^2 / 3)^-2, to the power 0.05. Its tails are heavy: a library index may be plainly wrong,
    and must not hide a match by itself. The power weighs the index against the spectrum. A cosine is no likelihood; at
    full weight the index overrules the spectrum, and right records that have an index fall behind wrong ones that have
    none (benchmarks/ri_weight.py).

    Parameters
    ----------
    delta
        Differences, index units; any shape. NaN, where one of the two is not known, gives 1.
    tolerance
        Scale, index units; a number, or one for each difference.
    """
    density = (1 + (delta / tolerance) ** 2 / _DEGREES_OF_FREEDOM) ** (-(_DEGREES_OF_FREEDOM + 1) / 2)
    return np.where(np.isnan(delta), 1.0, density**RI_WEIGHT)


def _flags(column: pa.ChunkedArray) -> Flags:
    flags: Flags = pc.fill_null(column, False).to_numpy().astype(bool)
    return flags
