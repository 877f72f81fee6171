"""Decoding the numbers of mzML and mzXML: base64, zlib, MS-Numpress; never more numbers than the file states."""

import binascii
import zlib
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spectus.raw.xml_index import PACKINGS

Place = Sequence[int]

_MZML = (np.dtype("<f4"), np.dtype("<f8"), np.dtype("<i4"), np.dtype("<i8"))
_MZXML = (np.dtype(">f4"), np.dtype(">f8"))
_ZLIB = 1
_NUMPRESS = ("LINEAR", "PIC", "SLOF")
_FIRST_NUMPRESS, _FIRST_NUMPRESS_ZLIB = 2, 5
"""Places in `PACKINGS` of the first Numpress code and of the first that zlib packs too."""

_NUMPRESS_BYTES, _NUMPRESS_HEADER = 9, 16
"""Most bytes that Numpress takes for a number, and bytes of its header (Teleman et al. 2014)."""


def mzml_array(file: IO[bytes], place: Place, n_points: int) -> NDArray[Any]:
    """Decode one array of an mzML spectrum.

    Parameters
    ----------
    file
        The mzML file, not gzipped.
    place
        First byte, byte after the last, code of the form, as in `XmlIndex.places`.
    n_points
        How many numbers there must be.

    Returns
    -------
    numpy.ndarray
        (n_points,) numbers of the type that the file has.

    Raises
    ------
    ValueError
        There are fewer or more numbers, or they cannot be decoded.
    """
    if n_points == 0:
        return np.empty(0)
    begin, end, form = place
    number, packing = divmod(form, len(PACKINGS))
    packed = _base64(file, begin, end)
    if packing >= _FIRST_NUMPRESS:
        return _numpress(packed, packing, n_points)
    return _numbers(packed, packing, _MZML[number], n_points)


def mzxml_pairs(file: IO[bytes], place: Place, n_points: int) -> NDArray[Any]:
    """Decode m/z and intensities of one mzXML scan, (n_points, 2); see `mzml_array`.

    A scan of no points may have one pair of zeros, since some writers cannot leave it out.
    """
    begin, end, form = place
    if n_points == 0 or form < 0:
        if n_points:
            raise ValueError("it has no peaks")
        return np.empty((0, 2))
    number, packing = divmod(form, len(PACKINGS))
    packed = _base64(file, begin, end)
    return _numbers(packed, packing, _MZXML[number], 2 * n_points).reshape(-1, 2)


def _base64(file: IO[bytes], begin: int, end: int) -> bytes:
    file.seek(begin)
    element = file.read(max(0, end - begin))
    # A file in UTF-16 has a zero byte in each of these; a2b skips those as it does line ends.
    return binascii.a2b_base64(element[element.find(b">") + 1 :])


def _numbers(packed: bytes, packing: int, kind: "np.dtype[np.generic]", n_numbers: int) -> NDArray[Any]:
    plain = _unpacked(packed, n_numbers * kind.itemsize) if packing == _ZLIB else packed
    if len(plain) != n_numbers * kind.itemsize:
        raise ValueError(f"it states {n_numbers:,} numbers and holds {len(plain) / kind.itemsize:,.10g}")
    return np.frombuffer(plain, kind)


def _unpacked(packed: bytes, n_bytes: int) -> bytes:
    """Unpack no more than a byte beyond what there should be, however much there is."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, n_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"zlib: {error}") from error
    if not stream.eof:
        raise ValueError("its compressed numbers are cut short, or more than it states")
    return plain


def _numpress(packed: bytes, packing: int, n_points: int) -> NDArray[np.float64]:
    """Decode MS-Numpress (Teleman et al., Mol. Cell. Proteomics 2014, 13, 1537)."""
    import pyopenms as oms

    from spectus.raw.mzml import silence

    kind = (packing - _FIRST_NUMPRESS) % len(_NUMPRESS)
    if packing >= _FIRST_NUMPRESS_ZLIB:
        packed = _unpacked(packed, _NUMPRESS_HEADER + _NUMPRESS_BYTES * n_points)
    if len(packed) > _NUMPRESS_HEADER + _NUMPRESS_BYTES * n_points:
        raise ValueError("it holds more numbers than it states")
    config = oms.NumpressConfig()
    config.np_compression = getattr(oms.MSNumpressCoder.NumpressCompression, _NUMPRESS[kind])
    numbers: list[float] = []
    try:
        with silence():
            oms.MSNumpressCoder().decodeNPRaw(packed, numbers, config)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError("MS-Numpress: it cannot be decoded") from error
    if len(numbers) != n_points:
        raise ValueError(f"it states {n_points:,} numbers and holds {len(numbers):,}")
    return np.array(numbers, dtype=np.float64)
