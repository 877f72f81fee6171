"""The stage `spectus denovo`: spectra of a file to ranked structures."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from spectus import tables
from spectus.denovo.constraints import Target, formula_target, target_of
from spectus.denovo.settings import OWN_FORMULA, DenovoSettings
from spectus.denovo.translator import Answer, Translator
from spectus.errors import InputError
from spectus.library.records import read_spectra

AT_ONCE = 2048
"""Spectra read, decoded and written at a time. Chosen: their rows take a few tens of MB."""

_LOG = logging.getLogger("spectus")


def elucidate_queries(
    queries: Path, model: str, out: Path, settings: DenovoSettings, chunk: tuple[int, int] = (1, 1)
) -> None:
    """Decode structures for the spectra of a file and write the table DENOVO_CANDIDATES.

    Every query keeps at least one row: its structures by falling probability, or none and the reason. A spectrum
    beyond the model's limits is trimmed as in the model's training, and the column `note` says so.

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

    Raises
    ------
    InputError
        An unreadable file or model, a device that is not there, or a wrong setting.
    """
    if settings.beams < 1:
        raise InputError(f"--beams {settings.beams}", "is not a number of beams", "give 1 or more")
    query_targets([], settings)
    spectra = read_spectra(queries)
    spectra = spectra.take(np.arange(chunk[0] - 1, len(spectra), chunk[1]))
    translator = Translator.load(model, settings.device, settings.precision, settings.grammar)
    extra = {"model_sha256": translator.sha256, "precision": translator.precision}
    n_trimmed = 0
    with (
        tqdm(total=len(spectra), disable=None, unit="spectrum", desc="denovo") as bar,
        tables.writing(out, tables.DENOVO_CANDIDATES, extra) as writer,
    ):
        for start in range(0, len(spectra), AT_ONCE):
            rows = spectra.slice(start, AT_ONCE).to_pylist()
            targets = query_targets(rows, settings)
            answers = translator.translate(rows, settings.beams, settings.batch_size, targets, bar)
            n_trimmed += sum(answer.note is not None for answer in answers)
            records = [_records(row["name"], answer, translator) for row, answer in zip(rows, answers, strict=True)]
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


def _records(query: str, answer: Answer, translator: Translator) -> list[dict[str, Any]]:
    shared = {
        "query": query, "n_invalid": answer.n_invalid, "model": translator.name, "reason": answer.reason,
        "note": answer.note,
    }  # fmt: skip
    ranked = enumerate(answer.structures or [(None, None)], start=1)
    return [{**shared, "rank": rank, "smiles": smiles, "log_prob": log_prob} for rank, (smiles, log_prob) in ranked]
