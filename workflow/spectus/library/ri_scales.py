"""Scales of retention indices: how a record names its scale, and how indices of two scales compare.

Two scales are known. On the n-alkane scale an alkane of n carbons has the index 100 n (van den Dool and Kratz, J.
Chromatogr. 11 (1963) 463). On the FAME scale a fatty acid methyl ester has 100 times the carbons of its acid: the PNNL
metabolite library uses it, C8 = 800 to C30 = 3000. The Fiehn scale (Kind et al., Anal. Chem. 81 (2009) 10038) rests on
the same esters with other numbers, and is read as the FAME scale.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectus.library.numbers import Comma, parse_number


class RiScale(StrEnum):
    """Value of the column `ri_scale`; null means that nothing tells the scale."""

    ALKANE = "alkane"
    FAME = "fame"


HIGHEST_RI = 10_000.0
"""Index units. An n-alkane of 100 carbons does not leave a GC column; a number above is no index of these scales."""

LOWEST_RI = 100.0
"""Index units: methane. A number below is no index."""

CONVERSION_ERROR = 20.0
"""Index units, between the robust standard deviation (12) and the 90 % quantile (35) of 271 compounds that have both a
measured FAME index (PNNL) and a measured n-alkane index (HMDB, semi-standard non-polar) after `to_alkane`."""

# Acid carbons x 100, and the ester's n-alkane index on DB-5-type columns: medians of published values (AstonMSLibs,
# Veenaas et al. 2018 and PNNL's esters in other open libraries), index units.
_FAME_ON_ALKANE = np.array(
    [
        (800, 1122), (900, 1225), (1000, 1325), (1200, 1525), (1400, 1727), (1600, 1927), (1800, 2132),
        (2000, 2331), (2200, 2529), (2400, 2727), (2600, 2942), (2800, 3133), (3000, 3344),
    ],
    dtype=np.float64,
)  # fmt: skip

# Acid carbons x 100, and the index of the Fiehn scale (Kind et al. 2009), units of that scale.
_FAME_ON_FIEHN = np.array(
    [
        (800, 262_320), (900, 323_120), (1000, 381_020), (1200, 487_220), (1400, 582_620), (1600, 668_720),
        (1800, 747_420), (2000, 819_620), (2200, 886_620), (2400, 948_820), (2600, 1_006_900), (2800, 1_061_700),
        (3000, 1_113_100),
    ],
    dtype=np.float64,
)  # fmt: skip
_LOWEST_FIEHN, _HIGHEST_FIEHN = 150_000.0, 1_200_000.0
"""Units of the Fiehn scale: a little more than its standards span."""

_NAMED_PAIR = re.compile(r"(?:^|\s)(\w+)=(\S+)")
_FIRST_NUMBER = re.compile(
    r"[-+]?\d(?:[\d.,'\u2019\u00a0\u2009\u202f]*\d)?(?: \d{3}(?=[\s.,]|$)[.,]?\d*)*(?:[eE][-+]?\d+)?\.?"
)
_COMMENT_AFTER = re.compile(r"(?:[\s/;,+(\[{\u00b1#]|iu\b|$)")
_WORDS = (
    (RiScale.FAME, re.compile(r"fame|fiehn|methyl ?ester|fatty acid", re.IGNORECASE)),
    (RiScale.ALKANE, re.compile(r"alkane|kovats|kováts|(?:^|[\W_])alk(?:[\W_]|$)|van den dool", re.IGNORECASE)),
)

_POLAR = re.compile(
    r"[\w-]*wax[\w-]*|\bpeg\b|polyethylene ?glycol|[\w-]*\bffap\b|\bbp-?2[01]\b|\bhp-?20m\b|cyanopropyl"
    r"|\bsp-?23[348]\d\b|\bdb-?23\b|\bhp-?88\b|\bbpx-?70\b|\bcp-?sil ?88\b|\brt-?2560\b"
    r"|(?<!non)(?<!non[- ])(?<!semi[- ])(?<!mid[- ])\bpolar\b",
    re.IGNORECASE,
)
"""Phases of polyethylene glycol and of cyanopropyl siloxanes, by the names under which they are sold."""

_PNNL_FILES = re.compile(r"pnnlmet|fames_ref", re.IGNORECASE)
_ALKANE_SMILES = re.compile(r"C{5,40}")
_ESTER_SMILES = re.compile(r"(C+)C\(=O\)OC|COC\(=O\)(C+)|O=C\((C+)\)OC|C\(=O\)\(OC\)(C+)|(C+)C\(OC\)=O")
_STEMS = [
    "oct",
    "non",
    "dec",
    "undec",
    "dodec",
    "tridec",
    "tetradec",
    "pentadec",
    "hexadec",
    "heptadec",
    "octadec",
    "nonadec",
    "icos",
    "henicos",
    "docos",
    "tricos",
    "tetracos",
    "pentacos",
    "hexacos",
    "heptacos",
    "octacos",
    "nonacos",
    "triacont",
]  # of 8 to 30 carbons
_ACIDS = {
    "caprylate": 8, "pelargonate": 9, "caprate": 10, "laurate": 12, "myristate": 14, "palmitate": 16, "margarate": 17,
    "stearate": 18, "arachidate": 20, "behenate": 22, "lignocerate": 24, "cerotate": 26, "montanate": 28,
}  # fmt: skip
_NODES_APART = 15.0
"""Index units. A standard's index in a library differs by no more from the scale's definition or published value;
chosen: the two scales are 322 units apart."""


_PNNL_USI = re.compile(r"EMSL:YMK-GC-\d+:[^:]*:RT(\d+\.?\d*):")
"""Identifier of a record of PNNL's library, with the retention time, min."""

