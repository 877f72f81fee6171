"""`spectus completion`: the script that completes commands and options in a shell."""

import argparse
from pathlib import Path

from spectus.errors import InputError

EXAMPLE = "spectus completion bash > ~/.local/share/bash-completion/completions/spectus"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"], help="shell to write the script for")


def run(options: argparse.Namespace) -> list[Path]:
    """Print the script."""
    from spectus.cli.main import build_parser

    try:
        import shtab
    except ImportError as error:
        raise InputError("completion", "needs the package shtab", "pip install shtab") from error
    print(shtab.complete(build_parser(every=True), options.shell))
    return []
