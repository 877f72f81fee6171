"""Nominal masses of m/z values.

A quadrupole reads m/z to about 0.1 Th, and the mass defect of organic ions grows with mass: hydrocarbons lie above
their nominal mass, halogenated and silylated ones below it. The window -0.3 to +0.7 around the nominal mass holds
both.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

MASS_DEFECT = 0.3
"""A peak at m/z belongs to the nominal mass floor(m/z + MASS_DEFECT), Th."""


def to_nominal_mass(mz: ArrayLike) -> NDArray[np.int64]:
    """Nominal masses, floor(m/z + 0.3), of m/z values in Th."""
    return np.floor(np.asarray(mz, dtype=np.float64) + MASS_DEFECT).astype(np.int64)
