import numpy as np
import pytest

from spectus.quantitation.calibration import FEWEST_LEVELS, back_calculation_error, choose_curve, fit_curve, weights

AMOUNTS = np.array([5.0, 10.0, 25.0, 50.0, 100.0, 200.0])


@pytest.mark.parametrize("weighting", ["equal", "1/x", "1/x2"])
@pytest.mark.parametrize(("model", "c"), [("linear", (0.3, 2.0, 0.0)), ("quadratic", (0.3, 2.0, -0.003))])
def test_an_exact_curve_is_recovered_and_inverted(model: str, c: tuple[float, ...], weighting: str) -> None:
    curve = fit_curve(AMOUNTS, np.polynomial.polynomial.polyval(AMOUNTS, c), model, weighting)
    assert curve.coefficients == pytest.approx(c, rel=1e-6, abs=1e-9)
    assert curve.r2 == pytest.approx(1.0)
    assert [curve.amount(float(curve.response(x))) for x in (5.0, 77.0, 199.0)] == pytest.approx([5.0, 77.0, 199.0])


def test_weights_pull_the_curve_to_the_low_calibrators() -> None:
    response = 2.0 * AMOUNTS
    response[-1] *= 1.2  # one high calibrator is off
    errors = [abs(fit_curve(AMOUNTS, response, "linear", w).amount(10.0) / 5 - 1) for w in ("equal", "1/x", "1/x2")]
    assert errors[0] > errors[1] > errors[2]


def test_a_zero_calibrator_weighs_as_the_lowest_one() -> None:
    assert weights(np.array([0.0, 5.0, 10.0]), "1/x", 5.0) == pytest.approx([0.2, 0.2, 0.1])
    curve = fit_curve(np.append(0.0, AMOUNTS), np.append(0.0, 2 * AMOUNTS), "linear", "1/x2")
    assert curve.low == 5.0
    assert curve.amount(20.0) == pytest.approx(10.0)


def test_the_weighted_fit_is_that_of_numpy() -> None:
    rng = np.random.default_rng(3)
    response = 1 + 2 * AMOUNTS + 0.01 * AMOUNTS**2 + rng.normal(0, 3, len(AMOUNTS))
    curve = fit_curve(AMOUNTS, response, "quadratic", "1/x")
    expected = np.polyfit(AMOUNTS, response, 2, w=AMOUNTS**-0.5)[::-1]
    assert curve.coefficients == pytest.approx(expected)


@pytest.mark.parametrize(("model", "weighting"), [("linear", "1/x"), ("quadratic", "1/x2")])
def test_intervals_hold_the_amount_as_often_as_they_say(model: str, weighting: str) -> None:
    """The noise is as the weights assume; of 400 intervals of 90 %, 360 ± 4 x 6 hold the amount."""
    rng = np.random.default_rng(11)
    amounts = np.repeat(AMOUNTS, 2)
    power = {"1/x": 0.5, "1/x2": 1.0}[weighting]
    held = 0
    for _ in range(400):
        response = 2 * amounts + rng.normal(size=len(amounts)) * 0.1 * amounts**power
        curve = fit_curve(amounts, response, model, weighting)
        true = rng.uniform(10, 150)
        low, high = curve.interval(2 * true + rng.normal() * 0.1 * true**power, 0.9)
        held += low <= true <= high
    assert held == pytest.approx(360, abs=24)


def test_the_limits_are_those_of_ich_q2() -> None:
    rng = np.random.default_rng(5)
    response = 0.5 + 2 * AMOUNTS + rng.normal(0, 0.4, len(AMOUNTS))
    curve = fit_curve(AMOUNTS, response, "linear", "equal")
    slope, intercept = np.polyfit(AMOUNTS, response, 1)
    residual_sd = np.sqrt(((response - intercept - slope * AMOUNTS) ** 2).sum() / (len(AMOUNTS) - 2))
    assert curve.limits == pytest.approx((3.3 * residual_sd / slope, 10 * residual_sd / slope))


def test_a_straight_line_is_preferred_and_a_bent_one_found() -> None:
    rng = np.random.default_rng(8)
    scatter = 1 + 0.02 * rng.normal(size=(40, len(AMOUNTS)))
    lines = [choose_curve(AMOUNTS, 2 * AMOUNTS * row) for row in scatter]
    bent = [choose_curve(AMOUNTS, (2 * AMOUNTS - 0.004 * AMOUNTS**2) * row) for row in scatter]
    assert sum(curve is not None and curve.model == "linear" for curve in lines) >= 28
    assert sum(curve is not None and curve.model == "quadratic" for curve in bent) >= 38


def test_model_and_weights_can_be_set() -> None:
    response = 2 * AMOUNTS - 0.004 * AMOUNTS**2
    curve = choose_curve(AMOUNTS, response, "linear", "equal")
    assert curve is not None
    assert (curve.model, curve.weighting) == ("linear", "equal")


def test_too_few_amounts_or_a_falling_response_give_no_curve() -> None:
    few = np.array([5.0, 5.0, 10.0, 10.0])
    assert len(np.unique(few)) < FEWEST_LEVELS
    assert choose_curve(few, 2 * few) is None
    assert choose_curve(AMOUNTS, 300 - AMOUNTS) is None
    assert choose_curve(np.zeros(5), np.arange(5.0)) is None


