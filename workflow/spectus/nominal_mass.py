"""Nominal masses of m/z values.

A quadrupole reads m/z to about 0.1 Th, and the mass defect of organic ions grows with mass: hydrocarbons lie above
their nominal mass, halogenated and silylated ones below it. The window from -0.3 to +0.7 Th around the nominal mass
holds both.
"""

import numpy as np
from numpy.typing import ArrayLike

from spectus.types import Ints

MASS_DEFECT = 0.3
"""Th. A peak at m/z belongs to the nominal mass floor(m/z + MASS_DEFECT). Chosen: perfluorinated and silylated ions of
m/z 600 lie up to 0.2 Th below their nominal mass, hydrocarbons up to 0.65 Th above it."""


def to_nominal_mass(mz: ArrayLike) -> Ints:
    """Return nominal masses, floor(m/z + 0.3), of m/z values in Th, in the same shape."""
    return np.floor(np.asarray(mz, dtype=np.float64) + MASS_DEFECT).astype(np.int64)
