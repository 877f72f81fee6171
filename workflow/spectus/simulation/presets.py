"""Settings of the simulator, and the named recipes: one frozen dataclass, every unit in the name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from spectus.errors import InputError

REFERENCE_TH = 200.0
"""m/z at which the resolving power of an Orbitrap and the points of a peak are given, Th, as makers state them."""


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of a simulated campaign; the defaults are the recipe `benchmark`, chosen to resemble quadrupole runs."""

    # The campaign
    compounds: int = 160  # in all samples together
    samples: int = 1  # runs with compounds
    blanks: int = 0  # runs with contaminants only
    ladder: str = ""  # "", "fame" or "alkane": a ladder run before the samples
    shared: float = 1.0  # share of the compounds that are in every sample; the others are in one each
    contaminants: int = 0  # weak compounds that are in every run but the ladder, blanks too
    amount_sd_decades: float = 0.0  # spread of a compound's amount between samples, standard deviation of log10
    dilution_decades: float = 0.0  # > 0: the samples are one mixture, diluted evenly over so many decades
    gzip: bool = False  # write .mzML.gz

    # Elution
    elution: str = "random"  # "random": groups at random times; "index": by the library's retention index
    run_s: float = 1500.0  # length of a run
    solvent_s: float = 20.0  # no compound before
    fwhm_low_s: float = 3.2  # full width at half maximum, uniform between the two
    fwhm_high_s: float = 4.4
    tau_low_fwhm: float = 0.08  # exponential time constant in units of the FWHM, uniform between the two
    tau_high_fwhm: float = 0.45
    group_shares: tuple[float, ...] = (0.45, 0.33, 0.15, 0.07)  # share of groups of 1, 2, 3, 4 compounds
    separations_fwhm: tuple[float, ...] = (0.15, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5)  # neighbors of a group
    group_gap_fwhm: float = 2.5  # least distance of two groups, less where the run is too full for it
    index_low: float = 700.0  # retention indices at `solvent_s` and at the run's end
    index_high: float = 3200.0
    index_curvature: float = 0.9  # 0: time grows linearly with the index; 0.9: as on a measured FAME ladder
    index_sd: float = 1.0  # of the column's indices against the library's
    least_gap_fwhm: float = 0.0  # by index: no two compounds nearer than this
    drift_s: float = 0.0  # scale of the smooth shift of retention times between runs

    # Amounts
    height_low_counts: float = 1e3  # base peak at the apex, log-uniform between the two
    height_high_counts: float = 2e6
    group_spread_decades: float = 1.3  # within a group, up and down
    ladder_counts: float = 4e5  # base peak of a RI standard of the ladder, within 0.2 decades

    # Disturbances; not in runs of accurate mass
    overload_counts: float = 0.0  # base peak above which a peak fronts; 0: none does
    fronting: float = 0.3  # stretch of the rising flank per doubling above `overload_counts`
    tailing: float = 0.0  # fraction of the compounds with a long tail
    tail_height: float = 0.05  # largest height of the long tail at the apex, as a fraction of the peak
    tail_fwhm: float = 5.0  # largest time constant of the long tail, in units of the FWHM
    mass_delay_fwhm: float = 0.0  # largest delay of the heaviest ions, in units of the FWHM
    ion_tailing: float = 0.0  # largest fraction of an ion that leaves the ion source late; it differs between ions
    ion_tail_fwhm: float = 1.0  # time constant of its delay, in units of the FWHM
    tuning_drift: float = 0.0  # amplitude of the logarithmic sensitivity at both ends of the mass range
    tuning_period_s: float = 40.0  # period of the tuning drift
    matrix_humps: int = 0  # humps of unresolved homologous compounds
    matrix_hump_counts: float = 2e4  # strongest ion at the top of the highest hump
    spikes_per_scan: float = 0.0  # single points of 1e2 to 1e5 counts
    bursts: int = 0  # bursts of noise on all masses
    burst_counts: float = 500.0  # standard deviation of a burst

    # Background
    bleed_counts: float = 6000.0  # m/z 207 at the end of the run
    air_counts: float = 30000.0  # m/z 28
    chemical_noise_counts: float = 120.0  # at the lowest m/z, falling with m/z
    hump_counts: float = 1500.0  # unresolved hydrocarbons, m/z 57 at the hump's top
    homologous_counts: float = 0.0  # the same with ions every 14 Th up to the end of the scan range

    # Instrument
    scan_s: float = 0.3  # from scan to scan
    mz_low: int = 40
    mz_high: int = 500
    mass_defect_per_th: float = 0.0004  # m/z written = nominal mass x (1 + this), in steps of 0.05 Th
    noise_factor: float = 1.6  # noise of a signal A: noise_factor x sqrt(ion_counts x A) + noise_floor_counts
    ion_counts: float = 3.0
    noise_floor_counts: float = 12.0
    threshold_counts: float = 40.0  # weaker points are not recorded
    ceiling_counts: float = 0.0  # of the detector; 0: none
    skew_scans: float = 0.0  # time of the sweep over the mass range, in scans
    resolving_power: float = 0.0  # m/z over the peak width at half height; 0: a quadrupole of unit mass resolution
    mass_jitter_ppm: float = 3.0  # scatter of m/z from scan to scan; weak ions scatter more, by their counting noise
    mass_drift_ppm: float = 3.0  # change of the mass calibration over the run, about its true value in the middle
    lock_period_s: float = 0.0  # time from one correction by the lock mass to the next; 0: none
    lock_drift_ppm: float = 0.0  # further drift in this time, about its true value in the middle; undone in a step
    analyzer: str = ""  # "": centroids; "orbitrap", "tof" (time of flight): profiles, `resolving_power` at m/z 200
    points_fwhm: float = 6.0  # points of a profile within the width at half height of a peak at m/z 200


