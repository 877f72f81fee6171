"""Downloading public libraries: resumed where a download broke off, and checked by size and MD5 sum.

MassBank's releases are kept by Zenodo (MassBank-data, doi 10.5281/zenodo.3378723), which gives size and MD5 sum of each
file. The archive has the records as text files, each with its license. Zenodo's interface did not always resolve the
number that all releases share (github.com/zenodo/zenodo, issue 2499), so the search for the latest release is asked
first.
"""

import hashlib
import http.client
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from spectus import __version__
from spectus.errors import InputError


class PublicLibrary(NamedTuple):
    """Where a public library is found.

    Attributes
    ----------
    records : tuple of str
        Addresses of a JSON record of the latest release; each is tried in turn.
    by_hand : str
        Pages from which a person can download it.
    """

    records: tuple[str, ...]
    by_hand: str


LIBRARIES = {
    "massbank": PublicLibrary(
        (
            "https://zenodo.org/api/records?q=conceptrecid:3378723&sort=mostrecent&size=1",
            "https://zenodo.org/api/records/3378723",
        ),
        "https://doi.org/10.5281/zenodo.3378723 or https://github.com/MassBank/MassBank-data/releases",
    )
}
"""The libraries by name."""

_LOG = logging.getLogger("spectus")
_BLOCK = 2**20
"""Bytes that are read at once."""

_TRIES = 5
"""Connections that are made for one file; chosen. Each continues where the one before broke off."""

_TIMEOUT_S = 60.0
"""s without data after which a connection counts as broken; chosen."""


class Release(NamedTuple):
    """A file of a release.

    Attributes
    ----------
    name : str
        File name.
    url : str
        Its address.
    size : int
        Bytes.
    md5 : str
        MD5 sum, hexadecimal.
    """

    name: str
    url: str
    size: int
    md5: str


def download_library(name: str, folder: Path, url: str | None = None) -> Path:
    """Download the latest release of a library, unless it is there already.

    Parameters
    ----------
    name
        One of `LIBRARIES`.
    folder
        Where to put the file; a download that broke off waits there with the suffix .part.
    url
        Another address of the release's record, such as that of an earlier release.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        No such library, the server cannot be reached or says something else, or the file that came is damaged.
    """
    if name not in LIBRARIES:
        raise InputError(f"library download {name}", "no such library", f"take of {', '.join(LIBRARIES)}")
    library = LIBRARIES[name]
    by_hand = f"download the .zip file of a release from {library.by_hand}, and give it to `spectus library`"
    release = find_release((url,) if url else library.records, by_hand)
    target = folder / release.name
    if target.exists() and target.stat().st_size == release.size and _md5(target) == release.md5:
        _LOG.info("%s is there already", target)
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{release.name}.{release.md5[:8]}.part"  # of this very release
    _fetch(release, part, f"give the same command again to go on, or {by_hand}")
    if (found := _md5(part)) != release.md5:
        part.unlink()
        raise InputError(
            release.url, f"came damaged: its MD5 sum is {found}, the release says {release.md5}", "download it again"
        )
    part.replace(target)
    return target


def find_release(urls: Sequence[str], by_hand: str) -> Release:
    """Read a Zenodo record, and return its first archive.

    Parameters
    ----------
    urls
        Addresses of the record or of a search that finds it; the first that has an archive counts.
    by_hand
        What a person can do instead, for the error.

    Raises
    ------
    InputError
        No server can be reached, or no record has an archive. The error tells of the first address.
    """
    problem: InputError | None = None
    for url in urls:
        try:
            return _release_of(url, by_hand)
        except InputError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _release_of(url: str, by_hand: str) -> Release:
    """Read one record."""
    try:
        with _open(url) as response:
            record = json.load(response)
        if "hits" in record:  # of a search
            record = record["hits"]["hits"][0]
        files = record["files"]
        for file in files if isinstance(files, list) else files["entries"].values():
            key, checksum = str(file["key"]), str(file["checksum"])
            if key.endswith(".zip") and checksum.startswith("md5:"):
                address = file["links"].get("content") or file["links"]["self"]
                return Release(key.rpartition("/")[2], str(address), int(file["size"]), checksum.removeprefix("md5:"))
    except _BROKEN as error:
        raise InputError(url, f"cannot be reached ({_said(error)})", by_hand) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(url, "is no record of a release", f"give --url of a Zenodo record, or {by_hand}") from error
    raise InputError(url, "names no .zip file with an MD5 sum", f"give --url of another record, or {by_hand}")


_BROKEN = (urllib.error.URLError, http.client.HTTPException, OSError)


def _fetch(release: Release, part: Path, remedy: str) -> None:
    """Complete the file `part`, in several connections if need be."""
    error: Exception | None = None
    with tqdm(total=release.size, desc=release.name, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        for _ in range(_TRIES):
            if part.exists() and part.stat().st_size >= release.size:
                break
            try:
                _continue(release, part, bar)
            except _BROKEN as broken:
                error = broken
    size = part.stat().st_size if part.exists() else 0
    if size < release.size:
        why = f" ({_said(error)})" if error else ""
        raise InputError(release.url, f"broke off after {size:,} of {release.size:,} bytes{why}", remedy) from error
    if size > release.size:
        part.unlink()
        raise InputError(release.url, f"sent more than the {release.size:,} bytes of the release", remedy)


def _continue(release: Release, part: Path, bar: Any) -> None:
    """Append what one connection gives; a server that does not resume begins anew."""
    start = part.stat().st_size if part.exists() else 0
    with _open(release.url, start) as response:
        resumed = start > 0 and response.status == http.client.PARTIAL_CONTENT
        bar.n = start if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                bar.update(len(block))


def _open(url: str, start: int = 0) -> Any:
    if not url.startswith(("https://", "http://")):
        raise InputError(url, "is no web address", "give one that begins with https://")
    headers = {"User-Agent": f"spectus/{__version__}", **({"Range": f"bytes={start}-"} if start else {})}
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (str(reason).splitlines() or [type(error).__name__])[0]
