"""The mass calibration of a run of accurate mass: how it drifts, and how a lock mass corrects it."""

import numpy as np

from spectus.simulation.presets import SimulationSettings
from spectus.types import Floats


def drift_ppm(times: Floats, settings: SimulationSettings) -> Floats:
    """Return the drift of the instrument, before any correction by the lock mass.

    Parameters
    ----------
    times
        (n,) s.
    settings
        Settings of the simulation.

    Returns
    -------
    Floats
        (n,) ppm.
    """
    slow = settings.mass_drift_ppm * (times / settings.run_s - 0.5)
    return np.asarray(
        slow + settings.lock_drift_ppm * times / settings.lock_period_s if settings.lock_period_s else slow
    )


def lock_correction_ppm(times: Floats, settings: SimulationSettings) -> Floats:
    """Return the correction by the lock mass: steps that hold for one period each.

    The corrected calibration is right in the middle of each period, so that it is a sawtooth around the true masses.

    Parameters
    ----------
    times
        (n,) s.
    settings
        Settings of the simulation.

    Returns
    -------
    Floats
        (n,) ppm, to be subtracted from the drift.
    """
    if not settings.lock_period_s:
        return np.zeros_like(times)
    return np.asarray(settings.lock_drift_ppm * (np.floor(times / settings.lock_period_s) + 0.5))
