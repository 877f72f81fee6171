"""The plan of a campaign: how runs, libraries and the model become jobs and their input.

Snakemake imports this at the start of every job, so nothing heavy is imported here.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spectus.errors import InputError
from spectus.samples import Sample

_MODEL_SUFFIXES = {".bin", ".json", ".model", ".safetensors", ".txt"}


def batches(samples: Sequence[Sample], size: int) -> dict[str, list[Sample]]:
    """The runs in sheet order, `size` to a job, by the name of the batch.

    A run added at the end of the sheet changes only the last batch.
    """
    starts = range(0, len(samples), size)
    return {f"{number:04d}": list(samples[start : start + size]) for number, start in enumerate(starts, 1)}


def parts(n_runs: int, features_per_run: float, spectra: int) -> list[str]:
    """Names "I-of-N" of the translation jobs, each with about `spectra` features.

    The features are counted only when the jobs before have run; planning in two steps (a checkpoint) would stop
    the whole campaign there, so their number is taken from the number of runs.
    """
    return numbered(max(1, math.ceil(n_runs * features_per_run / spectra)))


def libraries(paths: Sequence[str]) -> dict[str, str]:
    """The libraries by name, which is the file's name without its suffix.

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


def shipped(path: str, root: Path) -> str:
    """`path`, or the file of that name that ships in `root` where the working directory has none."""
    return str(root / path) if not Path(path).exists() and (root / path).exists() else path


def model_files(model: str) -> list[str]:
    """The files that make up a model in a folder; none for a model named as on the hub, OWNER/NAME.

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


BUILT = "built"
"""In place of a path: the list of molecules that the rule `molecule_list` builds."""


def molecule_files(path: str | None, root: Path) -> list[str]:
    """The list of molecules to predict, in the working directory or as it ships in `root`; none if there is none, or if
    it is to be built.

    Raises
    ------
    InputError: it is missing.
    """
    found = shipped(path, root) if path and path != BUILT else None
    if found and not Path(found).is_file():
        remedy = f"correct the path, or write null for none or {BUILT} for the list of the section molecules"
        raise InputError(f"forward.molecules: {path}", "no such file", remedy)
    return [found] if found else []


def named_file(key: str, path: str | None) -> list[str]:
    """The file that a key of the configuration names, if it names one.

    Raises
    ------
    InputError: it is missing.
    """
    if path and not Path(path).is_file():
        raise InputError(f"{key}: {path}", "no such file", "correct the path, or write null for none")
    return [path] if path else []


def numbered(total: int) -> list[str]:
    """Names "I-of-N" of jobs that share one piece of work."""
    return [f"{number}-of-{total}" for number in range(1, total + 1)]


def ground_truth_files(path: str | None) -> list[str]:
    """The table of what was simulated, if there is one.

    Raises
    ------
    InputError: it is missing.
    """
    if path and not Path(path).is_file():
        raise InputError(
            f"report.ground_truth: {path}", "no such file", "correct the path, or write null for real runs"
        )
    return [path] if path else []


def training_files(settings: Mapping[str, Any], forward: str, root: Path) -> dict[str, list[str]]:
    """The files of a training by name, in the working directory or as they ship in `root`; none where null is written,
    or for a list of molecules that is to be built.

    Snakemake does not tell a workflow what it was asked for. So a campaign that trains nothing gets, in place of the
    library, a name that no file has: Snakemake prints it where a training is asked for all the same.

    Parameters
    ----------
    settings: the section `train` of the configuration.
    forward: folder of the forward model that serves unless one is trained.

    Raises
    ------
    InputError: a file is missing, or there is a library but no list of molecules.
    """
    names = ("library", "molecules", "held_out", "settings", "forward_settings", "rassp_settings")
    if settings["library"] is None:
        nothing = "train.library: null (name the spectra to train on in the configuration)"
        return {name: [] for name in (*names, "forward")} | {"library": [nothing]}
    if settings["molecules"] is None:
        raise InputError("train.molecules: null", "leaves nothing to pretrain on", "name a list in the configuration")
    found: dict[str, list[str]] = {"forward": model_files(forward)}
    for name in names:
        path = shipped(settings[name], root) if settings[name] not in (None, BUILT) else None
        if path and not Path(path).is_file():
            raise InputError(f"train.{name}: {path}", "no such file", "correct the path in the configuration")
        found[name] = [path] if path else []
    return found


def options(**values: str | Sequence[str] | None) -> list[str]:
    """Options of a command for those of the values that are there: `held_out=["a"]` gives `--held-out a`."""
    found: list[str] = []
    for name, value in values.items():
        paths = [value] if isinstance(value, str) else list(value or ())
        found += [f"--{name.replace('_', '-')}", *paths] if any(paths) else []
    return found


def raw_files(samples: Sequence[Sample], mzml: Path) -> list[str]:
    """What Snakemake watches for changes: the file of each run, or the one inside its folder that holds the scans.

    A run that is missing and was never converted is left out. One that was converted (its mzML is in the folder
    `mzml`) is named even if it is gone: Snakemake then keeps what was made of it.
    """
    return [str(_watched(s.path)) for s in samples if s.path.exists() or _converted(s, mzml)]


def check_runs(jobs: Mapping[str, Sequence[Sample]], results: Path, sheet: str, on_bad_run: str) -> None:
    """Check that the raw runs are there, but for those that were converted before.

    Parameters
    ----------
    jobs: the batches.
    results: folder with `mzml/<batch>/` and `runs/<batch>.parquet` of what was converted.

    Raises
    ------
    InputError: with on_bad_run 'fail', a run is missing; in any case, a batch that got new runs cannot be converted
        again because the raw file of an old one is gone.
    """
    gone = {name: [s for s in samples if not s.path.exists()] for name, samples in jobs.items()}
    lost = [s for name, samples in gone.items() for s in samples if not _converted(s, results / "mzml" / name)]
    if lost and on_bad_run == "fail":
        more = f" (and {len(lost) - 1} runs more)" if len(lost) > 1 else ""
        problem, remedy = f"no such file {lost[0].path}{more}", "correct the path, or set on_bad_run: skip"
        raise InputError(f"{sheet}, run {lost[0].run!r}", problem, remedy)
    for name, samples in gone.items():
        archived = [s.run for s in samples if _converted(s, results / "mzml" / name)]
        if archived and (new := _not_in(results / "runs" / f"{name}.parquet", jobs[name])):
            problem = f"its batch must be converted again, but the raw file of run {archived[0]!r} is gone"
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
