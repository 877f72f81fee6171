"""The compounds of a run: spectra taken from a library, with their times, widths and heights."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectus.errors import InputError
from spectus.nominal_mass import to_nominal_mass
from spectus.simulation.elution import grouped, index_times, place_in_groups
from spectus.simulation.ladder import carbon_numbers
from spectus.simulation.presets import SimulationSettings
from spectus.types import Flags, Floats, Ints

_LEAST_SHOWN = 0.9
"""Least fraction of a record's intensity within the scan range, so that the compound can be recognized. Chosen."""

_LEAST_PEAKS = 6
"""Fewest peaks of a record within the scan range. Chosen."""

_GROUP_FWHM = 1.5
"""Distance below which compounds placed by index share a group, in mean widths. Chosen."""

_FEWEST_STANDARDS = 3
"""Fewest RI standards of a ladder run: as many as `spectus.retention` needs."""

_LADDER_SPREAD_DECADES = 0.2
"""Spread of the heights of RI standards, up and down, decades. Chosen."""

_FEW_TAIL = 4
"""Power of a uniform number that draws the late fraction of an ion. Chosen: most ions of a compound leave the source
together, and a few of them late, as in real overloaded peaks.
"""

_END_MARGIN_FWHM = 3.0
"""Least time from a compound to the end of the run, in the largest width. Chosen."""


@dataclass(frozen=True)
class Mixture:
    """Compounds that one run holds, or all of a campaign.

    Attributes
    ----------
    compound
        (n,) numbers within the campaign, from 1.
    names, smiles, inchikeys
        (n,) texts of the library records; None where the record has none.
    ri
        (n,) retention index of the record; NaN for none.
    spectra
        (n, n_masses) intensities at the nominal masses of the scan, base peak 1.
    exact
        (n, n_masses) m/z of these ions, Th; the nominal masses in a run of unit mass.
    rt_s
        (n,) apexes, s.
    fwhm_s
        (n,) full widths at half maximum, s.
    tau_fwhm
        (n,) time constants of the tails, in units of the width.
    height
        (n,) counts of the base peak at the apex.
    group
        (n,) compounds that elute together share a number.
    fronting
        (n,) stretch of the rising flank by overload; 0 for none.
    tail_height, tail_fwhm
        (n,) height of the long tail at the apex, and its time constant in units of the width; 0 for none.
    mass_delay_s
        (n,) delay of the heaviest against the lightest ion of the scan range, s.
    ion_tailing
        (n, n_masses) fraction of each ion that leaves the ion source late.
    """

    compound: Ints
    names: NDArray[np.object_]
    smiles: NDArray[np.object_]
    inchikeys: NDArray[np.object_]
    ri: Floats
    spectra: Floats
    exact: Floats
    rt_s: Floats
    fwhm_s: Floats
    tau_fwhm: Floats
    height: Floats
    group: Ints
    fronting: Floats
    tail_height: Floats
    tail_fwhm: Floats
    mass_delay_s: Floats
    ion_tailing: Floats

    def __len__(self) -> int:
        """Return the number of compounds."""
        return len(self.compound)

    def only(self, which: Flags | Ints) -> "Mixture":
        """Return the compounds where `which` is true, or at those positions."""
        return replace(self, **{name: getattr(self, name)[which] for name in self.__dataclass_fields__})


def draw_compounds(library: pa.Table, settings: SimulationSettings, rng: np.random.Generator) -> Mixture:
    """Draw the campaign's compounds: distinct structures of a library, with times and heights.

    Parameters
    ----------
    library
        Spectra (schema SPECTRA).
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    Mixture
        All compounds of the campaign.

    Raises
    ------
    InputError
        The library has too few usable compounds.
    """
    usable, spectra = _usable_records(library, settings)
    candidates = _distinct(usable, settings, rng)
    if settings.elution == "index":
        candidates, times = _eluting(candidates, _floats(usable, "ri")[candidates], settings, rng)
        group = grouped(times, _GROUP_FWHM * _mean_fwhm(settings))
    else:
        _require_compounds(len(candidates), settings, "that the scan range shows")
        candidates = candidates[: settings.compounds]
        times, group = place_in_groups(settings.compounds, settings, rng)
    chosen = _Chosen(candidates, times, group, _heights(group, settings, rng))
    return _mixture(usable, spectra, chosen, settings, rng)