# Retention time, min, and FAME index of the esters of FAMES_REF.msp, whose run gave PNNL's indices.
_PNNL_LADDER = np.array(
    [
        (7.812, 800), (9.248, 900), (10.647, 1000), (13.25, 1200), (15.597, 1400), (17.723, 1600), (19.663, 1800),
        (21.441, 2000), (23.082, 2200), (24.603, 2400), (26.023, 2600), (27.349, 2800), (28.723, 3000),
    ],
    dtype=np.float64,
)  # fmt: skip
_PNNL_ERROR = 120.0
"""Index units. The 1,284 indices of the library differ by at most 72 from the line through its ladder, and more outside
it; the two scales are 322 units apart."""


def scale_of_pnnl_record(identifier: str, index: float) -> RiScale | None:
    """Tell the scale of a PNNL record's index by the retention time in its identifier.

    Users copy records and enter an index of their own; the retention time tells whether the index is still PNNL's.

    Parameters
    ----------
    identifier
        The record's USI.
    index
        Index units.
    """
    found = _PNNL_USI.match(identifier)
    if not found:
        return None
    expected = float(_interpolated(np.array(float(found[1])), _PNNL_LADDER))
    if abs(index - expected) <= _PNNL_ERROR:
        return RiScale.FAME
    return RiScale.ALKANE if abs(index - float(to_alkane(expected))) <= _PNNL_ERROR else None


def scale_of_file(name: str, records: Iterable[tuple[str | None, str | None, float]]) -> RiScale | None:
    """Tell the scale of a library whose records do not name it.

    PNNL's files are known by name. Others show their scale where they hold n-alkanes or saturated fatty acid methyl
    esters, whose indices differ between the scales.

    Parameters
    ----------
    name
        Name of the file.
    records
        Name, SMILES and retention index (index units) of the records.

    Returns
    -------
    RiScale or None
        None if the file holds no such compound, or if they contradict each other.
    """
    if _PNNL_FILES.search(name):
        return RiScale.FAME
    votes = {scale for compound, smiles, index in records if (scale := _scale_of_standard(compound, smiles, index))}
    return votes.pop() if len(votes) == 1 else None


def _scale_of_standard(name: str | None, smiles: str | None, index: float) -> RiScale | None:
    """Return the scale on which an n-alkane or methyl ester has this index; None for another compound or index."""
    carbons, is_ester = _standard(name or "", smiles or "")
    if not carbons:
        return None
    by_definition = abs(index - 100 * carbons) <= _NODES_APART
    if not is_ester:
        return RiScale.ALKANE if by_definition else None
    if by_definition:
        return RiScale.FAME
    return RiScale.ALKANE if abs(index - float(to_alkane(100 * carbons))) <= _NODES_APART else None


def _standard(name: str, smiles: str) -> tuple[int, bool]:
    """Return the carbons of an n-alkane or of an ester's acid (0: another compound), and whether it is an ester."""
    if _ALKANE_SMILES.fullmatch(smiles):
        return len(smiles), False
    if ester := _ESTER_SMILES.fullmatch(smiles):
        return len(next(chain for chain in ester.groups() if chain)) + 1, True
    words = name.lower().strip().replace("eicos", "icos").replace("heneicos", "henicos")
    for carbons, stem in enumerate(_STEMS, start=8):
        if words in (f"{stem}ane", f"n-{stem}ane"):
            return carbons, False
        if words in (f"methyl {stem}anoate", f"{stem}anoic acid, methyl ester", f"{stem}anoic acid methyl ester"):
            return carbons, True
    acid = words.removeprefix("methyl ")
    return (_ACIDS.get(acid, 0), True) if acid != words else (0, False)


