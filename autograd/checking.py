"""Gradient checks: reverse and forward mode against each other and against finite differences that know their error.

The numeric side is Richardson's extrapolation to step 0 with Ridders' idea of choosing the step: every estimate comes
with the distance to its neighbours in the tableau, and the one that moves least wins (C. J. F. Ridders, "Accurate
computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4, 1982).  What rounding does to the function
is bounded from the recorded graph: each node adds |adjoint| * |data| * 2**-52 (S. Linnainmaa, BIT 16, 1976).  So there
is no tolerance to set: a row's tolerance is its own error estimate and rounding, four times.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from .functional import _is_array, _like, _name, _numbers, _plain, _Run, jacobian, jvp, vjp
from .primitives import CONSTANT, Primitive, abs_, max_, min_, neg, pos, relu, sign, where
from .sweeps import dependents, edges
from .value import ERRORS, Value, is_real, numbers_of

Flat = Callable[[list[Any]], list[Any]]  # a function from a list of numbers to a list of numbers

EPSILON = sys.float_info.epsilon
SAFETY = 4.0  # times the error estimate: what a difference may be
RESOLUTION = 1e-5  # "ok" is said only where a fault of this relative size would have been seen
DEPTH = 6  # columns of a tableau: an error of order h**14 (two-sided) or h**7 (one-sided)
FIRST_STEP = 761 / 2048  # times a power of 2 near max(1, |x|): few bits, so that x + step is exact; but not a power
# of 2 itself, or the steps would fall in with the periods of functions
SMALLEST = 2.0**-200  # the step at which a function at x = 0, where floats have no spacing, is given up

EXACT = (pos, neg, abs_, max_, min_, where, relu, sign)  # these do not round
PASSING = ("ok", "one-sided", "kink", "jump", "inconclusive")


# ---- the report ------------------------------------------------------------------------------------------------------


@dataclass
class GradientRow:
    """One derivative: ours in both modes, theirs with its error estimate, and what follows.

    ``order`` is 1 for a slope, 2 for a second derivative; ``output`` the path of the number in the result, ``by`` the
    paths of the arguments it is differentiated by, the last one by ours in ``reverse`` and ``forward`` mode (None: it
    raised) and numerically in ``numeric``.  ``error`` is the estimate of the numeric error, ``tolerance`` what the
    difference may be.  Verdicts:

    * ``ok``: all agree, and a relative fault of 1e-5 would have been seen;
    * ``one-sided``: the same with a difference to one side only, as the function fails on the other;
    * ``kink``: the slopes ``left`` and ``right`` differ; ours is a convention there;
    * ``jump``: the function itself jumps; ``left`` and ``right`` are the slopes of its two pieces;
    * ``inconclusive``: finite differences are too rough here, but every primitive was confirmed on its own;
    * ``wrong``, ``not finite``, ``different`` (f gives another value on floats than on Values) and ``unconfirmed`` (too
      rough, and a primitive is wrong or could not be confirmed) fail.
    """

    order: int
    output: str
    by: tuple[str, ...]
    reverse: float | None
    forward: float | None
    numeric: float
    error: float
    tolerance: float
    verdict: str
    note: str = ""
    left: float | None = None
    right: float | None = None

    @property
    def passed(self) -> bool:
        return self.verdict in PASSING


@dataclass
class Culprit:
    """A primitive whose rule disagrees with finite differences of the primitive alone, at the point where f used it."""

    primitive: str
    operand: int  # counted from 0
    point: tuple[float, ...]
    order: int
    ours: float | None  # None: the rule raised
    numeric: float
    error: float
    wrong: bool = True  # or, too rough a numeric derivative to tell

    @property
    def fault(self) -> float:
        """The relative difference."""
        if self.ours is None or not math.isfinite(self.ours) or not math.isfinite(self.numeric):
            return math.inf
        return abs(self.ours - self.numeric) / max(abs(self.ours), abs(self.numeric), sys.float_info.min)

    def __str__(self) -> str:
        call = f"{self.primitive}({', '.join(map(repr, self.point))})"
        what = "" if self.order == 1 else f"the derivative (order {self.order}) of "
        text = f"{what}the rule of {self.primitive!r} by operand {self.operand + 1} is to blame: at {call} "
        text += "it raises" if self.ours is None else f"it gives {_shown(self.ours)}"
        text += f", finite differences {_shown(self.numeric)} ± {self.error:.1g}"
        if self.ours and self.numeric and math.isfinite(self.ours / self.numeric):
            ratio = self.ours / self.numeric
            text += ": the sign is wrong" if abs(ratio + 1) < 1e-6 else f": {ratio:.6g} times what it should be"
        return text


@dataclass
class GradientReport:
    """What ``check_grads`` found; ``print`` it, or read ``rows``, or ``as_dict`` it into JSON."""

    function: str
    point: dict[str, float]
    order: int
    rows: list[GradientRow] = field(default_factory=list)
    culprits: list[Culprit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers; a number that is not finite as "inf", "-inf" or "nan"."""
        return {"passed": self.passed, **_for_json(asdict(self))}

    def __str__(self) -> str:
        return "\n".join([self._headline(), *_table(self.rows), *map(str, self.culprits), *self.remarks])

    def _headline(self) -> str:
        point = [f"{path} = {_shown(x)}" for path, x in list(self.point.items())[:6]]
        at = ", ".join(point) + (f", … ({len(self.point)} numbers)" if len(self.point) > 6 else "")
        failed = sum(not row.passed for row in self.rows)
        if failed:
            verb = "is" if failed == 1 else "are"
            return f"{self.function} at {at}: {failed} of {len(self.rows)} derivatives {verb} not confirmed"
        orders = "order 1" if self.order == 1 else f"orders 1 to {self.order}"
        return f"{self.function} at {at}: {len(self.rows)} derivatives of {orders} confirmed"


