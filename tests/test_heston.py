"""Pricing in the Heston model: published prices, and Greeks by every tier against the eager engine's and mpmath's."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import mpmath
import numpy as np
import pytest

import autograd
from autograd.checking import check_grads
from tests import heston

TIERS = ["interpreter", "llvm"] if autograd.__native__ and find_spec("llvmlite") else ["interpreter"]
priced = autograd.value_and_grad(lambda market: heston.price(market, 128))


def price_by_quadrature(market: list[Any]) -> Any:
    """The same integral by mpmath's complex numbers and quadrature."""
    spot, strike, rate, years, kappa, theta, sigma, rho, variance = market

    def density(u: Any) -> Any:
        z = mpmath.mpc(u, -0.5)
        xi = kappa - 1j * rho * sigma * z
        d = mpmath.sqrt(xi * xi + sigma * sigma * (z * z + 1j * z))
        g = (xi - d) / (xi + d)
        decay = mpmath.exp(-d * years)
        mean = (xi - d) * years - 2 * mpmath.log((1 - g * decay) / (1 - g))
        spread = (xi - d) * (1 - decay) / (1 - g * decay)
        along = 1j * u * (mpmath.log(spot / strike) + rate * years)
        exponent = (kappa * theta * mean + variance * spread) / (sigma * sigma) + along
        return mpmath.re(mpmath.exp(exponent)) / (u * u + 0.25)

    total = mpmath.quad(density, [0, 1, 5, 20, 60, 200])
    return spot - mpmath.sqrt(spot * strike) * mpmath.exp(-rate * years / 2) / mpmath.pi * total


@pytest.mark.parametrize("years", heston.PUBLISHED)
def test_prices_are_those_of_fang_and_oosterlee(years: float) -> None:
    market = [*heston.MARKET[:3], years, *heston.MARKET[4:]]
    assert heston.price(market, 128) == pytest.approx(heston.PUBLISHED[years], abs=2e-7)


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_greeks_are_those_of_quadrature() -> None:
    market = [100.0, 95.0, 0.02, *heston.MARKET[3:]]
    value, slopes = priced(market)
    assert value == pytest.approx(float(price_by_quadrature(market)), abs=2e-7)
    with mpmath.workdps(25):
        for i, slope in enumerate(slopes):
            step = mpmath.mpf(10) ** -8 * abs(market[i])
            up, down = ([*market[:i], market[i] + sign * step, *market[i + 1 :]] for sign in (1, -1))
            expected = (price_by_quadrature(up) - price_by_quadrature(down)) / (2 * step)
            assert slope == pytest.approx(float(expected), abs=1e-5), heston.NAMES[i]


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_slopes_pass_the_check() -> None:
    check_grads(lambda *market: heston.price(market, 24), [100.0, 95.0, 0.02, *heston.MARKET[3:]])


@pytest.mark.parametrize("tier", TIERS)
def test_programs_give_the_same_bits(tier: str) -> None:
    fast = autograd.compile(priced, tier=tier)
    markets = [[100.0, 80.0 + 7 * k, 0.02, 0.2 + 0.4 * k, *heston.MARKET[4:]] for k in range(6)]
    expected = [priced(market) for market in markets]
    assert [fast(market) for market in markets] == expected
    values, slopes = fast.lanes(np.array(markets))
    assert [(value, row) for value, row in zip(values.tolist(), np.array(slopes).tolist(), strict=True)] == expected


def test_what_is_computed_forward_is_not_computed_again_on_the_way_back() -> None:
    """A sine and a cosine of each angle serve the value and the slopes."""
    fast = autograd.compile(priced)
    fast(heston.MARKET)
    names = [name for _, name, _ in fast.program.instructions()]
    assert names.count("cos") == names.count("sin") == 2 * 128
    assert names.count("atan2") == 128
