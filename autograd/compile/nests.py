"""How the operands of a loop's instructions move from turn to turn, read from the instructions themselves.

A nest of loops is given from the outermost to the innermost; an instruction in it stands for as many as its loops have
turns together, one for each place of a grid with an axis a loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .program import Loop


def offsets(nest: Sequence[Loop]) -> NDArray[Any]:
    """How far each instance of an instruction in this nest is from the first."""
    grid: NDArray[Any] = np.zeros((), np.int64)
    for loop in nest:
        grid = grid[..., None] + np.arange(loop.count) * loop.period
    return grid


def affine(numbers: NDArray[Any]) -> tuple[int, tuple[int, ...]] | None:
    """The first number and the stride along each axis, if the numbers of a grid are the first and so many strides."""
    base = int(numbers.flat[0])
    strides = []
    fitted = np.array(base)
    for axis, count in enumerate(numbers.shape):
        at = tuple(int(k == axis and count > 1) for k in range(numbers.ndim))
        strides.append(int(numbers[at]) - base)
        fitted = fitted[..., None] + np.arange(count) * strides[-1]
    return (base, tuple(strides)) if (numbers == fitted).all() else None
