"""Measures the spectra per second of `spectus serve`, with many requests at once and with one after another.

Both ways go over HTTP to the same server, a process of its own, in the same run: (a) a client sends one spectrum, asks
for its answer until it is there, and only then sends the next; (b) as many clients as there are spectra send one each
at once. Every request must be answered, and a spectrum must have the same first structure in both.

    python benchmarks/serving.py --spectra 200
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spectus.denovo.encoding import untranslatable
from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.library.records import read_spectra

_POLL_ALONE_S = 0.02  # time between two questions for an answer; chosen: short beside the time of one spectrum
_POLL_TOGETHER_S = 1.0  # the same of many clients; chosen: so that their questions take no time from the decoding


def main() -> int:
    """Measure both ways; return 1 if an answer is missing or differs."""
    options = parse()
    config = SpectusNetworkConfig.read(Path(options.model) / "config.json")
    spectra = read(options.library, options.spectra, config)
    alone = spectra[:: max(1, len(spectra) // options.alone)][: options.alone]
    with served(options.model, options.device) as url:
        ask(url, _POLL_ALONE_S, options.candidates, spectra[0])
        start = time.perf_counter()
        one_by_one = [ask(url, _POLL_ALONE_S, options.candidates, spectrum) for spectrum in alone]
        slow = len(alone) / (time.perf_counter() - start)
        print(f"(a) one by one      {slow:8.3f} spectra/s  ({len(alone)} spectra)", flush=True)
        with ThreadPoolExecutor(len(spectra)) as clients:
            start = time.perf_counter()
            at_once = list(clients.map(partial(ask, url, _POLL_TOGETHER_S, options.candidates), spectra))
            fast = len(spectra) / (time.perf_counter() - start)
        print(f"(b) all at once     {fast:8.3f} spectra/s  ({len(spectra)} spectra)", flush=True)
    first = dict(zip(map(id, spectra), map(best, at_once), strict=True))
    differing = sum(first[id(spectrum)] != best(answer) for spectrum, answer in zip(alone, one_by_one, strict=True))
    ended = sum(answer["status"] in ("completed", "failed") for answer in at_once)
    print(f"answered {ended} of {len(spectra)}; first structures that differ between the two ways: {differing}")
    print(f"(b) is {fast / slow:.1f} times (a)")
    return 0 if ended == len(spectra) and not differing else 1


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path("resources/libraries/PNNLMetV20191015.msp")
    parser.add_argument("--library", type=Path, default=default, help="spectra to send")
    parser.add_argument("--model", default="resources/models/spectus-open", help="folder of the model")
    parser.add_argument("--spectra", type=int, default=200, help="requests at once")
    parser.add_argument("--alone", type=int, default=20, help="requests one by one, evenly from the others")
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def read(library: Path, count: int, config: SpectusNetworkConfig) -> list[dict[str, Any]]:
    """Read usable spectra, evenly from the whole library."""
    rows = [
        row for row in read_spectra(library).to_pylist() if not row["reason"] and not untranslatable(row["mz"], config)
    ]
    return [{key: row[key] for key in ("mz", "intensity")} for row in rows[:: max(1, len(rows) // count)][:count]]


@contextmanager
def served(model: str, device: str) -> Iterator[str]:
    """Start a server, yield its address, and stop it at the end."""
    command = [sys.executable, "-m", "spectus", "serve", "--model", model, "--device", device, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            print(line, end="")
            yield re.findall(r"http://\S+", line)[0]
        finally:
            process.terminate()


def ask(url: str, poll_s: float, candidates: int, spectrum: dict[str, Sequence[float]]) -> dict[str, Any]:
    """Send a spectrum and wait for its answer, over one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    try:
        accepted = call(connection, "POST", "/predictions", {**spectrum, "num_candidates": candidates})
        answer = {"status": "queued"}
        while answer["status"] in ("queued", "running"):
            time.sleep(poll_s)
            answer = call(connection, "GET", f"/predictions/{accepted['id']}")
        return answer
    finally:
        connection.close()


def call(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Send a request and return the JSON of its answer."""
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content: dict[str, Any] = json.loads(response.read())
    if response.status not in (200, 202):
        raise RuntimeError(f"{method} {path}: {response.status} {content}")
    return content


def best(answer: dict[str, Any]) -> str | None:
    """Return the most probable structure, or why there is none."""
    result: dict[str, float] | None = answer["result"]
    return max(result, key=result.__getitem__) if result else answer["reason"]


if __name__ == "__main__":
    sys.exit(main())
