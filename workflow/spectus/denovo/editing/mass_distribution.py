"""A distribution over the nominal mass of the molecule, from its spectrum and from the structures that resemble it.

A small perceptron reads the spectrum around each mass that the molecule may have: the molecular ion and its isotopes,
the losses from it, the ion current above it, the parity of the fragments. TMS derivatives show M-15 instead, and many
drugs no molecular ion, so the most probable mass alone is often wrong. The structures that a search
finds have masses, too. Both are combined.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.files import replacing, require_file, resource

SHIPPED = "models/editing-open/mass.npz"
"""Where the perceptron that ships is, among the resources."""

BELOW, ABOVE = 100, 6
"""Nominal masses below and above that of the molecule which the perceptron reads, u. Chosen: the common losses of a
derivative, two TMS groups apart from one methyl group, are within."""

ROOM = (60, 150)
"""Masses that are possible: so far below and above the highest peak, u. Chosen: 99 % of the training spectra's."""

_REFERENCE = (73, 75, 147)
"""Ions of silyl groups, which say that the molecular ion is faint and M-15 is not."""

_VISIBLE = 0.005
"""Intensity of the highest peak, of the base peak. Chosen: fainter ones are often background."""

_LOG_SCALE = 1000.0
"""Scale of intensities before the logarithm, as in the dual encoder."""

_LEAST_SHARE = 1e-4
"""Added to a share of the ion current before the logarithm."""

_LIGHTEST = 50
"""Nominal mass from which the parity of peaks is looked at, u. Chosen: lighter ions are of every compound."""

_LEAST_PART = 15
"""Least mass of a part of the molecule, u: CH3."""

_CLEAR = 0.01
"""Intensity of the heaviest peak, of the base peak, whose mass halves the spectrum. Chosen: twice `_VISIBLE`."""

N_FEATURES = 2 * (BELOW + ABOVE + 1) + 13 + len(_REFERENCE)
"""Numbers that describe a mass."""