class GradientMismatch(AssertionError):  # noqa: N818  # a mismatch is what it is called
    """A derivative was not confirmed; the message is the table, ``report`` the whole."""

    def __init__(self, report: GradientReport) -> None:
        super().__init__(str(report))
        self.report = report


def _shown(x: float | None) -> str:
    return "raises" if x is None else f"{x:.12g}"


def _for_json(x: Any) -> Any:
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    if isinstance(x, dict):
        return {key: _for_json(item) for key, item in x.items()}
    return [_for_json(item) for item in x] if isinstance(x, list | tuple) else x


def _table(rows: Sequence[GradientRow], limit: int = 40) -> list[str]:
    """The rows in aligned columns, at most ``limit`` of them: first of all those that are not plainly ok."""
    first = sorted(range(len(rows)), key=lambda i: (rows[i].verdict == "ok", i))[:limit]
    shown = [rows[i] for i in sorted(first)]
    cells = [["order", "output", "by", "reverse", "forward", "numeric", "± error", "verdict"]]
    for row in shown:
        ours = [_shown(row.reverse), _shown(row.forward), _shown(row.numeric), f"{row.error:.1g}"]
        cells.append(
            [str(row.order), row.output, ", ".join(row.by), *ours, ": ".join(filter(None, [row.verdict, row.note]))]
        )
    if len({row.output for row in rows}) == 1:
        cells = [[line[0], *line[2:]] for line in cells]
    columns = []
    for column in zip(*cells, strict=True):
        width = max(map(len, column))
        left = column[0] in ("output", "by", "verdict")
        columns.append([cell.ljust(width) if left else cell.rjust(width) for cell in column])
    lines = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    if len(shown) < len(rows):
        lines.append(f"({len(rows) - len(shown)} more rows that are ok)" if shown[-1].verdict == "ok" else "(…)")
    return lines


# ---- finite differences ----------------------------------------------------------------------------------------------


class _Estimate(NamedTuple):
    """A number with the estimate of its error, of which ``rounding`` is due to rounding; ``scale`` is the size of what
    it was computed from."""

    value: float = math.nan
    error: float = math.inf
    rounding: float = 0.0
    scale: float = 0.0

    @property
    def resolved(self) -> bool:
        """Whether two digits are right."""
        return self.error <= 1e-2 * max(abs(self.value), self.scale) and self.error < math.inf

    @property
    def lost(self) -> bool:
        """Whether what changes as the step is halved is more than rounding: then not even the error is right."""
        return not self.resolved and not self.error <= 4 * self.rounding

    @property
    def doubt(self) -> tuple[float, float]:
        """What estimates are ranked by: the relative error of resolved ones, the error of the others.

        Not the error alone: the quotients of a fast oscillation shrink as the step grows, and their errors with them.
        """
        size = max(abs(self.value), self.scale)
        return (2.0 if self.lost else self.error / size if self.resolved and size else 1.0, self.error)

    def beats(self, best: _Estimate) -> bool:
        """Whether this estimate, from smaller steps, is to be preferred: if it is better, or contradicts the other.

        What larger steps tell may be resolved well and yet miss a fine structure, or have met it in step.
        """
        return self.doubt < best.doubt or (not self.lost and abs(self.value - best.value) > self.error + best.error)


