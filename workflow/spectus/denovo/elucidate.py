"""The stage `spectus denovo`: spectra of a file to ranked structures."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from spectus import tables
from spectus.denovo.constraints import Target, formula_target, target_of
from spectus.denovo.mass_search import translate_by_mass
from spectus.denovo.settings import OWN_FORMULA, DenovoSettings
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.library.records import read_spectra

if TYPE_CHECKING:
    from spectus.denovo.editing.stage import Editor

AT_ONCE = 2048
"""Spectra read, decoded and written at a time. Chosen: their rows take a few tens of MB."""

_LOG = logging.getLogger("spectus")


def elucidate_queries(
    queries: Path, model: str, out: Path, settings: DenovoSettings, chunk: tuple[int, int] = (1, 1),
    editor: "Editor | None" = None,
) -> None:  # fmt: skip
    """Decode structures for the spectra of a file, edit them, and write the table DENOVO_CANDIDATES.

    Every query keeps at least one row: its structures, the best first, or none and the reason. A spectrum beyond the
    model's limits is trimmed as in the model's training, and the column `note` says so. Decoded structures are ranked
    by their log-probability, plus that of their mass where masses are searched. Structures of queries that are edited
    are ranked by the editor's score.

    Parameters
    ----------
    queries
        A file that `read_spectra` reads.
    model
        Folder of a model, its name on the Hugging Face hub, or the name of a model that ships.
    out
        Table to write.
    settings
        How structures are decoded.
    chunk
        I and N: every N-th query from the I-th on, counted from 1.
    editor
        Edits structures; None: the decoded ones stay as they are.

    Raises
    ------
    InputError
        An unreadable file or model, a device that is not there, or a wrong setting.
    """
    if settings.beams < 1:
        raise InputError(f"--beams {settings.beams}", "is not a number of beams", "give 1 or more")
    if settings.masses is not None and settings.masses < 0:
        raise InputError(f"--masses {settings.masses}", "is not a number of masses", "give 0 or more")
    query_targets([], settings)
    spectra = read_spectra(queries)
    spectra = spectra.take(np.arange(chunk[0] - 1, len(spectra), chunk[1]))
    translator = Translator.load(model, settings.device, settings.precision, settings.grammar, exact=True)
    extra = {"model_sha256": translator.sha256, "precision": translator.precision}
    n_trimmed = 0
    with (
        tqdm(total=len(spectra), disable=None, unit="spectrum", desc="denovo") as bar,
        tables.writing(out, tables.DENOVO_CANDIDATES, extra) as writer,
    ):

        def decode(
            some: Sequence[dict[str, Any]], targets: Sequence[Target | InputError | None], beams: int
        ) -> list[Answer]:
            return translate_by_mass(translator, some, replace(settings, beams=beams), targets, bar)

        for start in range(0, len(spectra), AT_ONCE):
            rows = spectra.slice(start, AT_ONCE).to_pylist()
            targets = query_targets(rows, settings)
            wanted = [_wanted(row, target, editor) for row, target in zip(rows, targets, strict=True)]
            answers = _answers(rows, targets, [_beams(settings, editor if edit else None) for edit in wanted], decode)
            n_trimmed += sum(answer.note is not None for answer in answers)
            edited = _edited(rows, answers, targets, translator, editor)
            records = [
                _records(row["name"], answer, translator, of_query, settings.beams)
                for row, answer, of_query in zip(rows, answers, edited, strict=True)
            ]
            writer.append(tables.table(tables.DENOVO_CANDIDATES, [row for some in records for row in some]))
    if n_trimmed:
        config = translator.model.config
        limits = f"m/z {config.max_mz} or {config.max_peaks} peaks"
        _LOG.warning("%s: %d spectra beyond %s were trimmed; see the column `note`", queries, n_trimmed, limits)


def query_targets(rows: Sequence[dict[str, Any]], settings: DenovoSettings) -> list[Target | InputError | None]:
    """Return what the structures of each query are restricted to.

    Parameters
    ----------
    rows
        Rows of the SPECTRA schema, (n,).
    settings
        Their formula and mass apply to all rows, or the formula of each record to its row.

    Returns
    -------
    list of Target, InputError or None
        One for each row: None for a record without a formula, and the error of a record whose formula is wrong, since
        it concerns that record only.

    Raises
    ------
    InputError
        The formula or the mass of the settings is wrong.
    """
    own = settings.formula == OWN_FORMULA
    shared = target_of(None if own else settings.formula, settings.mass)
    return [_own_target(row) if own else shared for row in rows]


def _own_target(row: dict[str, Any]) -> Target | InputError | None:
    try:
        return formula_target(row["formula"]) if row["formula"] else None
    except InputError as error:
        return error


Decode = Callable[[Sequence[dict[str, Any]], Sequence[Target | InputError | None], int], list[Answer]]
"""Decodes structures of rows with their targets and a number of beams."""


def _wanted(row: dict[str, Any], target: Target | InputError | None, editor: "Editor | None") -> bool:
    """Say whether structures are edited for a query."""
    return editor is not None and not isinstance(target, InputError) and editor.wants(row)


def _beams(settings: DenovoSettings, editor: "Editor | None") -> int:
    """Return the beams for a query, more if its structures are edited."""
    return settings.beams if editor is None else max(settings.beams, editor.settings.beams)


def _answers(
    rows: Sequence[dict[str, Any]], targets: Sequence[Target | InputError | None], beams: Sequence[int], decode: Decode
) -> list[Answer]:
    """Decode the structures of each query, those of a number of beams together."""
    found = dict[int, Answer]()
    for number in sorted(set(beams)):
        places = [place for place, one in enumerate(beams) if one == number]
        of_number = decode([rows[place] for place in places], [targets[place] for place in places], number)
        found |= dict(zip(places, of_number, strict=True))
    return [found[place] for place in range(len(rows))]


def _edited(
    rows: Sequence[dict[str, Any]], answers: Sequence[Answer], targets: Sequence[Target | InputError | None],
    translator: Translator, editor: "Editor | None",
) -> list[list[dict[str, Any]]]:  # fmt: skip
    """Return the edited candidates of each query; none where it is not edited."""
    if editor is None:
        return [[] for _ in rows]
    found = []
    with tqdm(total=len(rows), disable=None, unit="spectrum", desc="editing", leave=False) as bar:
        for row, answer, target in zip(rows, answers, targets, strict=True):
            wanted = _wanted(row, target, editor)
            found.append(editor.candidates(row, answer, target, translator) if wanted else [])  # type: ignore[arg-type]
            bar.update()
    return found


def _records(
    query: str, answer: Answer, translator: Translator, edited: Sequence[dict[str, Any]], beams: int
) -> list[dict[str, Any]]:
    shared = {
        "query": query, "n_invalid": answer.n_invalid, "model": translator.name,
        "reason": None if edited else answer.reason, "note": answer.note,
    }  # fmt: skip
    scores = answer.scores or [log_prob for _, log_prob in answer.structures]
    decoded = [
        {"smiles": smiles, "log_prob": log_prob, "method": "model", "score": score}
        for (smiles, log_prob), score in zip(answer.structures, scores, strict=True)
    ]
    return [{**shared, "rank": rank, **row} for rank, row in enumerate(edited or decoded or [{}], start=1)]
