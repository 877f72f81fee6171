"""Packing parts of the page: compressed, as text that an HTML file can hold, and unpacked by the page when needed.

A browser reads them with its own `DecompressionStream`, so the page stays one file that loads nothing.
"""

import base64
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVEL = 9
"""Effort of the compression, of 9. Chosen: a page is written once and sent often."""
_CODES = 32_766
"""Steps of a packed area. Over ten decades a step is 0.07 %, finer than the scatter of any area."""
_COARSE_CODES = 4_094
"""The same of a large matrix, in which a step is 0.6 %: it is packed to three quarters of the size."""
_LARGE = 1_000_000
"""Areas of a large matrix. Chosen: 2 MB of the page."""
_ZERO = 32_767
"""Code of an area that is not above 0."""


def packed_json(value: Any) -> str:
    """Return a value as compressed JSON in base64."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return packed_bytes(text.encode())


def packed_bytes(content: bytes) -> str:
    """Return bytes compressed (zlib) in base64."""
    return base64.b64encode(zlib.compress(content, _LEVEL)).decode("ascii")


def unpacked_json(text: str) -> Any:
    """Return the value of `packed_json`."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def packed_areas(area: NDArray[np.float64], filled: NDArray[np.bool_]) -> dict[str, Any]:
    """Pack a matrix of areas as 16-bit numbers on a logarithmic scale.

    Parameters
    ----------
    area : (n_features, n_runs) array
        Areas, counts x s; NaN where there is none.
    filled : (n_features, n_runs) array of bool
        The area is gap-filled.

    Returns
    -------
    dict
        `low`: natural logarithm of the smallest area; `step`: of the ratio of two neighboring codes; `codes`: the
        packed little-endian numbers 2 x code + filled, feature by feature. Code 0: no area; 1: the smallest area.
    """
    known = np.isfinite(area)
    positive = known & (area > 0)
    logs = np.log(np.where(positive, area, 1.0))
    low = float(logs[positive].min()) if positive.any() else 0.0
    high = float(logs[positive].max()) if positive.any() else 0.0
    step = (high - low) / ((_COARSE_CODES if area.size > _LARGE else _CODES) - 1) or 1.0
    codes = np.where(positive, 1 + np.rint((logs - low) / step), np.where(known, _ZERO, 0)).astype(np.int64)
    numbers = (2 * codes + (filled & known)).astype("<u2")
    return {"low": low, "step": step, "codes": packed_bytes(numbers.tobytes())}
