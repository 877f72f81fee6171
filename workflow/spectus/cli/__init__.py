"""The command line: one module for each command.

Each module has a constant `SUMMARY`, an `EXAMPLE`, a function `add_arguments` and a function `run`, which returns the
paths that the command wrote. Only the module of the command that runs is imported, so that the start stays fast.
"""

from spectus.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
