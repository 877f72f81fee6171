"""The choice of the quantifier ion and the qualifier ions of a compound."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectus.nominal_mass import to_nominal_mass
from spectus.quantitation.integration import find_peak, integrate_between
from spectus.quantitation.ion_signals import Window
from spectus.types import Floats

CANDIDATES = 12
"""Ions of a compound that are tried. Chosen: weaker ones are rarely a tenth of the base peak."""

_LEAST_INTENSITY = 0.05
"""Least intensity of a candidate, as a fraction of the base peak. Chosen: weaker ions are noisy in low calibrators."""

_LOWEST_MZ = 45
"""Lowest m/z of a candidate. Chosen: below it lie air, water, carbon dioxide and ions of every compound."""

_NEVER_SILYLATED = (73, 147)
"""m/z of trimethylsilyl and pentamethyldisiloxanyl, which every silylated compound and the column bleed have."""

_TRIMETHYLSILYL = 0.05
"""Intensity of m/z 73, relative to the base peak, from which a compound counts as silylated. Chosen on MassBank and the
other spectra of known structure (benchmarks/quantitation.py): it is better to avoid the two ions once too often."""

_DISILOXANYL = 0.04
"""The same by the isotope 149 over 147: two silicon atoms give 0.08, carbon alone less than 0.01."""

_SAME_FRAGMENT_TH = 3.0
"""Distance within which two ions may be isotopes of one fragment, Th. Chosen: 37Cl and 81Br lie 2 Th above."""

_LEAST_AGREEMENT = 0.9
"""Least correlation of an ion's peak with the typical one. Chosen: lower ones belong to another compound as well."""

_LEAST_SNR = 10.0
"""Signal-to-noise ratio at which an ion can be quantified (ICH Q2(R2), 2023, 3.2.3.2)."""


@dataclass(frozen=True)
class IonChoice:
    """The ions of a compound.

    Attributes
    ----------
    quantifier
        m/z, Th.
    qualifiers
        m/z, Th, the best first; may be fewer than wanted.
    """

    quantifier: float
    qualifiers: tuple[float, ...]


def candidate_ions(mz: Sequence[float], intensity: Sequence[float]) -> list[float]:
    """Return the ions of a spectrum that may be quantified, the most intense first.

    They have at least 5 % of the base peak and m/z of at least 45. The ions m/z 73 and 147 are never among those of a
    silylated compound.

    Parameters
    ----------
    mz, intensity
        The spectrum, base peak 1.0.
    """
    masses = to_nominal_mass(np.asarray(mz, dtype=np.float64))
    heights = np.asarray(intensity, dtype=np.float64)
    by_mass = {int(mass): float(heights[masses == mass].sum()) for mass in np.unique(masses)}
    banned = _NEVER_SILYLATED if is_silylated(by_mass) else ()
    usable = [
        (height, float(mass)) for mass, height in by_mass.items() if height >= _LEAST_INTENSITY and mass >= _LOWEST_MZ
    ]
    usable = [(height, mass) for height, mass in usable if mass not in banned]
    return [mass for _, mass in sorted(usable, reverse=True)[:CANDIDATES]]


def is_silylated(by_mass: dict[int, float]) -> bool:
    """Tell whether a spectrum, intensity by nominal mass with base peak 1.0, may be that of a trimethylsilyl compound.

    It has m/z 73, or m/z 147 with the isotopes of two silicon atoms, or m/z 147 and nothing as light as 73, because the
    scan range begins above.
    """
    disiloxanyl = by_mass.get(147, 0.0)
    isotope = by_mass.get(149, 0.0) >= _DISILOXANYL * disiloxanyl > 0
    unseen = disiloxanyl > 0 and min(by_mass) > _NEVER_SILYLATED[0]
    return by_mass.get(73, 0.0) >= _TRIMETHYLSILYL or isotope or unseen


