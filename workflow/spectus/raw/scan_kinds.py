"""Scans of several kinds in one file: the main kind is kept, and the rest is counted in one line.

A file may hold MS/MS scans, scans of selected ions, scans of both polarities, lock-mass scans, or scans of two mass
windows in turn. One chromatogram can only be made of scans that see the same ions. What the file says of its scans
decides; where it says nothing, the data do (`turns`).
"""

from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from spectus.errors import InputError
from spectus.raw.centroid import is_profile
from spectus.raw.remarks import Remarks
from spectus.raw.run import Run
from spectus.raw.scans import ScanLabel, Scans, blocks_of
from spectus.raw.sim import REMEDY_FOR_SIM
from spectus.raw.turns import kinds_in_turn
from spectus.types import Flags, Ints

_LONGEST_TURN = 5.0
"""Mean number of scans one after another up to which a kind comes in turn with others. Chosen: lock-mass scans come in
ones and twos; the segments of a method, whose mass ranges may differ, have hundreds of scans."""

_SAME_WINDOW = 0.8
"""Overlap over union above which two mass windows are one. Chosen: some writers give the observed range instead."""

_MOST_WINDOWS = 8
"""Mass windows above which they are taken for observed ranges, which say nothing. Chosen: methods have one to four."""

_APART = 0.1
"""Overlap, as a share of the narrower one, up to which mass windows complete each other. Chosen: windows that are to
cover a range together overlap by a few Th."""

_COMPARABLE = 0.5
"""Share of the scans of the most frequent kind from which another is as frequent. Chosen: kinds that come one for one
may differ by a few scans."""


@dataclass(frozen=True)
class _Kind:
    """Scans of one kind.

    Attributes
    ----------
    code
        Number of the kind.
    n_scans
        Scans of the kind.
    content
        Width of the mass window, Th, where the file labels the scans; ion current of the sample where it does not.
    name
        Name for the user.
    label
        What the file says of it.
    window
        Mass window, as stated or as observed, Th.
    """

    code: int
    n_scans: int
    content: float
    name: str
    label: ScanLabel
    window: tuple[float, float] | None


def main_scans(scans: Scans, path: Path, remarks: Remarks) -> Scans:
    """Return the scans of the main kind, sorted by time.

    Parameters
    ----------
    scans
        Scans in the file's order.
    path
        Path that the user gave, for errors.
    remarks
        Gets a line for each kind that is left out.

    Raises
    ------
    InputError
        All scans are MS/MS scans, or of selected ions.
    """
    scans = _without_fragments(scans, path, remarks)
    scans = _of_main_polarity(_without_sim(scans, path, remarks), remarks)
    scans = scans.subset(np.argsort(scans.rt_s, kind="stable"))
    first = next(blocks_of(scans.n_points), np.empty(0, dtype=np.int64))
    if len(first) < 2:
        return scans
    sample = scans.read(first)
    remembering = scans.remembering(first, sample)
    codes, names = _labeled_kinds(scans)
    if codes.max() == 0:
        found = kinds_in_turn(scans, sample)
        if found is None:
            return remembering
        codes, names = found
    kinds = [_kind(code, codes, scans, sample, names) for code in np.unique(codes).tolist()]
    return _resolved(remembering, codes, kinds, is_profile(sample, scans.facts.profile), remarks)


def _without_fragments(scans: Scans, path: Path, remarks: Remarks) -> Scans:
    number = scans.facts.n_fragment_scans
    if number and not scans.n_scans:
        raise InputError(
            path, f"has no MS1 scans, only {number:,} MS/MS scans", "export the full-scan mass spectra (MS level 1)"
        )
    if number:
        remarks.leave_out_scans(
            number, f"left out: {number:,} of {number + scans.n_scans:,} scans, which are MS/MS scans"
        )
    return scans


