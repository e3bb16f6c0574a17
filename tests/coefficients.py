"""The numbers of ``autograd/compile/coefficients.py``: ``python -m tests.coefficients`` writes that file anew.

A polynomial interpolates its function at Chebyshev's nodes, which comes within a small factor of the best polynomial of
that degree; a constant that is needed to more digits than a double has is the sum of several, the first ones with so
few bits that their products with small whole numbers are exact.  All of it is worked out by mpmath, to 60 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mpmath import mp, mpf

FILE = Path(__file__).parent.parent / "autograd" / "compile" / "coefficients.py"
HEADER = '''"""Coefficients and constants of the vector functions; written by ``python -m tests.coefficients``."""

# fmt: off
'''


def polynomial(f: Callable[[Any], Any], a: Any, b: Any, count: int) -> list[float]:
    """The first ``count`` coefficients, lowest first, of the polynomial that is f at Chebyshev's nodes of [a, b]."""
    middle, half = (mpf(a) + b) / 2, (mpf(b) - a) / 2
    nodes = [middle + half * mp.cospi((k + mpf(1) / 2) / count) for k in range(count)]
    nodes = [x if abs(x) > mpf(10) ** -50 else mpf(10) ** -20 for x in nodes]  # where f is 0/0
    # Newton's divided differences, then multiplied out
    table = [f(x) for x in nodes]
    for level in range(1, count):
        for k in range(count - 1, level - 1, -1):
            table[k] = (table[k] - table[k - 1]) / (nodes[k] - nodes[k - level])
    result = [table[-1]]
    for k in range(count - 2, -1, -1):
        shifted = [mpf(0), *result]
        result = [shifted[j] - nodes[k] * (result[j] if j < len(result) else 0) for j in range(len(shifted))]
        result[0] += table[k]
    return [float(c) for c in result]


def parts(x: Any, bits: Sequence[int]) -> list[float]:
    """Doubles with the sum x: the first with so many bits, cut off and not rounded, and so on; the last with all 53."""
    found = []
    for n in bits:
        unit = mpf(2) ** (mp.frexp(x)[1] - n)
        found.append(float(mp.floor(x / unit) * unit))
        x -= found[-1]
    return [*found, float(x)]


def sqrt_of(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """f as a function of the square of its argument."""
    return lambda z: f(mp.sqrt(z))


def fitted() -> dict[str, list[float]]:
    """All numbers, by name."""
    ln2, half_pi = mp.log(2), mp.pi / 2
    r = ln2 / 2 * (1 + mpf(2) ** -20)  # what is left of an argument when the nearest multiple of ln 2 is taken away
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)  # (m - 1) / (m + 1) for m up to sqrt(2)
    return {
        "LN2": parts(ln2, [42]),
        "HALF_PI": parts(half_pi, [33, 32, 32]),
        # exp(r) = 1 + r + r*r*EXP(r)
        "EXP": polynomial(lambda x: (mp.expm1(x) - x) / x**2, -r, r, 10),
        # log((1+s) / (1-s)) = 2*s + s*z*LOG(z), z = s*s
        "LOG": polynomial(sqrt_of(lambda x: (2 * mp.atanh(x) - 2 * x) / x**3), 0, s**2, 7),
    }


def text() -> str:
    mp.dps = 60
    lines = []
    for name, values in fitted().items():
        lines.append(f"{name} = (" + "".join(f"\n    {x!r}," for x in values) + "\n)\n")
    return HEADER + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(text())