class _Tableau:
    """Neville's tableau: samples at halving steps, extrapolated to step 0; ``best`` is the least doubtful estimate.

    ``power`` is that of the step in the leading error: 2 for two-sided difference quotients (then only even powers
    occur), otherwise 1.  The weights of the extrapolation add up to at most 2 or 8.3: so rounding grows.
    """

    def __init__(self, power: int = 1) -> None:
        self.factor = 2.0**power
        self.growth = 8.3 if power == 1 else 2.0
        self.row: list[float] = []
        self.best = _Estimate()

    def add(self, sample: float, rounding: float) -> _Estimate:
        """Take the sample of the next step, with its rounding error; returns the estimate that moved least."""
        row = [sample]
        now = _Estimate(sample)
        for j, above in enumerate(self.row[:DEPTH]):
            row.append(row[j] + (row[j] - above) / (self.factor ** (j + 1) - 1))
            error = max(abs(row[-1] - row[j]), abs(row[-1] - above)) + self.growth * rounding
            if error < now.error and j > 0:  # two samples may agree by chance
                now = _Estimate(row[-1], error, self.growth * rounding, abs(sample))
        self.row = row
        if now.beats(self.best):
            self.best = now
        return now


@dataclass
class _Slope:
    """A numeric derivative; ``scale`` is what its error is to be compared with, if that is larger."""

    value: float = math.nan
    error: float = math.inf
    scale: float = 0.0
    kind: str = ""  # or "one-sided", "kink", "jump"
    left: float | None = None
    right: float | None = None


class _Differences:
    """The samples of one output around x, from large steps to small, and what they tell of its slope."""

    def __init__(self, y: float, noise: float, sides: Sequence[int], enough: float) -> None:
        self.y, self.noise, self.sides, self.enough = y, noise, sides, enough
        self.restart()

    def restart(self) -> None:
        """Forget the samples: the function failed at a step, so larger ones tell nothing of the slope."""
        self.two_sided = _Tableau(2)
        self.one_sided = {side: _Tableau() for side in self.sides}
        self.samples: dict[int, list[tuple[float, float]]] = {side: [] for side in self.sides}  # (signed step, output)
        self.lost = 0  # the number of steps since the last at which a difference was larger than rounding
        self.agreed = (_Estimate(), math.inf)  # the best slope on which both sides agree, and by how much

    def add(self, at: dict[int, tuple[float, float]]) -> bool:
        """Take one step's samples, {side: (signed step, output)}; returns whether smaller steps are pointless."""
        rounding, sides = 0.0, {}
        for side, (h, y) in at.items():
            self.samples[side].append((h, y))
            rounding = max(rounding, (self.noise + EPSILON * max(abs(y), abs(self.y))) / abs(h))
            sides[side] = self.one_sided[side].add((y - self.y) / h, 2 * rounding)
        if len(at) == 1:
            (best,) = (tableau.best for tableau in self.one_sided.values())
            return best.doubt[0] <= self.enough or self.swamped(at)
        (below, y0), (above, y1) = at[-1], at[1]
        now = self.two_sided.add((y1 - y0) / (above - below), rounding)
        # Both sides, which know f(x) itself, must agree with the two-sided slope: it misses a narrow peak at x, and
        # takes a kink for smooth, as (|h| - |-h|) / 2h is 0.
        if all(abs(now.value - side.value) <= now.error + side.error < math.inf for side in sides.values()):
            worse = max(sides.values(), key=lambda side: side.error)
            total = _Estimate(
                now.value,
                now.error + worse.error,
                now.rounding + worse.rounding,
                max(side.scale for side in sides.values()),
            )
            if total.beats(self.agreed[0]):
                self.agreed = (total, now.error)
        return self.agreed[0].doubt[0] <= self.enough or self.swamped(at)

    def swamped(self, at: dict[int, tuple[float, float]]) -> bool:
        """Whether at the last few steps no difference was larger than rounding."""
        lost = all(self.noise >= abs(y - self.y) for _, y in at.values())
        self.lost = self.lost + 1 if lost else 0
        return self.enough > 0.0 and self.lost > 3

    def slope(self) -> _Slope:
        """What the samples tell."""
        ends = {side: tableau.best for side, tableau in self.one_sided.items()}
        if not ends:
            return _Slope()
        scale = max(
            (abs((y - self.y) / h) for h, y in (taken[0] for taken in self.samples.values() if taken)), default=0.0
        )
        if len(ends) == 2:
            total, error = self.agreed
            spread, gap = ends[-1].error + ends[1].error, abs(ends[1].value - ends[-1].value)
            if gap > 1e3 * spread and total.error > gap / 4:
                return self.at_kink(ends)
            found, best = _Slope(total.value, error, total.scale), total
        else:
            (best,) = ends.values()
            found = _Slope(best.value, best.error, scale, "one-sided")
        if best.resolved:
            return found
        pieces = {side: self.piece(side) for side in ends}
        if any(jumps for _, jumps in pieces.values()):
            return self.at_kink({side: piece for side, (piece, _) in pieces.items()}, "jump")
        infinite = [piece.value for piece, _ in pieces.values() if math.isinf(piece.value)]
        if infinite:
            slopes = {piece.value for piece, _ in pieces.values()}
            if len(slopes) == 1:
                return _Slope(infinite[0], 0.0, 0.0, found.kind)
            return self.at_kink({side: piece for side, (piece, _) in pieces.items()})
        if best.error <= RESOLUTION * scale:
            return replace(found, scale=scale)  # as for x**1.5 at 0, whose quotients tend to 0 like sqrt(step)
        return replace(found, error=math.inf if best.lost else best.error)

    def at_kink(self, ends: dict[int, _Estimate], kind: str = "kink") -> _Slope:
        error = sum(end.error for end in ends.values())
        slopes = {side: end.value for side, end in ends.items()}
        middle = sum(slopes.values()) / len(slopes)
        return _Slope(middle, error, 0.0, kind, slopes.get(-1), slopes.get(1))

    def piece(self, side: int) -> tuple[_Estimate, bool]:
        """Of a side without a good slope: the slope of the piece of f on that side, and whether f jumps to it."""
        limit, differences = _Tableau(), _Tableau()
        previous: tuple[float, float] | None = None
        for h, y in self.samples[side]:
            rounding = self.noise + EPSILON * abs(y)
            limit.add(y, rounding)
            if previous is not None:
                differences.add((previous[1] - y) / (previous[0] - h), 2 * rounding / abs(h))
            previous = (h, y)
        if abs(limit.best.value - self.y) > 1e3 * (limit.best.error + self.noise):
            return differences.best, True
        quotients = [abs((y - self.y) / h) for h, y in self.samples[side][-20:]]
        if len(quotients) == 20 and all(b > 1.05 * a for a, b in itertools.pairwise(quotients)):
            h, y = self.samples[side][-1]
            return _Estimate(math.copysign(math.inf, (y - self.y) / h), 0.0), False
        return self.one_sided[side].best, False


