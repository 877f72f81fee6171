"""The filters against those of scipy.ndimage, which they stand in for."""

import numpy as np
import pytest
from scipy import ndimage

from spectus.deconvolution.filters import correlate, gaussian, rolling_maximum, rolling_mean, rolling_minimum

TRACES = np.random.default_rng(1).gamma(0.5, 1e4, (7, 211)).astype(np.float32)


def test_correlate() -> None:
    kernel = np.array([-0.1, 0.35, 0.5, 0.35, -0.1])
    expected = ndimage.convolve1d(TRACES.astype(float), kernel, axis=1, mode="nearest")
    assert np.allclose(correlate(TRACES, kernel), expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13, 74, 500])
def test_rolling(size: int) -> None:
    for ours, theirs in (
        (rolling_minimum, ndimage.minimum_filter1d),
        (rolling_maximum, ndimage.maximum_filter1d),
        (rolling_mean, ndimage.uniform_filter1d),
    ):
        assert np.allclose(ours(TRACES, size), theirs(TRACES, size, axis=1, mode="nearest"), rtol=1e-5)


@pytest.mark.parametrize("sd", [0.3, 2.0, 31.0])
def test_gaussian(sd: float) -> None:
    counts = np.zeros(300)
    counts[[0, 7, 150, 299]] = [3.0, 1.0, 2.0, 5.0]
    expected = ndimage.gaussian_filter1d(counts, sd, mode="constant", truncate=3.5)
    assert np.allclose(gaussian(counts, sd), expected, atol=1e-9)


def test_matrices_of_many_blocks_and_of_one_point() -> None:
    long = np.tile(TRACES, (3, 400))
    assert np.array_equal(rolling_maximum(long, 5), ndimage.maximum_filter1d(long, 5, axis=1, mode="nearest"))
    assert np.array_equal(rolling_mean(TRACES[:, :1], 9), TRACES[:, :1])
