"""The Python interface: the stages as functions on files, arrays or data frames. Every table is a pandas DataFrame.

>>> from spectus import api
>>> components = api.deconvolve("run.D")
>>> hits = api.search(components, ["library.msp"])
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from spectus import tables
from spectus.denovo.editing.settings import DEFAULT_EFFORT
from spectus.denovo.settings import DenovoSettings
from spectus.errors import InputError
from spectus.identify.settings import IdentifySettings, SearchSettings
from spectus.raw.read import read_run as _read_run
from spectus.raw.run import Run

__all__ = ["deconvolve", "denovo", "identify", "predict", "quantify", "read_run", "search"]

Spectra = str | Path | pd.DataFrame | tuple[ArrayLike, ArrayLike]
"""Spectra: a file, a data frame with the columns mz and intensity, or one spectrum as a pair of arrays."""


def read_run(path: str | Path) -> Run:
    """Read a raw run of any supported format.

    Parameters
    ----------
    path
        File or folder.

    Returns
    -------
    Run
        Scan times (s), m/z and intensities (counts).

    Raises
    ------
    InputError
        The run cannot be read.
    """
    return _read_run(Path(path))


def deconvolve(run: Run | str | Path, **settings: Any) -> pd.DataFrame:
    """Deconvolve a run to components.

    Parameters
    ----------
    run
        A run, or the file or folder of one.
    settings
        Fields of `spectus.deconvolution.settings.DeconvolutionSettings`, for example `min_snr=6`.

    Returns
    -------
    pandas.DataFrame
        The table COMPONENTS: one row for each component, with its spectrum and elution profile.
    """
    from spectus.deconvolution.deconvolve import deconvolve as deconvolve_run
    from spectus.deconvolution.settings import DeconvolutionSettings

    name = "run" if isinstance(run, Run) else Path(run).stem
    found = deconvolve_run(run if isinstance(run, Run) else read_run(run), name, DeconvolutionSettings(**settings))
    frame: pd.DataFrame = found.to_pandas()
    return frame


def predict(smiles: Sequence[str], model: str | Path = "neims", energy_ev: float = 70.0) -> pd.DataFrame:
    """Predict the EI spectra of molecules.

    Parameters
    ----------
    smiles
        Structures.
    model
        `neims`, `rassp`, `neims+rassp`, or the folder of a prediction model.
    energy_ev
        Energy of the electrons, eV.

    Returns
    -------
    pandas.DataFrame
        Columns smiles, mz (Th), intensity (base peak 1), and reason: why a molecule cannot be predicted.
    """
    from spectus.prediction.registry import load_prediction_model

    spectra, reasons = load_prediction_model(str(model)).predict(list(smiles), energy_ev)
    peaks = [np.flatnonzero(spectrum) for spectrum in spectra]
    columns = {
        "smiles": list(smiles),
        "mz": [mass.astype(np.float64) for mass in peaks],
        "intensity": [spectrum[mass] for spectrum, mass in zip(spectra, peaks, strict=True)],
        "reason": reasons,
    }
    return pd.DataFrame(columns)


def search(
    queries: Spectra, libraries: Sequence[str | Path], *, reranker: str | Path | None = None,
    exclude: Sequence[str | Path] = (), **settings: Any,
) -> pd.DataFrame:  # fmt: skip
    """Search spectra in spectral libraries.

    Parameters
    ----------
    queries
        The spectra.
    libraries
        Library files.
    reranker
        `open` or the folder of a reranker, for the hits of predicted libraries.
    exclude
        Files that name compounds to leave out of the libraries.
    settings
        Fields of `SearchSettings`, for example `top=3`.

    Returns
    -------
    pandas.DataFrame
        The table LIBRARY_HITS.
    """
    from spectus.identify.search import search_libraries

    def run(path: Path, out: Path) -> None:
        chosen = SearchSettings(**settings)
        search_libraries(path, list(map(Path, libraries)), out, chosen, reranker, list(map(Path, exclude)))

    return _run_stage(queries, run, tables.LIBRARY_HITS)


def denovo(
    queries: Spectra, model: str | Path = "spectus-open", *, hits: Sequence[str | Path] = (),
    libraries: Sequence[str | Path] = (), exclude: Sequence[str | Path] = (), effort: str | None = DEFAULT_EFFORT,
    **settings: Any,
) -> pd.DataFrame:  # fmt: skip
    """Propose structures for spectra: those that the model writes, and edited structures of library hits.

    Parameters
    ----------
    queries
        The spectra.
    model
        Folder of a model, its name on the Hugging Face hub, or `spectus-open`.
    hits
        Tables of library hits that exist already, whose structures are edited.
    libraries
        Libraries to search for structures to edit, those of predicted spectra above all.
    exclude
        Files that name compounds to leave out of the hits.
    effort
        How far structures are edited: `low`, `normal` or `high`; None: not at all. Without hits and libraries, only
        `high` edits, and the model's own structures.
    settings
        Fields of `DenovoSettings`, for example `beams=40` or `formula="C8H10N4O2"`, and of `EditingSettings`, for
        example `substructure="c1ccccc1"`; `reranker`: `open`, a folder, or None, what scores edited structures.

    Returns
    -------
    pandas.DataFrame
        The table DENOVO_CANDIDATES.
    """
    from spectus.denovo.editing.settings import EditingSettings
    from spectus.identify.elucidation import EditingSources, elucidate_with_editing

    reranker = settings.pop("reranker", "open")
    own = {name: settings.pop(name) for name in set(settings) & {field.name for field in fields(EditingSettings)}}
    sources = None
    if effort is not None:
        sources = EditingSources(
            tuple(map(Path, hits)), tuple(map(Path, libraries)), tuple(map(Path, exclude)),
            None if reranker is None else str(reranker), EditingSettings.of_effort(effort, **own),
        )  # fmt: skip

    def run(path: Path, out: Path) -> None:
        elucidate_with_editing(path, str(model), out, DenovoSettings(**settings), sources)

    return _run_stage(queries, run, tables.DENOVO_CANDIDATES)


def identify(
    queries: Spectra, libraries: Sequence[str | Path] = ("named", "derivatized"), *,
    model: str | Path | None = "spectus-open", reranker: str | Path | None = "open",
    exclude: Sequence[str | Path] = (), **settings: Any,
) -> pd.DataFrame:  # fmt: skip
    """Collect the candidates of all sources for spectra and rank them.

    Parameters
    ----------
    queries
        The spectra.
    libraries
        Library files, measured or predicted; `named` and `derivatized` for the predicted ones that ship.
    model
        De novo model; None takes no de novo candidates.
    reranker
        `open` or the folder of a reranker; None: none.
    exclude
        Files that name compounds to leave out of the libraries.
    settings
        Fields of `IdentifySettings`, for example `top=5`.

    Returns
    -------
    pandas.DataFrame
        The table CANDIDATES.
    """
    from spectus.identify.candidates import identify_queries
    from spectus.identify.sources import Sources, collect_sources
    from spectus.prediction.library import named_library

    sources = Sources(
        libraries=tuple(map(named_library, libraries)), exclude=tuple(map(Path, exclude)),
        denovo=None if model is None else (), model=str(model),
        reranker=None if reranker is None else str(reranker),
    )  # fmt: skip

    def run(path: Path, out: Path) -> None:
        with collect_sources(path, sources, out.parent) as (hits, proposed):
            identify_queries(path, hits, proposed, out, IdentifySettings(**settings), reranker)

    return _run_stage(queries, run, tables.CANDIDATES)


def quantify(
    features: str | Path | pd.DataFrame, peak_areas: str | Path | pd.DataFrame, samples: str | Path | pd.DataFrame, *,
    runs: Sequence[str | Path] = (), compounds: str | Path | pd.DataFrame | None = None,
    hits: Sequence[str | Path] = (), **settings: Any,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Calculate amounts, compare features with blanks, and check runs and features by QC samples.

    Parameters
    ----------
    features, peak_areas
        Tables of the stage align: files or data frames.
    samples
        Sample sheet: a file, or a data frame with the columns run, path and type, and for amounts the column amount.
    runs
        Tables of runs, which name the mzML files. Without them there are no amounts.
    compounds
        Table of compounds: a file, or a data frame with the column name and any of feature, rt_s, rt_min, quantifier,
        qualifiers and internal_standard. None: the features that follow the calibrators.
    hits
        Tables of library hits or candidates, by which compounds and the standard are found by name.
    settings
        Fields of `spectus.quantitation.settings.QuantifySettings`, for example `internal_standard="390.5"`, and
        `chunk_runs`: neighbors in the sheet that share blanks if it has no batches.

    Returns
    -------
    dict of str to pandas.DataFrame
        The tables AMOUNTS, CALIBRATION_CURVES, CALIBRATION_POINTS, BLANK_VERDICTS, CORRECTED_AREAS, QC_RUNS and
        QC_FEATURES by their names in lower case.
    """
    from spectus.quantitation.quantify import TABLES, QuantifyInputs, quantify_campaign
    from spectus.quantitation.settings import QuantifySettings

    with tempfile.TemporaryDirectory(prefix="spectus.") as name:
        folder = Path(name)
        inputs = QuantifyInputs(
            _table_file(features, folder / "features.parquet", tables.FEATURES),
            _table_file(peak_areas, folder / "peak_areas.parquet", tables.PEAK_AREAS),
            _sheet_file(samples, folder / "samples.tsv"), tuple(map(Path, runs)),
            None if compounds is None else _sheet_file(compounds, folder / "compounds.tsv"), tuple(map(Path, hits)),
            settings.pop("chunk_runs", QuantifyInputs.chunk_runs),
        )  # fmt: skip
        quantify_campaign(inputs, QuantifySettings(**settings), folder / "amounts.parquet")
        schemas = {"amounts": tables.AMOUNTS, **TABLES}
        return {key: tables.read(folder / f"{key}.parquet", schema).to_pandas() for key, schema in schemas.items()}


