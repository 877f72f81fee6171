"""The words of the report: identification levels, kinds of evidence, and the meaning of each column."""

from spectus.export.compound_names import CAS_EXPLANATION

LEVELS = {
    "1": "confirmed by a reference standard measured with the same method",
    "2a": "probable structure: a measured library spectrum and its retention index both agree",
    "2b": "probable structure: a measured library spectrum agrees, and nothing contradicts it",
    "3": "tentative structure: evidence, but not enough for one structure",
    "4": "molecular formula only",
    "5": "mass spectrum only: unknown compound",
}
"""Identification levels after Schymanski et al. 2014, Environ. Sci. Technol. 48, 2097."""

FINDINGS = {
    "identified": "identified (level 1 or 2)",
    "tentative": "tentative (level 3)",
    "unknown": "unknown (level 4 or 5)",
}
"""What a level means for a reader who only counts."""

IDENTIFIED_BY = {
    "1": "reference standard (level 1)",
    "2a": "measured spectrum and retention index (level 2a)",
    "2b": "measured spectrum (level 2b)",
    "library": "measured spectrum, tentative (level 3)",
    "predicted": "predicted spectrum, tentative (level 3)",
    "denovo": "de novo structure, tentative (level 3)",
    "nothing": "unknown (level 4 or 5)",
}
"""The evidence for the first candidate of a feature."""

NONE_OF_THESE = "none"
"""Source of the row that stands for all structures that are not listed."""

SOURCES = {
    "library": "measured library",
    "predicted": "predicted library",
    "model": "de novo",
    "denovo": "de novo",
    "edit": "edited structure",
    "edited": "edited structure",
    "suspect": "suspect list",
}
"""What proposed a candidate: the value in the tables, and the words on the page."""

VERDICTS = {"accepted": "accepted", "rejected": "rejected"}
"""What an analyst decided about a feature: the value in the file of decisions, and the words on the page."""

TERMS = {
    "rt": ("RT", "retention time, minutes"),
    "ri": ("RI", "retention index, from the ladder run; an asterisk marks an extrapolated index"),
    "riDelta": ("ΔRI", "retention index of the feature minus that of the library record, index units"),
    "riPredicted": ("RI predicted", "retention index predicted from the structure"),
    "basePeak": ("Base peak", "m/z of the most intense peak of the spectrum"),
    "nominal": ("M", "nominal mass of the first candidate, Da: m/z of its molecular ion"),
    "snr": ("S/N", "signal-to-noise ratio: height of the peak over the noise of its trace"),
    "purity": ("Purity", "share of the ion current under the peak that this component explains, 0 to 1"),
    "confidence": ("Confidence", "probability that the component is a compound and not an artifact, 0 to 1"),
    "area": ("Area", "largest peak area over the runs, counts × s"),
    "blankRatio": ("Blank ratio", "largest area in a blank divided by the largest area in a sample"),
    "runs": ("Runs", "number of runs in which the feature was detected as a component"),
    "cas": ("CAS", CAS_EXPLANATION),
    "source": (
        "Source",
        "what proposed the candidate: a library of measured spectra, a library of predicted spectra, de novo "
        "elucidation from the spectrum alone, or the edit of a similar structure",
    ),
    "probability": (
        "Probability",
        "calibrated probability that the structure is right, 0 to 1. Those of all candidates of a feature and of the "
        "line “none of these” add up to 1; candidates that were not kept are not listed",
    ),
    "formulaProbability": ("Formula p", "calibrated probability that the molecular formula is right, 0 to 1"),
    "scaffoldProbability": (
        "Scaffold p",
        "calibrated probability that the ring system of the structure (Murcko scaffold) is right, 0 to 1",
    ),
    "set": (
        "Prediction set",
        "the fewest candidates that together contain the right structure with a probability of 80 or 90 %",
    ),
    "libraryScore": (
        "Library score",
        "similarity to the best measured library spectrum: weighted cosine, lowered if the retention indices differ, "
        "0 to 1",
    ),
    "predictedScore": (
        "Predicted score",
        "similarity to the best predicted spectrum: weighted cosine, lowered if the retention indices differ, 0 to 1",
    ),
    "explained": (
        "Explained",
        "share of the ion current that subformulas of the candidate explain, 0 to 1",
    ),
    "logProb": ("ln p", "natural logarithm of the probability that the de novo model gives to the structure"),
    "level": ("Level", "identification level after Schymanski et al. 2014, explained below"),
    "derivative": (
        "as 3 TMS",
        "the library spectrum is of a derivative, for example with three trimethylsilyl (TMS) groups or methoximated "
        "(MeOx); name and structure are those of the compound itself",
    ),
    "excluded": ("Excluded", "the spectrum contradicts the structure, for the reason that is given"),
    "suspects": ("Suspect list", "a list of the campaign that names the compound"),
    "decision": ("Decision", "what an analyst decided: accepted or rejected"),
    "gapFilled": (
        "Gap-filled",
        "no component was detected in this run; the area was integrated at the expected retention time",
    ),
    "tic": ("TIC", "total ion current: the sum of all intensities of a scan"),
    "eic": ("EIC", "extracted ion chromatogram: the intensity of one m/z over the retention time"),
    "qc": ("QC", "quality control sample"),
}
"""Column or figure: its short name on the page, and what that means."""


def finding(level: str | None) -> str:
    """Return the key of FINDINGS for an identification level; "unknown" without one."""
    if level and level[0] in "12":
        return "identified"
    return "tentative" if level and level[0] == "3" else "unknown"


def evidence(source: str | None, level: str | None) -> str:
    """Return the key of IDENTIFIED_BY for the source and level of a first candidate."""
    found = finding(level)
    if not source or source == NONE_OF_THESE or found == "unknown":
        return "nothing"
    if found == "identified" and level in IDENTIFIED_BY:
        return level
    sources = source.split("+")
    return next((name for name in ("library", "predicted") if name in sources), "denovo")
