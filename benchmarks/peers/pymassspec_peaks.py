"""Peaks of one run by PyMassSpec, as its documentation does it; run by benchmarks/deconvolution.py in PyMassSpec's own
interpreter, since that library is under the GPL.

    python pymassspec_peaks.py RUN.npz PEAKS.npz CUTOFF

CUTOFF is what an ion must exceed for three ions to make a peak: counts, or "noise" for the documented estimate from
the total ion current.
"""

import sys
import time
from itertools import pairwise

import numpy as np
from pyms.BillerBiemann import BillerBiemann, num_ions_threshold, rel_threshold
from pyms.GCMS.Class import GCMS_data
from pyms.IntensityMatrix import build_intensity_matrix_i
from pyms.Noise.Analysis import window_analyzer
from pyms.Noise.SavitzkyGolay import savitzky_golay
from pyms.Spectrum import Scan
from pyms.TopHat import tophat


def main(source: str, target: str, cutoff: str) -> None:
    run = np.load(source)
    bounds = run["offsets"]
    scans = [Scan(run["mz"][a:b].tolist(), run["intensity"][a:b].tolist()) for a, b in pairwise(bounds)]
    data = GCMS_data(run["rt_s"].tolist(), scans)
    start = time.process_time()
    matrix = build_intensity_matrix_i(data)
    for row in range(matrix.size[1]):
        chromatogram = tophat(savitzky_golay(matrix.get_ic_at_index(row)), struct="1.5m")
        matrix.set_ic_at_index(row, chromatogram)
    peaks = rel_threshold(BillerBiemann(matrix, points=9, scans=2), percent=2)
    noise = window_analyzer(data.tic, rand_seed=1) if cutoff == "noise" else float(cutoff)
    peaks = num_ions_threshold(peaks, n=3, cutoff=noise)
    seconds = time.process_time() - start
    spectra = [peak.mass_spectrum for peak in peaks]
    kept = [np.asarray(spectrum.mass_spec) > 0 for spectrum in spectra]
    pairs = list(zip(spectra, kept, strict=True))
    np.savez(
        target,
        rt_s=[peak.rt for peak in peaks],
        offsets=np.concatenate([[0], np.cumsum([mask.sum() for mask in kept])]).astype(int),
        mz=np.concatenate([[], *(np.asarray(s.mass_list, float)[mask] for s, mask in pairs)]),
        intensity=np.concatenate([[], *(np.asarray(s.mass_spec, float)[mask] for s, mask in pairs)]),
        seconds=seconds,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
