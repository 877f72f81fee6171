"""Decisions of an analyst about features: made on the page, exported as JSON, applied by a later report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from spectus.errors import InputError
from spectus.files import require_file
from spectus.report.terms import VERDICTS

FORMAT = "spectus-curation"
"""Value of `format` in a file of decisions."""
VERSION = 1
"""Value of `version` in a file of decisions."""

_REMEDY = "export the decisions from the page of this campaign again"
_COLUMNS = {
    "verdict": "decision of an analyst: 'accepted' or 'rejected'; null without one",
    "verdict_inchikey": "InChIKey of the accepted candidate; null if it has none",
    "verdict_smiles": "structure of the accepted candidate; null if it has none",
    "comment": "comment of the analyst",
}
"""Columns that a table of features gets, and their meaning."""


@dataclass(frozen=True)
class Decision:
    """What an analyst decided about one feature.

    Attributes
    ----------
    verdict : str or None
        A key of VERDICTS; None: only a comment.
    inchikey, smiles : str or None
        The accepted candidate; None if it has no structure or none was accepted.
    comment : str
        Free text.
    """

    verdict: str | None = None
    inchikey: str | None = None
    smiles: str | None = None
    comment: str = ""


@dataclass(frozen=True)
class Curation:
    """The decisions of a file.

    Attributes
    ----------
    path : Path or None
        The file; None: there is none.
    decisions : mapping of str to Decision
        By feature.
    """

    path: Path | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Curation":
        """Read a file that the page exported.

        Parameters
        ----------
        path : Path
            JSON with `format`, `version` and `features`: verdict, inchikey, smiles and comment by feature.

        Raises
        ------
        InputError
            The file is no such file.
        """
        try:
            content = json.loads(require_file(path).read_text(encoding="utf-8-sig"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InputError(path, f"is not JSON ({error})", _REMEDY) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(path, "is not a file of decisions", _REMEDY)
        if content.get("version") != VERSION:
            problem = f"has the version {content.get('version')!r} of the format, not {VERSION}"
            raise InputError(path, problem, "export the decisions with this version of the program")
        rows = content.get("features")
        if not isinstance(rows, dict):
            raise InputError(path, "has no object `features`", _REMEDY)
        return cls(path, {feature: _decision(path, feature, row) for feature, row in rows.items()})

    def require_features(self, features: pa.ChunkedArray) -> None:
        """Raise an InputError if a decision is about a feature that the campaign does not have."""
        strangers = sorted(set(self.decisions) - set(features.to_pylist()))
        if strangers:
            raise InputError(
                self.path or "the decisions",
                f"names {strangers[0]!r}, which is no feature of this campaign",
                "give the decisions that were made on the page of this campaign",
            )

    def applied(self, features: pa.Table) -> pa.Table:
        """Return a table of features with the decisions as columns; the table itself if there are none."""
        if not self.decisions:
            return features
        made = [self.decisions.get(feature, Decision()) for feature in features["feature"].to_pylist()]
        values = {
            "verdict": [decision.verdict for decision in made],
            "verdict_inchikey": [decision.inchikey for decision in made],
            "verdict_smiles": [decision.smiles for decision in made],
            "comment": [decision.comment or None for decision in made],
        }
        for name, about in _COLUMNS.items():
            column = pa.field(name, pa.string(), metadata={"about": about})
            features = features.append_column(column, pa.array(values[name], pa.string()))
        return features


def _decision(path: Path, feature: str, row: Any) -> Decision:
    if not isinstance(row, dict):
        raise InputError(path, f"the decision about {feature!r} is not an object", _REMEDY)
    for name in ("verdict", "inchikey", "smiles", "comment"):
        if not isinstance(row.get(name), str | None):
            raise InputError(path, f"{name} of {feature!r} is not a text", _REMEDY)
    verdict = row.get("verdict")
    if verdict is not None and verdict not in VERDICTS:
        raise InputError(path, f"the verdict {verdict!r} about {feature!r} is unknown", f"use {', '.join(VERDICTS)}")
    return Decision(verdict, row.get("inchikey"), row.get("smiles"), row.get("comment") or "")
