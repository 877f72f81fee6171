"""Scans of several kinds in turn, recognized by the data of files that do not label their scans.

If every second scan, or every tenth, is of another kind, the mean spectrum of these scans differs from that of the
others. Within a run of one kind, the mean spectra of every second scan and of the rest agree.
"""

import numpy as np
from numpy.typing import NDArray

from spectus.raw.run import Run
from spectus.raw.scans import ScanLabel, Scans, blocks_of
from spectus.raw.sim import sim_phase
from spectus.types import Ints, Singles

_MOST_SCANS = 1000
"""Scans that are looked at. Chosen: 16 of every sixtieth scan. Measured: 30 ms of one core."""

_STRETCH = 400
"""Scans in which an even interval is looked for. Chosen: six times the longest interval, and half of that again."""

_FEWEST_SCANS = 20
_MOST_PERIOD, _FEWEST_OF_PHASE = 60, 6
"""Longest interval, in scans, and fewest scans of a phase. Chosen: lock-mass scans come every 10-30 s."""

_MASSES, _STRONGEST = 1000, 100
"""Nominal masses that are counted, Th, and how many of them, those with most of the scans' ion current, are compared.
Chosen: few compounds of gas chromatography have ions above m/z 1000."""

_SAME_KIND, _SAME_PHASE = 0.6, 0.8
"""Cosine of mean spectra above which two phases are of one kind, and above which a phase agrees with itself.
Measured: cosines between a phase and the others of at least 0.96 on 24 real runs of one kind, and below 0.1 on runs
with lock-mass scans or both polarities."""

_MISPLACED = 0.25
"""Share of the rarest kind's scans that may be more like another kind before the interval is doubted. Chosen: weak
scans may be like any."""


def kinds_in_turn(scans: Scans, sample: Run) -> tuple[Ints, list[ScanLabel]] | None:
    """Return the kind of each scan, (n_scans,), and a label of each kind; None for a run of one kind.

    Parameters
    ----------
    scans
        All scans, sorted by time.
    sample
        The first of them, as read.
    """
    phase = sim_phase(sample)
    if phase is not None:
        codes = np.asarray(np.arange(scans.n_scans) % 2 == phase, dtype=np.int64)
        return codes, [ScanLabel(), ScanLabel(sim=True)]
    if sample.n_scans < _FEWEST_SCANS:
        return None
    spectra = _unit_spectra(sample, min(sample.n_scans, _MOST_SCANS))
    for stretch in _stretches(len(spectra)):
        found = _kinds_of_phases(spectra[stretch])
        if found is not None:
            return _kinds_of_scans(scans, spectra, np.roll(found, stretch.start), stretch)
    return None


def _stretches(n_scans: int) -> list[slice]:
    """Return the parts of a run that are looked at: one scan missing changes the phase of all that follow."""
    middle, length = n_scans // 2, min(_STRETCH, n_scans)
    return [slice(0, length), slice(0, min(length, middle)), slice(middle, middle + min(length, n_scans - middle))]


def _kinds_of_scans(scans: Scans, spectra: Singles, phases: Ints, stretch: slice) -> tuple[Ints, list[ScanLabel]]:
    """Return the kind of each scan, by its phase where the interval is even, else by its spectrum, and the labels."""
    labels = [ScanLabel()] * (int(phases.max()) + 1)
    by_phase = phases[np.arange(scans.n_scans) % len(phases)]
    sampled = by_phase[: len(spectra)]
    means = np.stack([_mean(spectra[stretch][sampled[stretch] == kind]) for kind in range(len(labels))])
    rarest = float(np.bincount(sampled).min()) / len(sampled)
    if np.mean(_nearest_mean(spectra, means, sampled) != sampled) < _MISPLACED * rarest:
        return by_phase, labels
    return _kinds_of_all(scans, means), labels


