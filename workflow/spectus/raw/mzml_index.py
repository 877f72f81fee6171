"""The index of an mzML file (mzML 1.1: Martens et al., Mol. Cell. Proteomics 2011, 10, R110.000133)."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from spectus.errors import InputError
from spectus.raw.content import damaged, shown
from spectus.raw.scan_times import decimal, stated_unit
from spectus.raw.scans import ScanLabel
from spectus.raw.timestamps import iso_or_none
from spectus.raw.xml_index import NO_ARRAY, NUMBERS, PACKINGS, Action, Attributes, Indexer

INSTRUMENT, ACQUIRED, IONIZATION = "instrument name", "acquisition start", "ionization"
"""Names under which our own files keep what mzML has no place for, or one of less precision."""

# PSI-MS terms.
_MZ, _INTENSITY = "MS:1000514", "MS:1000515"
_LEVEL, _SCAN_START = "MS:1000511", "MS:1000016"
_OTHER_TIMES = ("MS:1000894", "MS:1000895", "MS:1000826")  # retention, local retention and elution time
_CENTROID, _PROFILE = "MS:1000127", "MS:1000128"
_SIM, _FILTER = ("MS:1000582", "MS:1000205"), "MS:1000512"
_POSITIVE, _NEGATIVE = "MS:1000130", "MS:1000129"
_LOWEST, _HIGHEST = "MS:1000501", "MS:1000500"
_NO_MASSES = frozenset(("MS:1000804", "MS:1000805", "MS:1000806"))  # spectra of light
_FRAGMENTS = frozenset(("MS:1000580", "MS:1000583"))  # MSn spectrum, SRM spectrum
_NO_MODEL = frozenset(("MS:1000031", "MS:1000529", "MS:1000032"))  # the general term, a serial number, a remark
_IONIZATIONS = frozenset((
    "MS:1000389", "MS:1000071", "MS:1000073", "MS:1000398", "MS:1000397", "MS:1000070", "MS:1000382", "MS:1000075",
    "MS:1000074", "MS:1000257", "MS:1000258", "MS:1000384", "MS:1000227", "MS:1000069", "MS:1000134", "MS:1000393",
))  # fmt: skip
"""Terms of ionization types that `ionization.ionization_name` knows."""

_FUNCTION = re.compile(r"\b(?:function|experiment)=(\d{1,6})")
"""Number of a Waters function or SCIEX experiment in a spectrum's native identifier (PSI-MS terms MS:1000769 and
MS:1000770)."""

_LARGEST_GROUP = 1000
"""Most terms of a group. Chosen: a group is gone through once for each spectrum that names it; real ones have ten."""


class MzmlIndexer(Indexer):
    """Follows the terms of spectra and their arrays, also those that a group of terms brings in.

    Parameters
    ----------
    path
        Path that the user gave, for errors.
    encoding
        Encoding of the file, where it is another than it states.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        super().__init__(path, encoding)
        self._groups: dict[str, list[Attributes]] = {}
        self._terms = self._outer = cast(Action, self._no_terms)
        self.starts = {
            "cvParam": self._terms, "userParam": self._user_term, "referenceableParamGroupRef": self._group_terms,
            "referenceableParamGroup": self._start_group, "instrumentConfiguration": self._start_instrument,
            "run": self._start_run, "spectrumList": self._start_list, "spectrum": self._start_spectrum,
            "binaryDataArray": self._start_array, "binary": self._start_binary, "precursor": self._start_other,
            "product": self._start_other, "chromatogram": self._start_other, "source": self._start_source,
            "analyzer": self._start_other, "detector": self._start_other,
        }  # fmt: skip
        self.ends = {
            "referenceableParamGroup": self._end_group, "instrumentConfiguration": self._end_context,
            "spectrum": self._end_spectrum, "binaryDataArray": self._end_array, "binary": self._end_binary,
            "precursor": self._end_other, "product": self._end_other, "source": self._end_other,
            "analyzer": self._end_other, "detector": self._end_other, "chromatogram": self._end_context,
        }  # fmt: skip
        self._in_spectrum = False
        self._stated = 0
        self._spectrum = _Spectrum()
        self._place: dict[str, tuple[int, int, int]] = {}
        self._array: set[str] = set()
        self._forms: dict[frozenset[str], int] = {}
        self._bytes = (0, 0)
        self._fits = True

    def _no_terms(self, term: Attributes) -> None:
        """Ignore the terms of parts of the file that do not matter here."""

    def _listen(self, terms: Action) -> None:
        """Give the terms that follow to a function."""
        self._terms = self.starts["cvParam"] = terms

    def _group_terms(self, reference: Attributes) -> None:
        for term in self._groups.get(reference.get("ref", ""), ()):
            self._terms(term)

    def _start_group(self, attributes: Attributes) -> None:
        self.starts["cvParam"] = self._groups.setdefault(attributes.get("id", ""), []).append

    def _end_group(self) -> None:
        self._listen(self._terms)
        if max(map(len, self._groups.values())) > _LARGEST_GROUP:
            raise damaged(self.path, f"a group of more than {_LARGEST_GROUP} terms")

    def _start_instrument(self, attributes: Attributes) -> None:
        self._listen(self._instrument_term)

    def _end_context(self) -> None:
        self._listen(self._no_terms)

    def _start_other(self, attributes: Attributes) -> None:
        self._outer = self._terms
        self._listen(self._no_terms)

    def _end_other(self) -> None:
        self._listen(self._outer)

    def _instrument_term(self, term: Attributes) -> None:
        if not self.instrument and term.get("accession") not in _NO_MODEL:
            self.instrument = term.get("name")

    def _start_source(self, attributes: Attributes) -> None:
        self._outer = self._terms
        self._listen(self._source_term)

    def _source_term(self, term: Attributes) -> None:
        if not self.ionization_text and term.get("accession") in _IONIZATIONS:
            self.ionization_text = term.get("accession")

    def _user_term(self, term: Attributes) -> None:
        if term.get("name") == INSTRUMENT:
            self.instrument = term.get("value")
        elif term.get("name") == ACQUIRED:
            self.acquired_at = iso_or_none(term.get("value"))
        elif term.get("name") == IONIZATION:
            self.ionization_text = term.get("value")

    def _start_run(self, attributes: Attributes) -> None:
        self.acquired_at = iso_or_none(attributes.get("startTimeStamp"))

    def _start_list(self, attributes: Attributes) -> None:
        if "count" in attributes:
            self.declared = int(attributes["count"])

    def _start_spectrum(self, attributes: Attributes) -> None:
        self.present += 1
        self._stated = self.points(attributes.get("defaultArrayLength"))
        self._spectrum = _Spectrum()
        found = _FUNCTION.search(attributes.get("id", ""))
        self._spectrum.function = found[1] if found else None
        self._place = {}
        self._in_spectrum = True
        self._listen(self._spectrum_term)

    def _spectrum_term(self, term: Attributes) -> None:
        handler = _SPECTRUM_TERMS.get(term.get("accession", ""))
        if handler:
            handler(self._spectrum, term)

    def _start_array(self, attributes: Attributes) -> None:
        if not self._in_spectrum:
            return
        self._array = set()
        self._bytes = (0, 0)
        self._listen(self._array_term)
        self._fits = int(attributes.get("arrayLength", self._stated)) == self._stated

    def _array_term(self, term: Attributes) -> None:
        self._array.add(term.get("accession", ""))

    def _start_binary(self, attributes: Attributes) -> None:
        if self._in_spectrum:
            self._bytes = (self.parser.CurrentByteIndex, 0)

    def _end_binary(self) -> None:
        if self._in_spectrum:
            self._bytes = (self._bytes[0], self.parser.CurrentByteIndex)

    def _end_array(self) -> None:
        if not self._in_spectrum:
            return
        self._listen(self._spectrum_term)
        kind = _MZ if _MZ in self._array else _INTENSITY
        if kind in self._array:
            self._place[kind] = (*self._bytes, self._form())

    def _form(self) -> int:
        """Return the code of the form that the terms of the array name; terms seldom change from array to array."""
        terms = frozenset(self._array)
        if terms not in self._forms:
            self._forms[terms] = _form(terms)
        if self._forms[terms] < 0 or not self._fits:
            raise InputError(
                self.path, f"spectrum {self.present:,} has an array in a form not known here",
                "convert it with msconvert (ProteoWizard) to mzML with zlib compression",
            )  # fmt: skip
        return self._forms[terms]

    def _end_spectrum(self) -> None:
        self._in_spectrum = False
        self._listen(self._no_terms)
        spectrum = self._spectrum
        if spectrum.level != 1:
            self.n_fragment_scans += spectrum.level > 1
            return
        mz, intensity = (self._place.get(kind, (0, 0, NO_ARRAY)) for kind in (_MZ, _INTENSITY))
        if self._stated and NO_ARRAY in (mz[2], intensity[2]):
            raise damaged(self.path, f"spectrum {self.present:,} lacks its m/z or intensities")
        line = spectrum.filter_line
        label = ScanLabel(
            sim=spectrum.sim or self.is_sim_filter(line),
            polarity=spectrum.polarity or self.filter_polarity(line),
            function=spectrum.function,
            window=self.window(spectrum.lowest, spectrum.highest),
        )
        if line and not self.ionization_text:
            self.ionization_text = self.filter_ionization(line)
        self.add(self._seconds_of(spectrum.time), (self._stated, *mz, *intensity), spectrum.profile, label)

    def _seconds_of(self, term: Attributes | None) -> float:
        """Return the time that a term gives, s; NaN if it gives none."""
        term = term or {}
        value = decimal(term.get("value", ""))
        if math.isnan(value):
            return value
        accession, name = (shown(term[key]) if key in term else None for key in ("unitAccession", "unitName"))
        seconds, note = stated_unit(name, accession)
        self.time_note = note or self.time_note
        return value * seconds


