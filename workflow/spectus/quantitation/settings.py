"""Settings of the quantitation; every default stands here."""

import math
from dataclasses import dataclass

from spectus.errors import InputError

CURVES = ("auto", "linear", "quadratic", "proportional")
"""Models of a calibration curve; "proportional" is a straight line through zero."""

WEIGHTINGS = ("auto", "equal", "1/x", "1/x2")
"""Weights of the calibrators: equal, by the inverse of the amount, or of its square."""

BLANK_ACTIONS = ("flag", "subtract")
"""What is done with the area that blanks have."""

DRIFT_ACTIONS = ("areas", "amounts")
"""What the drift in the pooled QC samples corrects: the areas of the features only, or the amounts as well."""


@dataclass(frozen=True)
class QuantifySettings:
    """Settings of the stage quantify.

    Attributes
    ----------
    internal_standard
        The internal standard of all compounds: a feature (F0018), a retention time in s (390.5), or a name. Empty: the
        sheet's column `internal_standard` counts, and without it areas are not normalized.
    unit
        Unit of the amounts in the sheet, as text. Empty: the sheet's column `unit` counts.
    curve
        One of CURVES. Chosen: "auto", the rule of `calibration.choose_curve`.
    weighting
        One of WEIGHTINGS. Chosen: "auto", by the same rule.
    confidence
        Level of the intervals of amounts, 0-1. 0.95 is the convention of ISO 11843 and EURACHEM/CITAC CG 4.
    qualifiers
        Qualifier ions of a compound. Two as in SANTE/11312/2021 (three ions in all for unit-mass GC-MS).
    qualifier_tolerance
        Largest relative deviation of a qualifier ratio from that of the calibrators. 0.3: SANTE/11312/2021, table 3.
    rt_tolerance
        Largest distance of a peak from the expected time, s. 6 s is the 0.1 min of SANTE/11312/2021, D2.
    qc_tolerance
        Largest relative error of a back-calculated calibrator or QC sample. 0.15: ICH M10 (2022), 3.2.5.
    blanks
        One of BLANK_ACTIONS.
    drift
        One of DRIFT_ACTIONS. Chosen: "areas", because an internal standard corrects the drift of the amounts already.
    min_blank_ratio
        Smallest ratio of a sample's area to the mean of the blanks. 5: the "5x rule" of US EPA, National Functional
        Guidelines for Organic Data Review.
    standard_area_factor
        Largest factor between a run's internal-standard area and the median of its batch. 2: US EPA method 8270E,
        11.4 (-50 % to +100 %).
    max_cv
        Largest coefficient of variation of a feature in pooled QC samples. 0.3: Dunn et al. 2011, Nat. Protoc. 6,
        1060, for GC-MS.
    """

    internal_standard: str = ""
    unit: str = ""
    curve: str = "auto"
    weighting: str = "auto"
    confidence: float = 0.95
    qualifiers: int = 2
    qualifier_tolerance: float = 0.3
    rt_tolerance: float = 6.0
    qc_tolerance: float = 0.15
    blanks: str = "flag"
    drift: str = "areas"
    min_blank_ratio: float = 5.0
    standard_area_factor: float = 2.0
    max_cv: float = 0.3

    def __post_init__(self) -> None:
        """Check the values.

        Raises
        ------
        InputError
            A value is out of range.
        """
        for option, word, known in (
            ("--curve", self.curve, CURVES),
            ("--weighting", self.weighting, WEIGHTINGS),
            ("--blanks", self.blanks, BLANK_ACTIONS),
            ("--drift", self.drift, DRIFT_ACTIONS),
        ):
            if word not in known:
                raise InputError(f"{option} {word}", "is not known", f"use one of {', '.join(known)}")
        if not 0 < self.confidence < 1:
            raise InputError(f"--confidence {self.confidence}", "is not between 0 and 1", "write for example 0.95")
        if self.qualifiers < 0:
            raise InputError(f"--qualifiers {self.qualifiers}", "is negative", "write for example 2")
        for option, value, lowest in (
            ("--qualifier-tolerance", self.qualifier_tolerance, 0.0),
            ("--rt-tolerance", self.rt_tolerance, 0.0),
            ("--qc-tolerance", self.qc_tolerance, 0.0),
            ("--min-blank-ratio", self.min_blank_ratio, 0.0),
            ("--standard-area-factor", self.standard_area_factor, 1.0),
            ("--max-cv", self.max_cv, 0.0),
        ):
            if not (math.isfinite(value) and value > lowest):
                raise InputError(f"{option} {value}", f"is not above {lowest:g}", "correct the value")
