"""The numbers of ``autograd/compile/coefficients.py``: ``python -m tests.coefficients`` writes that file anew.

Polynomials are the best ones of their degree, by the error that matters to the function (minimax); a constant that is needed to more digits than a double has is the sum of several, the first ones with so
few bits that their products with small whole numbers are exact.  All of it is worked out by mpmath, to 60 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mpmath import mp, mpf

Function = Callable[[Any], Any]

FILE = Path(__file__).parent.parent / "autograd" / "compile" / "coefficients.py"
HEADER = '''"""Coefficients and constants of the vector functions; written by ``python -m tests.coefficients``."""

# fmt: off
'''


def polynomial(f: Function, a: Any, b: Any, count: int, weight: Function = lambda x: 1) -> list[float]:
    """The first ``count`` coefficients, lowest first, of the polynomial p with the least max(abs(weight * (f - p))).

    Remez's exchange on a grid of [a, b]: at count + 1 points the weighted errors are made equal with signs in turn;
    then the points move to where the error is largest between its changes of sign, until it is nowhere larger.
    """
    middle, half = (mpf(a) + b) / 2, (mpf(b) - a) / 2
    size = 30 * count + 1  # odd, and the middle, where many f are 0/0, is left out
    grid = [middle - half * mp.cospi(mpf(i) / size) for i in range(size + 1)]
    grid = [x if abs(x) > mpf(10) ** -40 else mpf(10) ** -20 for x in grid]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    places = [round(i * size / count) for i in range(count + 1)]
    for _ in range(40):
        rows = [[*(grid[i] ** j for j in range(count)), (-1) ** n / weights[i]] for n, i in enumerate(places)]
        *found, level = mp.lu_solve(mp.matrix(rows), mp.matrix([values[i] for i in places]))
        errors = [w * (y - _value(found, x)) for x, y, w in zip(grid, values, weights, strict=True)]
        peaks = [max(run, key=lambda i: abs(errors[i])) for run in _runs(errors)]
        while len(peaks) > count + 1:  # an end that is the lower one
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        assert len(peaks) == count + 1
        if max(map(abs, errors)) <= abs(level) * mpf("1.001"):
            break
        places = peaks
    else:
        raise AssertionError("the exchange has not settled")
    return [float(x) for x in found]


def _value(coefficients: Sequence[Any], x: Any) -> Any:
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _runs(errors: Sequence[Any]) -> list[list[int]]:
    """The places of neighbouring errors with the same sign."""
    runs = [[0]]
    for i in range(1, len(errors)):
        if (errors[i] > 0) == (errors[i - 1] > 0):
            runs[-1].append(i)
        else:
            runs.append([i])
    return runs


def parts(x: Any, bits: Sequence[int]) -> list[float]:
    """Doubles with the sum x: the first with so many bits, cut off and not rounded, and so on; the last with all 53."""
    found = []
    for n in bits:
        unit = mpf(2) ** (mp.frexp(x)[1] - n)
        found.append(float(mp.floor(x / unit) * unit))
        x -= found[-1]
    return [*found, float(x)]


def of_square(f: Function) -> Function:
    """f as a function of the square of its argument."""
    return lambda z: f(mp.sqrt(z))


def fitted() -> dict[str, list[float]]:
    """All numbers, by name; weights are those of relative errors of the functions."""
    ln2, half_pi = mp.log(2), mp.pi / 2
    r = ln2 / 2 * (1 + mpf(2) ** -20)  # what is left of an argument when the nearest multiple of ln 2 is taken away
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)  # (m - 1) / (m + 1) for m up to sqrt(2)
    quarter = (half_pi / 2 * (1 + mpf(2) ** -20)) ** 2
    least = mpf(10) ** -12  # of squares, where 0 would be 0/0
    return {
        "LN2": parts(ln2, [42]),
        "LN2_FULL": parts(ln2, [53]),
        "LOG2_E": parts(1 / ln2, [21]),
        "LOG10_E": parts(1 / mp.log(10), [21]),
        "LOG10_2": parts(ln2 / mp.log(10), [42]),
        "HALF_PI": parts(half_pi, [33, 32, 32]),
        "HALF_PI_FULL": parts(half_pi, [53]),
        "TWO_THIRDS": parts(mpf(2) / 3, [53]),
        # exp(r) = 1 + r + r*r*EXP(r)
        "EXP": polynomial(lambda x: (mp.expm1(x) - x) / x**2, -r, r, 10, lambda x: x**2 / mp.exp(x)),
        # 2**r = 1 + r*ln(2) + r*r*EXP2(r)
        "EXP2": polynomial(lambda x: (mp.expm1(x * ln2) - x * ln2) / x**2, -0.5, 0.5, 10, lambda x: x**2 / mpf(2) ** x),
        # log((1+s) / (1-s)) = 2*s + s*z*LOG(z), z = s*s; and more of it, for what needs more digits
        "LOG": polynomial(of_square(lambda x: (2 * mp.atanh(x) - 2 * x) / x**3), least, s**2, 7, lambda z: z),
        "LOG_MORE": polynomial(
            of_square(lambda x: (2 * mp.atanh(x) - 2 * x - 2 * x**3 / 3) / x**5), least, s**2, 8, lambda z: z**2
        ),
        # sin(r) = r + r*z*SIN(z), cos(r) = 1 - z/2 + z*z*COS(z), z = r*r
        "SIN": polynomial(of_square(lambda x: (mp.sin(x) - x) / x**3), least, quarter, 6, lambda z: z),
        "COS": polynomial(of_square(lambda x: (mp.cos(x) - 1 + x**2 / 2) / x**4), least, quarter, 6, lambda z: z**2),
        # sinh(r) = r + r*z*SINH(z), cosh(r) = 1 + z*COSH(z)
        "SINH": polynomial(of_square(lambda x: (mp.sinh(x) - x) / x**3), least, r**2, 5, lambda z: z),
        "COSH": polynomial(of_square(lambda x: (mp.cosh(x) - 1) / x**2), least, r**2, 5, lambda z: z),
        # atan(x) = x + x*z*ATAN(z)
        "ATAN": polynomial(of_square(lambda x: (mp.atan(x) - x) / x**3), least, 1, 20, lambda z: z),
        # erf(x) = x + x*ERF(z) up to 1, then 1 - exp(ERFC(x))
        "ERF": polynomial(of_square(lambda x: mp.erf(x) / x - 1), least, 1, 12),
        "ERFC": polynomial(lambda x: mp.log(mp.erfc(x)), 1, 6, 18, mp.erfc),
        # m**(-1/3), the first guess
        "CBRT": polynomial(lambda x: x ** (-mpf(1) / 3), mp.sqrt(0.5), mp.sqrt(2), 6, mp.cbrt),
    }


def text() -> str:
    mp.dps = 60
    lines = []
    for name, values in fitted().items():
        lines.append(f"{name} = (" + "".join(f"\n    {x!r}," for x in values) + "\n)\n")
    return HEADER + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(text())
