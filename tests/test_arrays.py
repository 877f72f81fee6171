"""Arrays made from buffers are those that pyarrow makes."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spectus.arrays import array, plain_lists

LISTS = pa.list_(pa.float32())


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], pa.int32()),
        ([1, None, 3], pa.int32()),
        ([None, None], pa.int32()),
        (np.arange(5, dtype=np.int32), pa.int32()),
        (np.arange(5)[::2], pa.int64()),
        ([1.5, None, float("nan"), float("inf")], pa.float64()),
        ([1, 2.5], pa.float64()),
        ([np.float32(0.1), np.float32(0.2)], pa.float32()),
        ([True, False, None], pa.bool_()),
        ([np.bool_(True)] * 9, pa.bool_()),
        (["a", None, "", "\u00e4\u00f6", "x" * 1000], pa.string()),
        ([[1.0, 2.0], [], [3.0]], LISTS),
        ([[], []], LISTS),
        ([np.arange(3, dtype=np.float32), np.empty(0, np.float32)], LISTS),
        ([[1.0], None], LISTS),
        ([["a"], ["b", "c"]], pa.list_(pa.string())),
        ([], pa.float64()),
        ([{"a": 1}], pa.struct([("a", pa.int32())])),
        (pa.array([1, 2]), pa.int64()),
        (iter([1, 2]), pa.int64()),
    ],
)
def test_as_pyarrow_makes_it(values: Any, kind: pa.DataType) -> None:
    values = list(values) if not isinstance(values, pa.Array) and not hasattr(values, "__len__") else values
    made, expected = array(values, kind), pa.array(values, type=kind)
    made.validate(full=True)
    assert made.type == kind
    assert made.null_count == expected.null_count
    assert repr(made.to_pylist()) == repr(expected.to_pylist())


@pytest.mark.parametrize(
    ("values", "kind"),
    [([2**40], pa.int32()), ([1], pa.string()), (["1"], pa.float64()), ([1], pa.bool_())],
)
def test_what_does_not_fit_is_refused(values: list[Any], kind: pa.DataType) -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError, OverflowError)):
        array(values, kind)


def test_plain_lists_of_a_part_of_a_table() -> None:
    column = pa.chunked_array([array([[1.0, 2.0], []], pa.list_(pa.float32())), array([[3.0]], pa.list_(pa.float32()))])
    items, ends = plain_lists(column.slice(1))
    assert items.tolist() == [3.0]
    assert ends.tolist() == [0, 1]


def test_the_deconvolution_makes_no_slow_imports() -> None:
    """They would double the time that a short run takes."""
    script = (
        "import sys, numpy as np\n"
        "from spectus.deconvolution.runs import deconvolve_runs\n"
        "from spectus.deconvolution.deconvolve import deconvolve\n"
        "from spectus.raw.run import Run\n"
        "rng = np.random.default_rng(0)\n"
        "rt_s, mz = 0.3 * np.arange(300), np.arange(40, 60)\n"
        "shape = np.exp(-((rt_s - 45) ** 2) / 8)[:, None]\n"
        "peaks = shape * rng.uniform(1e4, 1e5, 20) + rng.uniform(50, 150, (300, 20))\n"
        "run = Run(rt_s, 20 * np.arange(301), np.tile(mz, 300).astype(float), peaks.ravel(), 'made')\n"
        "assert len(deconvolve(run, 'r')) == 1\n"
        "print({'pandas', 'scipy', 'pyarrow.compute', 'tqdm'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
