"""The entry point `spectus`: it finds the command, parses its options, runs it and reports errors in one line."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

from spectus import __version__
from spectus.cli import logs, renamed
from spectus.cli.written import describe_written
from spectus.errors import InputError

COMMANDS = {
    "init": "make the folder of a new campaign: sample sheet and configuration",
    "convert": "convert raw runs to centroided mzML and a table of runs",
    "deconvolve": "deconvolve runs to components: pure spectra with elution profiles",
    "calibrate": "find the RI standards and give every component a retention index",
    "align": "align the components of all runs to features, with peak areas",
    "quantify": "calculate amounts, compare with blanks and control the quality of runs",
    "search": "search spectra in spectral libraries",
    "denovo": "propose structures for spectra, with SpecTUS",
    "identify": "merge all candidates of each spectrum to one ranked list",
    "report": "write the data set and the HTML report of a campaign",
    "export": "write the results of a campaign as CSV, XLSX, MSP, MGF, SDF and mzTab-M",
    "predict": "predict the spectra of molecules, as a spectral library",
    "library": "read spectral libraries and write them as one Parquet library",
    "molecules": "write a list of molecules from PyPI packages",
    "simulate": "simulate runs with a known ground truth",
    "train": "train a prediction model, a reranker or SpecTUS",
    "evaluate": "score a de novo model on spectra of known structure",
    "serve": "identify spectra over HTTP, with a web page",
    "completion": "print the shell completion script",
}
"""Summary of each command, in the order of the stages."""


class Command(Protocol):
    """What a command's module provides."""

    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the command."""

    def run(self, options: argparse.Namespace) -> Sequence[Any]:
        """Run the command and return the paths that it wrote."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        The words of the command line after `spectus`; None takes them from the process.

    Returns
    -------
    int
        The exit code: 0 for success, 2 for input that cannot be used (one line on stderr), 130 for an interruption.
    """
    words, notes = renamed.current(list(sys.argv[1:] if arguments is None else arguments))
    options = build_parser(words).parse_args(words)
    _set_thread_defaults()
    _end_on_request()
    logs.configure(options.verbose, options.quiet)
    for note in notes:
        logs.LOGGER.warning(note)
    try:
        for line in describe_written(options.command_module.run(options)):
            logs.LOGGER.info(line)
    except InputError as error:
        return _fail(options.command, str(error), 2)
    except BrokenPipeError:
        return 0
    except OSError as error:
        return _fail(options.command, _os_problem(error), 2)
    except KeyboardInterrupt:
        return _fail(options.command, "interrupted", 130)
    return 0


def build_parser(arguments: Sequence[str] = (), *, every: bool = False) -> argparse.ArgumentParser:
    """Build the parser of the command line.

    Parameters
    ----------
    arguments
        The words of the command line. Only the options of the command that they name are added.
    every
        Add the options of every command, as the documentation and the shell completion need.

    Returns
    -------
    argparse.ArgumentParser
        A parser whose result holds `command` and `command_module`.
    """
    parser = argparse.ArgumentParser(
        prog="spectus", description="Raw GC-EI-MS runs in, identified molecules out.",
        epilog="`spectus COMMAND --help` explains a command and gives an example.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"spectus {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = subparsers.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if every or name == asked:
            module = import_module(f"spectus.cli.{name}")
            module.add_arguments(command)
            command.epilog = f"example:\n  {module.EXAMPLE}"
            _add_common(command)
            command.set_defaults(command_module=module)
    return parser


_EXAMPLES = {
    "prediction": "train prediction library.parquet --settings settings.yaml --out model",
    "reranker": "train reranker library.parquet --predicted list.parquet --settings settings.yaml --out model",
    "pretrain": "train pretrain library.parquet --settings settings.yaml --molecules molecules.csv"
    " --prediction-model neims rassp --out model",
    "finetune": "train finetune library.parquet --settings settings.yaml --from pretrained --out model",
    "ri": "train ri indices.csv --out model",
    "denovo": "evaluate denovo spectus-open library.parquet --split valid --out scores.json",
    "identification": "evaluate identification reranker --out scores.json --plot calibration.svg",
}
"""Of the commands below `train` and `evaluate`."""


def _add_common(command: argparse.ArgumentParser) -> None:
    loudness = command.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="print more about what happens")
    loudness.add_argument("-q", "--quiet", action="store_true", help="print warnings and errors only")
    # `train` and `evaluate` have commands of their own; they take the same two options.
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                _add_common(below)
                below.epilog = f"example:\n  spectus {_EXAMPLES[name]}"
                below.formatter_class = argparse.RawDescriptionHelpFormatter


def _end_on_request() -> None:
    """Let a SIGTERM, as a cluster sends it at a time limit, end the command with its temporary files removed."""
    with suppress(ValueError):  # not the main thread, which alone may do this
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def _set_thread_defaults() -> None:
    """Set how the numeric libraries wait and split work; they read this when they are loaded.

    Threads of a matrix product that wait for each other must not spin: on a busy machine they take the time from those
    they wait for. The many small systems of a deconvolution gain nothing from threads of OpenBLAS.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _os_problem(error: OSError) -> str:
    """One line for an error of the operating system: the file, what happened, what to do."""
    remedy = {
        "PermissionError": "choose a place that you may write to",
        "FileNotFoundError": "correct the path",
        "IsADirectoryError": "name a file",
        "NotADirectoryError": "name a folder",
    }.get(type(error).__name__, "free space on the disk" if error.errno in (28, 122) else "see the message")
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{(error.strerror or str(error)).lower()}; {remedy}"


def _fail(command: str, message: str, code: int) -> int:
    print(f"spectus {command}: {message}", file=sys.stderr)
    return code