@dataclass(frozen=True)
class MassModel:
    """The perceptron, of two hidden layers.

    Attributes
    ----------
    first, first_bias : ndarray of float32
        (N_FEATURES, H) and (H,).
    second, second_bias : ndarray of float32
        (H, H) and (H,).
    last : ndarray of float32
        (H,).
    """

    first: NDArray[np.float32]
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]
    second_bias: NDArray[np.float32]
    last: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the weights that `write` wrote.

        Raises
        ------
        InputError
            The file is missing or damaged.
        """
        try:
            with np.load(require_file(path), allow_pickle=False) as stored:
                found = cls(*(stored[name].astype(np.float32) for name in _PARTS))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(path, f"is no model of molecular masses ({error})", "copy the file again") from error
        width = len(found.last)
        if found.first.shape != (N_FEATURES, width) or found.second.shape != (width, width):
            raise InputError(path, f"has weights of the shape {found.first.shape}", "copy the file again")
        return found

    def write(self, path: Path) -> None:
        """Write the weights in half precision."""
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **{name: getattr(self, name).astype(np.float16) for name in _PARTS})

    def log_probabilities(self, intensity: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the masses that a molecule may have, u, and the logarithms of their probabilities.

        Parameters
        ----------
        intensity
            (bins,) by nominal mass, base peak 1.

        Returns
        -------
        masses : ndarray of int64, (n,)
        log_probabilities : ndarray of float64, (n,)
        """
        masses = possible_masses(intensity)
        hidden = np.maximum(mass_features(intensity, masses) @ self.first + self.first_bias, 0.0)
        hidden = np.maximum(hidden @ self.second + self.second_bias, 0.0)
        scores = (hidden @ self.last).astype(np.float64)
        shifted = scores - scores.max()
        return masses, shifted - np.log(np.exp(shifted).sum())

    def of_masses(self, intensity: NDArray[np.float32], masses: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities of some masses, (n,); -inf for one that is not possible.

        Parameters
        ----------
        intensity
            (bins,) by nominal mass, base peak 1.
        masses
            (n,) u.
        """
        possible, logarithms = self.log_probabilities(intensity)
        place = np.asarray(masses, np.int64) - possible[0]
        inside = (place >= 0) & (place < len(possible))
        found: NDArray[np.float64] = np.where(inside, logarithms[np.where(inside, place, 0)], -np.inf)
        return found


_PARTS = tuple(field.name for field in fields(MassModel))


@lru_cache(maxsize=4)
def load_mass_model(path: Path | None = None) -> MassModel:
    """Read a model of molecular masses, the one that ships unless a path is given."""
    return MassModel.read(path or resource(SHIPPED))


def possible_masses(intensity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the nominal masses that the molecule of a spectrum may have, u, ascending."""
    seen = np.flatnonzero(intensity >= _VISIBLE * max(float(intensity.max(initial=0.0)), 1e-12))
    top = int(seen[-1]) if len(seen) else 0
    return np.arange(max(2, top - ROOM[0]), top + ROOM[1] + 1)


def mass_features(intensity: NDArray[np.float32], masses: NDArray[np.int64]) -> NDArray[np.float32]:
    """Describe masses that the molecule of a spectrum may have.

    Parameters
    ----------
    intensity
        (bins,) by nominal mass, base peak 1.
    masses
        (n,) u.

    Returns
    -------
    ndarray of float32, (n, N_FEATURES)
        Square roots and logarithms of the intensities from M - `BELOW` to M + `ABOVE`; logarithms of the shares of the
        ion current from M - 2 on, and above the isotopes; parity, mass, distance from the highest peak, and whether M
        lies above it; shares of the peaks at even masses, alone and with the sign of the parity; how far pairs of peaks
        add up to M; the ion current; square roots of the intensities of silyl ions.
    """
    last = int(masses[-1]) + ABOVE + 1
    padded = np.zeros(BELOW + max(last, len(intensity)) + 1, np.float32)
    padded[BELOW : BELOW + len(intensity)] = intensity
    window = padded[masses[:, None] + np.arange(BELOW + ABOVE + 1)]
    from_here = np.append(np.cumsum(padded[::-1], dtype=np.float64)[::-1], 0.0) / max(float(padded.sum()), 1e-12)
    from_mass = np.log(from_here[masses + BELOW - 2] + _LEAST_SHARE)
    above = np.log(from_here[np.minimum(masses + BELOW + 3, len(from_here) - 1)] + _LEAST_SHARE)
    top = masses[0] + ROOM[0] if masses[0] > 2 else int(np.flatnonzero(intensity)[-1]) if intensity.any() else 0
    distance = (masses - top) / 50.0
    silyl = np.sqrt(padded[BELOW + np.array(_REFERENCE)])
    rest = np.stack([from_mass, above, masses % 2, masses / 300.0, distance, masses > top], axis=1)
    parts = [
        np.sqrt(window), np.log1p(_LOG_SCALE * window) / np.log1p(_LOG_SCALE), rest,
        np.broadcast_to(silyl, (len(masses), len(silyl))), _parity_and_pairs(intensity, masses),
    ]  # fmt: skip
    return np.concatenate(parts, axis=1).astype(np.float32)


def _parity_and_pairs(intensity: NDArray[np.float32], masses: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the last seven features of `mass_features`, (n, 7).

    Fragments of a molecule of even mass are mostly of odd mass, as long as it has no nitrogen. The two parts of a
    broken molecule add up to its mass, and either may keep the charge.
    """
    heavy = np.where(np.arange(len(intensity)) >= _LIGHTEST, intensity, 0.0).astype(np.float64)
    roots = np.sqrt(intensity.astype(np.float64))
    clear = np.flatnonzero(intensity > _CLEAR)
    upper = roots * np.arange(len(roots))
    upper[: (int(clear[-1]) + 1) // 2 if len(clear) else 0] = 0.0
    sign = np.where(masses % 2 == 1, 1.0, -1.0)
    even, even_upper, even_root = (
        float(part[::2].sum() / max(part.sum(), 1e-9)) for part in (heavy, upper, np.sqrt(heavy))
    )
    parts = roots.copy()
    parts[:_LEAST_PART] = 0.0
    parts = np.trim_zeros(parts, "b")
    sums = np.convolve(parts, parts) if len(parts) else np.zeros(1)
    pairs = np.where(masses < len(sums), sums[np.minimum(masses, len(sums) - 1)], 0.0) / max(
        float(intensity.sum()), 1e-9
    )
    ones = np.ones(len(masses))
    current = np.log(max(float(intensity.sum()), 1e-9))
    columns = [even * ones, sign * even, even_upper * ones, sign * even_upper, sign * even_root, pairs, current * ones]
    return np.stack(columns, axis=1)


def combined(
    spectrum: tuple[NDArray[np.int64], NDArray[np.float64]], votes: Sequence["Votes"], floor: float
) -> dict[int, float]:
    """Combine the distribution of the spectrum with the masses of structures that resemble it.

    Parameters
    ----------
    spectrum
        Masses and logarithms of probabilities, as of `MassModel.log_probabilities`.
    votes
        Structures of each source.
    floor
        Share that a mass has which no structure has.

    Returns
    -------
    dict of int to float
        Logarithms of probabilities by mass, the most probable first.
    """
    values = spectrum[1].copy()
    for of_source in votes:
        shares = of_source.shares()
        values += of_source.weight * np.log([shares.get(mass, 0.0) + floor for mass in spectrum[0].tolist()])
    values -= np.logaddexp.reduce(values)
    found = dict(zip(spectrum[0].tolist(), values.tolist(), strict=True))
    return {mass: found[mass] for mass in sorted(found, key=lambda mass: (-found[mass], mass))}


class Votes(NamedTuple):
    """Structures of a source, which vote for their masses.

    Attributes
    ----------
    masses : list of int
        Nominal masses, u.
    log_odds : list of float
        How well each structure fits.
    weight : float
        Exponent of the distribution of this source.
    """

    masses: list[int]
    log_odds: list[float]
    weight: float

    def shares(self) -> dict[int, float]:
        """Return the share of each mass; they add up to 1."""
        found = dict[int, float]()
        if self.masses:
            odds = np.exp(np.asarray(self.log_odds) - np.max(self.log_odds))
            for mass, share in zip(self.masses, (odds / odds.sum()).tolist(), strict=True):
                found[mass] = found.get(mass, 0.0) + share
        return found
