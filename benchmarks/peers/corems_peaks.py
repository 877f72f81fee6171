"""Peaks of one run by CoreMS; run by benchmarks/deconvolution.py in CoreMS's own interpreter.

    python corems_peaks.py RUN.npz PEAKS.npz THRESHOLD

THRESHOLD is the least height and prominence of a peak and the threshold of an ion, in per cent of the largest, with
CoreMS's deconvolution switched on; "default" leaves CoreMS as it comes, which is without it.
The scans are handed over in memory: CoreMS's own reader of netCDF would lose the last point of each.
"""

import sys
import time
from pathlib import Path

import numpy as np
from corems.encapsulation.constant import Labels
from corems.encapsulation.factory.parameters import default_parameters
from corems.mass_spectra.factory.GC_Class import GCMSBase
from corems.mass_spectrum.factory.MassSpectrumClasses import MassSpecCentroidLowRes


def main(source: str, target: str, threshold: str) -> None:
    run = np.load(source)
    gcms = GCMSBase(Path(source), "Quadrupole", "simulated")
    bounds, parameters = run["offsets"], default_parameters(source)
    for scan in range(len(run["rt_s"])):
        peaks = slice(bounds[scan], bounds[scan + 1])
        parameters |= {
            "rt": run["rt_s"][scan] / 60, "scan_number": scan, "label": Labels.gcms_centroid, "polarity": 1,
            "analyzer": "Quadrupole", "instrument_label": "simulated",
        }  # fmt: skip
        intensity = run["intensity"][peaks]
        columns = {
            Labels.mz: run["mz"][peaks], Labels.abundance: intensity, Labels.rp: np.ones(len(intensity)),
            Labels.s2n: None,
        }  # fmt: skip
        gcms.add_mass_spectrum(MassSpecCentroidLowRes(columns, dict(parameters)))
    gcms.retention_time = run["rt_s"] / 60
    gcms.tic = np.add.reduceat(np.append(run["intensity"], 0.0), bounds[:-1])
    gcms.scans_number = range(len(run["rt_s"]))
    settings = gcms.chromatogram_settings
    settings.verbose_processing = False
    if threshold != "default":
        settings.use_deconvolution = True
        settings.peak_height_min_percent = settings.peak_min_prominence_percent = float(threshold)
        settings.eic_signal_threshold = float(threshold)
    start = time.process_time()
    gcms.process_chromatogram()
    seconds = time.process_time() - start
    spectra = [peak.mass_spectrum for peak in gcms.gcpeaks]
    np.savez(
        target,
        rt_s=[peak.retention_time * 60 for peak in gcms.gcpeaks],
        offsets=np.concatenate([[0], np.cumsum([len(spectrum.mz_exp) for spectrum in spectra])]).astype(int),
        mz=np.concatenate([[], *(np.asarray(spectrum.mz_exp, float) for spectrum in spectra)]),
        intensity=np.concatenate([[], *(np.asarray(spectrum.abundance, float) for spectrum in spectra)]),
        seconds=seconds,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
