"""What a molecule list says about edits: how often each kind leads from one of its structures to another.

The tables ship. `scripts/learn_edits.py` makes them from a molecule list without the excluded compounds.
"""

import json
import lzma
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from spectus.denovo.editing.fragments import Fragment, fragment_of
from spectus.denovo.editing.molecule import CLASSES
from spectus.errors import InputError
from spectus.files import replacing, require_file, resource

SHIPPED = "models/editing-open/edits.json.xz"
"""Where the tables that ship are, among the resources."""

_ENVIRONMENTS = GetMorganGenerator(radius=1)
"""Environments of one bond around each atom (Rogers and Hahn 2010), which the plausibility of a structure counts."""

_BITS = 0xFFFFFFFF
_UNSEEN = -14.0
"""Logarithm of the frequency of an environment that the list has nowhere: below one in a million. Chosen."""


@dataclass(frozen=True)
class EditStatistics:
    """Frequencies of edits, fragments and environments of atoms.

    Attributes
    ----------
    kinds : dict of str to float
        Logarithm of the share of the edits of a kind that lead to a listed structure.
    other_kinds : float
        The same of a kind that is not in the table.
    scales : dict of str to list of float
        Constant and factor that make log-odds of these logarithms: of a "single" edit; of a "pair" from the sum of its
        two edits; of the "exchange" of a branch from the logarithm of the frequency of the fragment in its place.
    rarity : float
        Weight of the rarest environment of a structure: times the logarithm of its frequency.
    fragments : dict of str to list of float
        For each fragment, the logarithm of its frequency on an atom of each of `CLASSES`.
    environments : dict of int to float
        Logarithm of the frequency of each environment of radius 1.
    """

    kinds: dict[str, float]
    other_kinds: float
    scales: dict[str, list[float]]
    rarity: float
    fragments: dict[str, list[float]]
    environments: dict[int, float]
    _by_mass: dict[tuple[int, int], tuple[list[Fragment], NDArray[np.float64]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the tables that `write` wrote.

        Parameters
        ----------
        path
            JSON, compressed with xz.

        Raises
        ------
        InputError
            The file is missing or damaged.
        """
        try:
            with lzma.open(require_file(path), "rt", encoding="utf-8") as file:
                entries: dict[str, Any] = json.load(file)
            numbers = {int(key): float(value) for key, value in entries.pop("environments").items()}
            return cls(environments=numbers, **{key: entries[key] for key in _KEYS})
        except (lzma.LZMAError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(path, f"is no table of edits ({error})", "copy the file again") from error

    def write(self, path: Path) -> None:
        """Write the tables, numbers with two decimals."""
        entries: dict[str, Any] = {key: getattr(self, key) for key in _KEYS}
        entries["environments"] = {str(key): round(value, 2) for key, value in sorted(self.environments.items())}
        with replacing(path) as temporary, lzma.open(temporary, "wt", encoding="utf-8", preset=9) as file:
            json.dump(entries, file, separators=(",", ":"))

    def frequency(self, kind: str) -> float:
        """Return the logarithm of the frequency of an edit by its kind; of a pair, the sum of both."""
        return sum(self.kinds.get(one, self.other_kinds) for one in kind.split(" & "))

    def log_odds(self, group: str, frequency: float, rarest: float) -> float:
        """Return how likely an edit leads to a listed structure.

        Parameters
        ----------
        group
            "single", "pair" or "exchange".
        frequency
            Logarithm of the frequency of the edit or of the fragment.
        rarest
            Logarithm of the frequency of the rarest environment of the structure.
        """
        constant, factor = self.scales[group]
        return constant + factor * frequency + self.rarity * rarest

    def table_of(self, order: int, mass: int) -> tuple[list[Fragment], NDArray[np.float64]]:
        """Return the fragments of a bond order and a nominal mass.

        Parameters
        ----------
        order
            Of the bond to the core.
        mass
            u.

        Returns
        -------
        fragments : list of Fragment, (n,)
        frequencies : ndarray of float64, (n, len(CLASSES))
            Logarithms of their frequencies on an atom of each class.
        """
        if not self._by_mass:
            grouped = defaultdict[tuple[int, int], list[Fragment]](list)
            for smiles in self.fragments:
                found = fragment_of(smiles)
                if found is not None:
                    grouped[found.order, found.mass].append(found)
            for key, some in grouped.items():
                self._by_mass[key] = some, np.array([self.fragments[one.smiles] for one in some])
        return self._by_mass.get((order, mass), _NO_FRAGMENTS)

    def rarest(self, molecule: Chem.Mol) -> float:
        """Return the logarithm of the frequency of the rarest environment of a structure."""
        return min((self.environments.get(number, _UNSEEN) for number in environments(molecule)), default=_UNSEEN)


_NO_FRAGMENTS: tuple[list[Fragment], NDArray[np.float64]] = [], np.zeros((0, len(CLASSES)))
_KEYS = ("kinds", "other_kinds", "scales", "rarity", "fragments")


@lru_cache(maxsize=4)
def load_statistics(path: Path | None = None) -> EditStatistics:
    """Read tables of edits, those that ship unless a path is given."""
    return EditStatistics.read(path or resource(SHIPPED))


def environments(molecule: Chem.Mol) -> list[int]:
    """Return the numbers of the environments of a molecule, each once."""
    counts = _ENVIRONMENTS.GetSparseCountFingerprint(molecule).GetNonzeroElements()
    return [number & _BITS for number in counts]


def class_number(label: str) -> int:
    """Return the place of a class among `CLASSES`."""
    return CLASSES.index(label)
