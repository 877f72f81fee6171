"""Lists of molecules that are amenable to gas chromatography, for prediction or training."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from rdkit import Chem
from tqdm import tqdm

from spectus.errors import InputError
from spectus.files import replacing
from spectus.molecules.derivatives import check_kinds, derivatives
from spectus.molecules.exclusions import NO_EXCLUSIONS, Exclusions
from spectus.molecules.packages import read_package
from spectus.molecules.reading import Listed
from spectus.molecules.suitability import survey
from spectus.structures import flat_smiles, quiet_rdkit


@dataclass(frozen=True)
class Choice:
    """What goes into a list.

    Attributes
    ----------
    max_mass : int
        Nominal mass, Da, from which on a molecule is left out. Chosen: few heavier compounds elute.
    kinds : sequence of str
        Kinds of derivatives (`spectus.molecules.derivatives.KINDS`) that follow the compounds; none: compounds only.
    partial : bool
        Also partly derivatized forms.
    exclusions : Exclusions
        Compounds that the list must not hold, themselves or as the parent of a derivative.
    sample : int
        So many compounds drawn at random, in the order drawn; 0: all, in the order of the sources.
    seed : int
        Of the draw.
    """

    max_mass: int = 500
    kinds: Sequence[str] = ()
    partial: bool = False
    exclusions: Exclusions = NO_EXCLUSIONS
    sample: int = 0
    seed: int = 1


def write_molecules(out: Path, sources: Sequence[str], choice: Choice, table: Path | None = None) -> None:
    """Write the compounds that a prediction model can take, and their derivatives, to a .csv file.

    The columns are smiles, name and cas; each structure is listed once. The function prints how many were left out and
    why. Derivatives come after all compounds. A derivative that is itself a compound of the list keeps that name and
    CAS number. Others are named after their compound ("glycine, 3 TMS"), without its CAS number.

    Parameters
    ----------
    out
        The .csv file.
    sources
        Of `packages.SOURCES`, in the order of the list.
    choice
        What goes into the list.
    table
        The table of the package chemicals, if that is not installed.

    Raises
    ------
    InputError
        A source or kind does not exist, a package is not installed, `out` is no .csv file, or there are fewer compounds
        than asked for. Nothing is written then.
    """
    if out.suffix.lower() != ".csv":
        raise InputError(out, "is no .csv by its name", "name it so")
    if choice.sample < 0 or choice.seed < 0:
        raise InputError("--sample, --seed", "are negative", "take whole numbers from 0 up")
    check_kinds(choice.kinds)
    if not sources:
        raise InputError("--sources", "names no source", "write for example --sources chemicals")
    listed = chain.from_iterable(read_package(source, table) for source in sources)
    chosen = _Chosen(choice)
    with quiet_rdkit(), replacing(out) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Listed._fields)
            for compound in tqdm(_drawn(listed, choice), desc="molecules", unit=" compounds", disable=None):
                if (row := chosen.compound(compound)) is not None:
                    writer.writerow([text or "" for text in row])
                if choice.sample and chosen.n_compounds == choice.sample:
                    break
            for row in chosen.derivatives():
                writer.writerow([text or "" for text in row])
        if chosen.n_compounds < max(choice.sample, 1):
            why = ", ".join(f"{reason}: {n:,}" for reason, n in chosen.left_out.most_common()) or "no compound"
            raise InputError(
                " ".join(sources), f"gives {chosen.n_compounds:,} compounds ({why})", "ask for fewer or add a source"
            )
    made = f" and {chosen.n_derivatives:,} derivatives" if choice.kinds else ""
    print(f"{out}: {chosen.n_compounds:,} compounds{made}")
    for reason, n in chosen.left_out.most_common():
        print(f"  {n:,} left out: {reason}")


class _Chosen:
    """The structures that are in the list so far, and the counts of those left out."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.left_out: Counter[str] = Counter()
        self.n_compounds = self.n_derivatives = 0
        self._seen: dict[str, str | None] = {}  # canonical SMILES to name

    def compound(self, compound: Listed) -> Listed | None:
        """Return the row of a compound, or None if it is left out."""
        flat = flat_smiles(compound.smiles)
        reason = self._reason(flat)
        if reason is not None or flat is None:
            self.left_out[reason or "no molecule"] += 1
            return None
        self._seen[flat] = compound.name
        self.n_compounds += 1
        return compound._replace(smiles=flat)

    def derivatives(self) -> Iterator[Listed]:
        """Yield the rows of the derivatives of all compounds so far."""
        kinds, partial, max_mass = self.choice.kinds, self.choice.partial, self.choice.max_mass
        if not kinds:
            return
        for flat, name in tqdm(list(self._seen.items()), desc="derivatives", unit=" compounds", disable=None):
            for made in derivatives(flat, kinds, partial=partial, max_mass=max_mass):
                if made.smiles not in self._seen and self.choice.exclusions.reason(made.smiles) is None:
                    self._seen[made.smiles] = None
                    self.n_derivatives += 1
                    yield Listed(made.smiles, f"{name}, {made.suffix}" if name else None)

    def _reason(self, flat: str | None) -> str | None:
        if flat is None:
            return "no molecule"
        if flat in self._seen:
            return "a structure that was listed before"
        reason, mass, _ = survey(Chem.MolFromSmiles(flat))
        if reason is None and mass >= self.choice.max_mass:
            reason = "too heavy"
        return reason or self.choice.exclusions.reason(flat)


def _drawn(compounds: Iterator[Listed], choice: Choice) -> Iterator[Listed]:
    """Yield all compounds in their order, or in a random one if some are to be drawn."""
    if not choice.sample:
        yield from compounds
        return
    everything = list(compounds)
    for place in np.random.default_rng(choice.seed).permutation(len(everything)).tolist():
        yield everything[place]
