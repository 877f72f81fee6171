"""Header fields of a record in any dialect: name, structure, formula, retention index, ionization, origin."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from spectus.library.ionization import describe_ionization
from spectus.library.ri_scales import RiScale, parse_retention_index, polar_column, scale_named, scale_of_pnnl_record

_MEANINGS = {
    "name": "name", "compoundname": "name", "casname": "casname", "title": "title", "recordtitle": "title",
    "smiles": "smiles", "canonicalsmiles": "smiles", "isomericsmiles": "smiles", "computedsmiles": "computed smiles",
    "inchi": "inchi", "iupac": "inchi", "inchicode": "inchi", "computedinchi": "computed inchi", "metbinchi": "inchi",
    "inchikey": "inchikey", "metbinchikey": "inchikey", "computedinchikey": "computed inchikey",
    "inchiaux": "inchikey", "formula": "formula", "molecularformula": "formula", "form": "formula",
    "molform": "formula", "computedmolecularformula": "computed formula",
    "ri": "ri", "retentionindex": "ri", "retindex": "ri", "rti": "ri", "retentionindices": "ri",
    "kovatsri": "kovats", "kovatsindex": "kovats", "kovats": "kovats", "kovatsretentionindex": "kovats",
    "kovatsrti": "kovats", "retentionindexkovats": "kovats", "rikovats": "kovats", "rialkane": "kovats",
    "fiehnri": "fiehn", "fiehnretentionindex": "fiehn", "rifiehn": "fiehn",
    "fameri": "fame", "rifame": "fame", "retentionindexfame": "fame", "fameretentionindex": "fame",
    "riscale": "ri scale", "ritype": "ri scale", "retentionindextype": "ri scale", "retentionindexscale": "ri scale",
    "semistdnp": "semistdnp", "stdnp": "stdnp",
    "comment": "comment", "comments": "comment", "synon": "synon", "synonym": "synon", "synonyms": "synon",
    "chromatography": "massbank", "massspectrometry": "massbank", "link": "massbank",
    "ionization": "ionization", "ionisation": "ionization", "ionizationmethod": "ionization",
    "ionizationmode": "ionization", "ionisationmode": "ionization", "ionsource": "ionization",
    "ionizationtype": "ionization", "instrumenttype": "instrument type", "instrument": "instrument",
    "sourceinstrument": "instrument type", "mslevel": "ms level", "mstype": "ms level", "spectrumtype": "ms level",
    "ionmode": "ion mode", "polarity": "ion mode", "ionpolarity": "ion mode",
    "precursortype": "adduct", "adduct": "adduct", "adducttype": "adduct", "adductionname": "adduct",
    "license": "license", "licence": "license", "copyright": "license",
    "accession": "accession", "db#": "accession", "dbno": "accession", "spectrumid": "accession",
    "nist#": "nist number", "usi": "usi", "contributor": "contributor", "author": "contributor",
    "authors": "contributor", "datacollector": "contributor",
    "mstn": "golm name", "focusedion": "massbank",
    "cas": "cas", "casno": "cas", "casno.": "cas", "cas#": "cas", "casrn": "cas", "casnumber": "cas",
    "casregistryno": "cas", "casregistrynumber": "cas", "casid": "cas",
    "column": "column", "columnname": "column", "columntype": "column", "gccolumn": "column",
    "stationaryphase": "column", "columnphase": "column", "capillarycolumn": "column",
    "derivative": "derivative", "derivativetype": "derivative", "derivatization": "derivative",
    "derivatisation": "derivative", "derivatizationtype": "derivative", "derivatisationtype": "derivative",
}  # fmt: skip
"""What a field's name means, without blanks, `_`, `-`, `.` and the prefixes of MassBank's record format."""

PLACEHOLDERS = frozenset(
    {
        "", "-", "--", "?", "*", "0", "-1", "n/a", "na", "n.a.", "none", "null", "nan", "nil", "unknown", "undefined",
        "not available", "notavailable", "no data", "not applicable", "missing", "inchi=", "inchi=n/a", "inchi=na",
        "inchi=none", "inchi=1s//", "inchi=nan", "[]", '""',
    }
)  # fmt: skip
"""Values, in lower case, that stand for nothing in a field for a structure, a formula or a name."""

_NAMES = ("name", "casname", "title")
_NO_NAME = frozenset({"", "-", "n/a", "na", "none", "null", "nan"})
"""Values, in lower case, that are no name; an unknown compound may be called "unknown"."""

_INCHIKEY = re.compile(r"(?<![A-Za-z])[A-Z]{14}-[A-Z]{10}-[A-Z](?![A-Za-z])", re.IGNORECASE)
_KEY_BLOCKS = re.compile(r"[A-Z]{14}(?:-[A-Z]{10})?", re.IGNORECASE)
"""An InChIKey cut after its first or second block; only a field for keys holds one."""

_CAS = re.compile(r"\d{2,7}-\d{2}-\d(?!\d)|\d{5,10}(?![\d.-])")
_CAS_DIGITS = 5
"""Digits of the shortest CAS number, 50-00-0."""

_INCHI = re.compile(r"(?:InChI=)?(1S?/[A-Z0-9.]+(?:/\S*)?)", re.IGNORECASE)
_QUOTED_PAIR = re.compile(r'"\s*([\w .]+?)\s*=([^"]*)"')
_BARE_PAIR = re.compile(r"(?:^|\s)(\w+)=(\S+)")
_SUBFIELD = re.compile(r"([A-Za-z][\w ]*?)\s*:\s*(.*)$")
_MASSBANK_PREFIX = re.compile(r"^(?:ac|ch|ms|pk|sp)\$")
_MASSBANK_SUBFIELD = re.compile(r"(?:[A-Z]+\$)?([A-Za-z_]+)[\s:=]+(.+)$")
_GOLM_NAME = re.compile(r"_(?:ALK|FAME)_")


class Identity(NamedTuple):
    """What a record says about its compound and its measurement.

    Attributes
    ----------
    name, formula : str or None
        As the record says.
    smiles, inchi, inchikey : str or None
        The structure as the record says, each recognized by its form and not only by its field.
    ri : float or None
        Retention index, index units.
    ri_scale : RiScale or None
        The scale that the record names.
    ri_unread : str or None
        The text of an index that cannot be read without doubt.
    ionization : str or None
        From `describe_ionization`.
    source, license : str or None
        Accession, identifier or contributor, and license.
    cas : str or None
        CAS registry number.
    derivative : str or None
        What the record says of the derivative that was measured.
    polar_column : str or None
        The polar column on which the index was measured, as the record names it.
    """

    name: str | None = None
    smiles: str | None = None
    inchi: str | None = None
    inchikey: str | None = None
    formula: str | None = None
    ri: float | None = None
    ri_scale: RiScale | None = None
    ri_unread: str | None = None
    ionization: str | None = None
    source: str | None = None
    license: str | None = None
    cas: str | None = None
    derivative: str | None = None
    polar_column: str | None = None


class Record(NamedTuple):
    """A record of a text library before its peaks are parsed.

    Attributes
    ----------
    identity : Identity
        What the header says.
    peaks : bytes
        The text of the peaks.
    announced : int or None
        The number of peaks the header gives. None: it gives none, and there is one peak per line.
    reason : str or None
        Why the record cannot be used, whatever its peaks are.
    """

    identity: Identity
    peaks: bytes
    announced: int | None
    reason: str | None = None


def identity(pairs: Iterable[tuple[str | bytes, str | bytes]]) -> Identity:
    """Read the key-value pairs of a header.

    Of fields with the same meaning, the first with a value counts. Pairs inside a comment (MoNA: `"SMILES=CCO"`; NIST:
    `SEMISTDNP=1234/5/6`), fields inside synonyms (Golm: `Synon: RI: 986,97`) and InChIKeys among the synonyms
    (`$:28...`) count where the header has no field of its own.

    Parameters
    ----------
    pairs
        Names and values of the fields, in the order of the record.
    """
    found: dict[str, str] = {}
    for key, value in pairs:
        meaning = meaning_of(key)
        text = _unquoted(decode(value).strip() if isinstance(value, bytes) else value.strip(), meaning)
        if meaning == "comment":
            _read_comment(text, found)
        elif meaning == "synon":
            _read_synonym(text, found)
        elif meaning == "massbank":
            _read_massbank(text, found)
        elif meaning and text.lower() not in (_NO_NAME if meaning in _NAMES else PLACEHOLDERS):
            found.setdefault(meaning, text)
    index, scale, unread, polar_column = _retention_index(found)
    name = _first(found, "name", "title", "casname")
    if name and "golm name" in found and _GOLM_NAME.search(name):
        scale, name = scale or scale_named(name), found["golm name"]
    smiles, inchi, inchikey = structure_fields(
        [_first(found, "smiles", "comment smiles", "computed smiles", "comment computed smiles")],
        [
            _first(found, kind, f"comment {kind}", f"computed {kind}", f"comment computed {kind}")
            for kind in ("inchi", "inchikey")
        ],
    )
    return Identity(
        name or found.get("golm name"),
        smiles,
        inchi,
        inchikey,
        _first(found, "formula", "comment formula", "computed formula", "comment computed formula"),
        index,
        scale,
        unread,
        describe_ionization(found),
        _first(found, "accession", "usi", "nist number", "contributor", "comment accession", "comment contributor"),
        _first(found, "license", "comment license"),
        cas_number(_first(found, "cas", "comment cas")),
        _first(found, "derivative", "comment derivative"),
        polar_column,
    )


def _unquoted(text: str, meaning: str | None) -> str:
    """Take off the quotation marks around a whole value; those of a comment enclose its pairs."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text.count(text[0]) == 2
    return text[1:-1].strip() if quoted and meaning != "comment" else text