@dataclass
class _Spectrum:
    """What the terms of a spectrum say of it; texts as the file has them."""

    stated_level: int | None = None
    fragments: bool = False
    no_masses: bool = False
    time: Attributes | None = None
    profile: bool | None = None
    sim: bool = False
    polarity: str | None = None
    function: str | None = None
    filter_line: str = ""
    lowest: str | None = None
    highest: str | None = None

    @property
    def level(self) -> int:
        """MS level; 0 for a spectrum of light."""
        if self.no_masses:
            return 0
        return self.stated_level if self.stated_level is not None else 2 if self.fragments else 1

    def set_level(self, term: Attributes) -> None:
        self.stated_level = int(term.get("value", ""))

    def set_time(self, term: Attributes) -> None:
        if self.time is None or term.get("accession") == _SCAN_START:
            self.time = term

    def set_profile(self, term: Attributes) -> None:
        self.profile = term.get("accession") == _PROFILE

    def set_sim(self, term: Attributes) -> None:
        self.sim = True

    def set_polarity(self, term: Attributes) -> None:
        self.polarity = "positive" if term.get("accession") == _POSITIVE else "negative"

    def set_filter(self, term: Attributes) -> None:
        self.filter_line = term.get("value", "")

    def set_lowest(self, term: Attributes) -> None:
        self.lowest = self.lowest or term.get("value")

    def set_highest(self, term: Attributes) -> None:
        self.highest = term.get("value")

    def set_no_masses(self, term: Attributes) -> None:
        self.no_masses = True

    def set_fragments(self, term: Attributes) -> None:
        self.fragments = True


