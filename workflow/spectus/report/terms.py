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

SOURCES = {
    "library": "measured library",
    "predicted": "predicted library",
    "model": "de novo",
    "denovo": "de novo",
    "edited": "edited structure",
}
"""What proposed a candidate: the value in the tables, and the words on the page."""

TERMS = {
    "rt": ("RT", "retention time, minutes"),
    "ri": ("RI", "retention index, from the ladder run; an asterisk marks an extrapolated index"),
    "riDelta": ("ΔRI", "retention index of the feature minus that of the candidate, index units"),
    "basePeak": ("Base peak", "m/z of the most intense peak of the spectrum"),
    "snr": ("S/N", "signal-to-noise ratio: height of the peak over the noise of its trace"),
    "purity": ("Purity", "share of the ion current under the peak that this component explains, 0 to 1"),
    "area": ("Area", "largest peak area over the runs, counts × s"),
    "runs": ("Runs", "number of runs in which the feature was detected as a component"),
    "cas": ("CAS", CAS_EXPLANATION),
    "source": (
        "Source",
        "what proposed the candidate: a library of measured spectra, a library of predicted spectra, or de novo "
        "elucidation from the spectrum alone",
    ),
    "probability": ("Probability", "calibrated probability that the structure is right, 0 to 1"),
    "posterior": (
        "Posterior",
        "posterior probability that the reranker gives to the candidate among all candidates of the feature, 0 to 1; "
        "it is not calibrated",
    ),
    "libraryScore": (
        "Library score",
        "similarity to the best measured library spectrum: weighted cosine, lowered if the retention indices differ, "
        "0 to 1",
    ),
    "predictedScore": (
        "Predicted score",
        "similarity to the best predicted library spectrum: weighted cosine, lowered if the retention indices differ, "
        "0 to 1",
    ),
    "logProb": ("ln p", "natural logarithm of the probability that the de novo model gives to the structure"),
    "level": ("Level", "identification level after Schymanski et al. 2014, explained below"),
    "gapFilled": (
        "Gap-filled",
        "no component was detected in this run; the area was integrated at the expected retention time",
    ),
    "tic": ("TIC", "total ion current: the sum of all intensities of a scan"),
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
    if not source or found == "unknown":
        return "nothing"
    if found == "identified" and level in IDENTIFIED_BY:
        return level
    sources = source.split("+")
    return next((name for name in ("library", "predicted") if name in sources), "denovo")
