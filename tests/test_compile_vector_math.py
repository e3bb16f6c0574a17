"""The vector functions against mpmath over all exponents, and the flags that they raise."""

from __future__ import annotations

import ctypes
import functools
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from mpmath import mp, mpf

from autograd.compile import coefficients, vector_math
from autograd.compile.vector_math import ARGUMENTS, FAR, NAMES, RARE, definition, definitions
from tests import coefficients as made
from tests import vectors
from tests.vectors import FLAGS, flag_runner, over, runner

INFINITE, NAN = math.inf, math.nan
LIMIT = 2.0  # units in the last place
LN2, ROOT = math.log(2), math.sqrt(2)

# where a function changes its way, has zeros, overflows, underflows or ends: points to look at closely
CLOSELY: dict[str, list[float]] = {
    "exp": [0.0, 709.782712893384, -708.3964185322641, -745.1332191019412, LN2 / 2, -LN2 / 2, 3 * LN2 / 2, 1400, -1400],
    "expm1": [0.0, 709.782712893384, 710, LN2 / 2, -LN2 / 2, 3 * LN2 / 2, -37, -38, -50, 2.0**-54, 37.1, 37.8],
    "exp2": [0.0, 1024.0, -1022.0, -1074.0, -1075.0, 0.5, -0.5, 1.5, 2000, -2000],
    "log": [1.0, 2.0**-1022, 5e-324, math.sqrt(0.5), ROOT, 2 * ROOT, 2.0, math.e],
    "log1p": [0.0, -1.0, 2.0**-54, math.sqrt(0.5) - 1, ROOT - 1, 2 * ROOT - 1, 0.44, 1.0, 2.0**53, 2.0**54, 0.5],
    "log2": [1.0, 2.0**-1022, 5e-324, math.sqrt(0.5), ROOT, 2 * ROOT, 2.0, 0.5, 2.0**1000],
    "log10": [1.0, 2.0**-1022, 5e-324, math.sqrt(0.5), ROOT, 2 * ROOT, 2.0, 10.0, 1e22, 1e-5],
    "cbrt": [1.0, 8.0, 2.0**-1022, 5e-324, 2.0**-1074 * 27, math.sqrt(0.5), ROOT, 27.0, 1e300],
    "sin": [
        0.0,
        2.0**-27,
        *(k * math.pi / 4 for k in range(1, 9)),
        355.0,
        1e6,
        1e6 * math.pi,
        6381956970095103 * 2.0**797,
    ],
    "cos": [0.0, *(k * math.pi / 4 for k in range(1, 9)), 355 / 2, 1e6, 6381956970095103 * 2.0**797],
    "atan": [0.0, 1.0, 2.0**-27, 2.0**53, 1e16, 1.02],
    "sinh": [0.0, 710.4758600739439, 711.0, LN2 / 2, 3 * LN2 / 2, 2.0**-27, 2.0**-54, 18.4, 22.0, 69.0],
    "cosh": [0.0, 710.4758600739439, 711.0, LN2 / 2, 3 * LN2 / 2, 2.0**-27, 18.4, 22.0, 69.0],
    "tanh": [0.0, LN2 / 4, -LN2 / 4, 3 * LN2 / 4, 0.55, 19.0, 22.0, 2.0**-27, 0.12],
    "erf": [0.0, 1.0, 2.0, 5.9, 5.92158, 6.0, 0.84375, 2.0**-28],
}
# where errors come and go, for a closer look by many points
DENSELY = {
    "exp": (-746, 711), "expm1": (-40, 40), "exp2": (-1080, 1025), "log": (0.25, 4.0), "log1p": (-1, 3),
    "log2": (0.25, 4.0), "log10": (0.25, 4.0), "cbrt": (-8, 8), "sin": (-1e6, 1e6), "cos": (-50, 50), "atan": (-3, 3),
    "sinh": (-20, 20), "cosh": (-20, 20), "tanh": (-3, 3), "erf": (-3, 3),
}  # fmt: skip
EXACT: dict[str, Callable[..., Any]] = {
    **{name: getattr(mp, name) for name in ("exp", "expm1", "log", "log1p", "log10", "sin", "cos", "atan")},
    **{name: getattr(mp, name) for name in ("sinh", "cosh", "tanh", "erf")},
    "exp2": lambda x: mp.exp(x * mp.ln2),
    "log2": lambda x: mp.log(x) / mp.ln2,
    "cbrt": lambda x: mp.cbrt(abs(x)) * (-1 if x < 0 else 1),
    "pow": mp.power,
}
AWKWARD = (0.0, -0.0, INFINITE, -INFINITE, NAN, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308)


