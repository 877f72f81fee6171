"""Joining several files into one library, in the format that loads fastest."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from spectus import tables
from spectus.errors import InputError
from spectus.library.parquet import MODEL_SHA256, PREDICTED_BY, predicted_by, predicted_with
from spectus.library.peaks import heaviest_peaks
from spectus.library.records import read_spectra, reason_counts, unique_names
from spectus.library.splits import assign_folds, assign_split, laboratories
from spectus.library.structure_fields import count_below_peaks
from spectus.structures import quiet_rdkit
from spectus.tables import SPECTRA

Completion = Callable[[pa.Table], pa.Table]
"""Fills columns of a table of schema SPECTRA."""

Reasons = Callable[[pa.Table], Sequence[str | None]]
"""Tells why each record of a table of schema SPECTRA is left out, (n_records,); None where it stays."""

_LOG = logging.getLogger("spectus")
_SPLIT = pa.field("split", pa.string(), metadata={"about": "'train' or 'valid', by compound"})
_LABORATORY = pa.field("laboratory", pa.string(), metadata={"about": "who measured the spectrum, as far as it is told"})
_FOLD = pa.field("fold", pa.int32(), metadata={"about": "models of this fold leave the laboratory out; 0: none does"})


@dataclass(frozen=True)
class BuildSettings:
    """What a library gets besides its records.

    Attributes
    ----------
    valid_share : float
        Add the column `split`, `valid` for about this share of the compounds and `train` for the others. All records of
        a compound are in one split, the same in every library; the column is null for records without a structure.
        0: no column.
    folds : int
        Add the column `fold`, which deals the laboratories to so many folds (`splits.assign_folds`). 0: no column.
    """

    valid_share: float = 0.0
    folds: int = 0


def build_library(
    sources: Sequence[Path], out: Path, settings: BuildSettings | None = None, complete: Completion | None = None,
    left_out: Reasons | None = None,
) -> None:  # fmt: skip
    """Write the records of all files, in order, as one Parquet library, and print what it holds.

    The library has schema SPECTRA and, if its spectra were measured, the column `laboratory` (`splits.laboratories`).
    Records that cannot be used keep their row with the reason. Names are made unique over all files. Libraries of
    predicted spectra can be joined too, but not with measured ones: a hit must tell which it is.

    Parameters
    ----------
    sources
        Files that `records.read_spectra` reads.
    out
        The Parquet file.
    settings
        Further columns; None: none.
    complete
        Fills the columns `derivative`, `smiles_measured` and `excluded` of measured records, such as
        `molecules.measured_form.with_measured_forms`. None: they stay null, and a search fills them for its hits.
    left_out
        Tells which records are left out; None: none is.

    Raises
    ------
    InputError
        The share is not from 0 to below 1, a file cannot be read, none holds a usable record, or the folds cannot be
        made. Nothing is written then.
    """
    settings = settings or BuildSettings()
    if not 0 <= settings.valid_share < 1:
        raise InputError(
            f"--valid {settings.valid_share}", "is no share of the compounds", "give a number from 0 to below 1"
        )
    made_by = {path: predicted_by(path) for path in sources}
    if None in made_by.values() and any(made_by.values()):
        predicted = next(path for path, model in made_by.items() if model)
        raise InputError(
            predicted, "holds predicted spectra, another library measured ones", "keep them in libraries of their own"
        )
    parts, names = _read(sources, left_out)
    if complete is None:
        _tell_derivatives(sources, parts)
    else:
        parts = [part if made_by[path] else complete(part) for path, part in zip(sources, parts, strict=True)]
        _tell_forms(sources, parts)
    spectra = pa.concat_tables(parts)
    n_unusable = len(spectra) - spectra["reason"].null_count
    why = f" ({reason_counts(spectra)})" if n_unusable else ""
    if n_unusable == len(spectra):
        raise InputError(
            ", ".join(map(str, sources)),
            f"no usable record among {len(spectra):,}{why}",
            "give at least one library with spectra",
        )
    numbered = spectra.set_column(0, SPECTRA.field("entry"), pa.array(range(len(spectra)), pa.int32()))
    named = numbered.set_column(
        1, SPECTRA.field("name"), pa.array(unique_names(spectra["name"].to_pylist()), pa.string())
    )
    counts = " ".join(f"{path.name}:{len(part)}" for path, part in zip(sources, parts, strict=True))
    models = " ".join(sorted({model for model in made_by.values() if model}))
    extra = {"sources": counts, "n_unusable": str(n_unusable)} | ({PREDICTED_BY: models} if models else {})
    sums = {predicted_with(path) for path in sources}
    if models and len(sums) == 1 and (of_all := sums.pop()):
        extra[MODEL_SHA256] = of_all
    further = {} if models else {_LABORATORY: names}
    if settings.valid_share:
        further[_SPLIT] = assign_split(named["smiles"], settings.valid_share)
    if settings.folds:
        further[_FOLD] = pa.array(assign_folds(names.to_pylist(), settings.folds), pa.int32())
        _print_folds(names, further[_FOLD])
    for field, column in further.items():
        named = named.append_column(field, column)
    tables.write(named, out, pa.schema([*SPECTRA, *further]), extra)
    files = "1 file" if len(parts) == 1 else f"{len(parts)} files"
    print(f"{out}: {len(spectra):,} records of {files}, {n_unusable:,} not usable{why}")


def _read(sources: Sequence[Path], left_out: Reasons | None) -> tuple[list[pa.Table], pa.Array]:
    """Return the records of each file, without those that are left out, and the laboratories of all of them."""
    parts, names, counted = list[pa.Table](), list[str | None](), Counter[str]()
    for path in sources:
        spectra = read_spectra(path)
        of_file = laboratories(path, spectra)
        if left_out is not None:
            reasons = left_out(spectra)
            counted.update(reason for reason in reasons if reason)
            kept = pa.array([reason is None for reason in reasons], pa.bool_())
            spectra, of_file = spectra.filter(kept), of_file.filter(kept)
        parts.append(spectra)
        names += of_file.to_pylist()
    for reason, n in sorted(counted.items()):
        _LOG.info("%s records are left out: %s", f"{n:,}", reason)
    return parts, pa.array(names, pa.string())


def _print_folds(names: pa.Array, folds: pa.Array) -> None:
    """Print the laboratories of each fold with their numbers of records."""
    counted = Counter(zip(folds.to_pylist(), names.to_pylist(), strict=True))
    for fold in sorted({fold for fold, _ in counted}):
        told = sorted(((name, n) for (of, name), n in counted.items() if of == fold), key=lambda item: -item[1])
        print(f"fold {fold}: " + ", ".join(f"{name} {n:,}" for name, n in told))


def _tell_derivatives(sources: Sequence[Path], parts: Sequence[pa.Table]) -> None:
    """Log how many records of each file have peaks above the mass of their structure."""
    for path, spectra in zip(sources, parts, strict=True):
        with quiet_rdkit():
            n = count_below_peaks(spectra["smiles"].to_pylist(), heaviest_peaks(spectra["mz"], spectra["intensity"]))
        if n:
            _LOG.warning(
                "%s: %s of %s records have peaks above the mass of their structure, as spectra of derivatives do",
                path, f"{n:,}", f"{len(spectra):,}",
            )  # fmt: skip


def _tell_forms(sources: Sequence[Path], parts: Sequence[pa.Table]) -> None:
    """Log how many records of each file are of a derivative of their structure, and how many contradict it."""
    for path, spectra in zip(sources, parts, strict=True):
        n_derivatives, n_excluded = (len(spectra) - spectra[name].null_count for name in ("derivative", "excluded"))
        if n_derivatives:
            _LOG.warning(
                "%s: %s of %s records are of derivatives of their structure; see the column derivative",
                path, f"{n_derivatives:,}", f"{len(spectra):,}",
            )  # fmt: skip
        if n_excluded:
            _LOG.warning(
                "%s: the spectra of %s of %s records exclude their structure; see the column excluded",
                path, f"{n_excluded:,}", f"{len(spectra):,}",
            )  # fmt: skip
