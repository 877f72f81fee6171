"""Arrow arrays of plain values, made from their buffers.

`pyarrow.array` imports pandas to check whether it was given one of its objects. That takes half a second of CPU, as
much as some whole runs. Only values that are not plain go through it.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_NUMBERS: dict[pa.DataType, type[Any]] = {
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.float32(): np.float32,
    pa.float64(): np.float64,
}


def array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Make an array of a type from values.

    Parameters
    ----------
    values
        Plain values or lists of numbers; None for null.
    kind
        Type of the array.

    Raises
    ------
    pa.ArrowInvalid, pa.ArrowTypeError, OverflowError
        A value does not fit the type, as with `pyarrow.array`.
    """
    if not isinstance(values, list | tuple | np.ndarray) or not len(values):
        return pa.array(values, type=kind)
    if all(value is None for value in values):
        return pa.nulls(len(values), kind)
    made = _of_lists(values, kind) if pa.types.is_list(kind) else _of_scalars(values, kind)
    return pa.array(values, type=kind) if made is None else made


def _of_scalars(values: Sequence[Any], kind: pa.DataType) -> pa.Array | None:
    """Make an array of scalars; None where a value is not of the type."""
    missing = np.array([value is None for value in values])
    if kind == pa.string():
        if not all(value is None or type(value) is str for value in values):
            return None
        texts = [b"" if value is None else value.encode() for value in values]
        offsets = np.cumsum([0, *map(len, texts)])
        if offsets[-1] > np.iinfo(np.int32).max:
            return None
        buffers = [_bits(~missing), _buffer(offsets.astype(np.int32)), pa.py_buffer(b"".join(texts))]
        return pa.Array.from_buffers(kind, len(values), buffers)
    present = np.array([value for value in values if value is not None])
    data: NDArray[Any]
    if kind == pa.bool_() and present.dtype.kind in "b":
        data = np.zeros(len(values), dtype=bool)
        data[~missing] = present
        return pa.Array.from_buffers(kind, len(values), [_bits(~missing), _bits(data)])
    numbers = _numbers(present, kind)
    if numbers is None:
        return None
    data = np.zeros(len(values), dtype=numbers.dtype)
    data[~missing] = numbers
    return pa.Array.from_buffers(kind, len(values), [_bits(~missing), _buffer(data)])


def _of_lists(values: Sequence[Any], kind: pa.DataType) -> pa.Array | None:
    """Make an array of lists; None where an item is not of the lists' type, or a list is null."""
    if any(value is None for value in values) or kind.value_type not in _NUMBERS:
        return None
    parts = [np.asarray(value) for value in values]
    if any(part.ndim != 1 for part in parts):
        return None
    numbers = _numbers(np.concatenate([part for part in parts if len(part)] or parts), kind.value_type)
    offsets = np.fromiter(chain([0], map(len, parts)), np.int64, len(parts) + 1).cumsum()
    if numbers is None or offsets[-1] > np.iinfo(np.int32).max:
        return None
    items = pa.Array.from_buffers(kind.value_type, len(numbers), [None, _buffer(numbers)])
    starts = pa.Array.from_buffers(pa.int32(), len(offsets), [None, _buffer(offsets.astype(np.int32))])
    return pa.ListArray.from_arrays(starts, items, type=kind)


def _numbers(values: NDArray[Any], kind: pa.DataType) -> NDArray[Any] | None:
    """Return numbers in the type of a column; None if they are not numbers, or not whole ones that fit."""
    target = _NUMBERS.get(kind)
    if target is None or values.dtype.kind not in ("iuf" if pa.types.is_floating(kind) else "iu"):
        return None
    if pa.types.is_integer(kind) and len(values):
        limits = np.iinfo(target)
        if int(values.min()) < limits.min or int(values.max()) > limits.max:
            return None
    return np.ascontiguousarray(values, dtype=target)


def _buffer(values: NDArray[Any]) -> pa.Buffer:
    return pa.py_buffer(values)


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def plain_values(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Return a numeric Arrow array without nulls as a NumPy array, without the import of pandas that `to_numpy` makes.

    Parameters
    ----------
    column
        Numbers, (n,), without nulls.

    Returns
    -------
    ndarray
        (n,) the numbers, in the type of the column.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole)


def plain_lists(column: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], NDArray[np.int64]]:
    """Return the items of list arrays, without the import of pyarrow.compute that `flatten` and `value_lengths` make.

    Parameters
    ----------
    column
        (n,) lists of numbers, without nulls.

    Returns
    -------
    items : ndarray
        (n_items,) the numbers of all lists, one list after another.
    ends : NDArray
        (n,) number of the item after the last of each list.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    offsets = np.from_dlpack(whole.offsets).astype(np.int64)
    return np.from_dlpack(whole.values)[offsets[0] : offsets[-1]], np.asarray(offsets[1:] - offsets[0])
