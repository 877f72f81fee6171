"""Agilent MassHunter `.D` folders, by the package rainbow-api in a process of its own.

rainbow-api (LGPL-3.0, the extra `vendors`) reads the centroids of `AcqData/MSPeak.bin` and the kinds of the scans in
`AcqData/MSScan.bin`. Profiles (`MSProfile.bin`) are left to other packages.

Checked with rainbow-api 1.5.5 on one run of a 5977B, which has scans of selected ions in turn with full scans: the
1,307 full scans and their 197,291 points are those of the `data.ms` in the same folder. Times are equal, m/z agree to
0.02 Th (`data.ms` has steps of 0.05 Th). Intensities agree to 1 %, or to 7 counts where they are small.
"""

import importlib.util
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spectus.raw.scans import Scans

_PACKAGE = "rainbow"
_CENTROIDS = "mspeak.bin"

_SIM, _FIRST_FRAGMENTS = 2, 256
"""Scan types: of selected ions, and the first of MS/MS (Agilent MHDAC, MSScanType)."""

_POLARITIES = {0: "positive", 1: "negative"}
_IONIZATIONS = {2: "EI", 4: "CI", 8: "MALDI", 16: "APPI", 32: "APCI", 64: "ESI", 128: "ESI"}
"""Codes of polarity and ionization (Agilent MHDAC, IonPolarity and IonizationMode)."""

_UNKNOWN = (1, 1, -1, 0)
"""MS level, scan type, polarity and ionization of a scan of which the file says nothing."""

_SECONDS = 60.0
_BYTES_PER_SECOND = 2e6
"""Time to read a run: a minute, and a second for each 2 MB. Chosen: a tenth of the usual speed."""

_MEMORY_PER_BYTE = 50
"""Memory for each byte of a run. Chosen: for its arrays as 64-bit numbers and their copy that is sent."""


def can_read_masshunter(path: Path) -> bool:
    """Return whether a folder has centroids and the package that reads them is installed."""
    if importlib.util.find_spec(_PACKAGE) is None:
        return False
    return any(file.name.lower() == _CENTROIDS for file in path.glob("[Aa]cq[Dd]ata/*"))


def read_masshunter(path: Path, name: str, remedy: str) -> "Scans":
    """Read the scans of a MassHunter folder.

    Parameters
    ----------
    path
        The `.D` folder.
    name
        Name of the format.
    remedy
        What else converts it, for the error.

    Raises
    ------
    InputError
        The package cannot read it.
    """
    # These are not there for the new process.
    from spectus.errors import InputError
    from spectus.raw.child import ChildError, in_child
    from spectus.raw.content import shown
    from spectus.raw.run import Run
    from spectus.raw.scans import FileFacts, ScanLabel, counted_labels, reordered, scans_of

    n_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    try:
        sent = in_child(
            Path(__file__), [str(path)], _SECONDS + n_bytes / _BYTES_PER_SECOND,
            memory_bytes=_MEMORY_PER_BYTE * n_bytes,
        )  # fmt: skip
    except ChildError as error:
        raise InputError(path, f"this {name} cannot be read ({shown(str(error), 120)})", remedy) from error
    with np.load(io.BytesIO(sent)) as arrays:
        kinds = [(level, kind, polarity, mode) for level, kind, polarity, mode in arrays["kinds"].tolist()]
        run = Run(arrays["rt_s"], arrays["offsets"], arrays["mz"], arrays["intensity"], name)
    survey = [level == 1 and kind < _FIRST_FRAGMENTS for level, kind, _, _ in kinds]
    kept = [kind for kind, is_survey in zip(kinds, survey, strict=True) if is_survey]
    labels, label_of = counted_labels(
        [ScanLabel(sim=kind == _SIM, polarity=_POLARITIES.get(polarity)) for _, kind, polarity, _ in kept]
    )
    run = reordered(run, np.flatnonzero(survey))
    polarities, modes = {label.polarity for label in labels}, {mode for _, _, _, mode in kept}
    run = replace(
        run,
        polarity=polarities.pop() if len(polarities) == 1 else None,
        ionization=_IONIZATIONS.get(modes.pop()) if len(modes) == 1 else None,
    )
    return scans_of(run, FileFacts(profile=False, n_fragment_scans=len(kinds) - len(kept)), labels, label_of)


def _send(path: str) -> None:
    import rainbow

    folder = rainbow.read(path, centroid=True, format="agilent")
    found = [file for file in folder.datafiles if file.name.lower() == _CENTROIDS]
    if not found:
        raise ValueError("rainbow-api finds no centroids")
    minutes = np.asarray(found[0].xlabels, dtype=np.float64)
    pairs = [np.asarray(found[0].scan(number), dtype=np.float64).reshape(2, -1) for number in range(len(minutes))]
    points = np.concatenate([np.empty((2, 0)), *pairs], axis=1)
    offsets = np.concatenate([[0], np.cumsum([pair.shape[1] for pair in pairs])]).astype(np.int64)
    kinds = _kinds_of_scans(Path(path), len(minutes))
    np.savez(sys.stdout.buffer, rt_s=60.0 * minutes, offsets=offsets, mz=points[0], intensity=points[1], kinds=kinds)


def _kinds_of_scans(path: Path, n_scans: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Return MS level, scan type, polarity and ionization of each scan, (n_scans, 4), as MSScan.bin codes them."""
    kinds = np.tile(np.array(_UNKNOWN, dtype=np.int64), (n_scans, 1))
    try:
        from rainbow.agilent.masshunter import count_scans, parse_scan_xsd, read_scan_records

        folder = str(next(path.glob("[Aa]cq[Dd]ata")))
        records = read_scan_records(f"{folder}/MSScan.bin", parse_scan_xsd(f"{folder}/MSScan.xsd"), count_scans(folder))
        names = ("MSLevel", "ScanType", "IonPolarity", "IonMode")
        found = [
            [record.get(name, unknown) for name, unknown in zip(names, _UNKNOWN, strict=True)] for record in records
        ]
        return np.array(found, dtype=np.int64) if len(found) == n_scans else kinds
    except Exception:  # the package's own functions may change; the data then show the kinds
        return kinds


if __name__ == "__main__":
    try:
        _send(sys.argv[1])
    except Exception as error:  # whatever it is, the parent reports one line of it
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
