"""What the user should know of how a run was read: one line for each assumption and for everything left out."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

_LOGGER = logging.getLogger("spectus")


@dataclass
class Remarks:
    """Lines for the user, gathered while a run is read.

    Attributes
    ----------
    notes
        Lines without the run's name and without a full stop.
    n_scans_left_out
        Scans of the file that the run does not have, such as scans of another polarity or without a time.
    n_points_left_out
        Points that were dropped, such as points of negative intensity.
    """

    notes: list[str] = field(default_factory=list)
    n_scans_left_out: int = 0
    n_points_left_out: int = 0

    def add(self, note: str | None) -> None:
        """Add a line, unless it is None or already there."""
        if note and note not in self.notes:
            self.notes.append(note)

    def leave_out_scans(self, number: int, note: str) -> None:
        """Count scans that are left out, and add the line that says why."""
        self.n_scans_left_out += number
        self.add(note)

    def log(self, path: Path) -> None:
        """Give every line to the logger `spectus`, after the run's name."""
        for note in self.notes:
            _LOGGER.warning("%s: %s", path, note)