def scale_named(text: str) -> RiScale | None:
    """Return the scale that a text names, such as a field's name or what follows an index; None if it names none."""
    return next((scale for scale, words in _WORDS if words.search(text)), None)


def polar_column(text: str) -> str | None:
    """Return the name of the polar column that a text begins with or names first; None where it names none.

    Indices of polar columns lie some hundred units above those of the other columns, on the same scale.

    Parameters
    ----------
    text
        The value of a field for a column, or of one for an index, such as `1042 (DB-WAX)`.
    """
    found = _POLAR.search(re.split(r"[;,/]", text)[0])
    return found[0].strip() if found else None


def parse_retention_index(text: str) -> tuple[float | None, RiScale | None]:
    """Read a retention index and its scale from the value of a field.

    `1234.5`, `986,97`, `1,158.3`, `1 234.5`, `1234 (DB-5)` and NIST's `SemiStdNP=1158/4/15 StdNP=1132/3/2
    StdPolar=1650/9/8` (median/deviation/number) are read. Of the last, the semi-standard non-polar value counts, else
    the standard non-polar one; polar columns are left out. An index of the Fiehn scale becomes one of the FAME scale.

    Parameters
    ----------
    text
        The value of a field that holds an index.

    Returns
    -------
    index : float or None
        Index units; None if the text holds no index, or one that cannot be read to its end without doubt.
    scale : RiScale or None
        The scale that the text names.
    """
    named = {key.lower(): value for key, value in _NAMED_PAIR.findall(text)}
    scale = scale_named(text)
    if named:
        text = named.get("semistdnp") or named.get("stdnp") or ""
        scale = RiScale.ALKANE
    found = _FIRST_NUMBER.match(text.strip())
    if not found or not _COMMENT_AFTER.match(text.strip()[found.end() :]):
        return None, scale
    plain = parse_number(found[0])
    readings = [plain] if plain is not None else [parse_number(found[0], comma) for comma in Comma]
    likely = [value for value in readings if value is not None and LOWEST_RI <= value <= HIGHEST_RI]
    if len(likely) == 1:
        return likely[0], scale
    fiehn = [value for value in readings if value is not None and _LOWEST_FIEHN <= value <= _HIGHEST_FIEHN]
    if len(fiehn) == 1 and not likely and scale is not RiScale.ALKANE:
        return fiehn_to_fame(fiehn[0]), RiScale.FAME
    return None, scale


def fiehn_to_fame(index: float) -> float:
    """Convert an index of the Fiehn scale to the FAME scale, linearly between the published standards."""
    return float(_interpolated(np.array(index), _FAME_ON_FIEHN[:, ::-1]))


def to_alkane(fame_index: ArrayLike) -> NDArray[np.float64]:
    """Convert indices of the FAME scale to the n-alkane scale.

    The conversion is linear between the measured n-alkane indices of the methyl esters, as both scales are linear in
    time between their standards in a temperature program. `CONVERSION_ERROR` is its standard error.

    Parameters
    ----------
    fame_index
        Index units, any shape. Below 800 and above 3000 the distance to the nearest standard is kept.

    Returns
    -------
    ndarray
        Index units of the n-alkane scale, of the same shape.
    """
    return _interpolated(np.asarray(fame_index, dtype=np.float64), _FAME_ON_ALKANE, keep_distance=True)


def _interpolated(
    values: NDArray[np.float64], nodes: NDArray[np.float64], *, keep_distance: bool = False
) -> NDArray[np.float64]:
    """Interpolate linearly through nodes (n, 2), and extrapolate with the slope of the ends, or with slope 1."""
    given, wanted = nodes[:, 0], nodes[:, 1]
    left = np.clip(np.searchsorted(given, values, side="right") - 1, 0, len(given) - 2)
    slope = (wanted[left + 1] - wanted[left]) / (given[left + 1] - given[left])
    inside = wanted[left] + slope * (values - given[left])
    if not keep_distance:
        return inside
    below, above = values < given[0], values > given[-1]
    return np.where(below, values + wanted[0] - given[0], np.where(above, values + wanted[-1] - given[-1], inside))
