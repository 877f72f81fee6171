"""The index of an mzXML file (mzXML 2 and 3: Pedrioli et al., Nat. Biotechnol. 2004, 22, 1459)."""

import math
import re
from array import array
from pathlib import Path

from spectus.errors import InputError
from spectus.raw.content import damaged, shown
from spectus.raw.ionization import polarity_name
from spectus.raw.scan_times import clock_seconds, stated_unit
from spectus.raw.scans import ScanLabel
from spectus.raw.xml_index import NO_ARRAY, PACKINGS, Attributes, Indexer

_NUMBER = r"(\d+(?:\.\d*)?(?:E[-+]?\d+)?|\.\d+)"
_DURATION = re.compile(
    rf"(-)?P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.I
)
"""An XML Schema duration. Standard ones have a fraction only in the seconds; some writers have one in the minutes."""

_PLAIN_TIME = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:E[-+]?\d+)?)\s*([a-zµ]*)", re.I)
_DAY_S = 86400.0
_SIM_TYPES = {"SIM", "SIR", "SRM-SIM"}
_FRAGMENT_TYPES = {"MRM", "SRM", "CRM", "Q3"}


class MzxmlIndexer(Indexer):
    """Follows scans, which may lie within scans, and their peaks."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        super().__init__(path, encoding)
        self._scans: list[bool] = []  # of each open scan: it is an MS1 scan
        self._form = NO_ARRAY
        self._begin = 0
        self.starts = {
            "msRun": self._start_run, "msModel": self._start_model, "scan": self._start_scan,
            "peaks": self._start_peaks, "msIonisation": self._start_ionization,
        }  # fmt: skip
        self.ends = {"scan": self._end_scan, "peaks": self._end_peaks}

    def require_declared(self) -> None:
        """Refuse a file with fewer scans than it states; some writers leave scans without peaks out of the count."""
        if self.declared is not None and not 0 <= self.declared <= self.present:
            raise damaged(self.path, f"states {self.declared:,} spectra and holds {self.present:,}")

    def _start_run(self, attributes: Attributes) -> None:
        if "scanCount" in attributes:
            self.declared = int(attributes["scanCount"])

    def _start_model(self, attributes: Attributes) -> None:
        self.instrument = self.instrument or attributes.get("value")

    def _start_ionization(self, attributes: Attributes) -> None:
        self.ionization_text = self.ionization_text or attributes.get("value")

    def _start_scan(self, attributes: Attributes) -> None:
        self.present += 1
        kind = attributes.get("scanType", "").strip().upper()
        is_survey = attributes.get("msLevel", "1").strip() in ("", "1") and kind not in _FRAGMENT_TYPES
        self._scans.append(is_survey)
        if not is_survey:
            self.n_fragment_scans += 1
            return
        n_points = self.points(attributes.get("peaksCount"))
        profile = {"1": False, "0": True}.get(attributes.get("centroided", "").strip())
        line = attributes.get("filterLine", "")
        label = ScanLabel(
            sim=kind in _SIM_TYPES or self.is_sim_filter(line),
            polarity=polarity_name(attributes.get("polarity")) or self.filter_polarity(line),
            window=self.window(attributes.get("startMz"), attributes.get("endMz")),
        )
        if line:
            self.ionization_text = self.ionization_text or self.filter_ionization(line)
        time = self._time(attributes.get("retentionTime", ""))
        self.add(time, (n_points, *(0, 0, NO_ARRAY) * 2), profile, label)

    def _time(self, text: str) -> float:
        """Return a scan time, s, of a duration such as 'PT305.58S', a clock time or a number; NaN if it is none."""
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text  # ISO 8601 allows a comma
        found = _DURATION.fullmatch(text.strip())
        if found and any(found.groups()[3:]):
            days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[3:])
            return (-1.0 if found[1] else 1.0) * (_DAY_S * days + 3600.0 * hours + 60.0 * minutes + seconds)
        plain = _PLAIN_TIME.fullmatch(text.strip())
        if not plain:
            clock = clock_seconds(text)
            return math.nan if clock is None else clock
        in_unit, note = stated_unit(shown(plain[2]))
        self.time_note = note or self.time_note
        return float(plain[1]) * in_unit

    def _end_scan(self) -> None:
        self._scans.pop()

    def _start_peaks(self, attributes: Attributes) -> None:
        if attributes.get("byteOrder", "network") != "network" or attributes.get("contentType", "m/z-int") != "m/z-int":
            raise InputError(
                self.path, f"spectrum {self.present:,} has peaks in a form not known here",
                "convert it with msconvert (ProteoWizard) to mzML",
            )  # fmt: skip
        number = {"32": 0, "64": 1}.get(attributes.get("precision", "32").strip())
        packing = {"none": 0, "zlib": 1}.get(attributes.get("compressionType", "none").strip())
        if number is None or packing is None:
            raise damaged(self.path, f"spectrum {self.present:,} has peaks of an unknown precision or compression")
        self._form = len(PACKINGS) * number + packing
        self._begin = self.parser.CurrentByteIndex

    def _end_peaks(self) -> None:
        """Note where the peaks of the innermost open scan are; it was added last, since scans within it come later."""
        if self._scans and self._scans[-1]:
            place = (self._begin, self.parser.CurrentByteIndex, self._form)
            self.rows[-2 * len(place) :] = array("q", place * 2)
