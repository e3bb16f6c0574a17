"""Differences in mpmath's arithmetic: of a black box that runs on its numbers, to 20 digits and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .box import BlackBox

DIGITS = 70
STEPS = (1e-20, 1e-22)  # relative to x, or to 1


def by_mpmath(box: BlackBox) -> Callable[[int], list[float]]:
    """The derivatives of all outputs by argument i: central differences at DIGITS digits.

    Raises ImportError without mpmath, and ValueError where f drops digits: as Python's own math does, or NumPy.
    """
    try:
        import mpmath
    except ImportError as error:
        raise ImportError("oracle='mpmath' needs mpmath: pip install mpmath") from error
    refusal = (
        f"{box.title} does not compute with mpmath's numbers: write it with the functions of mpmath, "
        "or leave oracle='mpmath' out"
    )

    def values(xs: list[Any]) -> list[Any]:
        found = box.on(xs)
        if found is None or not any(isinstance(y, mpmath.mpf) for y in found):
            raise ValueError(refusal)
        return found

    def derivatives(i: int) -> list[float]:
        with mpmath.workdps(DIGITS):
            xs = [mpmath.mpf(x) for x in box.xs]
            quotients = []
            for step in STEPS:
                h = mpmath.mpf(step) * (abs(xs[i]) or 1)
                ahead, behind = (values([*xs[:i], xs[i] + side * h, *xs[i + 1 :]]) for side in (1, -1))
                quotients.append([(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)])
            for coarse, fine in zip(*quotients, strict=True):
                if abs(coarse - fine) > mpmath.mpf(1e-12) * abs(fine):
                    raise ValueError(refusal)
            return [float(slope) for slope in quotients[1]]

    return derivatives