def _slopes(
    f: Flat, xs: list[float], i: int, ys: list[float], noise: list[float], enough: float = 1e-9
) -> list[_Slope]:
    """The numeric derivatives of all outputs of f by input i; ``ys`` is f(xs), with the rounding errors ``noise``.

    Ends at steps so small that rounding is all there is, or as soon as the relative error is ``enough``.
    """
    x = xs[i]
    usable = [o for o, y in enumerate(ys) if math.isfinite(y)]

    def sample(step: float) -> tuple[float, list[float]] | None:
        t = x + step
        try:
            result = f([*xs[:i], t, *xs[i + 1 :]]) if math.isfinite(t) else []
        except (*ERRORS, TypeError):  # TypeError: ** of a negative float gave a complex number
            return None
        return (t - x, result) if result and all(math.isfinite(result[o]) for o in usable) else None

    smallest = max(16 * math.ulp(x), SMALLEST)
    steps = [FIRST_STEP * 2.0 ** max(0, min(math.frexp(x)[1], 1023))]
    while steps[-1] > smallest:
        steps.append(steps[-1] / 16)
    start: dict[int, float] = {}  # the largest step at which the function exists, on either side
    for step in steps:
        found = [side for side in (-1, 1) if sample(side * step) is not None]
        for side in found:
            start.setdefault(side, step)
        if len(found) == 2:
            start = dict.fromkeys(found, step)
            break
    differences = {o: _Differences(ys[o], noise[o], list(start), enough) for o in usable}
    open_ = set(usable) if start else set()
    step = min(start.values(), default=0.0)
    while open_ and step > smallest:
        got = {side: sample(side * step) for side in start}
        for o in list(open_):
            if any(result is None for result in got.values()):
                differences[o].restart()
            elif differences[o].add({side: (result[0], result[1][o]) for side, result in got.items() if result}):
                open_.remove(o)
        step /= 2
    return [differences[o].slope() if o in differences else _Slope() for o in range(len(ys))]


# ---- one function, first order ---------------------------------------------------------------------------------------


