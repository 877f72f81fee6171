"""The compounds to quantify: those that a table names, or the features that follow the calibrators."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats
from scipy.optimize import linear_sum_assignment

from spectus import tables
from spectus.errors import InputError
from spectus.nominal_mass import to_nominal_mass
from spectus.quantitation.campaign import AreaMatrix
from spectus.samples import number_in, table_rows
from spectus.types import Flags, Floats

COLUMNS = ("name", "feature", "rt_s", "quantifier", "qualifiers", "internal_standard")
"""Columns of a table of compounds."""

_S_PER_MIN = 60.0

_PERCEIVED_SHARE = 0.8
"""Share of the calibrators in which a feature without a name must be perceived. Chosen: ghosts beside a large peak come
and go."""

_LEAST_CORRELATION = 0.97
"""Least correlation of the logarithms of area and amount of such a feature. Chosen: a bent response has 0.99."""

_SLOPES = (0.5, 2.5)
"""Slope of these logarithms. Chosen: 1 is proportional; adsorption makes it steeper, saturation flatter."""

_BLANK_SHARE = 0.5
"""Largest mean area in blanks of such a feature, as a fraction of that in the lowest calibrators. Chosen."""

_DISTANCE_SD = 0.5
"""Standard deviation of the distance from a stated time, in tolerances. Chosen: as in the search for the apex."""

_LEAST_ION = 0.01
"""Least intensity, relative to the base peak, of a quantifier that the user names. Chosen: less is no peak of it."""

_NOT_IT = -1e9
"""Score of a feature that cannot be a compound, far below that of any other."""

_COUNTER = re.compile(r"(?<=\S)#\d+$")
"""Number that the reader of libraries adds to a name that occurs again."""


@dataclass(frozen=True)
class Compound:
    """A compound as the user names it.

    Attributes
    ----------
    name
        Its name in the tables.
    feature
        Its feature; None to find it by time or name.
    rt_s
        Its time, s; None to find it by name.
    quantifier
        m/z to quantify with; None to choose it.
    qualifiers
        m/z of the qualifiers; empty to choose them.
    standard
        Its internal standard, as the settings name one; None for that of the settings, "none" for none.
    """

    name: str
    feature: str | None = None
    rt_s: float | None = None
    quantifier: float | None = None
    qualifiers: tuple[float, ...] = ()
    standard: str | None = None


@dataclass(frozen=True)
class Features:
    """The features of a campaign, as far as the search for compounds needs them.

    Attributes
    ----------
    names
        Identifiers.
    rt_s
        (n_features,) times, s.
    mz, intensity
        Spectra.
    strength
        (n_features,) how large the feature is in the runs of the compounds, counts x s.
    hits
        Features by the names of their library hits or candidates, in lower case, the best first.
    """

    names: Sequence[str]
    rt_s: Floats
    mz: Sequence[Sequence[float]]
    intensity: Sequence[Sequence[float]]
    strength: Floats
    hits: Mapping[str, Sequence[str]]

    def find(self, text: str, rt_tolerance: float) -> str | None:
        """Return the feature that a text names: its identifier, its retention time in s, or a name of its hits.

        Among several features near a time, the one with the best score (see `scores`) is it. None if there is none.
        """
        if text in self.names:
            return text
        time = number_in(text)
        if time is None:
            return next(iter(self.hits.get(text.casefold(), ())), None)
        score = self.scores(Compound(text, rt_s=time), rt_tolerance)
        best = int(np.argmax(score)) if len(score) else 0
        return self.names[best] if len(score) and score[best] > _NOT_IT else None

    def scores(self, compound: Compound, rt_tolerance: float) -> Floats:
        """Return how well each feature fits the time and the quantifier of a compound, (n_features,).

        A score is the logarithm of the area in calibrators, QC samples and samples, times a Gaussian of the distance
        from the time with half the tolerance as its standard deviation. If the user names the quantifier, the area
        counts by the intensity of this ion. Features beyond the tolerance or without the ion have -1e9.
        """
        found = np.full(len(self.names), _NOT_IT)
        if compound.rt_s is None:
            return found
        distance = np.abs(self.rt_s - compound.rt_s)
        near = np.flatnonzero(distance <= rt_tolerance)
        for place in near.tolist():
            share = 1.0 if compound.quantifier is None else self._intensity_of(place, compound.quantifier)
            if share >= _LEAST_ION:
                size = np.log(max(self.strength[place], 1e-300) * share)
                found[place] = size - 0.5 * (distance[place] / (_DISTANCE_SD * rt_tolerance)) ** 2
        return found

    def _intensity_of(self, feature: int, ion: float) -> float:
        mz, intensity = np.asarray(self.mz[feature], dtype=np.float64), np.asarray(self.intensity[feature])
        same = to_nominal_mass(mz) == to_nominal_mass(np.array([ion]))[0]
        return float(intensity[same].max(initial=0.0))


def assigned_features(compounds: Sequence[Compound], features: Features, rt_tolerance: float) -> list[str | None]:
    """Find the features of compounds. No two compounds that are given by their times get the same feature.

    The features of those compounds are the assignment with the largest sum of scores (linear_sum_assignment of scipy),
    so that of two neighbors each gets its own, and not both the larger one.

    Parameters
    ----------
    compounds
        The compounds.
    features
        The features.
    rt_tolerance
        Largest distance from a stated time, s.

    Returns
    -------
    list of str or None
        A feature for each compound; None where there is none.
    """
    found = [
        compound.feature if compound.feature or compound.rt_s is not None
        else features.find(compound.name, rt_tolerance)
        for compound in compounds
    ]  # fmt: skip
    timed = [place for place, name in enumerate(found) if name is None and compounds[place].rt_s is not None]
    if not timed or not len(features.names):
        return found
    score = np.array([features.scores(compounds[place], rt_tolerance) for place in timed])
    taken = {name for name in found if name}
    score[:, [name in taken for name in features.names]] = _NOT_IT
    for row, column in zip(*linear_sum_assignment(score, maximize=True), strict=True):
        if score[row, column] > _NOT_IT:
            found[timed[row]] = features.names[column]
    return found


def read_compounds(path: Path) -> list[Compound]:
    """Read a table of compounds: text separated by tabs, commas or semicolons, or a workbook.

    Parameters
    ----------
    path
        Table with the column `name` and any of `feature`, `rt_s` (or `rt_min`), `quantifier`, `qualifiers` (several
        separated by spaces or /) and `internal_standard`.

    Raises
    ------
    InputError
        The table cannot be read, or a cell cannot be understood.
    """
    found: list[Compound] = []
    for line, cells in table_rows(path, (*COLUMNS, "rt_min"), ("name",)):
        where = f"{path}, line {line}"
        if not cells["name"]:
            raise InputError(where, "the cell under 'name' is empty", "fill it in")
        if any(compound.name.casefold() == cells["name"].casefold() for compound in found):
            raise InputError(where, f"the compound {cells['name']!r} is there twice", "keep one of the lines")
        rt_s = _number(where, "rt_s", cells)
        rt_min = _number(where, "rt_min", cells)
        quantifiers = _masses(where, "quantifier", cells)
        if len(quantifiers) > 1:
            raise InputError(where, "names more than one quantifier", "write one m/z, and the others as qualifiers")
        qualifiers = tuple(_masses(where, "qualifiers", cells))
        if len({*quantifiers, *qualifiers}) < len(quantifiers) + len(qualifiers):
            raise InputError(where, "names one ion twice", "a qualifier is another ion than the quantifier")
        found.append(
            Compound(
                cells["name"],
                cells.get("feature") or None,
                rt_s if rt_s is not None else None if rt_min is None else rt_min * _S_PER_MIN,
                quantifiers[0] if quantifiers else None,
                qualifiers,
                cells.get("internal_standard") or None,
            )
        )
    if not found:
        raise InputError(path, "names no compound", "add a line for each below the header")
    return found


def _number(where: str, column: str, cells: Mapping[str, str]) -> float | None:
    text = cells.get(column, "")
    number = number_in(text) if text else None
    if text and (number is None or number < 0):
        raise InputError(where, f"{column} {text!r} is not a number from 0 up", "write for example 615.4")
    return number


def _masses(where: str, column: str, cells: Mapping[str, str]) -> list[float]:
    found = []
    for text in re.split(r"[\s/|]+", cells.get(column, "").strip()):
        number = number_in(text) if text else None
        if text and (number is None or number <= 0):
            raise InputError(where, f"{column} {text!r} is not an m/z", "write for example 342, several with spaces")
        found += [] if number is None else [number]
    return found


def following_features(areas: AreaMatrix, amounts: Floats, calibrators: Flags, blanks: Flags) -> list[str]:
    """Return the features that follow the amounts of the calibrators, and so are compounds of the calibration mixture.

    They are perceived in at least 80 % of the calibrators. The logarithms of their areas and of the amounts have a
    correlation of at least 0.97 and a slope from 0.5 to 2.5. Their mean area in blanks is less than half of that in the
    lowest calibrators.

    Parameters
    ----------
    areas
        Areas of all features.
    amounts
        (n_runs,) amounts of the sheet.
    calibrators, blanks
        (n_runs,) which runs are calibrators and blanks.
    """
    used = calibrators & (amounts > 0)
    if len(np.unique(amounts[used])) < 3:  # as `calibration.FEWEST_LEVELS`
        return []
    logs = np.log(amounts[used])
    lowest = used & (amounts == amounts[used].min())
    found = []
    for name, area, perceived in zip(areas.features, areas.area, areas.perceived, strict=True):
        known = area[used] > 0
        if perceived[used].mean() < _PERCEIVED_SHARE or len(np.unique(logs[known])) < 3:
            continue
        line = stats.linregress(logs[known], np.log(area[used][known]))
        in_blanks = np.nan_to_num(area[blanks]).mean() if blanks.any() else 0.0
        if (
            line.rvalue >= _LEAST_CORRELATION
            and _SLOPES[0] <= line.slope <= _SLOPES[1]
            and in_blanks < _BLANK_SHARE * np.nan_to_num(area[lowest]).mean()
        ):
            found.append(name)
    return found


def features_by_name(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Return the features by the names of their library hits or candidates, in lower case, the best first.

    Those of the best rank come first, and among them those with the best score or probability.

    Parameters
    ----------
    paths
        Tables of library hits or candidates.
    """
    rows = sorted((rank, -score, query, name) for path in paths for query, name, rank, score in _named(path))
    found: dict[str, list[str]] = {}
    for _, _, query, name in rows:
        features = found.setdefault(_COUNTER.sub("", name).casefold(), [])
        if query not in features:
            features.append(query)
    return found


def _named(path: Path) -> Iterator[tuple[str, str, int, float]]:
    """Yield query, name, rank and score of the rows that have a name; the score of a candidate is its probability."""
    both = pa.schema([tables.LIBRARY_HITS.field(name) for name in ("query", "name", "rank")])
    rows = tables.read(path, both).to_pylist()
    of_candidates = "probability" in pq.read_schema(path).names
    score = tables.CANDIDATES.field("probability") if of_candidates else tables.LIBRARY_HITS.field("score")
    scores = tables.read(path, pa.schema([score]))[score.name].to_pylist()
    for row, value in zip(rows, scores, strict=True):
        if row["name"]:
            yield row["query"], row["name"], row["rank"], value or 0.0
