"""Settings of the deconvolution."""

import math
from dataclasses import dataclass, fields

from spectus.deconvolution.ion_traces import SATURATION
from spectus.errors import InputError


@dataclass(frozen=True)
class DeconvolutionSettings:
    """Settings of the deconvolution; the defaults suit quadrupole runs of four to forty scans per peak.

    All values were chosen on simulated runs of seeds below 30 (`benchmarks/deconvolution.py`), unless noted otherwise.

    Attributes
    ----------
    min_snr
        Lowest signal-to-noise ratio of an ion's apex above its baseline, and of a component. In the residual of the
        first round apexes must be a quarter higher.
    min_ions
        Fewest ions of a component, in perception and in its spectrum.
    least_significance
        Least intensity of an ion that counts for `min_ions`, in standard deviations.
    apex_scatter
        Scatter of a component's apexes that is not noise, in peak widths.
    model_error
        Fraction of the signal by which a model peak is wrong, in the weights of the fit.
    misfit
        The same fraction, in the significance of what lies under larger peaks.
    clean
        Intensities below this many standard deviations, of noise and misfit, are left out of the spectrum.
    baseline_fwhm
        Window of the baseline, in peak widths.
    saturation
        Fraction of the detector's ceiling from which a point counts as clipped.
    """

    min_snr: float = 4.0
    min_ions: int = 3
    least_significance: float = 3.0
    apex_scatter: float = 0.025
    model_error: float = 0.015
    misfit: float = 0.03
    clean: float = 1.5
    baseline_fwhm: float = 25.0
    saturation: float = SATURATION

    def __post_init__(self) -> None:
        """Check the values: all must be finite and above 0.

        Raises
        ------
        InputError
            A value is out of range.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                option = f"--{field.name.replace('_', '-')} {value:g}"
                raise InputError(option, "is not a number above 0", f"write for example {field.default:g}")