def cas_number(text: str | None) -> str | None:
    """Read a CAS registry number, with or without hyphens.

    Parameters
    ----------
    text
        The value of a field, which may go on: NIST writes `50-00-0;  NIST#: 229`.

    Returns
    -------
    str or None
        Such as "50-00-0"; None where there is none, or its check digit is wrong (a typing error).
    """
    found = _CAS.match((text or "").strip())
    if found is None:
        return None
    digits = re.sub(r"\D", "", found[0]).lstrip("0")
    total = sum(place * int(digit) for place, digit in enumerate(reversed(digits[:-1]), start=1))
    if len(digits) < _CAS_DIGITS or total % 10 != int(digits[-1]):
        return None
    return f"{digits[:-3]}-{digits[-3:-1]}-{digits[-1]}"


def structure_fields(
    smiles: Iterable[str | None], others: Iterable[str | None]
) -> tuple[str | None, str | None, str | None]:
    """Sort the texts of structure fields by their form.

    Programs write an InChI into a field for SMILES and a key into a field for an InChI. What looks like an InChI or
    an InChIKey is one, wherever it stands; only a field for SMILES can hold SMILES.

    Parameters
    ----------
    smiles
        Values of fields for SMILES.
    others
        Values of fields for an InChI or an InChIKey.

    Returns
    -------
    smiles, inchi, inchikey : str or None
        The first of each form; None where there is none.
    """
    drawn = inchi = key = None
    for text, is_smiles_field in [*((text, True) for text in smiles), *((text, False) for text in others)]:
        if text is None or text.strip().lower() in PLACEHOLDERS:
            continue
        if _INCHI.match(text.strip()):
            whole = _INCHI.match(text.strip())
            inchi = inchi or (f"InChI={whole[1]}" if whole else None)
        elif found := _INCHIKEY.search(text):
            key = key or found[0].upper()
        elif is_smiles_field:
            drawn = drawn or text.split()[0]  # CXSMILES and names follow after a blank
        elif _KEY_BLOCKS.fullmatch(text.strip()):
            key = key or text.strip().upper()
    return drawn, inchi, key