def draw_ladder(library: pa.Table, settings: SimulationSettings, rng: np.random.Generator) -> Mixture:
    """Draw the RI standards of the settings' ladder series that the library has and that elute within the run.

    An RI standard of n carbons has the index 100 n. A record with another index is not used.

    Parameters
    ----------
    library
        Spectra (schema SPECTRA).
    settings
        Settings of the simulation.
    rng
        Random numbers.

    Returns
    -------
    Mixture
        The RI standards.

    Raises
    ------
    InputError
        There are fewer than three RI standards.
    """
    usable, spectra = _usable_records(library, settings)
    carbon = carbon_numbers(usable, settings.ladder)
    on_scale = ~(np.abs(_floats(usable, "ri") - 100.0 * carbon) > 1.0)  # or without an index
    carbon, records = np.unique(np.where(on_scale, carbon, 0), return_index=True)
    carbon, records = carbon[carbon > 0], records[carbon > 0]
    times = index_times((100.0 * carbon).astype(np.float64), settings)
    inside = _inside(times, settings)
    if inside.sum() < _FEWEST_STANDARDS:
        raise InputError(
            "--library",
            f"has {inside.sum()} RI standards of the {settings.ladder} ladder within the run, three are needed",
            "add a library that has the ladder's compounds, e.g. FAMES_REF.msp",
        )  # fmt: skip
    height = settings.ladder_counts * 10.0 ** rng.uniform(
        -_LADDER_SPREAD_DECADES, _LADDER_SPREAD_DECADES, size=inside.sum()
    )
    group = np.arange(inside.sum())
    return _mixture(usable, spectra, _Chosen(records[inside], times[inside], group, height), settings, rng)


@dataclass(frozen=True)
class _Chosen:
    """Chosen records (n,), with their apexes, s, groups and heights, counts."""

    records: Ints
    times: Floats
    group: Ints
    height: Floats


