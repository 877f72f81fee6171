import numpy as np
import pytest
import torch

from spectus.denovo.encoding import collate, encode_rows, encode_spectrum, exceeded_limits, trim_peaks, untranslatable
from spectus.denovo.modeling import SpectusNetworkConfig

CONFIG = SpectusNetworkConfig()


@pytest.mark.parametrize(
    ("ratio", "bin_"),
    [(1.0, 29), (0.9, 29), (0.79, 29), (0.78, 28), (0.5, 27), (0.1, 20), (0.01, 11), (0.001, 2),
     (0.0008, 1), (0.0007, 0), (0.0, 0)],
)  # fmt: skip
def test_published_bins(ratio: float, bin_: int) -> None:
    assert encode_spectrum([50, 60], [ratio * 250, 250], CONFIG).bins.tolist() == [bin_, 29]


def test_every_bin_edge() -> None:
    ratios = 1.28 ** -np.arange(0.5, 29.5)
    assert encode_spectrum(np.arange(1, 31), [1.0, *ratios], CONFIG).bins.tolist() == [29, *range(29, 0, -1)]


def test_masses_round_half_to_even_and_stay_apart() -> None:
    encoded = encode_spectrum([39.9, 40.2, 40.5, 41.5], [1, 1, 1, 1], CONFIG)
    assert encoded.mz.tolist() == [40, 40, 40, 42]


def test_a_leading_peak_at_zero_is_dropped() -> None:
    assert encode_spectrum([0, 15, 43], [5, 1, 2], CONFIG).mz.tolist() == [15, 43]


def test_limits() -> None:
    assert exceeded_limits([15, 500.0], CONFIG) is None
    assert "m/z 500" in str(exceeded_limits([15, 500.2], CONFIG))
    assert exceeded_limits(np.arange(1, 301), CONFIG) is None
    assert "301 peaks" in str(exceeded_limits(np.arange(1, 302), CONFIG))
    assert "no peaks" in str(exceeded_limits([], CONFIG))


def test_what_is_beyond_the_limits_is_trimmed() -> None:
    """m/z are rounded first, and of equal peaks those of lower m/z are kept."""
    within = trim_peaks([15, 500.4], [3, 4], CONFIG)
    assert (within.mz.tolist(), within.intensity.tolist(), within.note) == ([15, 500.4], [3, 4], None)
    heavy = trim_peaks([15, 500.6, 700], [3, 4, 5], CONFIG)
    assert (heavy.mz.tolist(), heavy.intensity.tolist()) == ([15], [3])
    assert heavy.note == "peaks above m/z 500 were left out: 2"
    heights = np.full(310, 5)
    heights[[0, 7]] = 1, 6
    many = trim_peaks(np.arange(1, 311), heights, CONFIG)
    assert many.mz.tolist() == list(range(2, 302))
    assert many.note == "the 300 most intense of 310 peaks were used"


def test_a_trimmed_spectrum_is_encoded_as_in_training() -> None:
    random = np.random.default_rng(2)
    row = torch.zeros(1, 640)
    row[0, random.choice(np.arange(1, 640), 450, replace=False)] = torch.from_numpy(random.random(450)).float()
    mz = np.flatnonzero(row[0])
    trained = encode_rows(row, CONFIG)
    peaks = trim_peaks(mz, row[0, mz].numpy(), CONFIG)
    decoded = encode_spectrum(peaks.mz, peaks.intensity, CONFIG)
    assert decoded.mz.tolist() == trained.input_ids[0].tolist()
    assert (decoded.bins == trained.position_ids[0].numpy()).mean() > 0.99  # a bin's edge may differ in float32


def test_what_has_no_peak_left_is_not_translated() -> None:
    assert untranslatable([15, 900], CONFIG) is None
    assert untranslatable(np.arange(1, 400), CONFIG) is None
    assert "no peaks" in str(untranslatable([], CONFIG))
    assert "no peaks" in str(untranslatable([0.0], CONFIG))
    assert "all peaks lie above" in str(untranslatable([501, 900], CONFIG))


def test_padding_has_a_mask_of_its_own() -> None:
    batch = collate([encode_spectrum([2, 15, 41], [1, 2, 3], CONFIG), encode_spectrum([2], [1], CONFIG)])
    assert batch.input_ids.tolist() == [[2, 15, 41], [2, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.position_ids.dtype == torch.int64


def test_rows_are_encoded_as_peak_lists_are() -> None:
    """Spectra of different lengths, peaks from the base down to nothing, and one with more peaks than are taken."""
    random = np.random.default_rng(0)
    rows = torch.zeros(4, 640)
    for row, n in enumerate((1, 40, 250, 400)):
        at = random.choice(np.arange(1, 501), n, replace=False)
        rows[row, at] = torch.from_numpy(random.random(n) ** 6).float() + 1e-6
    rows[0, 0], rows[1, 600] = 0.5, 2.0  # m/z 0 is dropped, what lies beyond max_mz is not seen
    expected = []
    for row in rows[:, :501].numpy():
        mz = np.flatnonzero(row[1:]) + 1
        highest = np.sort(mz[np.argsort(-row[mz])[: CONFIG.max_peaks]])
        expected.append(encode_spectrum(highest, row[highest], CONFIG))
    for made, wanted in zip(encode_rows(rows, CONFIG), collate(expected), strict=True):
        assert made.shape == wanted.shape
        assert (made == wanted).float().mean() > 0.999  # a ratio at a bin's edge may fall to either side in float32


def test_a_row_without_peaks_is_all_padding() -> None:
    encoded = encode_rows(torch.zeros(2, 501), CONFIG)
    assert encoded.attention_mask.sum() == 0
