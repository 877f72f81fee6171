"""`spectus serve`: identification and SpecTUS over HTTP."""

import argparse
import os
from pathlib import Path

from spectus.cli.arguments import (
    add_device,
    add_libraries,
    add_predicted,
    add_settings,
    finite_number,
    library_path,
    settings_of,
)

EXAMPLE = "spectus serve --library nist.msp --port 8000"
_MEMORY = "memory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--model", default="spectus-open", metavar="MODEL", help="folder of the model, or its name on the hub"
    )
    add_libraries(parser)
    add_predicted(parser)
    parser.add_argument(
        "--reranker", default="open", metavar="MODEL",
        help="gives candidates their probabilities: `open`, a folder, or `none` (default: open)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", metavar="SQLITE",
        help="file of the jobs, which survive a restart; `memory` keeps them until the server stops (default: "
        "~/.local/state/spectus/jobs-PORT.sqlite, but memory for port 0)",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1; 0.0.0.0: all)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at; 0 takes a free one (default: 8000)")
    add_device(parser)
    _add_access(parser)
    _add_limits(parser)


def _add_access(parser: argparse.ArgumentParser) -> None:
    access = parser.add_argument_group("access")
    access.add_argument(
        "--tokens", type=Path, metavar="FILE",
        help="file with one token in each line; requests then need the header `Authorization: Bearer TOKEN`",
    )  # fmt: skip
    access.add_argument(
        "--rate", type=finite_number, default=0.0, metavar="N",
        help="most POST requests per minute of a token, or of an address without tokens; 0: no limit (default: 0)",
    )  # fmt: skip
    access.add_argument(
        "--cors", nargs="+", default=[], metavar="ORIGIN",
        help="origins whose web pages may use the server, such as https://lab.example.org; *: all",
    )  # fmt: skip


def _add_limits(parser: argparse.ArgumentParser) -> None:
    from spectus.serve.limits import ServerLimits

    limits = parser.add_argument_group("limits")
    add_settings(
        limits, ServerLimits,
        {
            "beams": "fewest beams of a request",
            "max_candidates": "most candidates of a request",
            "batch_size": "spectra decoded together; 0 chooses by memory",
            "workers": "batches decoded at a time; 0: 1 on a GPU, on a CPU one for each core, up to 4",
            "max_peaks": "most peaks of a spectrum; the model may allow fewer",
            "max_body": "largest body of a request, bytes",
            "max_run": "largest raw run, bytes",
            "max_waiting": "requests that may wait; further requests get HTTP 503 with Retry-After",
            "max_kept": "answers kept for clients to fetch",
        },
    )  # fmt: skip
    hours = ServerLimits.keep_s / 3600
    limits.add_argument(
        "--keep",
        type=finite_number,
        default=hours,
        metavar="HOURS",
        help=f"time an answer is kept (default: {hours:g})",
    )


def run(options: argparse.Namespace) -> list[Path]:
    """Serve until told to stop."""
    from spectus.serve.access import Access, read_tokens
    from spectus.serve.identification import IdentificationSources
    from spectus.serve.limits import ServerLimits
    from spectus.serve.server import Address, Placement, serve

    limits = settings_of(ServerLimits, options, keep_s=3600 * options.keep)
    tokens = read_tokens(options.tokens) if options.tokens else ()
    access = Access(tokens, options.rate, tuple(options.cors))
    reranker = None if options.reranker == "none" else options.reranker
    predicted = [library_path(name) for name in options.predicted if name != "none"]
    sources = IdentificationSources((*options.library, *predicted), options.model, reranker)
    address, placement = Address(options.host, options.port), Placement(options.device, options.precision)
    serve(sources, address, placement, limits, jobs_file(options.jobs, options.port), access)
    return []


def jobs_file(told: str | None, port: int) -> Path | None:
    """Return the file of the jobs; None keeps them in memory."""
    if told == _MEMORY or (told is None and port == 0):
        return None
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return Path(told) if told else state / "spectus" / f"jobs-{port}.sqlite"
