"""`spectus serve`: identification and SpecTUS over HTTP."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_device, add_libraries, add_settings, finite_number, settings_of

EXAMPLE = "spectus serve --library library.msp --jobs jobs.sqlite --port 8000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    from spectus.serve.limits import ServerLimits

    parser.add_argument(
        "--model", default="spectus-open", metavar="MODEL", help="folder of the model, or its name on the hub"
    )
    add_libraries(parser)
    parser.add_argument(
        "--reranker", default="open", metavar="MODEL",
        help="gives candidates their probabilities: `open`, a folder, or `none` (default: open)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=Path, metavar="SQLITE",
        help="file of the jobs of identification, which survive a restart; without it they are kept in memory",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1; 0.0.0.0: all)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at; 0 takes a free one (default: 8000)")
    add_device(parser)
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
    from spectus.serve.identification import IdentificationSources
    from spectus.serve.limits import ServerLimits
    from spectus.serve.server import Address, serve

    limits = settings_of(ServerLimits, options, keep_s=3600 * options.keep)
    reranker = None if options.reranker == "none" else options.reranker
    sources = IdentificationSources(tuple(options.library), options.model, reranker)
    serve(sources, Address(options.host, options.port), options.device, options.precision, limits, options.jobs)
    return []
