"""Messages of the commands: one logger, one line each, on stderr."""

import logging
import sys

LOGGER = logging.getLogger("spectus")


class _CurrentStderr(logging.Handler):
    """A handler that writes to whatever `sys.stderr` is when a message comes."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def configure(verbose: bool, quiet: bool) -> None:
    """Print the messages of the package on stderr.

    Parameters
    ----------
    verbose
        Print details too.
    quiet
        Print warnings and errors only.
    """
    LOGGER.handlers[:] = [_CurrentStderr()]
    LOGGER.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