def choose_ions(
    ions: Sequence[float],
    windows: Sequence[Window],
    search_s: Sequence[tuple[float, float]],
    n_qualifiers: int,
    quantifier: float | None = None,
) -> IonChoice | None:
    """Choose the ions of a compound from its peaks in some runs.

    The score of an ion is its area times its m/z times its selectivity; heavy ions are rarer among the other compounds.
    Selectivity is the squared correlation of the ion's peak with the typical peak of the ions, times the share of the
    ion's current between the ends of the peak that lies above the baseline, times 1 / (1 + the coefficient of variation
    of its area relative to that of all ions). An ion is left out if the correlation is below 0.9, if it is saturated,
    or if its signal-to-noise ratio is below 10 in half of the runs. Where all ions fall out, the limits are dropped.
    Qualifiers are the next best, more than 3 Th from one another and from the quantifier, because isotopes of one
    fragment are no second piece of evidence.

    Parameters
    ----------
    ions
        Candidates, m/z.
    windows
        Traces of the candidates around the peak, one window for each run.
    search_s
        Expected time of the apex in each of these runs, and its largest distance from it, s.
    n_qualifiers
        Qualifier ions wanted.
    quantifier
        m/z of the quantifier where the user names one; the qualifiers keep their distance from it.

    Returns
    -------
    IonChoice or None
        None without candidates or without runs.
    """
    if not len(ions) or not len(windows):
        return None
    measured = np.array([_measured(window, search) for window, search in zip(windows, search_s, strict=True)])
    area, agreement, share, snr, saturated = np.moveaxis(measured, 2, 0)
    total = area.sum(axis=1, keepdims=True)
    part = np.divide(area, total, out=np.zeros_like(area), where=total > 0)
    mean = part.mean(axis=0)
    variation = np.divide(part.std(axis=0), mean, out=np.ones_like(mean), where=mean > 0)
    correlation = np.median(agreement, axis=0)
    selectivity = correlation.clip(0) ** 2 * np.median(share, axis=0).clip(0, 1) / (1 + variation)
    score = mean * np.asarray(ions) * selectivity
    good = (correlation >= _LEAST_AGREEMENT) & (saturated.max(axis=0) == 0) & (np.median(snr, axis=0) >= _LEAST_SNR)
    chosen: list[float] = [] if quantifier is None else [quantifier]
    for place in np.argsort(-np.where(good, score, score * 1e-6), kind="stable"):
        ion = float(ions[place])
        apart = all(abs(ion - other) > _SAME_FRAGMENT_TH for other in chosen)
        if not chosen or (good[place] and apart and len(chosen) <= n_qualifiers):
            chosen.append(ion)
    return IonChoice(chosen[0], tuple(chosen[1 : n_qualifiers + 1]))


def _measured(window: Window, search_s: tuple[float, float]) -> Floats:
    """Return (n_ions, 5): area, agreement with the typical ion, share above the baseline, snr, saturated."""
    together = window.traces.sum(axis=0)
    bounds = find_peak(window.rt_s, together, search_s, window.threshold, np.inf)
    inside = (window.rt_s >= bounds.start_s) & (window.rt_s <= bounds.end_s)
    peaks = [integrate_between(window.rt_s, t, bounds, window.threshold, window.ceiling) for t in window.traces]
    heights = np.array([max(peak.height, peak.noise) for peak in peaks])
    # Each ion counts the same, and the median leaves out what only a few of them share with a neighbor.
    typical = np.median(window.traces[:, inside] / heights[:, None], axis=0)
    rows = []
    for trace, peak in zip(window.traces, peaks, strict=True):
        current = float(np.trapezoid(trace[inside], window.rt_s[inside])) if inside.sum() > 1 else 0.0
        share = peak.area / current if current > 0 else 0.0
        rows.append((peak.area, _correlation(trace[inside], typical), share, peak.snr, peak.saturated))
    return np.array(rows, dtype=np.float64)


def _correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of two traces; 0 where one of them is flat."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