def _unit_spectra(run: Run, n_scans: int) -> Singles:
    """Return square roots of the intensities by nominal mass, each scan of unit length, (n_scans, _MASSES)."""
    end = int(run.offsets[n_scans])
    with np.errstate(invalid="ignore"):
        usable = (run.mz[:end] > 0) & (run.mz[:end] < _MASSES - 1) & (run.intensity[:end] > 0)
        usable &= np.isfinite(run.intensity[:end])
    scan = np.repeat(np.arange(n_scans), np.diff(run.offsets[: n_scans + 1]))[usable]
    mass = np.rint(run.mz[:end][usable]).astype(np.int64)
    sums = np.bincount(scan * _MASSES + mass, run.intensity[:end][usable], n_scans * _MASSES)
    spectra = np.sqrt(sums.reshape(n_scans, _MASSES)).astype(np.float32)
    length = np.linalg.norm(spectra, axis=1, keepdims=True)
    return np.asarray(spectra / np.where(length > 0, length, 1.0), dtype=np.float32)


def _kinds_of_phases(spectra: Singles) -> Ints | None:
    """Return the kind of each phase of the shortest interval at which the kinds differ; None if there is none."""
    strongest = np.argsort((spectra**2).sum(axis=0))[-_STRONGEST:]
    compared = spectra[:, strongest]
    for period in range(2, min(_MOST_PERIOD, len(spectra) // _FEWEST_OF_PHASE) + 1):
        whole = compared[: len(compared) // (2 * period) * 2 * period].reshape(-1, 2, period, compared.shape[1])
        halves = whole.sum(axis=0)
        means = halves.sum(axis=0)
        others = means.sum(axis=0) - means
        differs = _cosines(means, others) < _SAME_KIND
        if differs.any():
            differs &= _cosines(halves[0], halves[1]) >= _SAME_PHASE
        if not differs.any():
            continue
        rest = halves[:, ~differs].sum(axis=1)
        if not differs.all() and float(_cosines(rest[0], rest[1])) < _SAME_PHASE:
            continue
        unit = _unit(means)
        linked = (unit @ unit.T >= _SAME_KIND) & (differs[:, None] == differs)
        linked |= ~differs[:, None] & ~differs
        kinds = _groups(linked)
        if kinds.max() > 0:
            return kinds
    return None


def _groups(linked: NDArray[np.bool_]) -> Ints:
    """Return the number of the group of each phase, where linked phases are of one group."""
    groups = np.full(len(linked), -1, dtype=np.int64)
    for phase in range(len(linked)):
        if groups[phase] < 0:
            groups[phase] = groups.max() + 1
            members = [phase]
            while members:
                new = np.flatnonzero(linked[members.pop()] & (groups < 0))
                groups[new] = groups[phase]
                members.extend(new.tolist())
    return groups


def _kinds_of_all(scans: Scans, means: Singles) -> Ints:
    kinds = []
    last = np.zeros(1, dtype=np.int64)
    for numbers in blocks_of(scans.n_points):
        run = scans.read(numbers)
        for start in range(0, run.n_scans, _MOST_SCANS):
            part = np.arange(start, min(start + _MOST_SCANS, run.n_scans))
            offsets = run.offsets[part[0] : part[-1] + 2]
            peaks = slice(int(offsets[0]), int(offsets[-1]))
            piece = Run(run.rt_s[part], offsets - offsets[0], run.mz[peaks], run.intensity[peaks], run.format)
            spectra = _unit_spectra(piece, piece.n_scans)
            last = _nearest_mean(spectra, means, np.full(len(spectra), last[-1]))
            kinds.append(last)
    return np.concatenate(kinds)


def _nearest_mean(spectra: Singles, means: Singles, otherwise: Ints) -> Ints:
    """Return the kind whose mean spectrum is most like each scan; `otherwise` (n,) for scans without ions."""
    likeness = spectra @ means.T
    return np.where(likeness.max(axis=1) > 0, likeness.argmax(axis=1), otherwise)


def _mean(spectra: Singles) -> Singles:
    return np.asarray(_unit(spectra.sum(axis=0, keepdims=True))[0], dtype=np.float32)


def _unit(vectors: Singles) -> Singles:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)


def _cosines(one: Singles, other: Singles) -> Singles:
    return np.asarray((_unit(one) * _unit(other)).sum(axis=-1), dtype=np.float32)
