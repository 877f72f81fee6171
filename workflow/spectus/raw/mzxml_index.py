"""The index of an mzXML file (mzXML 2 and 3: Pedrioli et al., Nat. Biotechnol. 2004, 22, 1459)."""

import math
import re
from array import array
from pathlib import Path

from spectus.errors import InputError
from spectus.raw.content import damaged
from spectus.raw.xml_index import NO_ARRAY, PACKINGS, Attributes, Indexer

_DURATION = re.compile(r"P(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+(?:E[-+]?\d+)?)S)?)", re.I)


class MzxmlIndexer(Indexer):
    """Follows scans, which may lie within scans, and their peaks."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._scans: list[Attributes] = []
        self._form = NO_ARRAY
        self._begin = 0
        self.starts = {
            "msRun": self._start_run, "msModel": self._start_model, "scan": self._start_scan,
            "peaks": self._start_peaks,
        }  # fmt: skip
        self.ends = {"scan": self._end_scan, "peaks": self._end_peaks}

    def require_declared(self) -> None:
        # Some writers leave scans without peaks out of the count.
        if self.declared is not None and not 0 <= self.declared <= self.present:
            raise damaged(self.path, f"states {self.declared:,} spectra and holds {self.present:,}")

    def _start_run(self, attributes: Attributes) -> None:
        if "scanCount" in attributes:
            self.declared = int(attributes["scanCount"])

    def _start_model(self, attributes: Attributes) -> None:
        self.instrument = self.instrument or attributes.get("value")

    def _start_scan(self, attributes: Attributes) -> None:
        self.present += 1
        self._scans.append(attributes)
        if attributes.get("msLevel", "1").strip() != "1":
            return
        n_points = self.points(attributes.get("peaksCount"))
        centroided = attributes.get("centroided", "").strip()
        profile = {"1": False, "0": True}.get(centroided)
        sim = attributes.get("scanType", "").upper() == "SIM"
        self.add(_seconds(attributes.get("retentionTime", "")), (n_points, *(0, 0, NO_ARRAY) * 2), profile, sim)

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
        """The innermost open scan is the one added last: its peaks come before the scans within it."""
        if self._scans and self._scans[-1].get("msLevel", "1").strip() == "1":
            place = (self._begin, self.parser.CurrentByteIndex, self._form)
            self.rows[-2 * len(place) :] = array("q", place * 2)


def _seconds(duration: str) -> float:
    """Of an XML Schema duration such as 'PT305.58S'; NaN if it is none."""
    found = _DURATION.fullmatch(duration.strip())
    if not found or not any(found.groups()):
        return math.nan
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 3600.0 * hours + 60.0 * minutes + seconds
