"""What rounding does to a function, by its recorded graph.

Each node adds |adjoint| * its own rounding error (S. Linnainmaa, "Taylor expansion of the accumulated rounding error",
BIT 16, 1976).  That of a built-in operation is |data| * 2**-52.  A user's row is a black box, in which numbers may
cancel: its noise is estimated from the values around the point, after J. J. Moré and S. M. Wild, "Estimating
computational noise", SIAM J. Sci. Comput. 33, 2011, with a fitted polynomial in the place of their difference table.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

from ..errors import ERRORS
from ..functional import Run
from ..primitives import BUILTIN, CONSTANT, TABLE, Primitive, abs_, max_, min_, neg, pos, relu, sign, where
from ..sweeps import dependents, edges
from ..value import Value, numbers_of
from .fits import fit
from .flat import Flat
from .plain import DOUBLE, Format

EPSILON = sys.float_info.epsilon
SPACING = math.ulp(0.0)
EXACT = (pos, neg, abs_, max_, min_, where, relu, sign)  # these do not round
# prod is not among them: the product of some of its factors may underflow
TRUSTED = frozenset(TABLE[name].fn for name in BUILTIN - {"prod"}) | {f for f in vars(math).values() if callable(f)}
FAR = 1e6  # times rounding: noise that may be a function that turns within a few floats
NODES = tuple(math.sqrt(v) for v in (0.031, 0.17, 0.44, 0.97))


def rounding_bounds(f: Flat, xs: list[float], wide: bool = False) -> tuple[list[float], list[list[float]], list[Value]]:
    """By f's graph: bounds of the rounding errors of its outputs; for each output and input the sum over all paths of
    the product of abs(partial); and the operations through which a derivative flows.  ``wide``: for the noise of black
    boxes a larger neighbourhood is looked at."""
    run = Run(f, (xs,), {}, 0)
    inputs, active = set(run.inputs), dependents(run.order, run.inputs)
    errors, sizes, alive = [], [], set[Value]()
    boxes: dict[Value, float] = {}
    for number in run.numbers:
        size: dict[Value, float] = {number: 1.0} if number in active else {}
        error = 0.0
        try:
            for node in reversed(run.order):
                if node in size and node not in inputs and size[node] > 0.0:
                    alive.add(node)
                    partials = edges(node, active)
                    if is_opaque(node.op):
                        if node not in boxes:
                            boxes[node] = noise_inside(node, dict(partials), wide)
                        error += size[node] * boxes[node]
                    elif node.op not in EXACT:
                        error += size[node] * max(abs(node.data) * EPSILON, SPACING)
                    for arg, partial in partials:
                        size[arg] = size.get(arg, 0.0) + size[node] * abs(partial)
        except ERRORS:
            alive |= active  # the row will say so; any operation may be the cause
            error = math.inf
        errors.append(error)
        sizes.append([size.get(node, 0.0) for node in run.inputs])
    nodes = [node for node in run.order if node in alive and node not in inputs and node.op not in (None, CONSTANT)]
    return errors, sizes, nodes


def is_opaque(row: Primitive | None) -> bool:
    """Whether a row's function is a black box: neither of the table nor of Python's math module."""
    return row is not None and row is not CONSTANT and row.fn not in TRUSTED


def noise_inside(node: Value, partials: dict[Value, Any], wide: bool) -> float:
    """The rounding error of a black box: by its arguments that are Values, the largest."""
    row, point, y = node.op, numbers_of(node), node.data
    assert row is not None
    found = max(EPSILON * abs(y), SPACING)
    for i, arg in enumerate(node.args):
        if isinstance(arg, Value):

            def along(t: float, i: int = i) -> float | None:
                try:
                    value = row.fn(*point[:i], t, *point[i + 1 :])
                except (*ERRORS, TypeError):
                    return None
                return value if math.isfinite(value - y) else None

            x = point[i]
            found = max(found, noise_along(along, x, y, 2.0**-40 * natural_length(x, y, partials.get(arg, 0.0))))
            for reach in (2.0**-10 * abs(x), 0.5 * abs(x)) if wide else ():
                found = max(found, noise_along(along, x, y, reach, 0.03))
    return found


def natural_length(x: float, y: float, slope: float) -> float:
    """The distance over which f changes: |y / slope|, but no less than |x| or 1 and no more than the other of the two.

    Where x is small and f changes over longer distances, a black box may have added 1 to x; what is finer than
    rounding in that is rounding.
    """
    length = abs(y / slope) if y and slope and math.isfinite(y / slope) else math.inf
    return min(max(length, min(1.0, abs(x))), max(1.0, abs(x)))


def noise_along(
    f: Callable[[float], float | None],
    x: float,
    y: float,
    reach: float,
    part: float = 0.0,
    format: Format = DOUBLE,
    guide: float = 0.0,
) -> float:
    """Three times the standard deviation of f(t) from a smooth function around x, where it is y.

    Polynomials at steps in no simple ratio stand in the place of ECNoise's table of differences at equal steps, with
    which the stairs that rounding makes fall in: where mpmath tells the noise, of 251 functions at a point, the table
    is off by ten times nearly twice as often (``tests/test_checking_noise.py``).

    ``reach`` is small, so that it is noise and no structure that is seen; but as long as f hardly moves, it grows.
    What is less than ``part`` of the rises is no noise; nor what near by has the slope ``guide``, about.  ``format`` is
    that of the numbers t.
    """
    reach, finer = max(reach, 32 * format.spacing(x)), False
    while reach <= 2.0**-4 * max(1.0, abs(x)) or part:
        samples = [(0.0, 0.0)]
        if not part and f(format.nearest(x + NODES[-1] * reach)) == y:
            reach *= 32
            continue
        for size in NODES:
            for step in (-size * reach, size * reach):
                t = format.nearest(x + step)
                value = f(t)
                if value is not None:
                    samples.append(((t - x) / reach, value - y))
        rises = sorted({rise for _, rise in samples})
        if len(rises) > 4:
            samples.sort()
            noise = 3 * fit([u for u, _ in samples], [rise for _, rise in samples]).noise
            if guide and noise > FAR * EPSILON * abs(y) and not finer and is_straight(f, x, y, guide, noise, format):
                finer = True
                reach = max(reach / 1024, 32 * format.spacing(x))
                continue
            return noise if noise > part * (rises[-1] - rises[0]) else 0.0
        if part:
            break
        reach *= 32
    return 0.0


def is_straight(
    f: Callable[[float], float | None], x: float, y: float, guide: float, noise: float, format: Format
) -> bool:
    """Whether f, whose samples look like noise, has about this slope over the floats next to x: then it turns fast."""
    step = format.nearest(x + 16 * format.spacing(x)) - x
    below, above = f(format.nearest(x - step)), f(x + step)
    if below is None or above is None or abs(above - y) > noise / 30:
        return False
    return all(abs(rise - abs(guide) * step) < 0.2 * abs(guide) * step for rise in (abs(above - y), abs(y - below)))
