"""Calibration curves: weighted least squares, the choice of model and weights, and amounts with their intervals."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import WLS

from spectus.types import Floats

_POWER = {"equal": 0.0, "1/x": 1.0, "1/x2": 2.0}
"""Power of the amount by which the weight of a calibrator falls."""

_POWERS = {"proportional": (1,), "linear": (0, 1), "quadratic": (0, 1, 2)}
"""Powers of the amount in each model."""

_LOD_FACTOR = 3.3
"""Limit of detection in standard deviations of the response over the slope (ICH Q2(R2), 2023, 3.2.3.3)."""

_LOQ_FACTOR = 10.0
"""The same for the limit of quantitation (ICH Q2(R2), 2023, 3.2.3.3)."""

FEWEST_LEVELS = 3
"""Fewest amounts of the calibrators. A straight line through three points leaves one degree of freedom."""

_SINGLE_LEVEL = 1
"""The same for a proportional curve, which has one coefficient: the response factor."""

_QUADRATIC_LEVELS = 5
"""Fewest amounts for a quadratic curve. Chosen: four leave one degree of freedom, and intervals of no use."""

_QUADRATIC_GAIN = 0.85
"""Share of the straight line's error below which a quadratic curve is taken. Chosen on simulated calibrations of five
shapes and three kinds of noise (benchmarks/quantitation.py): of 0.65 to 1.0, the largest with a preference for the line
whose mean error of amounts is within 2 % of the best."""

_WEIGHTING_GAIN = 0.85
"""Share of the error of 1/x below which other weights are taken. Chosen as above, of 0.6 to 1.0."""

_LARGEST_ERROR = 0.5
"""Relative error that counts at most for one calibrator, so that one outlier does not decide. Chosen as above: of 0.3,
0.5 and 1.0, all but 1.0 do equally well."""

_LEAST_RISE = 1e-6
"""Least rise of a curve from zero to the highest calibrator, as a fraction of its response there. Chosen: a smaller one
is an error of the arithmetic, as of responses that are all equal."""

_BEYOND = 100.0
"""Amounts are extrapolated up to this many times the highest calibrator. Chosen: such amounts are flagged, and a number
tells by how much to dilute."""

_BAND_BEYOND = 2.0
"""The prediction band is searched up to this many times the amount or the highest calibrator, whichever is larger.
Chosen: an interval that reaches farther is of no use."""

LOD_BASIS = "residual standard deviation at the lowest calibrator: 3.3 and 10 s / slope (ICH Q2(R2))"
"""Origin of LOD and LOQ, as the table of curves says it."""


@dataclass(frozen=True)
class Curve:
    """A calibration curve, response = c0 + c1 amount + c2 amount^2.

    Attributes
    ----------
    model
        "linear", "quadratic" or "proportional".
    weighting
        "equal", "1/x" or "1/x2".
    coefficients
        (3,) c0, c1, c2; c2 is 0 for a straight line, c0 and c2 for a proportional curve.
    covariance
        (3, 3) covariance of the coefficients.
    variance
        Variance of a response of weight 1 about the curve; NaN without degrees of freedom.
    freedom
        Degrees of freedom of the variance.
    r2, weighted_r2
        Coefficient of determination of the responses, and that of the weighted fit.
    low, high
        Lowest amount above 0 and highest amount of the calibrators.
    n_calibrators
        Number of calibrators.
    error
        Mean relative error of calibrators that are calculated back from a curve without them; NaN if not known.
    """

    model: str
    weighting: str
    coefficients: Floats
    covariance: Floats
    variance: float
    freedom: int
    r2: float
    weighted_r2: float
    low: float
    high: float
    n_calibrators: int
    error: float = np.nan

    def response(self, amount: Floats | float) -> Floats:
        """Return the responses of the curve at amounts, in their shape."""
        values = np.polynomial.polynomial.polyval(np.asarray(amount, dtype=np.float64), self.coefficients)
        return np.asarray(values, dtype=np.float64)

    def slope(self, amount: float) -> float:
        """Return the slope of the curve at an amount."""
        return float(self.coefficients[1] + 2 * self.coefficients[2] * amount)

    def standard_error(self, amount: Floats | float) -> Floats:
        """Return the standard error of the response of a new run with these amounts, in their shape.

        It is that of the run about the curve and that of the curve itself together.
        """
        x = np.asarray(amount, dtype=np.float64)
        powers = np.stack([np.ones_like(x), x, x**2], axis=-1)
        of_curve = np.einsum("...i,ij,...j->...", powers, self.covariance, powers)
        return np.asarray(np.sqrt(self.variance / weights(x, self.weighting, self.low) + of_curve.clip(0)))

    def band(self, amount: Floats, confidence: float) -> Floats:
        """Return half the width of the prediction band at amounts, in their shape, for one new run."""
        t = float(stats.t.ppf(0.5 + confidence / 2, self.freedom))
        return np.asarray(t * self.standard_error(amount))

    @cached_property
    def _branch(self) -> tuple[float, float]:
        """Return the amounts between which the curve rises and is used."""
        lowest, highest = 0.0, _BEYOND * self.high
        if self.coefficients[2]:
            turn = float(-self.coefficients[1] / (2 * self.coefficients[2]))
            if self.coefficients[2] > 0:
                lowest = max(lowest, min(turn, self.low))
            else:
                highest = min(highest, max(turn, self.high))
        return lowest, highest

    @property
    def rises(self) -> bool:
        """Tell whether the curve rises from the lowest to the highest calibrator, so that it can be inverted."""
        rise = float(self.response(self.high) - self.response(0.0))
        enough = rise > _LEAST_RISE * abs(float(self.response(self.high)))
        return enough and self.slope(self.low) > 0 and self.slope(self.high) > 0

    @property
    def rises_above_scatter(self) -> bool:
        """Tell whether the curve rises, and to more than 3.3 times the scatter at the highest calibrator, if known."""
        rise = float(self.response(self.high) - self.response(0.0))
        return self.rises and not rise < _LOD_FACTOR * self.deviation(self.high)

    def amount(self, response: float) -> float:
        """Return the amount of a response: 0 below the curve, NaN above it.

        A curve with a negative intercept would give an amount to a response of 0. Below the lowest calibrator its
        amounts are proportional to the response instead.
        """
        at_low = float(self.response(self.low))
        if float(self.response(0.0)) < 0 < at_low and response < at_low:
            return max(self.low * response / at_low, 0.0)
        return self.inverse(response)

    def inverse(self, response: float) -> float:
        """Return the amount at which the curve itself has a response: 0 below the curve, NaN above it."""
        lowest, highest = self._branch
        if response <= self.response(lowest):
            return 0.0
        if response > self.response(highest):
            return float("nan")
        c0, c1, c2 = (float(value) for value in self.coefficients)
        slope = np.sqrt(max(c1**2 + 4 * c2 * (response - c0), 0.0))  # of the rising branch at this response
        # Of the two forms of the root, the one that subtracts no numbers that are nearly equal.
        return float(2 * (response - c0) / (c1 + slope) if c1 > 0 else (slope - c1) / (2 * c2))

    def interval(self, response: float, confidence: float) -> tuple[float, float]:
        """Return the confidence interval of the amount of a response.

        The limits are where the prediction band of the curve crosses the response: inverse prediction after Fieller
        (1954, J. R. Stat. Soc. B 16, 175), for weighted curves Schwartz (1979, Anal. Chem. 51, 723).

        Parameters
        ----------
        response
            The response of one run.
        confidence
            Level, 0-1.

        Returns
        -------
        low, high : float
            Amounts; 0 and infinity where the band does not cross the response; NaN without degrees of freedom.
        """
        if self.freedom < 1:
            return float("nan"), float("nan")
        amount = self.amount(response)
        lowest, highest = self._branch
        highest = min(highest, _BAND_BEYOND * float(np.fmax(amount, self.high)))
        grid = np.linspace(lowest, highest, _GRID)
        band = self.band(grid, confidence)
        upper, lower = self.response(grid) + band - response, self.response(grid) - band - response
        low, high = _first_rise(grid, upper, 0.0), _last_rise(grid, lower, np.inf)
        return min(low, amount), max(high, amount)

    def deviation(self, amount: float) -> float:
        """Return the standard deviation of a response about the curve at an amount, by the weights of the fit."""
        return float(np.sqrt(self.variance / weights(np.array(amount), self.weighting, self.low)))

    @property
    def limits(self) -> tuple[float, float]:
        """Return the limits of detection and of quantitation, as amounts (see LOD_BASIS); NaN without a slope."""
        slope = self.slope(self.low)
        ratio = self.deviation(self.low) / slope if slope > 0 else float("nan")
        return _LOD_FACTOR * ratio, _LOQ_FACTOR * ratio


_GRID = 2001
"""Points of the grid on which the band is searched. Chosen: limits are good to a thousandth of the highest amount, and
to far less by the interpolation between them."""


def weights(amount: Floats, weighting: str, lowest: float) -> Floats:
    """Return the weights of responses at amounts, in their shape.

    Parameters
    ----------
    amount
        Amounts. Those below `lowest` weigh as much as `lowest`: a zero calibrator has no infinite weight.
    weighting
        "equal", "1/x" or "1/x2".
    lowest
        Lowest amount above 0 of the calibrators.
    """
    return np.asarray(np.maximum(amount, lowest) ** -_POWER[weighting])


def fit_curve(amount: Floats, response: Floats, model: str, weighting: str) -> Curve:
    """Fit a curve of one model and one weighting.

    Parameters
    ----------
    amount, response
        (n,) calibrators, with at least as many amounts as the model has coefficients.
    model
        "linear", "quadratic" or "proportional".
    weighting
        "equal", "1/x" or "1/x2".
    """
    powers, lowest = list(_POWERS[model]), float(amount[amount > 0].min())
    # The amounts are scaled, because their squares would make the matrix of the fit ill-conditioned.
    scale = float(amount.max())
    design = (amount / scale)[:, None] ** np.array(powers)
    weight = weights(amount, weighting, lowest)
    fit = WLS(response, design, weights=weight).fit()
    back = scale ** -np.arange(3.0)
    coefficients, covariance = np.zeros(3), np.zeros((3, 3))
    coefficients[powers] = fit.params
    freedom = int(fit.df_resid)
    variance = float(fit.ssr) / freedom if freedom else float("nan")
    covariance[np.ix_(powers, powers)] = fit.normalized_cov_params * variance
    fitted = np.asarray(np.polynomial.polynomial.polyval(amount, coefficients * back), dtype=np.float64)
    return Curve(
        model, weighting, coefficients * back, covariance * np.outer(back, back), variance, freedom,
        _determination(response, fitted, np.ones(len(amount))), _determination(response, fitted, weight),
        lowest, float(amount.max()), len(amount),
    )  # fmt: skip


def _determination(response: Floats, fitted: Floats, weight: Floats) -> float:
    """Return the weighted coefficient of determination; NaN for responses that are all equal."""
    total = float((weight * (response - np.average(response, weights=weight)) ** 2).sum())
    return 1.0 - float((weight * (response - fitted) ** 2).sum()) / total if total > 0 else float("nan")


def fewest_levels(curve: str) -> int:
    """Return the fewest amounts of the calibrators for a setting `curve`.

    Parameters
    ----------
    curve
        "auto", "linear", "quadratic" or "proportional".
    """
    return {"proportional": _SINGLE_LEVEL, "quadratic": FEWEST_LEVELS + 1}.get(curve, FEWEST_LEVELS)


def choose_curve(amount: Floats, response: Floats, curve: str = "auto", weighting: str = "auto") -> Curve | None:
    """Fit the calibration curve of a compound, and choose its model and weights where they are left open.

    The error of a choice is the mean relative error of the calibrators, each calculated back from the curve through the
    others (leave-one-out). Weights of 1/x are kept unless others have less than 0.85 of their error. The straight line
    is kept unless the quadratic curve has less than 0.85 of its error. A curve that does not rise over all calibrators
    is not taken, nor one that rises by less than 3.3 times the scatter at the highest calibrator. A proportional curve
    is taken only if it is asked for.

    Parameters
    ----------
    amount, response
        (n,) calibrators.
    curve
        "auto", "linear", "quadratic" or "proportional".
    weighting
        "auto", "equal", "1/x" or "1/x2".

    Returns
    -------
    Curve or None
        None if there are too few amounts, or if no curve rises.
    """
    levels = len(np.unique(amount))
    if levels < fewest_levels(curve) or not (amount > 0).any():
        return None
    best: Curve | None = None
    for model in ("linear", "quadratic") if curve == "auto" else (curve,):
        if model == "quadratic" and curve == "auto" and levels < _QUADRATIC_LEVELS:
            continue
        found = _best_weighting(
            amount, response, model, ("1/x", "1/x2", "equal") if weighting == "auto" else (weighting,)
        )
        if found and (best is None or found.error < _QUADRATIC_GAIN * best.error):
            best = found
    return best


def _best_weighting(amount: Floats, response: Floats, model: str, weightings: tuple[str, ...]) -> Curve | None:
    """Return the curve of one model with the best of several weightings, of which the first is preferred."""
    best: Curve | None = None
    for weighting in weightings:
        made = fit_curve(amount, response, model, weighting)
        if made.rises_above_scatter and (made.freedom > 0 or model == "proportional"):
            made = replace(made, error=back_calculation_error(amount, response, model, weighting))
            if best is None or made.error < _WEIGHTING_GAIN * best.error:
                best = made
    return best


def back_calculation_error(amount: Floats, response: Floats, model: str, weighting: str) -> float:
    """Return the mean relative error of the calibrators, each calculated back from the curve through the others.

    Parameters
    ----------
    amount, response
        (n,) calibrators. Calibrators of amount 0 help to fit and are not calculated back.
    model, weighting
        As for `fit_curve`.

    Returns
    -------
    float
        The mean; NaN if the others are too few for a curve. A calibrator counts with 0.5 at most.
    """
    errors = []
    for place in np.flatnonzero(amount > 0):
        others = np.arange(len(amount)) != place
        if len(np.unique(amount[others])) < len(_POWERS[model]) or not (amount[others] > 0).any():
            return float("nan")
        found = fit_curve(amount[others], response[others], model, weighting).inverse(float(response[place]))
        error = abs(found / amount[place] - 1)
        errors.append(min(error, _LARGEST_ERROR) if np.isfinite(error) else _LARGEST_ERROR)
    return float(np.mean(errors))


def _first_rise(grid: Floats, values: Floats, missing: float) -> float:
    """Return the first place at which values rise above 0; `missing` if they begin above it or never rise."""
    below = np.flatnonzero(values < 0)
    if not len(below) or values[0] >= 0:
        return missing
    first = int(np.argmax(values >= 0))
    return float(_crossing(grid, values, first)) if values[first] >= 0 else missing


def _last_rise(grid: Floats, values: Floats, missing: float) -> float:
    """Return the last place at which values rise above 0; `missing` if the last one is not above."""
    if values[-1] < 0:
        return missing
    below = np.flatnonzero(values < 0)
    return float(_crossing(grid, values, int(below[-1]) + 1)) if len(below) else float(grid[0])


def _crossing(grid: Floats, values: Floats, after: int) -> float:
    """Return where the line between two neighbors crosses 0."""
    low, high = values[after - 1], values[after]
    return float(grid[after - 1] + (grid[after] - grid[after - 1]) * -low / (high - low))