def test_responses_outside_the_curve_have_amounts_that_make_sense() -> None:
    saturating = fit_curve(AMOUNTS, 2 * AMOUNTS - 0.004 * AMOUNTS**2, "quadratic", "1/x")
    assert np.isnan(saturating.amount(1e6))
    straight = fit_curve(AMOUNTS, 2 * AMOUNTS, "linear", "1/x")
    assert straight.amount(2000.0) == pytest.approx(1000.0)  # five times the highest calibrator
    assert saturating.interval(1e6, 0.95)[1] == np.inf
    positive = fit_curve(AMOUNTS, 3 + 2 * AMOUNTS, "linear", "1/x")
    assert positive.amount(1.0) == 0.0


def test_a_negative_intercept_gives_no_amount_to_a_response_of_zero() -> None:
    curve = fit_curve(AMOUNTS, 2 * AMOUNTS - 8, "linear", "1/x")
    assert curve.amount(0.0) == 0.0
    assert curve.amount(float(curve.response(5.0))) == pytest.approx(5.0)
    assert 0 < curve.amount(1.0) < curve.amount(1.9) < 5.0


def test_the_back_calculation_error_leaves_each_calibrator_out() -> None:
    response = 2 * AMOUNTS
    assert back_calculation_error(AMOUNTS, response, "linear", "1/x") == pytest.approx(0.0, abs=1e-9)
    response[2] *= 1.5  # a quadratic curve with six points would hide it if it helped to fit
    assert back_calculation_error(AMOUNTS, response, "linear", "1/x") > 0.08
    assert np.isnan(back_calculation_error(AMOUNTS[:3], response[:3], "quadratic", "1/x"))


def test_one_calibrator_gives_a_response_factor_without_an_interval() -> None:
    curve = choose_curve(np.array([10.0]), np.array([25.0]), "proportional")
    assert curve is not None
    assert curve.amount(5.0) == pytest.approx(2.0)
    assert curve.amount(0.0) == 0.0
    assert np.isnan(curve.interval(5.0, 0.95)).all()
    assert np.isnan(curve.limits).all()
    assert choose_curve(np.array([10.0]), np.array([25.0])) is None  # only if it is asked for


def test_a_proportional_curve_with_weights_of_1_over_x2_is_the_mean_response_factor() -> None:
    """The calibration of US EPA method 8000D, 11.5.1."""
    rng = np.random.default_rng(8)
    response = 2 * AMOUNTS * np.exp(rng.normal(0, 0.05, len(AMOUNTS)))
    curve = choose_curve(AMOUNTS, response, "proportional", "1/x2")
    assert curve is not None
    factors = response / AMOUNTS
    assert curve.coefficients == pytest.approx([0.0, factors.mean(), 0.0])
    assert curve.freedom == len(AMOUNTS) - 1
    # The standard deviation of the factors is that of a response of weight 1.
    assert np.sqrt(curve.variance) == pytest.approx(factors.std(ddof=1))
    low, high = curve.interval(float(curve.response(20.0)), 0.95)
    assert low < 20.0 < high


def test_replicates_at_one_level_give_an_interval() -> None:
    curve = choose_curve(np.full(4, 10.0), np.array([24.0, 25.0, 26.0, 25.0]), "proportional")
    assert curve is not None
    assert curve.amount(25.0) == pytest.approx(10.0)
    low, high = curve.interval(25.0, 0.95)
    assert 8.5 < low < 10.0 < high < 11.5


@pytest.mark.parametrize("unit", [1e-15, 1e-9, 1e9])
def test_the_unit_of_the_amounts_does_not_matter(unit: float) -> None:
    """Amounts may be in mol/L or in g."""
    rng = np.random.default_rng(5)
    response = (2 * AMOUNTS - 0.004 * AMOUNTS**2) * np.exp(rng.normal(0, 0.02, len(AMOUNTS)))
    one, other = choose_curve(AMOUNTS, response), choose_curve(unit * AMOUNTS, response)
    assert one is not None and other is not None
    assert (one.model, one.weighting) == (other.model, other.weighting)
    for value in (3.0, 20.0, 60.0):
        assert other.amount(value) == pytest.approx(unit * one.amount(value), rel=1e-9)
        assert other.interval(value, 0.95) == pytest.approx([unit * x for x in one.interval(value, 0.95)], rel=1e-6)


def test_a_curve_that_bends_upwards_is_inverted_on_its_rising_branch() -> None:
    curve = fit_curve(AMOUNTS, 5 - 0.05 * AMOUNTS + 0.02 * AMOUNTS**2, "quadratic", "equal")
    for amount in (10.0, 50.0, 150.0):
        assert curve.inverse(float(curve.response(amount))) == pytest.approx(amount, rel=1e-9)


def test_a_response_that_does_not_follow_the_amount_has_no_curve() -> None:
    assert choose_curve(AMOUNTS, np.ones(len(AMOUNTS))) is None
    rng = np.random.default_rng(6)
    taken = sum(choose_curve(AMOUNTS, rng.normal(100, 10, len(AMOUNTS))) is not None for _ in range(40))
    assert taken <= 4
