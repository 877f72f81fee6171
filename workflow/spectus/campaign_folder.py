"""A new campaign's folder: a sample sheet with types guessed from the names of the runs, and a configuration."""

import logging
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from spectus.errors import InputError
from spectus.files import replacing
from spectus.library.records import read_spectra
from spectus.raw.read import RUN_SUFFIXES, raw_file

SHEET, CONFIGURATION = Path("config/samples.tsv"), Path("config/config.yaml")
"""Files that a new campaign's folder gets."""

_LOG = logging.getLogger("spectus")
_SHIPPED_LIBRARY = "resources/libraries/PNNLMetV20191015.msp"
_REPOSITORY = Path(__file__).parents[2]
_CONFIGURATION = """\
# Configuration of the campaign. A key that is left out keeps its default.
# docs/reference/configuration.md explains every key.

samples: {samples}

# Libraries of measured spectra, such as NIST, MoNA, MassBank or your own: .msp, .msl, .mgf, .jdx, .sdf, .parquet
{libraries}
# The predicted spectra of 53,800 compounds with names and CAS numbers are searched too. They ship. null: none.
predict:
  molecules: built

{report}
# Remove the sign # from the lines that you need.
# quantify:                     # amounts, if the sample sheet has calibrators
#   internal_standard: 390.5    # its retention time in s, or a name among the library hits
#   unit: ug/L
# identify:                     # compounds of these lists are flagged
#   suspects: [priority_pollutants, config/suspects.csv]
# molecules:                    # silylated samples: predict derivatives too, which takes some minutes more
#   derivatives: [meox, tms]
# on_bad_run: skip              # go on without runs that cannot be read
"""
"""Text of a new configuration, with places for YAML."""

_TYPES = (
    ("pooled_qc", r"pool(ed)?[\s_-]*qc|qc[\s_-]*pool(ed)?|pqc|pool(ed)?"),
    ("ladder", r"ladder|alkanes?|fames?|n?c\d{1,2}[\s_-]+n?c\d{2}|ri[\s_-]*(std|standards?|mix)|ri"),
    ("blank", r"blanks?|blk|blind|solvents?|solv|mb|pb|lb"),
    ("calibrator", r"cal(ib(rator|ration)?)?s?|std|standards?|level|lvl"),
    ("qc", r"qc|ccv|check"),
)
"""Type of a run and the words in its name that say so, in the order in which they are tried. Chosen: names of public
campaigns; each word must be one by itself, with an optional number after it."""

_AMOUNT = re.compile(
    r"(?<![\d.])(\d+(?:[.p]\d+)?)[\s_-]*(?:ppm|ppb|ppt|(?:[munp]|µ)?g[\s_-]*(?:/|per|_)?[\s_-]*(?:ml|l|kg|g)|um|nm|mm)"
    r"(?![a-z])",
    re.IGNORECASE,
)
"""An amount with its unit in a name, such as 25ppm or 2p5ng_ml."""


@dataclass(frozen=True)
class NewRun:
    """A line of a new sample sheet.

    Attributes
    ----------
    name : str
        Name of the run.
    path : Path
        Raw file or folder.
    type : str
        Guessed type.
    amount : float or None
        Amount that the name of a calibrator or QC sample states.
    """

    name: str
    path: Path
    type: str
    amount: float | None


def make_campaign_folder(folder: Path, runs: Sequence[Path], libraries: Sequence[Path] = (), title: str = "") -> str:
    """Write the sample sheet and the configuration of a new campaign.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    runs : sequence of Path
        Raw runs, and folders that hold them at any depth.
    libraries : sequence of Path
        Spectral libraries; each is read to see whether it can be used. None: the library that ships.
    title : str
        Heading of the report; the name of the folder by default.

    Returns
    -------
    str
        A few lines for the user: what was found, what to check, and how to go on.

    Raises
    ------
    InputError
        The folder has a sheet or a configuration already, there is no run, or a path cannot be used.
    """
    for file in (SHEET, CONFIGURATION):
        if (folder / file).exists():
            raise InputError(folder / file, "exists already", "edit it, or give another folder")
    found = _with_names_of_their_own([new_run(path) for path in find_runs(runs)])
    records = {library: _usable_records(library) for library in libraries}
    _write_sheet(folder, found)
    _write_configuration(folder, libraries, title or folder.resolve().name)
    return "\n".join(_said(folder, found, records))


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """Return the runs among the paths and below them, each once, in the order of the paths and then of their names.

    Raises
    ------
    InputError
        A path does not exist, or is a folder without a run.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise InputError(path, "no such file or folder", "check the path")
        inside = list(_below(path)) if path.is_dir() and not _is_run(path) else [path]
        if not inside:
            raise InputError(path, "is a folder without a run", f"give runs with {', '.join(RUN_SUFFIXES)}")
        found |= dict.fromkeys(inside)
    return list(found)


def new_run(path: Path) -> NewRun:
    """Return the line of a run: its name without suffixes, and its type as the name says it.

    Parameters
    ----------
    path : Path
        Raw file or folder.
    """
    stem = _stem(path)
    kind = guessed_type(stem)
    amount = _AMOUNT.search(stem)
    if kind == "sample" and amount and re.match(r"(?i)\W*(cal|std)", stem):
        kind = "calibrator"
    known = float(amount[1].lower().replace("p", ".")) if amount and kind in ("calibrator", "qc") else None
    return NewRun(re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).lstrip(".-") or "run", path, kind, known)


def guessed_type(name: str) -> str:
    """Return the type of a run whose name has one of the words of _TYPES; "sample" otherwise."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # BlankWater: two words
    for kind, pattern in _TYPES:
        if re.search(rf"(?<![a-z])(?:{pattern})\d*(?![a-z])", words.lower()):
            return kind
    return "sample"


