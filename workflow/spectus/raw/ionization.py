"""Ionization of a run, from what its file says. Libraries and models are of electron ionization (EI) at 70 eV."""

import re

from spectus.raw.content import shown

EI = "EI"
"""Value of the column `ionization` for a full scan of positive ions from electron ionization at any energy."""

_LONGEST_TEXT = 60
"""Longest text of an ionization that is not known, characters. Chosen: real ones have 40."""

_USUAL_EV, _EV_TOLERANCE = 70.0, 15.0
"""Electron energy of the libraries, eV, and how far another may be from it. Chosen: EI spectra change little between
55 and 85 eV (de Hoffmann and Stroobant, Mass Spectrometry, 3rd ed., 2007, section 1.2)."""

# The first pattern that matches names the ionization.
_METHODS = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("APCI", r"\bapci\b|atmospheric pressure chemical|MS:1000070\b"),
        ("APPI", r"\bappi\b|atmospheric pressure photo|MS:1000382\b"),
        ("ESI", r"\b(?:nano-?)?[en]si\b|electro-?spray|MS:1000073\b|MS:1000398\b|MS:1000397\b"),
        ("MALDI", r"maldi|matrix.assisted|MS:1000075\b"),
        ("FAB", r"\bfab\b|fast atom|MS:1000074\b"),
        ("FD", r"\bfd\b|field desorption|MS:1000257\b"),
        ("FI", r"\bfi\b|field ioni[sz]ation|MS:1000258\b"),
        ("CI", r"\b[np]?ci\b|chemical ioni[sz]ation|electron capture|MS:1000071\b"),
        ("PI", r"\bphoto-?ioni[sz]ation|multi-?photon|MS:1000384\b|MS:1000227\b"),
        ("TSP", r"\bthermospray|MS:1000069\b"),
        ("plasma desorption", r"plasma desorption|MS:1000134\b"),
        ("laser desorption", r"\blaser desorption|MS:1000393\b"),
        (EI, r"\bei\b|electron (?:impact|ioni[sz]ation)|MS:1000389\b"),
    )
)
_NEGATIVE = re.compile(r"\bnci\b|negative|electron capture|\bei-|\bci-|^-", re.IGNORECASE)


def ionization_name(text: str | None) -> str | None:
    """Return the short name of an ionization, such as "EI" or "ESI"; the text itself if it is not known.

    Parameters
    ----------
    text
        The file's words, such as "Electron Impact", or the accession of a PSI-MS term.
    """
    if not text or not text.strip():
        return None
    return next((name for name, pattern in _METHODS if pattern.search(text)), shown(text.strip(), _LONGEST_TEXT))


def polarity_name(text: str | None) -> str | None:
    """Return "positive" or "negative" for what a file says of the polarity; None where it says nothing."""
    words = (text or "").strip().casefold()
    if words.startswith(("neg", "-")):
        return "negative"
    return "positive" if words.startswith(("pos", "+")) else None


def is_negative(text: str | None) -> bool:
    """Return whether the name of an ionization says that the ions are negative, as "NCI" or "EI-" do."""
    return bool(text and _NEGATIVE.search(text.strip()))


def ionization_note(name: str | None, polarity: str | None, energy_ev: float | None) -> str | None:
    """Return the line about a run that is not of electron ionization at 70 eV; None if it may be.

    Parameters
    ----------
    name
        Ionization, as `ionization_name` gives it.
    polarity
        "positive" or "negative".
    energy_ev
        Electron energy, eV.
    """
    unusual = energy_ev is not None and abs(energy_ev - _USUAL_EV) > _EV_TOLERANCE
    if name in (None, EI) and polarity != "negative" and not unusual:
        return None
    what = ", ".join(
        part
        for part in (
            f"ionization {name}" if name else "",
            "negative polarity" if polarity == "negative" else "",
            f"{energy_ev:g} eV" if unusual else "",
        )
        if part
    )
    return f"the file states {what}; libraries and models are of positive electron ionization (EI) at 70 eV"
