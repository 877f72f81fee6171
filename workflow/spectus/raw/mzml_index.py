"""The index of an mzML file (mzML 1.1: Martens et al., Mol. Cell. Proteomics 2011, 10, R110.000133)."""

import math
from pathlib import Path
from typing import cast

from spectus.errors import InputError
from spectus.raw.content import damaged
from spectus.raw.timestamps import iso_or_none
from spectus.raw.xml_index import NO_ARRAY, NUMBERS, PACKINGS, Action, Attributes, Indexer

# Names under which our own files keep what mzML has no place for, or one of less precision.
INSTRUMENT, ACQUIRED = "instrument name", "acquisition start"

# PSI-MS terms.
_MZ, _INTENSITY = "MS:1000514", "MS:1000515"
_LEVEL, _SCAN_START, _MINUTES = "MS:1000511", "MS:1000016", "UO:0000031"
_CENTROID, _PROFILE, _SIM = "MS:1000127", "MS:1000128", "MS:1000582"
_NO_MASSES = ("MS:1000804", "MS:1000805", "MS:1000806")  # spectra of light
_SPECTRUM_TERMS = frozenset((_LEVEL, _SCAN_START, _CENTROID, _PROFILE, _SIM, *_NO_MASSES))
_NO_MODEL = frozenset(("MS:1000031", "MS:1000529", "MS:1000032"))  # the general term, a serial number, a remark
_LARGEST_GROUP = 1000  # it is gone through once for each spectrum that names it


class MzmlIndexer(Indexer):
    """Follows the terms of spectra and their arrays, also those that a group of terms brings in."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._groups: dict[str, list[Attributes]] = {}
        self._terms = self._outer = cast(Action, self._no_terms)
        self.starts = {
            "cvParam": self._terms, "userParam": self._user_term, "referenceableParamGroupRef": self._group_terms,
            "referenceableParamGroup": self._start_group, "instrumentConfiguration": self._start_instrument,
            "run": self._start_run, "spectrumList": self._start_list, "spectrum": self._start_spectrum,
            "binaryDataArray": self._start_array, "binary": self._start_binary, "precursor": self._start_other,
            "product": self._start_other, "componentList": self._start_other, "chromatogram": self._start_other,
        }  # fmt: skip
        self.ends = {
            "referenceableParamGroup": self._end_group, "instrumentConfiguration": self._end_context,
            "spectrum": self._end_spectrum, "binaryDataArray": self._end_array, "binary": self._end_binary,
            "precursor": self._end_other, "product": self._end_other, "componentList": self._end_other,
            "chromatogram": self._end_context,
        }  # fmt: skip
        self._in_spectrum = self._is_sim = False
        self._stated, self._level, self._time = 0, 1, math.nan
        self._profile: bool | None = None
        self._place: dict[str, tuple[int, int, int]] = {}
        self._array: set[str] = set()
        self._forms: dict[frozenset[str], int] = {}
        self._bytes = (0, 0)
        self._fits = True

    def _no_terms(self, term: Attributes) -> None:
        """Of parts of the file that do not matter here."""

    def _listen(self, terms: Action) -> None:
        """Give the terms that follow to this function."""
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

    def _user_term(self, term: Attributes) -> None:
        if term.get("name") == INSTRUMENT:
            self.instrument = term.get("value")
        elif term.get("name") == ACQUIRED:
            self.acquired_at = iso_or_none(term.get("value"))

    def _start_run(self, attributes: Attributes) -> None:
        self.acquired_at = iso_or_none(attributes.get("startTimeStamp"))

    def _start_list(self, attributes: Attributes) -> None:
        if "count" in attributes:
            self.declared = int(attributes["count"])

    def _start_spectrum(self, attributes: Attributes) -> None:
        self.present += 1
        self._stated = self.points(attributes.get("defaultArrayLength"))
        self._level, self._time, self._profile, self._is_sim = 1, math.nan, None, False
        self._place = {}
        self._in_spectrum = True
        self._listen(self._spectrum_term)

    def _spectrum_term(self, term: Attributes) -> None:
        accession = term.get("accession")
        if accession not in _SPECTRUM_TERMS:
            return
        if accession == _LEVEL:
            self._level = int(term.get("value", ""))
        elif accession == _SCAN_START:
            self._time = float(term.get("value", "")) * (60.0 if term.get("unitAccession") == _MINUTES else 1.0)
        elif accession in (_CENTROID, _PROFILE):
            self._profile = accession == _PROFILE
        elif accession == _SIM:
            self._is_sim = True
        else:
            self._level = 0

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
        """Code of the form that the terms of the array name; terms seldom change from array to array."""
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
        if self._level != 1:
            return
        mz, intensity = (self._place.get(kind, (0, 0, NO_ARRAY)) for kind in (_MZ, _INTENSITY))
        if self._stated and NO_ARRAY in (mz[2], intensity[2]):
            raise damaged(self.path, f"spectrum {self.present:,} lacks its m/z or intensities")
        self.add(self._time, (self._stated, *mz, *intensity), self._profile, self._is_sim)


def _form(terms: frozenset[str]) -> int:
    """Code of a form as in `XmlIndex.places`; -1 if the terms name none or several."""
    number = [code for code, term in enumerate(NUMBERS) if term in terms]
    packing = [code for code, term in enumerate(PACKINGS) if term in terms] or [0]
    if not number and packing[0] > 1:  # Numpress holds 64-bit floats, and need not say so
        number = [NUMBERS.index("MS:1000523")]
    if len(packing) > 1 or len(number) != 1:
        return -1
    return len(PACKINGS) * number[0] + packing[0]
