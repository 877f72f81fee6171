"""Packing parts of the page: compressed, as text that an HTML file can hold, and unpacked by the page when needed.

A browser reads them with its own `DecompressionStream`, so the page stays one file that loads nothing. The text has 91
characters, and two of them hold 13 bits. So it is 8 % shorter than base64, whose characters hold 6 bits.
"""

import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVEL = 9
"""Effort of the compression, of 9. Chosen: a page is written once and sent often."""
_CODES = 16_382
"""Steps of a packed area. Over ten decades a step is 0.14 %, finer than the scatter of any area."""
_COARSE_CODES = 4_094
"""The same of a large matrix, in which a step is 0.6 %: it is packed to three quarters of the size."""
_LARGE = 1_000_000
"""Areas of a large matrix. Chosen: 2 MB of the page."""
_LETTERS = np.array([code for code in range(0x21, 0x7F) if chr(code) not in "<&\\"], dtype=np.uint8)
"""The 91 printable characters of ASCII that mean nothing in HTML and in strings. packing.js has the same."""
_PAIR_BITS = 13
"""Bits that two characters hold: 2**13 = 8192 is below 91**2 = 8281."""
_LAST_BITS = 6
"""Bits that one last character holds: 2**6 = 64 is below 91."""
_BLOCK_BYTES = 13 << 16
"""Bytes that are written as text at a time: whole pairs. Chosen: 0.9 MB, whose bits take 7 MB of memory."""


def packed_json(value: Any) -> str:
    """Return a value as compressed JSON in 91 characters."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return packed_bytes(text.encode())


def packed_bytes(content: bytes) -> str:
    """Return bytes compressed (zlib) in 91 characters."""
    packed = zlib.compress(content, _LEVEL)
    return "".join(_as_text(packed[start : start + _BLOCK_BYTES]) for start in range(0, len(packed), _BLOCK_BYTES))


def _as_text(content: bytes) -> str:
    """Return bytes as text: two characters for each 13 bits, and one for up to six last bits."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    single = 0 < len(bits) % _PAIR_BITS <= _LAST_BITS
    pairs = np.pad(bits, (0, -len(bits) % _PAIR_BITS)).reshape(-1, _PAIR_BITS)
    codes = np.packbits(np.pad(pairs, ((0, 0), (16 - _PAIR_BITS, 0))), axis=1).view(">u2").ravel()
    letters = _LETTERS[np.stack(np.divmod(codes, len(_LETTERS)), axis=1)].ravel()
    if single:
        letters[-2] = _LETTERS[codes[-1] >> (_PAIR_BITS - _LAST_BITS)]
        letters = letters[:-1]
    return str(letters.tobytes(), "ascii")


def unpacked_bytes(text: str) -> bytes:
    """Return the bytes of `packed_bytes`."""
    values = np.zeros(128, ">u2")
    values[_LETTERS] = np.arange(len(_LETTERS))
    letters = values[np.frombuffer(text.encode("ascii"), np.uint8)]
    even = len(letters) // 2 * 2
    codes = letters[:even:2] * np.uint16(len(_LETTERS)) + letters[1:even:2]
    parts = [_bits(codes, _PAIR_BITS), _bits(letters[even:], _LAST_BITS)]
    bits = np.concatenate(parts)
    return zlib.decompress(np.packbits(bits[: len(bits) // 8 * 8]).tobytes())


def _bits(codes: NDArray[np.uint16], number: int) -> NDArray[np.uint8]:
    """Return the last bits of numbers of 16 bits, shape (n_codes * number,)."""
    octets = codes.astype(">u2").view(np.uint8).reshape(-1, 2)
    return np.unpackbits(octets, axis=1)[:, 16 - number :].ravel()


def unpacked_json(text: str) -> Any:
    """Return the value of `packed_json`."""
    return json.loads(unpacked_bytes(text))


def packed_areas(area: NDArray[np.float64], filled: NDArray[np.bool_]) -> dict[str, Any]:
    """Pack a matrix of areas as 16-bit numbers on a logarithmic scale, each relative to the middle of its feature.

    Detected and gap-filled areas of a feature have a middle each, and the lower bytes of all numbers come before the
    higher ones. Both make a large matrix a quarter smaller.

    Parameters
    ----------
    area : (n_features, n_runs) array
        Areas, counts x s; NaN where there is none.
    filled : (n_features, n_runs) array of bool
        The area is gap-filled.

    Returns
    -------
    dict
        `low`, `high`: natural logarithms of the smallest and the largest area; `step`: of the ratio of two neighboring
        codes; `codes`: the packed bytes. First the middle codes of each feature, of detected and of gap-filled areas
        (little-endian, 16 bits), then the lower and the higher bytes of 2 x number + filled, feature by feature.
        Number 0: no area; 1: an area that is not above 0; others: 2 + 2 x distance from the middle upwards, or
        1 + 2 x distance downwards. Code 0 is the smallest area.
    """
    known = np.isfinite(area)
    positive = known & (area > 0)
    logs = np.log(np.where(positive, area, 1.0))
    low = float(logs[positive].min()) if positive.any() else 0.0
    high = float(logs[positive].max()) if positive.any() else 0.0
    step = (high - low) / ((_COARSE_CODES if area.size > _LARGE else _CODES) - 1) or 1.0
    codes = np.rint((logs - low) / step).astype(np.int64)
    middles = np.stack([_middles(codes, positive & ~filled), _middles(codes, positive & filled)], axis=1)
    distance = codes - np.where(filled, middles[:, 1:], middles[:, :1])
    number = np.where(distance < 0, 1 - 2 * distance, 2 + 2 * distance)
    number = np.where(positive, number, known)
    octets = (2 * number + (filled & known)).astype("<u2").reshape(-1, 1).view(np.uint8)
    packed = packed_bytes(middles.astype("<u2").tobytes() + octets.T.tobytes())
    return {"low": low, "high": high, "step": step, "codes": packed}


def _middles(codes: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the mean of the counted codes of each feature, shape (n_features,); 0 where none is counted."""
    sums, numbers = np.where(counted, codes, 0).sum(axis=1), counted.sum(axis=1)
    middles: NDArray[np.int64] = np.rint(sums / np.maximum(numbers, 1)).astype(np.int64)
    return middles