def _without_sim(scans: Scans, path: Path, remarks: Remarks) -> Scans:
    sim = np.array([label.sim for label in scans.labels])[scans.label_of]
    number = int(sim.sum())
    if not number:
        return scans
    if scans.n_scans - number < 2:
        raise InputError(
            path, f"all its scans are of selected ions (SIM): {scans.n_scans:,} of {scans.n_scans:,}", REMEDY_FOR_SIM
        )
    remarks.leave_out_scans(
        number, f"left out: {number:,} of {scans.n_scans:,} scans, which are SIM scans; the full scans are used"
    )
    return scans.subset(np.flatnonzero(~sim))


def _of_main_polarity(scans: Scans, remarks: Remarks) -> Scans:
    polarity = np.array([label.polarity or "" for label in scans.labels])[scans.label_of]
    number = {name: int(np.count_nonzero(polarity == name)) for name in ("positive", "negative")}
    if not all(number.values()):
        return scans
    main = "positive" if number["positive"] >= _COMPARABLE * number["negative"] else "negative"
    other = "negative" if main == "positive" else "positive"
    remarks.leave_out_scans(
        number[other],
        f"left out: {number[other]:,} of {scans.n_scans:,} scans, which are {other}; the {main} scans are used",
    )
    return scans.subset(np.flatnonzero(polarity != other))


def _labeled_kinds(scans: Scans) -> tuple[Ints, list[ScanLabel]]:
    """Return the kind of each scan by its function and mass window, (n_scans,), and the label of each kind."""
    windows = {label.window for label in scans.labels}
    use_windows = len(windows) <= _MOST_WINDOWS
    kinds: list[ScanLabel] = []
    code_of_label = []
    for label in scans.labels:
        wanted = ScanLabel(function=label.function, window=label.window if use_windows else None)
        code = next((number for number, kind in enumerate(kinds) if _same_kind(wanted, kind)), len(kinds))
        if code == len(kinds):
            kinds.append(wanted)
        code_of_label.append(code)
    met, codes = np.unique(np.array(code_of_label)[scans.label_of], return_inverse=True)
    return codes.ravel().astype(np.int64), [kinds[code] for code in met.tolist()]


def _same_kind(one: ScanLabel, other: ScanLabel) -> bool:
    if one.function != other.function:
        return False
    if one.window is None or other.window is None:
        return one.window == other.window
    union = max(one.window[1], other.window[1]) - min(one.window[0], other.window[0])
    return _shared(one.window, other.window) >= _SAME_WINDOW * union