def decode(raw: bytes) -> str:
    """Decode UTF-8, else Windows-1252, else Latin-1: libraries are joined from files of several programs."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


@lru_cache(maxsize=1024)
def meaning_of(key: str | bytes) -> str | None:
    """Return the meaning of a field's name; None for a field that is not used."""
    text = (key.decode("latin-1") if isinstance(key, bytes) else key).strip(" \t.").lower()
    text = _MASSBANK_PREFIX.sub("", text.lstrip("$")).strip(" $.")
    return _MEANINGS.get(re.sub(r"[\s_.\-]", "", text))


def _read_comment(text: str, found: dict[str, str]) -> None:
    """Add the pairs of a comment to what was found, as "comment MEANING"."""
    if "=" not in text:
        return
    for key, value in _QUOTED_PAIR.findall(text) or _BARE_PAIR.findall(text):
        meaning = meaning_of(key)
        if meaning and meaning not in ("comment", "synon") and value.strip().lower() not in PLACEHOLDERS:
            found.setdefault(f"comment {meaning}", value.strip().strip('"'))


def _read_synonym(text: str, found: dict[str, str]) -> None:
    """Read what NIST's and Golm's libraries put into synonyms."""
    if text.startswith("$:"):
        if match := _INCHIKEY.search(text):
            found.setdefault("comment inchikey", match[0].upper())
        return
    field = _SUBFIELD.match(text)
    if not field:
        return
    meaning = meaning_of(field[1])
    if field[1].upper().startswith("RI ") and (scale := scale_named(field[1])):  # "RI VAR5 ALK: TRUE"
        found.setdefault("ri scale", scale)
    elif meaning in ("inchi", "inchikey", "ri", "golm name") and field[2].lower() not in PLACEHOLDERS:
        found.setdefault(meaning, field[2])