def _below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if _is_run(entry):
            yield entry
        elif entry.is_dir():
            yield from _below(entry)


def _is_run(path: Path) -> bool:
    if not path.name.lower().endswith(RUN_SUFFIXES):
        return path.is_dir() and any(entry.name.lower() == "data.ms" for entry in path.iterdir())
    try:
        return raw_file(path).exists()
    except InputError:
        return False


def _stem(path: Path) -> str:
    suffix = next((end for end in sorted(RUN_SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(end)), "")
    return path.name[: len(path.name) - len(suffix)] or path.name


def _with_names_of_their_own(runs: Sequence[NewRun]) -> list[NewRun]:
    """Return the runs; those whose name was taken get the folder's name before it, or else a number after it."""
    taken: set[str] = set()
    named = []
    for run in runs:
        name, number = run.name, 1
        if name in taken:
            name = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{run.path.resolve().parent.name}_{run.name}").lstrip(".-")
        while name in taken:
            number += 1
            name = f"{run.name}_{number}"
        taken.add(name)
        named.append(replace(run, name=name))
    return named


def _usable_records(library: Path) -> int:
    spectra = read_spectra(library)
    usable = int(spectra["reason"].null_count)
    if not usable:
        raise InputError(library, "has no record that can be used", "give a library with spectra, or leave it out")
    return usable


def _write_sheet(folder: Path, runs: Sequence[NewRun]) -> None:
    lines = ["run\tpath\ttype\tamount\tbatch"]
    for run in runs:
        amount = "" if run.amount is None else f"{run.amount:g}"
        lines.append(f"{run.name}\t{_from(folder, run.path)}\t{run.type}\t{amount}\t")
    with replacing(folder / SHEET) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _from(folder: Path, path: Path) -> str:
    """Return a path as it is written into the campaign: relative below the folder, absolute elsewhere."""
    absolute, home = (one.resolve() if ".." in one.parts else one.absolute() for one in (path, folder))
    return str(absolute.relative_to(home)) if absolute.is_relative_to(home) else str(absolute)


def _write_configuration(folder: Path, libraries: Sequence[Path], title: str) -> None:
    named = [_from(folder, library) for library in libraries] or [_SHIPPED_LIBRARY]
    text = _CONFIGURATION.format(
        samples=SHEET.as_posix(), libraries=_yaml({"libraries": named}), report=_yaml({"report": {"title": title}})
    )
    with replacing(folder / CONFIGURATION) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _yaml(settings: dict[str, object]) -> str:
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def _next_command(folder: Path) -> str:
    """Return the command that prints the plan of the campaign, as it works from where the user is."""
    snakefile = _REPOSITORY / "Snakefile"
    if not snakefile.is_file():  # the package was installed from a wheel
        return f"snakemake -s REPOSITORY/Snakefile --directory {shlex.quote(str(folder))} -n"
    named = "" if Path.cwd() == _REPOSITORY else f"-s {shlex.quote(str(snakefile))} "
    return f"snakemake {named}--directory {shlex.quote(str(folder))} -n"


def _said(folder: Path, runs: Sequence[NewRun], records: dict[Path, int]) -> Iterator[str]:
    counts = Counter(run.type for run in runs)
    listed = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in counts.most_common())
    yield f"{len(runs)} run{'' if len(runs) == 1 else 's'}: {listed}; the types are guessed from the names, check them"
    yield from (f"{library}: {usable:,} usable spectra" for library, usable in records.items())
    if not records:
        yield (
            "no library was given: the measured library that ships has 1,284 spectra of metabolites; add your own to "
            f"{folder / CONFIGURATION}"
        )
    if not counts["ladder"]:
        yield "no name says ladder: without a ladder run there are no retention indices"
    without = [run.name for run in runs if run.type == "calibrator" and run.amount is None]
    if without:
        yield f"{len(without)} calibrators have no amount, such as {without[0]}: fill in the column amount"
    yield f"next, to see the plan: {_next_command(folder)}"
