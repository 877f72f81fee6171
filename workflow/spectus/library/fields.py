"""What the header of a record says, in whatever dialect: name, structure, formula, retention index."""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

_MEANINGS = {
    "name": "name", "compoundname": "name", "casname": "casname", "title": "title",
    "smiles": "smiles", "canonicalsmiles": "smiles", "isomericsmiles": "smiles", "computedsmiles": "smiles",
    "inchikey": "inchikey", "computedinchikey": "inchikey",
    "formula": "formula", "molecularformula": "formula", "form": "formula", "molform": "formula",
    "computedmolecularformula": "formula",
    "ri": "ri", "retentionindex": "ri", "retindex": "ri", "kovatsri": "ri", "kovatsindex": "ri",
    "semistdnp": "semistdnp", "stdnp": "stdnp",
    "comment": "comment", "comments": "comment", "synon": "synon", "synonym": "synon",
}  # fmt: skip
_NOTHING = {"", "-", "N/A", "n/a", "NA", "None", "none", "null", "NULL", "NaN", "nan"}
_INCHIKEY = re.compile(r"(?<![A-Z])[A-Z]{14}-[A-Z]{10}-[A-Z](?![A-Z])")
_QUOTED_PAIR = re.compile(r'"\s*([\w .]+?)\s*=([^"]*)"')
_BARE_PAIR = re.compile(r"(?:^|\s)(\w+)=(\S+)")
_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)")


class Identity(NamedTuple):
    """Who the compound of a record is, as far as the record says; `ri` in index units."""

    name: str | None
    smiles: str | None
    inchikey: str | None
    formula: str | None
    ri: float | None


class Record(NamedTuple):
    """A record of a text library before its peaks are parsed.

    `announced` is the number of peaks the header gives; None: not given, and the peaks stand one a line. `reason`: why
    the record cannot be used whatever its peaks are.
    """

    identity: Identity
    peaks: bytes
    announced: int | None
    reason: str | None = None


def identity(pairs: Iterable[tuple[bytes, bytes]]) -> Identity:
    """Read the key-value pairs of a header. Of keys that mean the same, the first with a value counts.

    Pairs inside a comment (MoNA: `"SMILES=CCO"`; NIST: `SEMISTDNP=1234/5/6`) and InChIKeys among the synonyms
    (`$:28...`) serve where the header has no line of its own.
    """
    found: dict[str, str] = {}
    for key, value in pairs:
        meaning = _meaning(key)
        if meaning is None:
            continue
        text = decode(value).strip()
        if meaning == "comment":
            _read_comment(text, found)
        elif meaning == "synon":
            match = _INCHIKEY.search(text) if text.startswith("$:") else None
            if match:
                found.setdefault("comment inchikey", match[0])
        elif text not in _NOTHING:
            found.setdefault(meaning, text)
    inchikey = _INCHIKEY.search(_first(found, "inchikey", "comment inchikey") or "")
    return Identity(
        _first(found, "name", "title", "casname"),
        _first(found, "smiles", "comment smiles"),
        inchikey[0] if inchikey else None,
        _first(found, "formula", "comment formula"),
        _ri(found),
    )


def retention_index(text: str) -> float | None:
    """The index in a header's value, or None.

    `1234.5`, `1234 (DB-5)` and NIST's `SemiStdNP=1158/4/15 StdNP=1132/3/2 StdPolar=1650/9/8` (median/deviation/number)
    are understood. Of the latter the semi-standard non-polar value counts, else the standard non-polar one; an index
    on a polar column says nothing about the columns used here. Values that are not positive mean "none".
    """
    named = {key.lower(): value for key, value in _BARE_PAIR.findall(text)}
    if named:
        text = named.get("semistdnp") or named.get("stdnp") or ""
    match = _NUMBER.match(text)
    value = float(match[1]) if match else math.nan
    return value if 0 < value < math.inf else None


def decode(raw: bytes) -> str:
    """UTF-8, or Latin-1 where that fails: libraries are glued together from files of several programs."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@lru_cache(maxsize=1024)
def _meaning(key: str | bytes) -> str | None:
    key = key.decode("latin-1") if isinstance(key, bytes) else key
    return _MEANINGS.get(key.strip(" \t$.").lower().replace("_", "").replace(" ", "").replace("-", ""))


def _read_comment(text: str, found: dict[str, str]) -> None:
    if "=" not in text:
        return
    for key, value in _QUOTED_PAIR.findall(text) or _BARE_PAIR.findall(text):
        meaning = _meaning(key)
        if meaning and meaning != "comment" and value.strip() not in _NOTHING:
            found.setdefault(f"comment {meaning}", value.strip().strip('"'))


def _ri(found: dict[str, str]) -> float | None:
    for key in ("ri", "semistdnp", "comment semistdnp", "comment ri", "stdnp", "comment stdnp"):
        value = retention_index(found[key]) if key in found else None
        if value is not None:
            return value
    return None


def _first(found: dict[str, str], *keys: str) -> str | None:
    return next((found[key] for key in keys if key in found), None)
