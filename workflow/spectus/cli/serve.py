"""`spectus serve`: SpecTUS over HTTP."""

import argparse
from pathlib import Path

from spectus.cli.arguments import add_device, finite_number

EXAMPLE = "spectus serve --model spectus-open --port 8000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--model", default="spectus-open", metavar="MODEL", help="folder of the model, or its name on the hub"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1; 0.0.0.0: all)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at; 0 takes a free one (default: 8000)")
    add_device(parser)
    limits = parser.add_argument_group("limits")
    for name, default, text in (
        ("beams", 10, "fewest beams of a request"),
        ("max-candidates", 50, "most candidates of a request"),
        ("batch-size", 0, "spectra decoded together; 0 chooses by memory"),
        ("workers", 0, "batches decoded at a time; 0: 1 on a GPU, on a CPU one for each core, up to 4"),
        ("max-peaks", 300, "most peaks of a spectrum; the model may allow fewer"),
        ("max-body", 131_072, "largest body of a request, bytes"),
        ("max-waiting", 1000, "requests that may wait; further requests get HTTP 503 with Retry-After"),
        ("max-kept", 10_000, "answers kept for clients to fetch"),
    ):
        limits.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default: {default})")
    limits.add_argument(
        "--keep", type=finite_number, default=4.0, metavar="HOURS", help="time an answer is kept (default: 4)"
    )


def run(options: argparse.Namespace) -> list[Path]:
    """Serve until told to stop."""
    from spectus.serve.limits import ServerLimits
    from spectus.serve.server import serve

    limits = ServerLimits(
        beams=options.beams, max_candidates=options.max_candidates, batch_size=options.batch_size,
        workers=options.workers, max_peaks=options.max_peaks, max_body=options.max_body,
        max_waiting=options.max_waiting, max_kept=options.max_kept, keep_s=3600 * options.keep,
    )  # fmt: skip
    serve(options.model, options.host, options.port, options.device, options.precision, limits)
    return []