def _shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the overlap of two mass windows, Th."""
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _kind(code: int, codes: Ints, scans: Scans, sample: Run, names: list[ScanLabel]) -> _Kind:
    label = names[code]
    sampled = codes[: sample.n_scans] == code
    window = label.window or _observed_window(sample, sampled)
    if label.function:
        name = f"function {label.function}"
    elif window:
        name = f"m/z {window[0]:.0f}-{window[1]:.0f}"
    else:
        name = "scans without ions"
    chosen = codes == code
    labeled = bool(label.function or label.window)
    current = float(np.maximum(sample.intensity, 0.0)[sampled[sample.scan]].sum())
    content = current if not labeled else window[1] - window[0] if window else 0.0
    return _Kind(code, int(chosen.sum()), content, "SIM" if label.sim else name, label, window)


def _observed_window(sample: Run, chosen: Flags) -> tuple[float, float] | None:
    """Return the m/z between which nearly all ions of some scans lie."""
    present = np.repeat(chosen, np.diff(sample.offsets)) & (sample.intensity > 0) & (sample.mz > 0)
    mz = sample.mz[present]
    if not len(mz):
        return None
    low, high = np.quantile(mz, [0.005, 0.995])
    return float(low), float(high)


def _resolved(scans: Scans, codes: Ints, kinds: list[_Kind], profile: bool, remarks: Remarks) -> Scans:
    """Join the scans of kinds that complete each other, or keep the main kind."""
    full = [kind for kind in kinds if not kind.label.sim]
    most = max(kind.n_scans for kind in full)
    frequent = [kind for kind in full if kind.n_scans >= _COMPARABLE * most]
    fullest = max(kind.content for kind in frequent)
    rich = [kind for kind in frequent if kind.content >= _COMPARABLE * fullest]
    main = min(rich, key=lambda kind: (int(kind.label.function or 0), -kind.content))
    turns = [kind for kind in kinds if kind is not main and _mean_turn(codes, kind.code) <= _LONGEST_TURN]
    if not turns:
        return scans
    if len(turns) == len(kinds) - 1 == len(frequent) - 1 and _complete_each_other(kinds):
        starts = _cycles(codes)
        names = " and ".join(kind.name for kind in sorted(kinds, key=lambda kind: kind.window or (0.0, 0.0)))
        remarks.add(
            f"scans of {names} come in turn: {scans.n_scans:,} scans are joined to {len(starts):,}, "
            f"{len(kinds)} in one, at their mean time"
        )
        return _joined_cycles(scans, codes, starts, interpolate=not profile)
    number = sum(kind.n_scans for kind in turns)
    remarks.leave_out_scans(
        number,
        f"left out: {number:,} of {scans.n_scans:,} scans, which are of another kind and come in turn with the others "
        f"({', '.join(kind.name for kind in turns)}); {main.name} is used",
    )
    return scans.subset(np.flatnonzero(~np.isin(codes, [kind.code for kind in turns])))


def _mean_turn(codes: Ints, code: int) -> float:
    """Return the mean number of scans of a kind that come one after another."""
    lengths = [len(list(scans)) for kind, scans in groupby(codes.tolist()) if kind == code]
    return float(np.mean(lengths))


def _complete_each_other(kinds: list[_Kind]) -> bool:
    windows = sorted(kind.window for kind in kinds if kind.window)
    if len(windows) < len(kinds):
        return False
    return all(
        _shared(low, high) <= _APART * min(low[1] - low[0], high[1] - high[0]) for low, high in pairwise(windows)
    )


def _cycles(codes: Ints) -> Ints:
    """Return where each cycle of kinds starts: at the first scan whose kind the cycle already has."""
    starts, met = [0], {int(codes[0])}
    for number, code in enumerate(codes[1:].tolist(), 1):
        if code in met:
            starts.append(number)
            met = set()
        met.add(code)
    return np.array(starts, dtype=np.int64)


def _joined_cycles(scans: Scans, codes: Ints, starts: Ints, interpolate: bool) -> Scans:
    """Join the scans of each cycle to one at their mean time.

    Each mass window is interpolated linearly to that time, from its scan of the cycle and the nearest one on the other
    side. Without it, ions of one window would seem to elute later than those of another. Profiles are not interpolated,
    since the points of two profiles cannot be mixed.
    """
    ends = np.append(starts[1:], scans.n_scans)
    cycle = np.repeat(np.arange(len(starts)), ends - starts)
    with np.errstate(invalid="ignore"):
        rt_s = np.add.reduceat(scans.rt_s, starts) / (ends - starts)
        late = scans.rt_s > rt_s[cycle]
    neighbor = _same_kind_neighbors(codes, late)
    weight = np.zeros(scans.n_scans)
    if interpolate:
        step = scans.rt_s[neighbor] - scans.rt_s
        usable = np.isfinite(step) & (step != 0)
        weight[usable] = np.clip((rt_s[cycle][usable] - scans.rt_s[usable]) / step[usable], 0.0, 1.0)
    members = np.concatenate([np.arange(scans.n_scans), neighbor])
    weights = np.concatenate([1.0 - weight, weight])
    cycles = np.concatenate([cycle, cycle])
    kept = weights > 0
    order = np.argsort(cycles[kept], kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(cycles[kept], minlength=len(starts)))])
    return scans.merged(rt_s, members[kept][order], weights[kept][order], bounds)


def _same_kind_neighbors(codes: Ints, late: Flags) -> Ints:
    """Return the scan of the same kind before each late scan and after each other one; itself where there is none."""
    neighbor = np.arange(len(codes))
    for code in np.unique(codes).tolist():
        scans = np.flatnonzero(codes == code)
        before, after = np.roll(scans, 1), np.roll(scans, -1)
        before[0], after[-1] = scans[0], scans[-1]
        neighbor[scans] = np.where(late[scans], before, after)
    return neighbor