def _table_file(table: str | Path | pd.DataFrame, path: Path, schema: pa.Schema) -> Path:
    """Write a data frame as a table of a schema, or give the file that was named."""
    if isinstance(table, str | Path):
        return Path(table)
    rows = table[[name for name in schema.names if name in table.columns]]
    if missing := [field.name for field in schema if not field.nullable and field.name not in rows.columns]:
        raise InputError("data frame", f"lacks the columns {', '.join(missing)}", "give the table of the stage align")
    found = pa.Table.from_pandas(rows, preserve_index=False)
    columns = {name: found[name].cast(schema.field(name).type) for name in found.column_names}
    tables.write(tables.table(schema, columns), path, schema)
    return path


def _sheet_file(table: str | Path | pd.DataFrame, path: Path) -> Path:
    """Write a data frame as a sheet, or give the file that was named."""
    if isinstance(table, str | Path):
        return Path(table)
    table.to_csv(path, sep="\t", index=False)
    return path


def _run_stage(queries: Spectra, run: Callable[[Path, Path], None], schema: pa.Schema) -> pd.DataFrame:
    """Run a stage on spectra of any form and read its table."""
    with tempfile.TemporaryDirectory(prefix="spectus.") as folder:
        path, out = Path(folder) / "queries.parquet", Path(folder) / "table.parquet"
        if isinstance(queries, str | Path):
            path = Path(queries)
        else:
            tables.write(_spectra_table(queries), path, tables.SPECTRA)
        run(path, out)
        frame: pd.DataFrame = tables.read(out, schema).to_pandas()
        return frame