PRESETS: dict[str, SimulationSettings] = {
    "benchmark": SimulationSettings(),
    "dense": SimulationSettings(compounds=400),
    "crowded": SimulationSettings(compounds=700),
    "saturated": SimulationSettings(ceiling_counts=3e5),
    "skewed": SimulationSettings(skew_scans=1.0),
    "slow": SimulationSettings(scan_s=0.75),
    "overloaded": SimulationSettings(
        height_high_counts=3e7, overload_counts=2e6, ceiling_counts=8388096.0, mass_delay_fwhm=0.15
    ),
    "tailing": SimulationSettings(tailing=0.5),
    "drifting": SimulationSettings(tuning_drift=0.1, mass_delay_fwhm=0.1),
    "matrix": SimulationSettings(matrix_humps=12),
    "noisy": SimulationSettings(spikes_per_scan=1.0, bursts=15, skew_scans=1.0),
    "real": SimulationSettings(
        compounds=100,
        height_high_counts=2e7,
        overload_counts=2e6,
        ceiling_counts=8388096.0,
        tailing=0.3,
        mass_delay_fwhm=0.1,
        tuning_drift=0.05,
        matrix_humps=4,
        spikes_per_scan=0.3,
        bursts=5,
    ),
    "source": SimulationSettings(
        height_high_counts=3e7,
        overload_counts=2e6,
        ceiling_counts=8388096.0,
        tailing=0.3,
        mass_delay_fwhm=0.3,
        ion_tailing=0.15,
    ),
    "hydrocarbons": SimulationSettings(homologous_counts=1500.0, hump_counts=0.0),
    "hydrocarbons-skewed": SimulationSettings(homologous_counts=1500.0, hump_counts=0.0, skew_scans=1.0),
    "accurate": SimulationSettings(resolving_power=20_000.0),
    "accurate-dense": SimulationSettings(resolving_power=20_000.0, compounds=400),
    "orbitrap": SimulationSettings(
        analyzer="orbitrap",
        resolving_power=60_000.0,  # a common setting of GC-Orbitrap instruments, at m/z 200
        mass_jitter_ppm=0.5,  # chosen: specifications are 1 ppm and below
        mass_drift_ppm=0.0,
        lock_period_s=150.0,  # chosen: ten corrections in a run
        lock_drift_ppm=3.0,  # chosen: instruments drift by a few ppm in an hour, and this one more
    ),
    "qtof": SimulationSettings(
        analyzer="tof",
        resolving_power=12_000.0,  # between instruments with R 10,000 and 20,000
        mass_jitter_ppm=1.5,  # chosen: half of the centroids' default, since counting noise comes with the ions
        mass_drift_ppm=0.0,
        lock_period_s=150.0,  # chosen: as that of the Orbitrap
        lock_drift_ppm=6.0,  # chosen: the flight tube lengthens by some ppm with a change of 0.3 K
    ),
    "ladder": SimulationSettings(samples=0, compounds=0, ladder="fame", elution="index"),
    "dilution": SimulationSettings(
        compounds=40,
        samples=10,
        dilution_decades=3.0,
        group_shares=(1.0,),
        height_low_counts=2e5,
    ),
    "example": SimulationSettings(
        compounds=60,
        samples=2,
        blanks=1,
        ladder="fame",
        shared=0.4,
        contaminants=4,
        amount_sd_decades=0.3,
        gzip=True,
        elution="index",
        run_s=780.0,
        fwhm_low_s=2.8,
        fwhm_high_s=3.6,
        least_gap_fwhm=0.1,
        drift_s=0.6,
        height_low_counts=1.5e3,
        height_high_counts=1.5e6,
        bleed_counts=2000.0,
        air_counts=20000.0,
        chemical_noise_counts=50.0,
        hump_counts=400.0,
        scan_s=0.35,
        mz_low=50,
        mz_high=500,
    ),
}
"""Recipes by name."""