class _Examined:
    """A flat function at a point: its derivatives in both modes, the numeric ones, and what its graph tells of them.

    ``plain`` is the function on floats.  ``nodes`` are the operations through which a derivative flows.  ``size``: see
    ``_judge``, as ``scale``.
    """

    def __init__(self, f: Flat, plain: Flat, xs: list[float], size: float = 0.0) -> None:
        self.f, self.xs, self.size = f, xs, size
        n = len(xs)
        bounds, self.sizes, self.nodes = _rounding(f, xs)
        runs = [plain(xs), plain(xs)]
        if runs[0] != runs[1]:
            runs += [plain(xs) for _ in range(8)]  # the function is random
        self.ys = runs[0]
        noise = [e + EPSILON * abs(ys[0]) + max(ys) - min(ys) for e, *ys in zip(bounds, *runs, strict=True)]
        self.noise = [e if math.isfinite(e) else 0.0 for e in noise]
        values, pullback = vjp(f, xs)
        self.values = [_plain(y) for y in values]
        m = len(self.values)

        def by_inputs(o: int) -> list[float] | None:
            return _attempt(lambda: pullback(_unit(m, o))[0])[0]

        def of_outputs(i: int) -> list[float] | None:
            return _attempt(lambda: jvp(f, (xs,), (_unit(n, i),))[1])[0]

        self.reverse = [by_inputs(o) for o in range(m)]
        self.forward = [of_outputs(i) for i in range(n)]

        @functools.cache
        def slopes(i: int, enough: float) -> list[_Slope]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of steps outside the domain
                return _slopes(plain, xs, i, self.ys, self.noise, enough)

        self.slopes = slopes
        self.finer: list[float] | None = None

    def rows(self) -> list[GradientRow]:
        """A row for each output and input, in this order; the caller names them."""
        return [self._row(o, i) for o in range(len(self.ys)) for i in range(len(self.xs))]

    def _row(self, o: int, i: int) -> GradientRow:
        (reverse, why), (forward, why_forward) = self._reverse(o, i), self._forward(o, i)
        slope, y = self.slopes(i, 1e-9)[o], self.ys[o]
        row = GradientRow(1, "", (), reverse, forward, slope.value, slope.error, math.inf, "not finite")
        row.left, row.right = slope.left, slope.right
        if not math.isfinite(y):
            row.note = f"the function is {y}"
        elif reverse is None or forward is None:
            row.note = why or why_forward
        elif not math.isfinite(reverse) or not math.isfinite(forward):
            row.note = "a derivative is not finite"
        elif abs(self.values[o] - y) > SAFETY * self.noise[o]:
            row.verdict = "different"
            row.note = f"the function is {y!r} of floats but {self.values[o]!r} of Values"
        else:
            rounding = self.sizes[o][i] * EPSILON * (len(self.nodes) + 1)
            _judge(row, reverse, forward, slope, rounding, self.size)
            if row.verdict == "wrong":  # look again: down to the smallest steps, and at rounding within the rules
                rounding += self._rounding_of_rules(o, i)
                _judge(row, reverse, forward, self.slopes(i, 0.0)[o], rounding, self.size)
        return row

    def _reverse(self, o: int, i: int) -> tuple[float | None, str]:
        """The derivative in reverse mode, or why there is none."""
        slopes, why = self.reverse[o], ""
        if slopes is not None:
            return slopes[i], why
        slopes, why = _attempt(lambda: jacobian(self._alone(o, i))([self.xs[i]])[0])
        return (slopes[0] if slopes else None), why

    def _forward(self, o: int, i: int) -> tuple[float | None, str]:
        slopes, why = self.forward[i], ""
        if slopes is not None:
            return slopes[o], why
        slopes, why = _attempt(lambda: jvp(self._alone(o, i), ([self.xs[i]],), ([1.0],))[1])
        return (slopes[0] if slopes else None), why

    def _alone(self, o: int, i: int) -> Flat:
        """Output o as a function of input i: for when a derivative raises, and not that of all outputs or inputs."""
        return lambda x: [self.f([*self.xs[:i], x[0], *self.xs[i + 1 :]])[o]]

    def _rounding_of_rules(self, o: int, i: int) -> float:
        """What rounding within the rules does to a derivative; asked for only when it would make a row wrong."""
        if self.finer is None:
            try:
                self.finer = _rounding(_derivative(self.f), self.xs)[0]
            except (*ERRORS, TypeError):  # the rule cannot be recorded
                self.finer = [0.0] * (len(self.ys) * len(self.xs))
        return self.finer[o * len(self.xs) + i]


