"""The plan of a campaign: how runs, libraries and the model become jobs and their input.

Snakemake imports this at the start of every job, so nothing heavy is imported here.
"""

import hashlib
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from spectus.errors import InputError
from spectus.files import resource
from spectus.samples import Sample, number_in

SHIPPED_SUSPECT_LISTS = ("priority_pollutants",)
"""Names in `molecules.suspects.SHIPPED_SUSPECTS`; planning does not import it, because it needs RDKit."""

_SHIPPED_PREDICTION_MODELS = ("neims", "rassp")
"""Models in the folders models/NAME-open of the resources."""

_MODEL_SUFFIXES = {".bin", ".json", ".model", ".safetensors", ".txt"}


_CHUNKS_OF_A_SIZE = 4
"""Chunks of runs before the size doubles. Chosen: a small campaign then has a job for each of four cores."""
_LARGEST_CHUNK = 8
"""Size of the largest chunks, times that of the first ones. Chosen: 80 runs of 5 to 10 s make a job of 7 to 13 minutes,
and 1,000 runs make 21 chunks."""
_GROWTH_OF_FEATURES = 0.75
"""Exponent by which the features of a campaign grow with its runs, since runs share compounds. Measured on casework
with `spectus align`: 0.67 to 0.75 from 1 to 15 runs. The example, 4 simulated runs, has 59; 57 are estimated."""


