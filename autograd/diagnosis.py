"""A doctor for hand-written backpropagation: ``diagnose``, ``on_trial`` and ``why_not_finite``.

Each compares numbers that a program claims with those of a recorded graph, and names the kind of fault where they part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .finite import NotFinite as NotFinite
from .finite import trace_lines as trace_lines
from .finite import why_not_finite as why_not_finite
from .functional import gradients
from .suspects import AFTER, BEFORE, EARLY, RESET, Search, called, close
from .value import Value


@dataclass(frozen=True)
class Comparison:
    """One parameter: the true derivative, the claimed one, and what sets them apart ("" if nothing does)."""

    name: str
    ours: float
    theirs: float
    finding: str
    kind: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All parameters compared; true in a condition if all of them agree, and a table when it is printed.

    ``step`` is the first step at which they part (from 0), where several were given.
    """

    rows: list[Comparison]
    step: int | None = None

    @property
    def faults(self) -> list[Comparison]:
        """Those that do not agree."""
        return [row for row in self.rows if row.finding]

    @property
    def kinds(self) -> list[str]:
        """The kinds of fault, the most frequent first."""
        found = [row.kind for row in self.faults]
        return sorted(dict.fromkeys(found), key=lambda kind: -found.count(kind))

    def __bool__(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        width = max(9, *(len(row.name) for row in self.rows)) if self.rows else 9
        lines = [f"{'parameter':{width}}  {'true':>13}  {'hand-written':>13}"]
        lines += [
            f"{row.name:{width}}  {row.ours:13.6g}  {row.theirs:13.6g}  {row.finding or 'agrees'}" for row in self.rows
        ]
        return "\n".join(lines)


# ---- derivatives -----------------------------------------------------------------------------------------------------


def diagnose(
    loss: Value | Sequence[Value],
    params: Mapping[str, Value],
    claimed: Mapping[str, float] | Sequence[Mapping[str, float]],
    tolerance: float = 1e-6,
) -> Diagnosis:
    """Hand-written derivatives of ``loss`` beside the true ones, saying what is wrong where they differ.

    A derivative is a sum over paths of products of local partials.  For a number that differs from ours by more than
    ``tolerance`` (relative), partials are left out on trial, all those of one operation at one distance from the loss
    or just one of them, then two at once, until the number comes out; failing that, one path, the sign, a constant,
    the parameter's own value as a factor too many, an input that forward did not use, or a parameter that took no part
    forward and passes gradient back.  Whatever is left is "unexplained, off by …".  Meant for small graphs; at a sample
    without zeros and ones, since a factor of 1 is not missed and one of 0 hides the others.

    Given the losses of several steps, recorded one after the other, and what was claimed at each, it also tells sums
    that are never reset, and derivatives of the point before or after an update; the rows are those of the first step
    at which the two part.

    >>> from autograd.math import sigmoid
    >>> w, v = Value(0.5, "w"), Value(-2.0, "v")
    >>> h = sigmoid(w * 3.0)
    >>> out = sigmoid(v * h)
    >>> loss = (out - 1.0) ** 2
    >>> delta = 2 * (out.data - 1) * out.data * (1 - out.data)
    >>> print(diagnose(loss, {"w": w, "v": v}, {"w": delta * v.data * 3.0, "v": delta * h.data}))
    parameter           true   hand-written
    w               0.204474        1.37096  lacks the factor dsigmoid/dmul = 0.149146
    v               -0.18681       -0.18681  agrees

    Raises ValueError for a parameter without a claimed number, or the other way round, and for numbers of steps that
    differ; TypeError for what is no mapping.
    """
    single = isinstance(loss, Value)
    losses: list[Value] = [loss] if isinstance(loss, Value) else list(loss)
    claims: list[Any] = [claimed] if single else list(claimed)
    if len(losses) != len(claims) or not losses:
        raise ValueError(f"each loss needs its claimed derivatives: {len(losses)} losses, {len(claims)} claims")
    for what, given in (("parameters", params), *(("hand-written derivatives", claim) for claim in claims)):
        if not isinstance(given, Mapping):
            raise TypeError(f"diagnose takes a dict of {what}, not {type(given).__name__}")
    for claim in claims:
        odd = set(params) ^ set(claim)
        if odd:
            raise ValueError(
                f"a hand-written derivative must go with each parameter: {', '.join(sorted(odd))} has no other"
            )
    steps = [_Step(loss, params, dict(zip(params, gradients(loss, params.values()), strict=True)), claim, tolerance)
             for loss, claim in zip(losses, claims, strict=True)]  # fmt: skip
    parted = next((t for t, step in enumerate(steps) if step.wrong), None)
    if parted is None:
        return Diagnosis(steps[0].rows({}), None)
    found = _over_steps(steps, parted) if len(steps) > 1 else {}
    return Diagnosis(steps[parted].rows(found), None if single else parted)


@dataclass
class _Step:
    """One step: its loss, and the true and the claimed derivatives."""

    loss: Value
    params: Mapping[str, Value]
    true: dict[str, float]
    claimed: Mapping[str, float]
    tolerance: float | Mapping[str, float]

    def __post_init__(self) -> None:
        self._search: Search | None = None
        self.wrong = [name for name in self.params if not self.agrees(name, self.true[name])]

    def allowed(self, name: str) -> float:
        return self.tolerance if isinstance(self.tolerance, float | int) else self.tolerance[name]

    def agrees(self, name: str, x: float) -> bool:
        return close(x, self.claimed[name], self.allowed(name))

    @property
    def search(self) -> Search:
        if self._search is None:
            self._search = Search(self.loss)
        return self._search

    def rows(self, known: Mapping[str, tuple[str, str]]) -> list[Comparison]:
        """The parameters compared, with what is known of the wrong ones, and what can be found of the others."""
        rows = []
        for name, value in self.params.items():
            kind = finding = ""
            if name in known:
                kind, finding = known[name]
            elif name in self.wrong:
                kind, finding = self.search.finding(
                    value, self.true[name], self.claimed[name], self.allowed(name), self
                )
            rows.append(Comparison(name, self.true[name], self.claimed[name], finding, kind))
        return rows


def _over_steps(steps: list[_Step], t: int) -> dict[str, tuple[str, str]]:
    """What only several steps can tell of the derivatives that are wrong at step ``t``, the first that has any."""
    step, found = steps[t], dict[str, tuple[str, str]]()
    for name in step.wrong:
        totals = [sum(one.true[name] for one in steps[: k + 1]) for k in range(len(steps))]
        if t and all(one.agrees(name, total) for one, total in zip(steps, totals, strict=True)):
            found[name] = (RESET, f"is the sum over all {t + 1} steps so far: never reset")
            continue
        for other, kind in ((t - 1, BEFORE), (t + 1, AFTER)):
            if 0 <= other < len(steps) and name not in found:
                slope = steps[t].search.at(steps[other].params, steps[other].loss, name)
                if slope is not None and step.agrees(name, slope):
                    found[name] = (kind, f"is {kind}")
        if name not in found and t:
            node = _summed(steps[: t + 1], name)
            if node:
                found[name] = (
                    RESET,
                    f"has what comes back to {node} summed over all steps: never reset",
                )
    return found


def _summed(steps: list[_Step], name: str) -> str:
    """The node whose incoming adjoint, summed over the steps, gives what is claimed at the last; "" if none does."""
    step, search = steps[-1], steps[-1].search
    p = search.number.get(step.params[name])
    if p is None or any(len(one.search.order) != len(search.order) for one in steps):
        return ""
    columns = [one.search.adjoints({}) for one in steps]
    for i in reversed(range(len(search.order) - 1)):
        total = sum(column[i] for column in columns)
        if total != columns[-1][i] and step.agrees(name, total * search.below(i)[p]):
            return called(search.order[i])
    return ""


# ---- programs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a trial showed; true in a condition if the program went the right way at every step.

    ``step`` is the first at which it parted (from 0), ``rate`` the one that its steps were measured by.
    """

    steps: int
    rate: float
    step: int | None = None
    diagnosis: Diagnosis | None = None

    @property
    def kind(self) -> str:
        """The kind of fault that explains most of the parameters; "" if there is none."""
        return self.diagnosis.kinds[0] if self.diagnosis is not None else ""

    def __bool__(self) -> bool:
        return self.diagnosis is None

    def __str__(self) -> str:
        if self.diagnosis is None:
            return f"{self.steps} steps of rate {self.rate:.6g}, all of them against the true gradient"
        faults = self.diagnosis.faults
        names = ", ".join(row.name for row in faults[:8]) + (f" and {len(faults) - 8} more" if len(faults) > 8 else "")
        count = f"{len(faults)} of {len(self.diagnosis.rows)}"
        return f"step {self.step} parts at {names} ({count} parameters): {self.kind}\n{self.diagnosis}"


def on_trial(
    step: Callable[[int], Any],
    parameters: Callable[[], Mapping[str, float]],
    loss: Callable[[dict[str, Value], int], Value],
    *,
    steps: int = 3,
    rate: float | None = None,
) -> Verdict:
    """Run a hand-written program beside the true gradients, and name the first step and weight where they part.

    ``step(i)`` makes the program's i-th step of training, ``parameters()`` reads its weights by name, and
    ``loss(values, i)`` is the loss of that step as a function of these weights as Values.  Each step is judged from
    where the program stood before it, by what it moved: (before − after) / rate.  If no rate is given, it is the one
    that most of the weights took in the first step that moved any, a short number such as 0.05 before all others; a
    factor that all of them lack then goes unseen.

    Raises ValueError if nothing moves, RuntimeError if the parameters change their names.

    >>> w = {"a": 1.0, "b": 2.0}
    >>> def step(i):
    ...     error = w["a"] * w["b"] * 3.0 - 5.0
    ...     w["b"] -= 0.01 * error * w["a"] * 3.0
    ...     w["a"] -= 0.01 * error * w["b"] * 3.0  # b has moved
    >>> print(on_trial(step, lambda: w, lambda v, i: (v["a"] * v["b"] * 3.0 - 5.0) ** 2 / 2, rate=0.01))
    step 0 parts at a (1 of 2 parameters): updated too early
    parameter           true   hand-written
    a                      6           5.91  is taken through b as it is after the update
    b                      3              3  agrees
    """
    seen: list[_Step] = []
    points = [_read(parameters)]
    for t in range(steps):
        before = points[-1]
        values = {name: Value(x, name) for name, x in before.items()}
        value = loss(values, t)
        if not isinstance(value, Value):
            raise TypeError(f"loss must return a Value computed from the values it is given, not {value!r}")
        true = dict(zip(values, gradients(value, values.values()), strict=True))
        step(t)
        after = _read(parameters)
        if after.keys() != before.keys():
            raise RuntimeError("the parameters have other names after the step than before")
        points.append(after)
        if rate is None:
            rate = _rate(before, after, true)
        if rate is None:
            continue
        # where a number moves by so little that its digits do not tell the derivative, more is allowed
        claimed = {name: (before[name] - after[name]) / rate for name in before}
        allowed = {name: _resolution(before[name], after[name], rate, claimed[name], true[name]) for name in before}
        seen.append(_Step(value, values, true, claimed, allowed))
        if seen[-1].wrong:
            found = _of_program(seen, points, loss, t)
            rows = seen[-1].rows(found)
            return Verdict(t + 1, rate, t, Diagnosis(rows, t))
    if rate is None:
        raise ValueError(f"no parameter moved in {steps} steps: there is nothing to judge")
    return Verdict(steps, rate)


def _read(parameters: Callable[[], Mapping[str, float]]) -> dict[str, float]:
    return {name: float(x) for name, x in parameters().items()}


def _rate(before: Mapping[str, float], after: Mapping[str, float], true: Mapping[str, float]) -> float | None:
    """The rate that the parameters took, a short number if there is one; None if none moved along its gradient."""
    ratios = [
        (before[name] - after[name]) / true[name] for name in before if true[name] and before[name] != after[name]
    ]
    if not ratios:
        return None
    # a rate is a short number; what most parameters took may as well be short of a factor
    alike = max(
        ([other for other in ratios if close(r, other, 1e-6)] for r in ratios),
        key=lambda group: (any(close(float(f"{r:.3g}"), r, 1e-8) for r in group), len(group)),
    )
    middle = sorted(alike)[len(alike) // 2]
    short = float(f"{middle:.6g}")
    return short if close(short, middle, 1e-7) else middle


def _resolution(before: float, after: float, rate: float, claimed: float, true: float) -> float:
    size = max(abs(claimed), abs(true))
    noise = 4 * max(math.ulp(before), math.ulp(after)) / abs(rate)
    return min(0.5, max(1e-7, noise / size)) if size > noise else 2.0


def _of_program(
    seen: list[_Step], points: list[dict[str, float]], loss: Callable[[dict[str, Value], int], Value], t: int
) -> dict[str, tuple[str, str]]:
    """What the steps so far tell of the wrong derivatives of the last."""
    step, found = seen[-1], dict[str, tuple[str, str]]()
    for kind, point in ((BEFORE, t - 1), (AFTER, t + 1)):
        if point < 0:
            continue
        values = {name: Value(x, name) for name, x in points[point].items()}
        slopes = dict(zip(values, gradients(loss(values, t), values.values()), strict=True))
        if all(step.agrees(name, slopes[name]) for name in step.wrong):
            return dict.fromkeys(step.wrong, (kind, f"is {kind}"))
    moved = step.search.early(step.params, points[t + 1])
    for name in step.wrong:
        through, slope = moved(step.params[name])
        if through and step.agrees(name, slope):
            found[name] = (EARLY, f"is taken through {through} as it is after the update")
    left = _over_steps(seen, len(seen) - 1) if len(found) < len(step.wrong) and len(seen) > 1 else {}
    return left | found