def _judge(row: GradientRow, reverse: float, forward: float, slope: _Slope, rounding: float, scale: float) -> None:
    """Fill in the tolerance, the verdict and the note.

    A derivative much smaller than ``scale`` need not be resolved: far out, the slope of tanh is lost in its rounding.
    """
    row.numeric, row.error, row.left, row.right = slope.value, slope.error, slope.left, slope.right
    row.tolerance = SAFETY * (slope.error + rounding)
    ends = [end for end in (slope.left, slope.right) if end is not None]
    row.note = "the function fails on the other side" if slope.kind == "one-sided" else ""
    if abs(reverse - forward) > SAFETY * rounding + sys.float_info.min:
        row.verdict, row.note = "wrong", "reverse and forward mode disagree"
    elif math.isinf(slope.error):
        row.verdict = "inconclusive"
    elif slope.kind in ("kink", "jump"):
        sides = [(slope.left, "below"), (slope.right, "above")]
        row.note = ", ".join(f"slope {end:.6g} {side}" for end, side in sides if end is not None)
        within = min(ends) - row.tolerance <= reverse <= max(ends) + row.tolerance
        row.verdict = slope.kind if within else "wrong"
    elif math.isinf(slope.value):
        row.verdict, row.note = "wrong", "the slope is infinite"
    elif abs(reverse - slope.value) > row.tolerance:
        row.verdict = "wrong"
    elif row.tolerance <= RESOLUTION * max(abs(reverse), abs(slope.value), slope.scale, scale):
        row.verdict = slope.kind or "ok"
    elif reverse == slope.value == slope.scale == 0.0:
        row.verdict = slope.kind or "ok"  # the function does not move at all, so there is nothing to be relative to
    else:
        row.verdict = "inconclusive"


def _rounding(f: Flat, xs: list[float]) -> tuple[list[float], list[list[float]], list[Value]]:
    """By f's graph: bounds of the rounding errors of its outputs; for each output and input the sum over all paths of
    the product of abs(partial); and the operations through which a derivative flows."""
    run = _Run(f, (xs,), {}, 0)
    inputs, active = set(run.inputs), dependents(run.order, run.inputs)
    errors, sizes, alive = [], [], set[Value]()
    for number in run.numbers:
        size: dict[Value, float] = {number: 1.0} if number in active else {}
        error = 0.0
        try:
            for node in reversed(run.order):
                if node in size and node not in inputs and size[node] > 0.0:
                    alive.add(node)
                    if node.op not in EXACT:
                        error += size[node] * abs(node.data) * EPSILON
                    for arg, partial in edges(node, active):
                        size[arg] = size.get(arg, 0.0) + size[node] * abs(partial)
        except ERRORS:
            alive |= active  # the row will say so; any operation may be the cause
        errors.append(error)
        sizes.append([size.get(node, 0.0) for node in run.inputs])
    nodes = [node for node in run.order if node in alive and node not in inputs and node.op not in (None, CONSTANT)]
    return errors, sizes, nodes


def _derivative(f: Flat) -> Flat:
    """The function whose outputs are the derivatives of f's outputs by its inputs, output by output."""

    def derived(xs: list[Any]) -> list[Any]:
        return [slope for row in jacobian(f)(xs) for slope in row]

    return derived


def _derivatives(f: Flat, order: int) -> Flat:
    for _ in range(order):
        f = _derivative(f)
    return f


def _on_floats(f: Flat) -> Flat:
    def plain(xs: list[float]) -> list[float]:
        return [_plain(y) for y in f(xs)]

    return plain


def _attempt(function: Callable[[], Any]) -> tuple[list[float] | None, str]:
    try:
        return [_plain(number) for number in function()], ""
    except ERRORS as error:
        return None, str(error)


def _unit(n: int, i: int) -> list[float]:
    return [1.0 if j == i else 0.0 for j in range(n)]


# ---- which rule is to blame ------------------------------------------------------------------------------------------


def _audit(f: Flat, xs: list[float], order: int) -> tuple[list[Culprit], list[str], int]:
    """Check every primitive on its own where f used it: the culprits, worst first, those that could not be confirmed,
    and how many there were.

    Derivatives of order k come from the graph of order k - 1, in which the rules of order 1 made the nodes: so first
    all its primitives are checked to order 1, then those of the graph before it to order 2, and so on.
    """
    culprits: list[Culprit] = []
    unconfirmed: list[str] = []
    seen: set[tuple[Any, ...]] = set()
    for level in range(1, order + 1):
        for node in _rounding(_derivatives(f, order - level), xs)[2]:
            row, point = node.op, numbers_of(node)
            moving = tuple(i for i, arg in enumerate(node.args) if isinstance(arg, Value))
            key = (level, row, repr(point), moving)
            if row is not None and key not in seen:
                seen.add(key)
                for culprit in _alone(row, point, moving, level):
                    if culprit.wrong:
                        culprits.append(culprit)
                    else:
                        unconfirmed.append(f"{row}({', '.join(map(repr, point))})")
        if culprits:
            break
    return sorted(culprits, key=lambda culprit: -culprit.fault), unconfirmed, len(seen)