def neighbours(x: float, count: int = 6) -> Iterator[float]:
    up = down = x
    yield x
    for _ in range(count):
        up, down = math.nextafter(up, INFINITE), math.nextafter(down, -INFINITE)
        yield from (up, down)


@functools.cache
def points(name: str) -> tuple[tuple[float, ...], ...]:
    """Both signs of one mantissa in each binade, subnormals, close and dense points, and what is no number."""
    if name == "pow":
        return tuple(bases_and_exponents())
    draw = random.Random(name)
    found = [math.ldexp(draw.uniform(1, 2), e) * sign for e in range(-1022, 1024) for sign in (1, -1)]
    found += [draw.randrange(1 << 52) * 5e-324 * sign for _ in range(20) for sign in (1, -1)]
    found += [draw.randrange(1, 40) * 5e-324 * sign for _ in range(5) for sign in (1, -1)]
    found += [y for x in CLOSELY[name] for y in neighbours(x)]
    found += [y for x in CLOSELY[name] for y in (x * (1 + draw.uniform(-1e-3, 1e-3)) for _ in range(10))]
    found += [draw.uniform(*DENSELY[name]) for _ in range(1500)]
    found += AWKWARD
    return tuple((x,) for x in found)


def bases_and_exponents() -> Iterator[tuple[float, float]]:
    """Bases of all binades, and exponents for which the result has any size; whole ones for the negative."""
    draw = random.Random("pow")
    for e in range(-1022, 1024):
        x = math.ldexp(draw.uniform(1, 2), e)
        yield x, draw.uniform(-750, 712) / math.log(x)
        yield -x, float(round(draw.uniform(-750, 712) / math.log(x)))
    for _ in range(1500):
        x = draw.choice((draw.uniform(0.5, 2.0), 1 + draw.choice((1, -1)) * 2.0 ** draw.uniform(-52, -1)))
        if x != 1:
            yield x, draw.uniform(-745, 709.7) / math.log(x)
        yield draw.uniform(0, 10), draw.choice((2.0, 3.0, -1.0, -2.0, 0.5, 1.5, 2.5))
        yield draw.uniform(-10, 10), float(draw.randrange(-9, 10))
    for x in (2.0, 10.0, 0.5, -2.0, 3.0):
        yield from ((x, float(y)) for y in range(-1080, 1030))
    some = (
        *AWKWARD,
        1.0,
        -1.0,
        2.0,
        3.0,
        -3.0,
        0.5,
        -0.5,
        2.5,
        2.0**50,
        2.0**52 + 1,
        2.0**53 + 2,
        2.0**60,
        1 - 2.0**-53,
    )
    yield from ((x, y) for x in some for y in some)
    yield from ((x, y) for x in some for c in (2.0**50, 709.78, 1.0, 2.0) for y in neighbours(c, 2))


def library(name: str, x: tuple[float, ...]) -> float:
    """The C library's result, for what has no finite one."""
    function = getattr(ctypes.CDLL(None), name)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * len(x)
    return float(function(*x))


@functools.cache
def expected(name: str) -> tuple[Any, ...]:
    """mpmath's values; None where there is none."""
    found: list[Any] = []
    with mp.workprec(200):
        for x in points(name):
            y = None
            if all(map(math.isfinite, x)):
                try:
                    y = EXACT[name](*map(mpf, x))
                except (ValueError, ZeroDivisionError):
                    y = None
            found.append(y if isinstance(y, mpf) and mp.isfinite(y) else None)
    return tuple(found)


@functools.cache
def rounded(name: str) -> tuple[float, ...]:
    """The doubles nearest to mpmath's values; nan where there is none."""
    return tuple(NAN if y is None else float(y) for y in expected(name))


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


def worst(name: str, results: Any) -> tuple[float, tuple[float, ...]]:
    """The largest error and where it is; those with no finite value must be the C library's, signs of zero right."""
    found: tuple[float, tuple[float, ...]] = (0.5, ())
    for x, got, exact, near in zip(points(name), results.tolist(), expected(name), rounded(name), strict=True):
        # far out sin and cos are the C library's, whatever its error (8 ulp of glibc's cos at 5.319372648326541e+255)
        if exact is None or (name in ("sin", "cos") and abs(x[0]) > FAR):
            want = library(name, x)
            assert got == want or (got != got and want != want), (name, x, got, want)
            continue
        if got == 0:
            want = library(name, x)
            assert math.copysign(1.0, got) == math.copysign(1.0, want), (name, x, "sign of zero")
        if got != near:  # else it is half a unit at most
            found = max(found, (ulps(got, exact), x))
    return found