def _mixture(
    usable: pa.Table,
    spectra: Floats,
    chosen: _Chosen,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> Mixture:
    """Build a mixture, numbered in order of time."""
    order = np.argsort(chosen.times, kind="stable")
    n = len(order)
    records = chosen.records[order]
    rows = usable.take(pa.array(records))
    fwhm_s = rng.uniform(settings.fwhm_low_s, settings.fwhm_high_s, size=n)
    (child,) = rng.spawn(1)
    return Mixture(
        compound=np.arange(1, n + 1),
        names=np.array(rows["name"].to_pylist(), dtype=object),
        smiles=np.array(rows["smiles"].to_pylist(), dtype=object),
        inchikeys=np.array(rows["inchikey"].to_pylist(), dtype=object),
        ri=_floats(rows, "ri"),
        spectra=spectra[records],
        exact=_exact_mz(rows, spectra[records], settings),
        rt_s=chosen.times[order],
        fwhm_s=fwhm_s,
        tau_fwhm=rng.uniform(settings.tau_low_fwhm, settings.tau_high_fwhm, size=n),
        height=chosen.height[order],
        group=chosen.group[order],
        **_disturbed_peaks(fwhm_s, chosen.height[order], spectra.shape[1], settings, child),
    )


def _disturbed_peaks(
    fwhm_s: Floats, height: Floats, n_masses: int, settings: SimulationSettings, rng: np.random.Generator
) -> dict[str, Floats]:
    """Draw fronting, tails, delays of heavy ions and the late fraction of every ion."""
    n = len(height)
    overload = np.log2(np.maximum(height / settings.overload_counts, 1.0)) if settings.overload_counts else np.zeros(n)
    return {
        "fronting": settings.fronting * overload,
        "tail_height": np.where(rng.random(n) < settings.tailing, settings.tail_height * rng.random(n), 0.0),
        "tail_fwhm": rng.uniform(settings.tail_fwhm / 2, settings.tail_fwhm, size=n),
        "mass_delay_s": settings.mass_delay_fwhm * fwhm_s * rng.random(n),
        "ion_tailing": settings.ion_tailing * rng.random((n, n_masses)) ** _FEW_TAIL,
    }


def _exact_mz(rows: pa.Table, spectra: Floats, settings: SimulationSettings) -> Floats:
    """Return the m/z (n, n_masses) of the ions of the records; exact masses only in accurate-mass runs."""
    masses = np.arange(settings.mz_low, settings.mz_high + 1)
    exact = np.tile(masses.astype(np.float64), (len(spectra), 1))
    if settings.resolving_power:
        from spectus.simulation.exact_mass import exact_masses  # it needs RDKit, which the other recipes do not

        for row, (formula, spectrum) in enumerate(zip(rows["formula"].to_pylist(), spectra, strict=True)):
            ions = np.flatnonzero(spectrum)
            exact[row, ions] = exact_masses(formula, masses[ions])
    return exact


def _usable_records(library: pa.Table, settings: SimulationSettings) -> tuple[pa.Table, Floats]:
    """Return the records that the scan range shows, and their spectra (n, n_masses) at nominal mass."""
    rows = library.filter(pc.is_null(library["reason"]))
    lists = rows["mz"].combine_chunks()
    record = np.repeat(np.arange(len(rows)), np.asarray(lists.value_lengths()))
    mass = to_nominal_mass(np.asarray(lists.flatten(), dtype=np.float64))
    intensity = np.asarray(rows["intensity"].combine_chunks().flatten(), dtype=np.float64)
    inside = (mass >= settings.mz_low) & (mass <= settings.mz_high)
    n_masses = settings.mz_high - settings.mz_low + 1
    cell = record[inside] * n_masses + mass[inside] - settings.mz_low
    spectra = np.bincount(cell, weights=intensity[inside], minlength=len(rows) * n_masses).reshape(-1, n_masses)
    total = np.bincount(record, weights=intensity, minlength=len(rows))
    shown = (spectra.sum(axis=1) >= _LEAST_SHOWN * total) & ((spectra > 0).sum(axis=1) >= _LEAST_PEAKS)
    spectra = spectra[shown]
    return rows.filter(pa.array(shown)), spectra / spectra.max(axis=1, keepdims=True, initial=1e-300)


def _distinct(usable: pa.Table, settings: SimulationSettings, rng: np.random.Generator) -> Ints:
    """Return one record of each structure, in random order, without RI standards.

    Records without an InChIKey are distinguished by SMILES, those without either by name.
    """
    identities = zip(*(usable[column].to_pylist() for column in ("inchikey", "smiles", "name")), strict=True)
    named = [key[:14] if key else smiles or name for key, smiles, name in identities]
    order = rng.permutation(len(named))
    if settings.ladder:
        order = order[carbon_numbers(usable, settings.ladder)[order] == 0]
    _, first = np.unique(np.array(named, dtype=str)[order], return_index=True)
    return order[np.sort(first)]


def _eluting(
    candidates: Ints, ri: Floats, settings: SimulationSettings, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Return the first of the candidates (n,) with indices (n,) for which the run has room, and their times."""
    times = index_times(ri + rng.normal(0.0, settings.index_sd, size=len(ri)), settings)
    taken: list[int] = []
    for place in np.flatnonzero(_inside(times, settings)):
        gap = np.abs(times[taken] - times[place]).min(initial=np.inf)
        if len(taken) < settings.compounds and gap >= settings.least_gap_fwhm * _mean_fwhm(settings):
            taken.append(int(place))
    _require_compounds(len(taken), settings, "with a retention index within the run")
    return candidates[taken], times[taken]


def _mean_fwhm(settings: SimulationSettings) -> float:
    """Return the mean peak width, s."""
    return (settings.fwhm_low_s + settings.fwhm_high_s) / 2


def _inside(times: Floats, settings: SimulationSettings) -> Flags:
    """Return whether the run holds the whole peak."""
    margin = _END_MARGIN_FWHM * settings.fwhm_high_s
    return (times > settings.solvent_s) & (times < settings.run_s - margin)


def _require_compounds(found: int, settings: SimulationSettings, what: str) -> None:
    """Raise an InputError if too few compounds were found."""
    if found < settings.compounds:
        raise InputError(
            "--library", f"has {found} usable compounds {what}, the recipe needs {settings.compounds}",
            "add a library or lower the number with --set compounds=N",
        )  # fmt: skip


def _heights(group: Ints, settings: SimulationSettings, rng: np.random.Generator) -> Floats:
    """Draw log-uniform heights (n,): over the whole range for the first of a group, near the first for the others."""
    low, high = np.log10(settings.height_low_counts), np.log10(settings.height_high_counts)
    _, first, member = np.unique(group, return_index=True, return_inverse=True)
    center = rng.uniform(low, high, size=len(group))[first][member]
    lowest = np.maximum(low, center - settings.group_spread_decades)
    highest = np.minimum(high, center + settings.group_spread_decades)
    height = rng.uniform(lowest, highest)
    height[first] = center[first]
    return np.asarray(10.0**height)


def _floats(rows: pa.Table, column: str) -> Floats:
    """Return a column as numbers, NaN for null."""
    return np.asarray(rows[column].to_numpy(zero_copy_only=False), dtype=np.float64)