def chunks(samples: Sequence[Sample], size: int) -> dict[str, list[Sample]]:
    """Split the runs into chunks, in sheet order.

    The first four chunks have `size` runs, the next four twice as many, and so on up to eight times as many: a small
    campaign uses all cores, and a large one has few jobs. A run added at the end of the sheet changes only the last
    chunk.

    Parameters
    ----------
    samples
        The runs.
    size
        Runs of each of the first chunks.

    Returns
    -------
    dict of str to list of Sample
        The runs of each chunk by its name.
    """
    found: dict[str, list[Sample]] = {}
    start = 0
    while start < len(samples):
        end = start + size * min(_LARGEST_CHUNK, 2 ** (len(found) // _CHUNKS_OF_A_SIZE))
        found[f"{len(found) + 1:04d}"] = list(samples[start:end])
        start = end
    return found


def denovo_chunks(n_runs: int, settings: Mapping[str, Any]) -> int:
    """Plan the number of denovo jobs.

    The features are counted only when the jobs before have run. Planning in two steps (a checkpoint) would stop the
    whole campaign there, so the number of features is estimated from the number of runs.

    Parameters
    ----------
    n_runs
        Runs of the campaign.
    settings
        The section `chunks` of the configuration.

    Returns
    -------
    int
        Number of jobs, at least 1.
    """
    features = float(settings["features_per_run"]) * math.pow(n_runs, _GROWTH_OF_FEATURES)
    return max(1, math.ceil(features / int(settings["spectra"])))


def libraries(paths: Sequence[str]) -> dict[str, str]:
    """Name the libraries by their files, without suffix.

    Raises
    ------
    InputError: a library is missing, or two have one name.
    """
    found: dict[str, str] = {}
    for path in paths:
        name = Path(path).stem
        if not Path(path).is_file():
            raise InputError(f"libraries: {path}", "no such file", "correct the path in the configuration")
        if name in found:
            raise InputError(f"libraries: {path}", f"has the same name as {found[name]}", "rename one of them")
        found[name] = path
    return found


def shipped(path: str | None, root: Path) -> str | None:
    """Give `path`, or the file of that name that ships in `root` if the working directory has none."""
    return str(root / path) if path and not Path(path).exists() and (root / path).exists() else path


def prediction_model_files(spec: str) -> list[str]:
    """List the files of a prediction model, which Snakemake watches for changes.

    Parameters
    ----------
    spec
        A folder, or names of shipped models with + between them.

    Raises
    ------
    InputError
        No such model.
    """
    if Path(spec).exists():
        return model_files(spec)
    names = spec.split("+")
    if unknown := [name for name in names if name not in _SHIPPED_PREDICTION_MODELS]:
        known = ", ".join(_SHIPPED_PREDICTION_MODELS)
        raise InputError(f"predict.model: {unknown[0]}", "no such folder or model", f"name a folder, or one of {known}")
    return [file for name in names for file in model_files(_shipped_model(name))]


def _shipped_model(name: str) -> str:
    """Give the folder of a shipped model, by its relative path where there is one.

    A relative path stays the same in another checkout, so that Snakemake does not repeat what is done.
    """
    relative = Path("resources", "models", f"{name}-open")
    return str(relative if relative.is_dir() else resource(f"models/{name}-open"))


def suspect_files(suspects: Sequence[str]) -> list[str]:
    """List the suspect lists that are files, not names of lists that ship."""
    return [entry for entry in suspects if entry not in SHIPPED_SUSPECT_LISTS]


def suspect_options(suspects: Sequence[str], files: Sequence[str]) -> list[str]:
    """Return the words of the option `--suspects`: names of lists that ship, and files, or `none`."""
    names = [entry for entry in suspects if entry in SHIPPED_SUSPECT_LISTS]
    return ["--suspects", *names, *map(str, files)] if suspects else ["--suspects", "none"]


def reranker_files(spec: str | None) -> list[str]:
    """List the files of a reranker: `open` for the one that ships, or a folder; none for None.

    Raises
    ------
    InputError
        No such folder.
    """
    if spec is None:
        return []
    return model_files(_shipped_model("reranker") if spec == "open" else spec)


def editing_files(wanted: bool) -> list[str]:
    """List the tables of structure editing and the files of the prediction models that score it; none if unwanted."""
    if not wanted:
        return []
    folder = resource("models/editing-open")
    tables_of_edits = sorted(str(path) for path in folder.iterdir() if path.suffix in (".xz", ".npz"))
    return [*tables_of_edits, *model_files(_shipped_model("rassp")), *model_files(_shipped_model("neims"))]


def model_files(model: str) -> list[str]:
    """List the files of a model in a folder; none for a model named as on the hub, OWNER/NAME.

    Raises
    ------
    InputError: it is neither.
    """
    folder = Path(model)
    if (folder / "config.json").is_file():
        return sorted(str(path) for path in folder.iterdir() if path.suffix in _MODEL_SUFFIXES)
    if folder.exists():
        raise InputError(f"model: {model}", "holds no config.json", "name the folder of a model")
    if model.count("/") != 1 or model.startswith((".", "/")):
        raise InputError(
            f"model: {model}", "no such folder", "correct the path, or name a model on the hub, OWNER/NAME"
        )
    return []


def model_notes(model: str) -> list[str]:
    """Give one line for a model on the hub without a commit: a later run might get other files."""
    if Path(model).exists() or "@" in model or model.count("/") != 1:
        return []
    return [
        f"model: {model}: the newest revision is used; write {model}@COMMIT, so that a later run uses the same files"
    ]


BUILT = "built"
"""In place of a path: the list of molecules that the rule `molecule_list` builds."""


def molecule_files(path: str | None, root: Path) -> list[str]:
    """Give the list of molecules to predict, in the working directory or as it ships in `root`.

    There is none if the configuration names none, or if the list is to be built.

    Raises
    ------
    InputError: it is missing.
    """
    found = shipped(path, root) if path and path != BUILT else None
    if found and not Path(found).is_file():
        remedy = f"correct the path, or write null for none or {BUILT} for the list of the section molecules"
        raise InputError(f"predict.molecules: {path}", "no such file", remedy)
    return [found] if found else []


NAMED_LIBRARY, DERIVATIZED_LIBRARY = "resources/libraries/named.parquet", "resources/libraries/derivatized.parquet"
"""The libraries of predicted spectra that ship: of compounds, and of their derivatives."""

_NAMED_LIST = {"sources": ["chemicals"], "partial": False, "max_mass": 500, "exclude": [], "sample": 0}
_SHIPPED_DERIVATIVES = ["meox", "tms"]
_NAMED_MODEL = "rassp"
"""What these libraries were made with."""


def shipped_predictions(settings: Mapping[str, Any], root: Path) -> list[str]:
    """Give the libraries of predicted spectra that ship, where predicting would make the same.

    Parameters
    ----------
    settings
        The configuration.
    root
        The repository.

    Returns
    -------
    list of str
        One file, or two with derivatives; none where the settings ask for another list or model, or for none.
    """
    molecules = settings["molecules"]
    if (
        settings["predict"]["molecules"] != BUILT
        or settings["predict"]["model"] != _NAMED_MODEL
        or any(molecules[key] != value for key, value in _NAMED_LIST.items())
        or molecules["derivatives"] not in ([], _SHIPPED_DERIVATIVES)
    ):
        return []
    wanted = [NAMED_LIBRARY, *([DERIVATIZED_LIBRARY] if molecules["derivatives"] else [])]
    found = [path for path in (shipped(name, root) for name in wanted) if path and Path(path).is_file()]
    return found if len(found) == len(wanted) else []


def named_file(key: str, path: str | None) -> list[str]:
    """Give the file that a key of the configuration names, if it names one.

    Raises
    ------
    InputError: it is missing.
    """
    if path and not Path(path).is_file():
        raise InputError(f"{key}: {path}", "no such file", "correct the path, or write null for none")
    return [path] if path else []


def named_compounds(settings: Mapping[str, Any], samples: Sequence[Sample]) -> bool:
    """Tell whether the quantitation finds compounds or the internal standard by name, and so needs library hits.

    Parameters
    ----------
    settings
        The section `quantify` of the configuration.
    samples
        The runs, whose column `internal_standard` may name the standard.
    """
    named = {cell for s in samples for name, cell in s.extra.items() if name.casefold() == "internal_standard"}
    standards = named if settings["internal_standard"] is None else {str(settings["internal_standard"])}
    return settings["compounds"] is not None or any(
        number_in(text) is None and not re.fullmatch(r"F\d+|none", text) for text in standards
    )


def ground_truth_files(path: str | None) -> list[str]:
    """Give the table of ground truth, if there is one.

    Raises
    ------
    InputError: it is missing.
    """
    if path and not Path(path).is_file():
        raise InputError(
            f"report.ground_truth: {path}", "no such file", "correct the path, or write null for real runs"
        )
    return [path] if path else []


def training_files(settings: Mapping[str, Any], prediction_model: str, root: Path) -> dict[str, list[str]]:
    """List the files of a training by name, in the working directory or as they ship in `root`.

    Parameters
    ----------
    settings
        The section `train` of the configuration, with a library.
    prediction_model
        The prediction model that is used unless one is trained.
    root
        The repository.

    Returns
    -------
    dict of str to list of str
        One file, or none where the configuration has null or a list of molecules is to be built; the key
        `prediction_model` has the files of that model.

    Raises
    ------
    InputError
        A file is missing, or there is no list of molecules.
    """
    if settings["molecules"] is None:
        raise InputError("train.molecules: null", "leaves nothing to pretrain on", "name a list in the configuration")
    found: dict[str, list[str]] = {"prediction_model": prediction_model_files(prediction_model)}
    for name in ("library", "molecules", "exclude", "settings", "neims_settings", "rassp_settings"):
        path = shipped(settings[name], root) if settings[name] not in (None, BUILT) else None
        if path and not Path(path).is_file():
            raise InputError(f"train.{name}: {path}", "no such file", "correct the path in the configuration")
        found[name] = [path] if path else []
    return found


def options(**values: str | Sequence[str] | None) -> list[str]:
    """Options of a command for those of the values that are there: `ground_truth=["a"]` gives `--ground-truth a`."""
    found: list[str] = []
    for name, value in values.items():
        paths = [value] if isinstance(value, str) else list(value or ())
        found += [f"--{name.replace('_', '-')}", *paths] if any(paths) else []
    return found


def gpu_choice(number: int, devices: Sequence[str]) -> str:
    """Return the words before a command that give it a GPU of its own on a machine with several.

    The job takes the first device whose lock is free, and the lock is held until the command ends. Without the command
    `flock`, the jobs take the devices in turn.

    Parameters
    ----------
    number
        Number of the job, from 1, at whose device it begins to look.
    devices
        Devices as CUDA_VISIBLE_DEVICES names them, at least two.
    """
    last = number - 1 + len(devices)
    return (
        f"gpus=({' '.join(devices)}); for place in $(seq {number - 1} {last}); do "
        f"gpu=$((place % {len(devices)})); exec 9>.snakemake/gpu_$gpu.lock; "
        "if flock --nonblock 9 2>/dev/null; then break; fi; done; "
        "CUDA_VISIBLE_DEVICES=${gpus[gpu]}"
    )


def quantify_values(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of the stage quantify as text, without the table of compounds and those that are null."""
    return {key: str(value) for key, value in settings.items() if key != "compounds" and value is not None}


PATH_KEYS = (
    "samples", "libraries", "model", "search.exclude", "molecules.exclude", "predict.molecules", "predict.model",
    "identify.reranker", "quantify.compounds", "report.curation", "report.ground_truth", "train.library",
    "train.molecules", "train.exclude", "train.settings", "train.neims_settings", "train.rassp_settings",
)  # fmt: skip
"""Keys of the configuration that name files: one, a list, or null."""


def check_paths(config: Mapping[str, Any]) -> None:
    """Check that Snakemake and the commands take the paths of a configuration as they are.

    Parameters
    ----------
    config
        The configuration, with every key.

    Raises
    ------
    InputError
        Snakemake would read a part of a path as a variable, or a command would read the path as an option.
    """
    for key in PATH_KEYS:
        section, _, name = key.partition(".")
        named = config[section][name] if name else config[section]
        for path in [named] if isinstance(named, str) else named or ():
            if path.startswith("-"):
                raise InputError(f"{key}: {path}", "begins with '-' as an option does", f"write ./{path}")
            if _NOT_FOR_SNAKEMAKE.search(path):
                problem = "Snakemake reads '{', '}' and '<name>' in a path as variables"
                raise InputError(f"{key}: {path}", problem, "rename the file or folder")


def own_files(paths: Sequence[str], root: Path) -> list[str]:
    """Choose the files that belong to the campaign, and not to the workflow in `root`.

    A file of the workflow is left out if it is named by its absolute path, which differs between two checkouts.
    `shipped_hashes` stands for it, so that another checkout with the same files repeats no job.
    """
    return [path for path in paths if not _is_shipped(path, root)]


def shipped_files(paths: Sequence[str], root: Path) -> list[str]:
    """Choose the files that `own_files` leaves out."""
    return [path for path in paths if _is_shipped(path, root)]


def shipped_hashes(paths: Sequence[str], root: Path) -> list[str]:
    """Give name and content of each file that ships with the workflow, as a value that Snakemake compares.

    Parameters
    ----------
    paths
        Files of a rule.
    root
        The repository.

    Returns
    -------
    list of str
        Path below the repository and SHA-256 of each file that `shipped_files` chooses.
    """
    return [f"{Path(path).relative_to(root)} {_sha256(path)}" for path in shipped_files(paths, root)]


def _is_shipped(path: str, root: Path) -> bool:
    places = (root / "resources", root / "config")
    return Path(path).is_absolute() and any(Path(path).is_relative_to(place) for place in places)


@cache
def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_NOT_FOR_SNAKEMAKE = re.compile(r"[{}]|<[a-z][a-z0-9_]*>")
"""What Snakemake replaces in the path of an input: wildcards in braces, and path variables such as <results>."""


def raw_files(samples: Sequence[Sample], mzml: Path) -> list[str]:
    """List what Snakemake watches for changes: the file of each run, or the one in its folder that holds the scans.

    A run that is missing and was never converted is left out. One that was converted (its mzML is in the folder
    `mzml`) is named even if it is gone: Snakemake then keeps what was made of it. A file that Snakemake cannot watch
    is left out too; `raw_stamps` stands for it.
    """
    near = [s for s in samples if not _is_remote(s.path)]
    paths = (_watched(s.path) for s in near if s.path.exists() or _converted(s, mzml))
    return [str(path) for path in paths if not _unwatchable(path)]


_REMOTE = re.compile(r"([a-z0-9]+):/+(?=.)")
"""Start of an address, whose two slashes `Path` makes one. No drive of Windows: its name has one letter."""


def remote_files(samples: Sequence[Sample]) -> list[str]:
    """List the raw runs that are addresses such as s3://bucket/run.mzML; Snakemake fetches them.

    Returns
    -------
    list of str
        The addresses, with two slashes.
    """
    return [_REMOTE.sub(r"\1://", str(sample.path), count=1) for sample in samples if _is_remote(sample.path)]


def _is_remote(path: Path) -> bool:
    match = _REMOTE.match(str(path))
    return match is not None and len(match[1]) > 1


def raw_places(samples: Sequence[Sample], inputs: Sequence[str]) -> list[str]:
    """Give the path of each raw run for the command that reads it.

    Parameters
    ----------
    samples
        The runs.
    inputs
        The inputs of the job. A fetched file has a path of its own that ends like its address.

    Returns
    -------
    list of str
        One path for each run.
    """
    addresses = {sample.run: remote_files([sample])[0] for sample in samples if _is_remote(sample.path)}
    ends = {run: address.partition("://")[2] for run, address in addresses.items()}
    fetched = {run: next((path for path in inputs if path.endswith(end)), end) for run, end in ends.items()}
    return [fetched.get(sample.run, str(sample.path)) for sample in samples]


def raw_stamps(samples: Sequence[Sample]) -> list[str]:
    """Give size and time of each raw file that Snakemake cannot watch, as a value that it compares.

    These are files whose path holds braces or a path variable, which Snakemake would replace, and files dated in the
    future: Snakemake refuses a job whose output is older than its input.

    Returns
    -------
    list of str
        One text for each such file: run, size in bytes, time of the last change in ns since 1970.
    """
    paths = {sample.run: _watched(sample.path) for sample in samples if sample.path.exists()}
    stats = {run: path.stat() for run, path in paths.items() if _unwatchable(path)}
    return [f"{run} {stat.st_size} {stat.st_mtime_ns}" for run, stat in stats.items()]


def _unwatchable(path: Path) -> bool:
    dated_ahead = path.exists() and path.stat().st_mtime > time.time()
    return dated_ahead or bool(_NOT_FOR_SNAKEMAKE.search(str(path)))


def damaged_chunks(jobs: Mapping[str, Sequence[Sample]], results: Path) -> list[str]:
    """Find the chunks that were converted and whose folder lacks an mzML file that their runs table names.

    Snakemake watches the folder of a chunk, not the files in it.

    Parameters
    ----------
    jobs
        The chunks.
    results
        Folder with `mzml/<chunk>/` and `runs/<chunk>.parquet`.

    Returns
    -------
    list of str
        The runs tables of these chunks. To make one anew makes its mzML files anew.
    """
    return [str(table) for table in _runs_tables(jobs, results) if _lacks_mzml(table, results / "mzml" / table.stem)]


def _runs_tables(jobs: Mapping[str, Sequence[Sample]], results: Path) -> Iterator[Path]:
    """Give the runs table of each chunk in whose folder a run of the sheet has no mzML; most often there is none."""
    for name, samples in jobs.items():
        table, folder = results / "runs" / f"{name}.parquet", results / "mzml" / name
        if table.exists():
            present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
            if not {f"{sample.run}.mzML" for sample in samples} <= present:
                yield table


def _lacks_mzml(table: Path, folder: Path) -> bool:
    from spectus import tables

    rows = tables.read(table, tables.RUNS, ["run", "status"]).to_pylist()
    return any(row["status"] == "ok" and not (folder / f"{row['run']}.mzML").exists() for row in rows)


def check_runs(jobs: Mapping[str, Sequence[Sample]], results: Path, sheet: str, on_bad_run: str) -> None:
    """Check that the raw runs are there, but for those that were converted before.

    Parameters
    ----------
    jobs: the chunks.
    results: folder with `mzml/<chunk>/` and `runs/<chunk>.parquet` of what was converted.

    Raises
    ------
    InputError: with on_bad_run 'fail', a run is missing; in any case, a chunk that got new runs cannot be converted
        again because the raw file of an old one is gone.
    """
    gone = {name: [s for s in samples if not (s.path.exists() or _is_remote(s.path))] for name, samples in jobs.items()}
    lost = [s for name, samples in gone.items() for s in samples if not _converted(s, results / "mzml" / name)]
    if lost and on_bad_run == "fail":
        more = f" (and {len(lost) - 1} runs more)" if len(lost) > 1 else ""
        problem, remedy = f"no such file {lost[0].path}{more}", "correct the path, or set on_bad_run: skip"
        raise InputError(f"{sheet}, run {lost[0].run!r}", problem, remedy)
    for name, samples in gone.items():
        archived = [s.run for s in samples if _converted(s, results / "mzml" / name)]
        if archived and (new := _not_in(results / "runs" / f"{name}.parquet", jobs[name])):
            problem = f"its chunk must be converted again, but the raw file of run {archived[0]!r} is gone"
            raise InputError(f"{sheet}, run {new[0]!r}", problem, "bring the raw file back")


def _converted(sample: Sample, mzml: Path) -> bool:
    return (mzml / f"{sample.run}.mzML").exists()


def _not_in(runs_table: Path, samples: Sequence[Sample]) -> list[str]:
    from spectus import tables

    known = set(tables.read(runs_table, tables.RUNS, ["run"])["run"].to_pylist()) if runs_table.exists() else set()
    return [sample.run for sample in samples if sample.run not in known]


def _watched(path: Path) -> Path:
    if not path.is_dir():
        return path
    from spectus.raw.read import raw_file

    try:
        return raw_file(path)
    except InputError:  # a folder that holds no run: `spectus convert` says so
        return path
