"""The vector functions against mpmath over all exponents, and the flags that they raise."""

from __future__ import annotations

import ctypes
import functools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the vector functions are LLVM's text")
from mpmath import mp, mpf

from autograd.compile import coefficients, vector_math
from autograd.compile.vector_math import NAMES, definition
from tests import coefficients as made
from tests.vectors import FLAGS, flag_runner, runner

INFINITE, NAN = math.inf, math.nan
LIMIT = 2.0  # units in the last place
LN2, ROOT = math.log(2), math.sqrt(2)

# where a function changes its way, overflows, underflows or ends: points to look at closely
CLOSELY: dict[str, list[float]] = {
    "exp": [0.0, 709.782712893384, -708.3964185322641, -745.1332191019412, LN2 / 2, -LN2 / 2, 3 * LN2 / 2, 1400, -1400],
    "expm1": [0.0, 709.782712893384, 710, LN2 / 2, -LN2 / 2, 3 * LN2 / 2, -37, -38, -50, 2.0**-54, 37.1, 37.8],
    "log": [1.0, 2.0**-1022, 5e-324, math.sqrt(0.5), ROOT, 2 * ROOT, 2.0, math.e],
    "tanh": [0.0, LN2 / 4, -LN2 / 4, 3 * LN2 / 4, 0.55, 19.0, 22.0, 2.0**-27, 0.17],
}
# domains in which errors come and go, for a closer look by many points
DENSELY = {"exp": (-746, 711), "expm1": (-40, 40), "log": (0.25, 4.0), "tanh": (-3, 3)}

# what the functions give where mpmath has no finite answer: the C library's results
EXACT: dict[str, Callable[[Any], Any]] = {name: getattr(mp, name) for name in NAMES if hasattr(mp, name)}


def neighbours(x: float, count: int = 6) -> Iterator[float]:
    up = down = x
    yield x
    for _ in range(count):
        up, down = math.nextafter(up, INFINITE), math.nextafter(down, -INFINITE)
        yield from (up, down)


@functools.cache
def points(name: str) -> tuple[float, ...]:
    """Both signs of one mantissa in each binade, subnormals, close and dense points, and what is no number."""
    draw = random.Random(name)
    found = [math.ldexp(draw.uniform(1, 2), e) * sign for e in range(-1022, 1024) for sign in (1, -1)]
    found += [draw.randrange(1 << 52) * 5e-324 * sign for _ in range(20) for sign in (1, -1)]
    found += [draw.randrange(1, 40) * 5e-324 * sign for _ in range(5) for sign in (1, -1)]
    found += [y for x in CLOSELY[name] for y in neighbours(x)]
    found += [y for x in CLOSELY[name] for y in (x * (1 + draw.uniform(-1e-3, 1e-3)) for _ in range(10))]
    found += [draw.uniform(*DENSELY[name]) for _ in range(1500)]
    found += [0.0, -0.0, INFINITE, -INFINITE, NAN, 1.7976931348623157e308, -1.7976931348623157e308]
    return tuple(found)


def library(name: str, x: float) -> float:
    """The C library's result, for what has no finite one."""
    function = getattr(ctypes.CDLL(None), name)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    return float(function(x))


@functools.cache
def expected(name: str) -> tuple[Any, ...]:
    """mpmath's values; None where there is none."""
    found: list[Any] = []
    with mp.workprec(200):
        for x in points(name):
            y = None
            if math.isfinite(x):
                try:
                    y = EXACT[name](mpf(x))
                except (ValueError, ZeroDivisionError):
                    y = None
            found.append(y if isinstance(y, mpf) and mp.isfinite(y) else None)
    return tuple(found)


def ulps(got: float, exact: Any) -> float:
    """The distance in units of the last place of the double that ``exact`` would round to; infinity is 2**1024."""
    if got != got:
        return INFINITE
    with mp.workprec(200):
        if abs(exact) >= mpf(2) ** 1024 * (1 - mpf(2) ** -54):
            return 0.0 if got == math.copysign(INFINITE, exact) else INFINITE
        near = mpf(2) ** 1024 * (1 if got > 0 else -1) if math.isinf(got) else mpf(got)
        unit = max(int(mp.frexp(exact)[1]) - 53, -1074) if exact else -1074
        return float(abs(near - exact) / mpf(2) ** unit)


def worst(name: str, results: Any) -> tuple[float, float]:
    """The largest error and where it is; those with no finite value must be the C library's, signs of zero right."""
    found = (0.0, 0.0)
    for x, got, exact in zip(points(name), results.tolist(), expected(name), strict=True):
        if exact is None:
            want = library(name, x)
            assert got == want or (got != got and want != want), (name, x, got, want)
            continue
        if got == 0:
            want = library(name, x)
            assert math.copysign(1.0, got) == math.copysign(1.0, want), (name, x, "sign of zero")
        found = max(found, (ulps(got, exact), x))
    return found


MACHINES = [pytest.param(8, True, 3, id="8"), pytest.param(4, True, 0, id="4 unoptimised")]
if FLAGS == 1 | 4 | 8:
    MACHINES.append(pytest.param(8, False, 2, id="8 without fused multiply-add"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "fused", "level"), MACHINES)
def test_within_two_units_in_the_last_place(name: str, width: int, fused: bool, level: int) -> None:
    error, where = worst(name, runner(name, width, fused, level)(np.array(points(name))))
    assert error <= LIMIT, f"{name}({where!r}) is {error:.2f} ulp off"


@pytest.mark.skipif(FLAGS is None, reason="this processor's flags are not known")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0, 3])
def test_flags_are_raised_just_where_a_finite_argument_has_no_finite_result(name: str, level: int) -> None:
    results, flags = flag_runner(name, 8, level)(np.array(points(name)))
    for x, y, flag in zip(points(name), results.tolist(), flags.tolist(), strict=True):
        if math.isfinite(x):
            assert flag != math.isfinite(y), (name, x, y, flag)
        elif math.isfinite(y):
            assert not flag, (name, x, y)


@pytest.mark.parametrize("name", NAMES)
def test_no_symbol_is_needed(name: str) -> None:
    text = definition(name, 4)
    declared = [line for line in text.splitlines() if line.startswith("declare")]
    assert all("@llvm." in line or f"@libm.{name}(" in line for line in declared)


def test_coefficients_are_those_of_the_generator() -> None:
    assert made.FILE.read_text() == made.text()


def test_a_wrong_coefficient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = list(coefficients.EXP)
    wrong[3] *= 1 + 1e-10
    monkeypatch.setattr(vector_math.c, "EXP", wrong)
    assert worst("exp", runner("exp", 8)(np.array(points("exp"))))[0] > LIMIT


@pytest.mark.skipif(FLAGS is None, reason="this processor's flags are not known")
def test_a_needless_flag_and_a_missing_one_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    good = vector_math.FUNCTIONS["log"]

    def needless(x: Any) -> Any:
        return good(x) + (x * 1e10 < 1.0).where(0.0, 0.0 * x)

    def missing(x: Any) -> Any:
        return (x <= 0.0).where(-INFINITE, good((x <= 0.0).where(1.0, x)))

    for planted in (needless, missing):
        monkeypatch.setitem(vector_math.FUNCTIONS, "log", planted)
        with pytest.raises(AssertionError, match="log"):
            test_flags_are_raised_just_where_a_finite_argument_has_no_finite_result("log", 3)