MACHINES = [pytest.param(8, True, 3, id="8"), pytest.param(4, True, 0, id="4 unoptimised, called")]
if FLAGS == 1 | 4 | 8:
    MACHINES.append(pytest.param(8, False, 2, id="8 without fused multiply-add"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "fused", "level"), MACHINES)
def test_within_two_units_in_the_last_place(name: str, width: int, fused: bool, level: int) -> None:
    error, where = worst(name, runner(name, width, fused, level, inline=level > 0)(*np.array(points(name)).T))
    assert error <= LIMIT, f"{name}{where!r} is {error:.2f} ulp off"


@pytest.mark.skipif(FLAGS is None, reason="this processor's flags are not known")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0, 3])
def test_flags_are_raised_just_where_a_finite_argument_has_no_finite_result(name: str, level: int) -> None:
    results, flags = flag_runner(name, 8, level)(*np.array(points(name)).T)
    for x, y, flag in zip(points(name), results.tolist(), flags.tolist(), strict=True):
        if all(map(math.isfinite, x)):
            assert flag != math.isfinite(y), (name, x, y, flag)
        elif math.isfinite(y) and not any(map(math.isnan, x)):
            assert not flag, (name, x, y)


@pytest.mark.parametrize(
    ("triple", "processor"),
    [
        ("x86_64-unknown-linux-gnu", "x86-64"),
        ("x86_64-unknown-linux-gnu", "x86-64-v3"),
        ("x86_64-unknown-linux-gnu", "x86-64-v4"),
        ("aarch64-unknown-linux-gnu", "generic"),
    ],
)
def test_no_processor_needs_more_of_the_library_than_the_far_ends_of_three_functions(
    triple: str, processor: str
) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=1, reloc="pic", codemodel="small")
    text = over("lanes.f", "", 8, 2) + "declare <8 x double> @lanes.f(<8 x double>, <8 x double>)"
    assert called(text, target) == {"lanes.f"}  # that calls are found
    for name in NAMES:
        text = over(f"lanes.{name}", definition(name, 8), 8, ARGUMENTS.get(name, 1)).replace("private", "")
        functions = {function for function in called(text, target) if not function.startswith("lanes.")}
        assert functions == ({f"libm.{name}"} if name in ("sin", "cos", "pow") else set())


def called(text: str, target: llvm.TargetMachine) -> set[str]:
    """The functions that are called by what LLVM makes of a module."""
    module = llvm.parse_assembly(text)
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    return set(re.findall(r"^\s+(?:callq|jmp|bl|b)\s+\"?([A-Za-z_][\w.]*)", target.emit_assembly(module), re.MULTILINE))


def test_several_functions_share_a_module() -> None:
    text = definitions(NAMES, 4)
    declared = [line for line in text.splitlines() if line.startswith("declare")]
    assert len(declared) == len(set(declared)) > 3
    module = llvm.parse_assembly(text)
    module.verify()
    defined = [f.name for f in module.functions if not f.is_declaration]
    assert sorted(defined) == sorted([f"lanes.{name}" for name in NAMES] + [f"lanes.{name}.rare" for name in RARE])


def test_coefficients_are_those_of_the_generator() -> None:
    assert made.FILE.read_text() == made.text()


def test_a_wrong_coefficient_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = list(coefficients.EXP)
    wrong[3] *= 1 + 1e-10
    monkeypatch.setattr(vector_math.c, "EXP", wrong)
    monkeypatch.setattr(vectors, "definition", definition.__wrapped__)  # the one that remembers nothing
    assert worst("exp", runner("exp", 8)(*np.array(points("exp")).T))[0] > LIMIT


@pytest.mark.skipif(FLAGS is None, reason="this processor's flags are not known")
def test_a_needless_flag_and_a_missing_one_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    good = vector_math.FUNCTIONS["log"]
    monkeypatch.setattr(vectors, "definition", definition.__wrapped__)

    def needless(x: Any) -> Any:
        return good(x) + (x * 1e10 < 1.0).where(0.0, 0.0 * x)

    def missing(x: Any) -> Any:
        return (x <= 0.0).where(-INFINITE, good((x <= 0.0).where(1.0, x)))

    for planted in (needless, missing):
        monkeypatch.setitem(vector_math.FUNCTIONS, "log", planted)
        with pytest.raises(AssertionError, match="log"):
            test_flags_are_raised_just_where_a_finite_argument_has_no_finite_result("log", 3)
