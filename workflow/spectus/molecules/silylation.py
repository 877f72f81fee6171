"""Silylated samples: how they show in spectra, and which structures do not survive silylation."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rdkit import Chem

from spectus.molecules.derivatives import reactive_groups

SILYL_IONS = (73, 147)
"""m/z of trimethylsilyl, (CH3)3Si+, and of pentamethyldisiloxane, (CH3)2Si=OSi(CH3)3+, which two silyl groups give."""

_LEAST_SHARE = 0.05
"""Intensity that both ions must have, share of the base peak. Chosen: they are among the tallest peaks of most TMS
derivatives, and column bleed adds less."""

_MOST = 0.5
"""Share of the spectra that must have both ions. Chosen: most of them, as silylation adds the ions to each."""

_FEWEST = 5
"""Spectra that are needed for the check. Chosen: with fewer, a share says little."""


def look_silylated(mz: Sequence[Sequence[float] | None], intensity: Sequence[Sequence[float] | None]) -> bool:
    """Tell whether most spectra of a sample or campaign have both SILYL_IONS.

    Parameters
    ----------
    mz, intensity
        Peaks of each spectrum, (n_spectra,), m/z in Th, intensities of any unit; None: no peaks.
    """
    if len(mz) < _FEWEST:
        return False
    return sum(map(_is_silylated, mz, intensity)) > _MOST * len(mz)


def _is_silylated(mz: Sequence[float] | None, intensity: Sequence[float] | None) -> bool:
    masses, heights = np.asarray(mz or [], dtype=np.float64), np.asarray(intensity or [], dtype=np.float64)
    least = _LEAST_SHARE * heights.max(initial=0.0)
    tall = np.rint(masses[heights >= least]) if least > 0 else masses[:0]
    return all(ion in tall for ion in SILYL_IONS)


@lru_cache(maxsize=1 << 16)
def free_groups(smiles: str) -> int:
    """Count the hydroxyl, carboxyl and thiol groups of a structure, and lactams, which silylation leaves none of.

    Parameters
    ----------
    smiles
        A structure; one that cannot be read has none.
    """
    molecule = Chem.MolFromSmiles(smiles)
    return reactive_groups(molecule).ready if molecule is not None else 0
