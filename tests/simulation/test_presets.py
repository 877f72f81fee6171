"""Recipes, and what `--set` may and may not do."""

import re

import pytest

from spectus.errors import InputError
from spectus.simulation.presets import PRESETS, SimulationSettings, settings_for


@pytest.mark.parametrize("preset", PRESETS)
def test_every_recipe_keeps_the_rules(preset: str) -> None:
    assert settings_for(preset) == PRESETS[preset]


def test_overrides_take_the_type_of_their_setting() -> None:
    settings = settings_for(
        "benchmark", ["compounds=7", "scan_s=1", "gzip=true", "elution=index", "separations_fwhm=0.5,1"]
    )
    assert settings == SimulationSettings(
        compounds=7, scan_s=1.0, gzip=True, elution="index", separations_fwhm=(0.5, 1.0)
    )
    assert isinstance(settings.scan_s, float)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("compound=7", "no setting 'compound'"),
        ("compounds", "is not KEY=VALUE"),
        ("compounds=7.5", "not a whole number"),
        ("scan_s=fast", "not a number"),
        ("scan_s=nan", "not a number"),
        ("run_s=inf", "not a number"),
        ("gzip=maybe", "not true or false"),
        ("separations_fwhm=0.5,", "not numbers with commas"),
        ("scan_s=0", "10 to 200,000 scans"),
        ("mz_low=600", "mz_low"),
        ("bleed_counts=-1", "must not be negative"),
        ("elution=sideways", "random or index"),
        ("ladder=ketone", "fame, alkane or empty"),
        ("samples=0", "at least one run"),
        ("tau_high_fwhm=3", "tau"),
    ],
)
def test_an_override_that_cannot_be_used_is_named(override: str, complaint: str) -> None:
    with pytest.raises(InputError, match=re.escape(complaint)):
        settings_for("benchmark", [override])


@pytest.mark.parametrize(
    ("preset", "override", "complaint"),
    [
        ("benchmark", "analyzer=orbitrap", "needs a resolving_power"),
        ("qtof", "analyzer=quadrupole", "orbitrap, tof or empty"),
        ("qtof", "points_fwhm=4", "at least 2 points"),
        ("orbitrap", "points_fwhm=1.5", "at least 2 points"),
        ("orbitrap", "points_fwhm=21", "at most 20"),
        ("qtof", "ion_counts=0", "ion_counts above 0"),
        ("qtof", "lock_period_s=0.5", "lock_period_s of at least two scans"),
        ("qtof", "lock_period_s=-1", "must not be negative"),
        ("orbitrap", "lock_drift_ppm=60", "between -50 and 50"),
        ("orbitrap", "tailing=0.5", "without disturbances"),
    ],
)
def test_settings_of_profiles_are_checked(preset: str, override: str, complaint: str) -> None:
    with pytest.raises(InputError, match=re.escape(complaint)):
        settings_for(preset, [override])


def test_an_unknown_recipe_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"--preset bench.*benchmark"):
        settings_for("bench")
