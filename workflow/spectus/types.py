"""Array types that many modules name."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Times, masses, areas."""

Singles = NDArray[np.float32]
"""Intensities, of which there are many."""

Ints = NDArray[np.int64]
"""Row numbers and nominal masses."""

Flags = NDArray[np.bool_]
"""One yes or no per row."""