def _spectra_table(queries: pd.DataFrame | tuple[ArrayLike, ArrayLike]) -> pa.Table:
    """Bring spectra into the schema SPECTRA: ascending m/z, base peak 1, a name for each."""
    if not isinstance(queries, pd.DataFrame):
        queries = pd.DataFrame({"mz": [np.asarray(queries[0])], "intensity": [np.asarray(queries[1])]})
    if missing := {"mz", "intensity"} - set(queries.columns):
        raise InputError("data frame", f"lacks the columns {', '.join(sorted(missing))}", "name them mz and intensity")
    rows = [_spectrum_row(at, row) for at, row in enumerate(queries.to_dict("records"))]
    return tables.table(tables.SPECTRA, rows)


def _spectrum_row(entry: int, row: Mapping[Any, Any]) -> dict[str, Any]:
    """One row of SPECTRA; the name is that of the first column that can hold one."""
    mz, intensity = np.asarray(row["mz"], float), np.asarray(row["intensity"], float)
    order, largest = np.argsort(mz, kind="stable"), intensity.max(initial=0.0)
    kept = order[intensity[order] > 0]
    name = next(
        (str(row[key]) for key in ("name", "query", "feature", "component") if key in row), f"query {entry + 1}"
    )
    known = {
        key: row[key]
        for key in ("smiles", "inchikey", "formula", "ri", "ri_scale")
        if isinstance(row.get(key), str) or (isinstance(row.get(key), float) and np.isfinite(row[key]))
    }
    reason = None if len(kept) else "no peaks"
    return known | {
        "entry": entry, "name": name, "mz": mz[kept], "intensity": intensity[kept] / (largest or 1.0),
        "reason": reason,
    }  # fmt: skip