def _read_massbank(text: str, found: dict[str, str]) -> None:
    """Read the subfield in the value of a MassBank field, such as `RETENTION_INDEX 1051.2` or `INCHIKEY QTBSB...`."""
    field = _MASSBANK_SUBFIELD.match(text)
    meaning = meaning_of(field[1]) if field else None
    if field and meaning and field[2].strip().lower() not in PLACEHOLDERS:
        found.setdefault(meaning, field[2].strip())


_INDEX_FIELDS: tuple[tuple[str, RiScale | None], ...] = (
    ("ri", None),
    ("kovats", RiScale.ALKANE),
    ("fame", RiScale.FAME),
    ("semistdnp", RiScale.ALKANE),
    ("comment semistdnp", RiScale.ALKANE),
    ("comment ri", None),
    ("comment kovats", RiScale.ALKANE),
    ("stdnp", RiScale.ALKANE),
    ("comment stdnp", RiScale.ALKANE),
    ("fiehn", RiScale.FAME),
    ("comment fiehn", RiScale.FAME),
    ("comment fame", RiScale.FAME),
)
"""Fields that may hold an index, in the order they are tried, with the scale that the field's name tells."""


def _retention_index(found: dict[str, str]) -> tuple[float | None, RiScale | None, str | None, str | None]:
    """Return the index, its scale, the text of an index that cannot be read, and the polar column of an index."""
    column = _first(found, "column", "comment column") or ""
    declared = scale_named(_first(found, "ri scale", "comment ri scale") or "")
    unread = None
    for field, scale in _INDEX_FIELDS:
        if field not in found:
            continue
        value, named, text = index_of_field(found[field])
        if value is not None:
            scale = named or scale or declared or scale_of_pnnl_record(found.get("usi", ""), value)
            by_kind = "std" in field or "=" in found[field]  # the index of a non-polar column was chosen
            return value, scale, None, None if by_kind else polar_column(found[field]) or polar_column(column)
        if scale is not RiScale.FAME:  # PNNL's files have Fiehn indices of a scale of their own beside the index
            unread = unread or text
    return None, None, unread, None


def index_of_field(text: str) -> tuple[float | None, RiScale | None, str | None]:
    """Read a retention index from the value of a field.

    Parameters
    ----------
    text
        As the file has it.

    Returns
    -------
    index : float or None
        Index units.
    scale : RiScale or None
        The scale that the text names.
    unread : str or None
        The text, if it holds an index that cannot be read without doubt.
    """
    value, scale = parse_retention_index(text)
    doubtful = value is None and "=" not in text and not _says_none(text)
    return value, scale, text if doubtful else None


def _says_none(text: str) -> bool:
    """Tell whether a text for an index means that there is none: a placeholder, zero, or a negative number."""
    try:
        return not float(text.replace(",", ".")) > 0
    except ValueError:
        return text.strip().lower() in PLACEHOLDERS


def _first(found: dict[str, str], *keys: str) -> str | None:
    return next((found[key] for key in keys if key in found), None)