_SPECTRUM_TERMS: dict[str, Callable[[_Spectrum, Attributes], None]] = {
    _LEVEL: _Spectrum.set_level,
    **dict.fromkeys((_SCAN_START, *_OTHER_TIMES), _Spectrum.set_time),
    **dict.fromkeys((_CENTROID, _PROFILE), _Spectrum.set_profile),
    **dict.fromkeys(_SIM, _Spectrum.set_sim),
    **dict.fromkeys((_POSITIVE, _NEGATIVE), _Spectrum.set_polarity),
    _FILTER: _Spectrum.set_filter,
    _LOWEST: _Spectrum.set_lowest,
    _HIGHEST: _Spectrum.set_highest,
    **dict.fromkeys(_NO_MASSES, _Spectrum.set_no_masses),
    **dict.fromkeys(_FRAGMENTS, _Spectrum.set_fragments),
}


def _form(terms: frozenset[str]) -> int:
    """Return the code of a form as in `XmlIndex.places`; -1 if the terms name none or several."""
    number = [code for code, term in enumerate(NUMBERS) if term in terms]
    packing = [code for code, term in enumerate(PACKINGS) if term in terms] or [0]
    if not number and packing[0] > 1:  # Numpress holds 64-bit floats, and need not say so
        number = [NUMBERS.index("MS:1000523")]
    if len(packing) > 1 or len(number) != 1:
        return -1
    return len(PACKINGS) * number[0] + packing[0]