def settings_for(preset: str, overrides: Sequence[str] = ()) -> SimulationSettings:
    """Return the settings of a recipe, with changes.

    Parameters
    ----------
    preset
        Name of the recipe.
    overrides
        "key=value" texts; numbers of a list are separated by commas.

    Returns
    -------
    SimulationSettings
        The settings.

    Raises
    ------
    InputError
        The recipe or a key is unknown, or a value is not of the key's type or out of its range.
    """
    if preset not in PRESETS:
        raise InputError(f"--preset {preset}", "no such recipe", f"take one of {', '.join(PRESETS)}")
    base = PRESETS[preset]
    changes: dict[str, Any] = {}
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator:
            raise InputError(f"--set {text}", "is not KEY=VALUE", "write for example --set compounds=400")
        if key not in _setting_names():
            raise InputError(
                f"--set {text}", f"the recipe has no setting {key!r}", f"take one of {', '.join(_setting_names())}"
            )
        changes[key] = _parse(text, value, getattr(base, key))
    return _checked_settings(replace(base, **changes))


def _setting_names() -> list[str]:
    """Return the names of all settings."""
    return [field.name for field in fields(SimulationSettings)]


def _parse(option: str, value: str, default: Any) -> Any:
    """Return `value` as the type of `default`."""
    kind = type(default)
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        if kind is tuple:
            return tuple(_finite(part) for part in value.split(","))
        return _finite(value) if kind is float else kind(value)
    except (ValueError, KeyError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number", tuple: "numbers with commas"}
        raise InputError(f"--set {option}", f"{value!r} is not {wanted[kind]}", "correct the value") from None


def _finite(text: str) -> float:
    """Return a finite number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _nonnegative(settings: SimulationSettings) -> tuple[float, ...]:
    """Return the settings that must not be negative."""
    return (
        settings.bleed_counts, settings.air_counts, settings.chemical_noise_counts, settings.hump_counts,
        settings.noise_factor, settings.ion_counts, settings.noise_floor_counts, settings.threshold_counts,
        settings.ceiling_counts, settings.amount_sd_decades, settings.dilution_decades, settings.group_gap_fwhm,
        settings.group_spread_decades, settings.index_sd, settings.least_gap_fwhm, settings.resolving_power,
        settings.mass_jitter_ppm, settings.lock_period_s, settings.overload_counts, settings.fronting,
        settings.tail_height, settings.tail_fwhm, settings.mass_delay_fwhm, settings.ion_tailing, settings.tuning_drift,
        settings.matrix_humps, settings.homologous_counts, settings.matrix_hump_counts, settings.spikes_per_scan,
        settings.bursts, settings.burst_counts,
    )  # fmt: skip


def _fewest_points(settings: SimulationSettings) -> float:
    """Return the points within the width at half height of the lightest peak."""
    shrinkage = min(math.sqrt(settings.mz_low / REFERENCE_TH), 1.0) if settings.analyzer == "tof" else 1.0
    return settings.points_fwhm * shrinkage


def _checked_settings(settings: SimulationSettings) -> SimulationSettings:
    """Return the settings, or raise an InputError for the first rule that they break."""
    disturbed = any(
        (
            settings.overload_counts, settings.tailing, settings.mass_delay_fwhm, settings.ion_tailing,
            settings.tuning_drift, settings.matrix_humps, settings.spikes_per_scan, settings.bursts,
        )
    )  # fmt: skip
    rules = [
        (settings.compounds >= 0, "compounds must not be negative"),
        (min(settings.samples, settings.blanks, settings.contaminants) >= 0, "counts must not be negative"),
        (settings.samples + settings.blanks + bool(settings.ladder) > 0, "there must be at least one run"),
        (settings.contaminants <= settings.compounds, "contaminants must not be more than compounds"),
        (settings.ladder in ("", "fame", "alkane"), "ladder must be fame, alkane or empty"),
        (settings.elution in ("random", "index"), "elution must be random or index"),
        (0 <= settings.shared <= 1, "shared must lie between 0 and 1"),
        (settings.run_s / 2e5 < settings.scan_s < settings.run_s / 10, "a run must have 10 to 200,000 scans"),
        (0 <= settings.solvent_s < settings.run_s, "solvent_s must lie within the run"),
        (0 < settings.fwhm_low_s <= settings.fwhm_high_s, "fwhm_low_s must be above 0 and not above fwhm_high_s"),
        (0.02 <= settings.tau_low_fwhm <= settings.tau_high_fwhm <= 1.2, "tau must lie between 0.02 and 1.2 FWHM"),
        (min(settings.group_shares) >= 0 < sum(settings.group_shares), "group_shares must be shares, not all 0"),
        (min(settings.separations_fwhm) >= 0, "separations_fwhm must not be negative"),
        (0 < settings.height_low_counts <= settings.height_high_counts, "heights must be above 0, low before high"),
        (settings.ladder_counts > 0, "ladder_counts must be above 0"),
        (min(_nonnegative(
settings)) >= 0, "levels, spreads and gaps must not be negative"),
        (0 < settings.mz_low < settings.mz_high <= 2000, "mz_low must be above 0 and below mz_high, which may be 2000"),
        (0 <= settings.tailing <= 1, "tailing must lie between 0 and 1"),
        (settings.ion_tailing <= 1, "ion_tailing must not be above 1"),
        (settings.ion_tail_fwhm > 0, "ion_tail_fwhm must be above 0"),
        (settings.tuning_period_s > 0, "tuning_period_s must be above 0"),
        (
            not settings.resolving_power or not disturbed,
            "runs of accurate mass are simulated without disturbances",
        ),
        (settings.index_low < settings.index_high, "index_low must be below index_high"),
        (0 <= settings.skew_scans <= 1, "skew_scans must lie between 0 and 1"),
        (not settings.resolving_power or not settings.skew_scans, "accurate masses are read all at once, without skew"),
        (not 0 < settings.resolving_power < 2000, "resolving_power must be 0 or at least 2000"),
        (abs(settings.mass_drift_ppm) <= 50, "mass_drift_ppm must lie between -50 and 50"),
        (abs(settings.lock_drift_ppm) <= 50, "lock_drift_ppm must lie between -50 and 50"),
        (
            not settings.lock_drift_ppm or settings.lock_period_s >= 2 * settings.scan_s,
            "lock_drift_ppm needs a lock_period_s of at least two scans",
        ),
        (settings.analyzer in ("", "orbitrap", "tof"), "analyzer must be orbitrap, tof or empty"),
        (not settings.analyzer or settings.resolving_power > 0, "an analyzer needs a resolving_power"),
        (not settings.analyzer or settings.ion_counts > 0, "an analyzer needs ion_counts above 0"),
        (
            not settings.analyzer or (_fewest_points(settings) >= 2 and settings.points_fwhm <= 20),
            "points_fwhm must give every peak at least 2 points, and at most 20 at m/z 200",
        ),
        (0 <= settings.index_curvature <= 5, "index_curvature must lie between 0 and 5"),
        (0 <= settings.drift_s < (settings.run_s - settings.solvent_s) / 20, "drift_s must be small against the run"),
    ]  # fmt: skip
    for holds, rule in rules:
        if not holds:
            raise InputError("--set", rule, "correct the value")
    return settings
