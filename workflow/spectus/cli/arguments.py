"""Arguments that several commands share, and the types that check their values."""

import argparse
import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

RUNS_HELP = "raw run (.cdf, .mzML, .mzML.gz, .mzXML, .jdx, Agilent .D), or a table written by `spectus convert`"
QUERIES_HELP = (
    "spectra: a table of features, components or spectra (.parquet), .msp, .mgf, .jdx, .json, or .csv with columns for"
    " m/z and intensity"
)
LIBRARY_HELP = ".msp, .msl, .mgf, .jdx, .sdf, .cdf (ANDI), MassBank records (.txt, a folder, .zip) or .parquet"
SEARCHED_HELP = (
    f"{LIBRARY_HELP}; `named`: the predicted spectra of 53,800 compounds that ship; `derivatized`: those of 21,000 TMS"
    " derivatives and methoximes of them"
)
EXCLUDE_HELP = (
    "leave out these compounds: a molecule list, InChIKeys, a library, or SHA-1 sums of InChIKey first blocks"
)

Settings = TypeVar("Settings")


def table_path(text: str) -> Path:
    """Check the path of a table to write: tables are Parquet files and have that suffix."""
    path = Path(text)
    if path.suffix not in (".parquet", ""):
        raise argparse.ArgumentTypeError(
            f"{text} is not a name for a Parquet table; write {path.with_suffix('.parquet')}, "
            "and use `spectus export` for other formats"
        )
    return path


def library_path(text: str) -> Path:
    """Find a library: a file, or the name of one that ships."""
    from spectus.errors import InputError
    from spectus.files import resource
    from spectus.prediction.settings import SHIPPED_LIBRARIES

    if text not in SHIPPED_LIBRARIES or Path(text).exists():
        return Path(text)
    try:
        return resource(SHIPPED_LIBRARIES[text])
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_libraries(parser: argparse.ArgumentParser) -> None:
    """Add the option `--library`."""
    parser.add_argument(
        "--library", nargs="+", default=[], type=library_path, metavar="LIB",
        help=f"libraries to search: {SEARCHED_HELP}",
    )  # fmt: skip


def add_predicted(parser: argparse.ArgumentParser) -> None:
    """Add the option `--predicted`, whose default is every library of predicted spectra that ships."""
    from spectus.prediction.settings import SHIPPED_LIBRARIES

    parser.add_argument(
        "--predicted", nargs="+", default=list(SHIPPED_LIBRARIES), metavar="LIB",
        help="libraries of predicted spectra to search too: `named` and `derivatized`, which ship, files, or `none`"
        " (default: named derivatized)",
    )  # fmt: skip


def finite_number(text: str) -> float:
    """Check a number: NaN and infinity are no settings."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a number; write for example 4.0")
    return number


def words(text: str) -> list[str]:
    """Split words with commas between them."""
    return [word.strip() for word in text.split(",") if word.strip()]


def chunk(text: str) -> tuple[int, int]:
    """Read I/N or I-of-N: the I-th of N chunks."""
    index, _, total = text.replace("-of-", "/").partition("/")
    if not (index.isdigit() and total.isdigit() and 1 <= int(index) <= int(total)):
        raise argparse.ArgumentTypeError(f"{text} is not I/N with 1 <= I <= N; write for example 2/8")
    return int(index), int(total)


def add_table(parser: argparse.ArgumentParser, option: str, content: str) -> None:
    """Add a required option that names a table to write."""
    parser.add_argument(option, required=True, type=table_path, metavar="PARQUET", help=f"table to write: {content}")


def add_on_bad_run(parser: argparse.ArgumentParser) -> None:
    """Add the option that says what to do with a run that cannot be read."""
    parser.add_argument(
        "--on-bad-run", choices=["fail", "skip"], default="fail",
        help="stop at a run that cannot be read, or record the reason and go on (default: fail)",
    )  # fmt: skip


def add_names(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the runs."""
    parser.add_argument("--name", nargs="+", metavar="NAME", help="names of the runs, in order; else the file names")


def add_exclude(parser: argparse._ActionsContainer, text: str = EXCLUDE_HELP) -> None:
    """Add the option that names compounds to leave out; it may be given several times."""
    parser.add_argument("--exclude", action="extend", nargs="+", default=[], type=Path, metavar="FILE", help=text)


def add_chunk(parser: argparse.ArgumentParser, rows: str) -> None:
    """Add the option that takes a share of the rows, for jobs that work side by side."""
    parser.add_argument("--chunk", type=chunk, default=(1, 1), metavar="I/N", help=f"only every N-th of the {rows}")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where and how a network computes."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument(
        "--precision", choices=["auto", "fp32", "bf16"], default="auto",
        help="number format; auto takes bf16 where that is faster (default: auto)",
    )  # fmt: skip


def add_settings(parser: argparse._ActionsContainer, settings: type[Any], helps: Mapping[str, str]) -> None:
    """Add an option for some fields of a settings dataclass, which holds type and default.

    Parameters
    ----------
    parser
        The command's parser.
    settings
        A dataclass. The option of a field `min_snr` is `--min-snr`.
    helps
        Help text of each field that becomes an option.
    """
    fields = {field.name: field for field in dataclasses.fields(settings)}
    for name, text in helps.items():
        default = fields[name].default
        kind: Callable[[str], Any] = finite_number if isinstance(default, float) else type(default)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=default, metavar="N",
            help=f"{text} (default: {default})",
        )  # fmt: skip


def add_masses(parser: argparse._ActionsContainer) -> None:
    """Add `--masses`: how many probable molecular masses a de novo model is restricted to, one after the other."""
    parser.add_argument(
        "--masses", type=int, metavar="N",
        help="also decode structures of the N most probable molecular masses; 0: as published "
        "(default: 2 with spectus-open, 0 with any other model)",
    )  # fmt: skip


def settings_of(settings: type[Settings], options: argparse.Namespace, **more: Any) -> Settings:
    """Build a settings dataclass from the options that have the names of its fields.

    Parameters
    ----------
    settings
        The dataclass.
    options
        Parsed options.
    more
        Fields whose options have other names.

    Returns
    -------
    Settings
        The dataclass; fields without an option keep their default.
    """
    names = {field.name for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    return settings(**{name: value for name, value in vars(options).items() if name in names} | more)