def _alone(row: Primitive, point: tuple[float, ...], moving: tuple[int, ...], order: int) -> list[Culprit]:
    """What is not confirmed of one primitive at a point, by the operands ``moving``."""

    def call(xs: list[Any]) -> list[Any]:
        args: list[Any] = list(point)
        for i, x in zip(moving, xs, strict=True):
            args[i] = x
        return [Value._apply(row, tuple(args)) if any(isinstance(arg, Value) for arg in args) else row.fn(*args)]

    xs = [point[i] for i in moving]
    f = _derivatives(call, order - 1)
    size = abs(row.fn(*point)) / max(1.0, min(map(abs, xs))) ** order
    result = []
    try:
        rows = _Examined(f, _on_floats(f), xs, size).rows()
    except ERRORS:
        return [Culprit(row.name, moving[0], point, order, None, math.nan, math.inf, wrong=False)]
    for k, found in enumerate(rows):
        if found.verdict not in ("ok", "one-sided", "kink", "jump"):
            by = moving[k // len(xs) ** (order - 1)]  # the rule whose derivative (of order - 1) the row is
            finite = math.isfinite(found.numeric) and found.left is None and found.right is None
            wrong = found.verdict == "wrong" or (found.verdict == "not finite" and finite)
            result.append(Culprit(row.name, by, point, order, found.reverse, found.numeric, found.error, wrong))
    return result


# ---- the check -------------------------------------------------------------------------------------------------------


def check_grads(f: Callable[..., Any], args: Any, order: int = 2) -> GradientReport:
    """The report of a check of f's derivatives up to ``order`` at ``args``, by all numbers among the arguments.

    ``args`` is the tuple (or list) of f's positional arguments: numbers, NumPy arrays, or lists, tuples and dicts of
    these; a single argument that is a number or an array may be given as it is.  f may return any such structure, and
    each number in it is checked.  Order 1 compares reverse mode, forward mode and finite differences of f on floats
    (on Values, if f takes nothing else); order 2 the derivatives of the gradient: reverse over reverse, forward over
    reverse and finite differences of the gradient; and so on.

    >>> from autograd.math import exp
    >>> report = check_grads(lambda x, y: x * exp(-y), (2.0, 1.0))
    >>> report.passed, [(row.order, row.by, row.verdict) for row in report.rows][:3]
    (True, [(1, ('x',), 'ok'), (1, ('y',), 'ok'), (2, ('x', 'x'), 'ok')])

    Raises GradientMismatch, an AssertionError with the table, unless every row passes (the verdicts are those of
    ``GradientRow``); it names the primitive whose rule is to blame, which it finds by checking each primitive on its
    own where f used it.  A kink is no mismatch: the row shows both one-sided slopes.  Raises what f raises when the
    point is outside its domain, TypeError for arguments that are not real numbers, and ValueError when there is
    nothing to check.
    """
    if order < 1:
        raise ValueError(f"check_grads takes an order of 1 or more, not {order!r}")
    args = _arguments(f, args)
    title = "f" if _name(f) == "<lambda>" else getattr(f, "__name__", None) or str(f)
    xs = [_plain(number) for number in _numbers(args, f"the arguments of {title}")]
    names = _argument_paths(f, args)

    def flat(numbers: list[Any]) -> list[Any]:
        return _numbers(f(*_like(args, numbers)), f"the result of {title}")

    outputs = _paths(f(*_like(args, [Value(x) for x in xs])), title)
    if not xs or not outputs:
        raise ValueError(f"nothing to check: no number among the {'results' if xs else 'arguments'} of {title}")
    report = GradientReport(title, dict(zip(names, xs, strict=True)), order)
    labels: list[tuple[str, tuple[str, ...]]] = [(output, ()) for output in outputs]
    for k in range(1, order + 1):
        labels = [(output, (*by, name)) for output, by in labels for name in names]
        g = _derivatives(flat, k - 1)
        rows = _Examined(g, _plainly(flat, xs) if k == 1 else _on_floats(g), xs).rows()
        for row, (output, by) in zip(rows, labels, strict=True):
            row.order, row.output, row.by = k, output, by
        report.rows += rows
        if any(row.verdict not in ("ok", "one-sided") for row in rows):
            _explain(report, rows, flat, xs, k)
        if not report.passed:
            raise GradientMismatch(report)
    return report


def _explain(report: GradientReport, rows: list[GradientRow], f: Flat, xs: list[float], order: int) -> None:
    """Settle the rows that are not plainly ok, by checking the primitives on their own, and say why they are not."""
    culprits, unconfirmed, count = _audit(f, xs, order)
    kinks = _at_kinks(f, xs)
    for row in rows:
        if row.verdict == "wrong" and row.left is not None and kinks and not culprits:
            # where two kinks meet, the sum of their conventions need not be between the slopes
            row.verdict = "kink"
            row.note += ", ours is neither"
        elif row.verdict in ("kink", "jump") and culprits:
            row.verdict, row.note = "unconfirmed", f"{row.verdict}, {row.note}, but a rule is wrong"
        elif row.verdict == "inconclusive":
            row.note = "finite differences are too rough"
            if culprits or unconfirmed:
                row.verdict = "unconfirmed"
                row.note += ", and a rule is wrong" if culprits else f", also for {unconfirmed[0]} alone"
            else:
                row.note += f"; all {count} primitives confirmed one by one"
    report.culprits = culprits
    if kinks and any(row.verdict in ("kink", "jump", "wrong") for row in rows):
        report.remarks = [f"at a kink or jump: {', '.join(kinks)}"]
    if not culprits and any(row.verdict == "wrong" for row in rows):
        reason = "what combines them is wrong, or finite differences of the whole are misled"
        if kinks:
            reason = "where several meet at a kink, their conventions need not add up to a slope: move off the point"
        report.remarks.append(f"all {count} primitives are right on their own: {reason}")


def _at_kinks(f: Flat, xs: list[float]) -> list[str]:
    found: dict[str, None] = {}
    for node in _rounding(f, xs)[2]:
        row, point = node.op, numbers_of(node)
        if row is not None and row.singular is not None:
            try:
                if abs(row.singular(*point)) < 1e-9:
                    found[f"{row}({', '.join(map(repr, point))})"] = None
            except ERRORS:
                continue
    return list(found)


def _plainly(f: Flat, xs: list[float]) -> Flat:
    """f on floats, or, if it uses methods of Value, on Values that are dropped again."""
    try:
        f(xs)
    except (AttributeError, TypeError):
        return lambda numbers: [_plain(y) for y in f([Value(x) for x in numbers])]
    return _on_floats(f)


def _arguments(f: Callable[..., Any], args: Any) -> tuple[Any, ...]:
    if isinstance(args, Value) or is_real(args) or _is_array(args):
        args = (args,)
    if not isinstance(args, list | tuple):
        raise TypeError(
            f"check_grads takes the tuple of f's arguments, not {type(args).__name__} {args!r}: write (x,) for one"
        )
    try:
        inspect.signature(f).bind(*args)
    except TypeError as error:
        raise TypeError(
            f"{_name(f)} cannot be called with the {len(args)} arguments of args ({error}): "
            "check_grads takes the tuple of them; a single list x is written (x,)"
        ) from None
    except ValueError:
        pass  # a C function that does not publish its signature
    return tuple(args)


def _argument_paths(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """The path of each number: by the parameters' names where f (or, of a primitive, a rule) tells them."""
    names = [f"args[{i}]" for i in range(len(args))]
    skip = 0
    if isinstance(f, Primitive) and isinstance(f.partials, tuple) and f.gather is None:
        f, skip = f.partials[0], 1  # its first parameter is the output
    try:
        parameters = list(inspect.signature(f).parameters.values())[skip:]
    except (TypeError, ValueError):
        parameters = []
    for i, parameter in enumerate(parameters[: len(args)]):
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names[i] = parameter.name
    return [path for name, arg in zip(names, args, strict=True) for path in _paths(arg, name)]


def _paths(tree: Any, path: str) -> list[str]:
    if isinstance(tree, dict):
        return [p for key, item in tree.items() for p in _paths(item, f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        return [p for i, item in enumerate(tree) for p in _paths(item, f"{path}[{i}]")]
    if _is_array(tree):
        indices = sys.modules["numpy"].ndindex(tree.shape)
        return [
            p
            for index, item in zip(indices, tree.flat, strict=True)
            for p in _paths(item, f"{path}[{', '.join(map(str, index))}]")
        ]
    return [path]
