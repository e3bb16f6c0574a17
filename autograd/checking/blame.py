"""Which rule is to blame: every primitive checked on its own, at the points where the function used it."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ERRORS
from ..primitives import Primitive
from ..value import Value, numbers_of
from .analytic import complex_step
from .examine import Examined, judge
from .flat import Flat, derivatives, on_floats
from .lines import Slope
from .report import Culprit, GradientReport, GradientRow
from .rounding import rounding_bounds


def audit(f: Flat, xs: list[float], order: int) -> tuple[list[Culprit], list[str], int]:
    """Check every primitive on its own where f used it: the culprits, worst first, those that could not be confirmed,
    and how many there were.

    Derivatives of order k come from the graph of order k - 1, in which the rules of order 1 made the nodes: so first
    all its primitives are checked to order 1, then those of the graph before it to order 2, and so on.
    """
    culprits: list[Culprit] = []
    unconfirmed: list[str] = []
    seen: set[tuple[Any, ...]] = set()
    for level in range(1, order + 1):
        for node in rounding_bounds(derivatives(f, order - level), xs)[2]:
            row, point = node.op, numbers_of(node)
            moving = tuple(i for i, arg in enumerate(node.args) if isinstance(arg, Value))
            key = (level, row, repr(point), moving)
            if row is not None and key not in seen:
                seen.add(key)
                for culprit in alone(row, point, moving, level):
                    if culprit.wrong:
                        culprits.append(culprit)
                    else:
                        unconfirmed.append(f"{row}({', '.join(map(repr, point))})")
        if culprits:
            break
    return sorted(culprits, key=lambda culprit: -culprit.fault), unconfirmed, len(seen)


def alone(row: Primitive, point: tuple[float, ...], moving: tuple[int, ...], order: int) -> list[Culprit]:
    """What is not confirmed of one primitive at a point, by the operands ``moving``."""

    def call(xs: list[Any]) -> list[Any]:
        args: list[Any] = list(point)
        for i, x in zip(moving, xs, strict=True):
            args[i] = x
        return [Value._apply(row, tuple(args)) if any(isinstance(arg, Value) for arg in args) else row.fn(*args)]

    xs = [point[i] for i in moving]
    f = derivatives(call, order - 1)
    result = []
    try:
        examined = Examined(f, on_floats(f), xs)
        rows = examined.rows()
    except ERRORS:
        return [Culprit(row.name, moving[0], point, order, None, math.nan, math.inf, wrong=False)]
    for k, found in enumerate(rows):
        if found.verdict in ("inconclusive", "still", "wrong") and order == 1:
            known = complex_step(row.fn, point, moving[k])
            if known is not None and found.reverse is not None and found.forward is not None:
                rounding = examined.rounding_of_rules(0, k)
                judge(found, found.reverse, found.forward, Slope(known, 1e-9 * abs(known)), rounding)
        if found.verdict not in ("ok", "still", "one-sided", "kink", "jump"):
            by = moving[k // len(xs) ** (order - 1)]  # the rule whose derivative (of order - 1) the row is
            finite = math.isfinite(found.numeric) and found.left is None and found.right is None
            lost = found.reverse is None or not math.isfinite(found.reverse)
            wrong = found.verdict == "wrong" or (found.verdict == "not finite" and lost and finite)
            wrong = wrong and (
                found.left is not None or found.right is not None or not at_kink(row, point, hidden=True)
            )
            result.append(Culprit(row.name, by, point, order, found.reverse, found.numeric, found.error, wrong))
    return result


def explain(report: GradientReport, rows: list[GradientRow], f: Flat, xs: list[float], order: int) -> None:
    """Settle the rows that are not plainly ok, by checking the primitives on their own, and say why they are not."""
    culprits, unconfirmed, count = audit(f, xs, order)
    kinks, hidden = at_kinks(f, xs), at_kinks(f, xs, hidden=True)
    for row in rows:
        if row.verdict == "wrong" and row.left is not None and kinks and not culprits:
            # where two kinks meet, the sum of their conventions need not be between the slopes
            row.verdict = "kink"
            row.note += ", ours is neither"
        elif row.verdict == "wrong" and hidden and not culprits:
            row.verdict = "inconclusive"
            row.note = f"a kink or jump is nearer than rounding: {hidden[0]}"
        elif row.verdict in ("kink", "jump") and culprits:
            row.verdict, row.note = "unconfirmed", f"{row.verdict}, {row.note}, but a rule is wrong"
        elif row.verdict == "still":
            row.verdict = "unconfirmed" if culprits else "ok"
            row.note = "the function does not move" + (", but a rule is wrong" if culprits else "")
        elif row.verdict == "inconclusive":
            row.note = "finite differences are too rough"
            if culprits:
                row.verdict = "unconfirmed"
                row.note += ", and a rule is wrong"
            elif unconfirmed:
                more = f" and {len(unconfirmed) - 1} more" if len(unconfirmed) > 1 else ""
                row.note += f", also for {unconfirmed[0]}{more} alone: nothing is confirmed"
            else:
                row.note += f"; all {count} primitives confirmed one by one"
    report.culprits = culprits
    if kinks and any(row.verdict in ("kink", "jump", "wrong") for row in rows):
        report.remarks = [f"at a kink or jump: {', '.join(kinks)}"]
    if not culprits and any(row.verdict == "wrong" for row in rows):
        reason = "what combines them is wrong, or finite differences of the whole are misled"
        if kinks:
            reason = "where several meet at a kink, their conventions need not add up to a slope: move off the point"
        if unconfirmed:
            right = (
                f"{count - len(unconfirmed)} of {count} primitives are right on their own, the others not known to be"
            )
        else:
            right = f"all {count} primitives are right on their own"
        report.remarks.append(f"{right}: {reason}")


def at_kinks(f: Flat, xs: list[float], hidden: bool = False) -> list[str]:
    """The calls of primitives at their kinks and jumps, or at ``hidden`` ones."""
    found: dict[str, None] = {}
    for node in rounding_bounds(f, xs)[2]:
        if node.op is not None and at_kink(node.op, numbers_of(node), hidden):
            found[f"{node.op}({', '.join(map(repr, numbers_of(node)))})"] = None
    return list(found)


def at_kink(row: Primitive, point: tuple[float, ...], hidden: bool) -> bool:
    """Whether the row's ``singular`` is 0 there; ``hidden``: it is not, but may be if the operands are rounded."""
    if row.singular is None:
        return False
    try:
        at = row.singular(*point)
        if not hidden or abs(at) < 1e-9:
            return abs(at) < 1e-9 and not hidden
        for i, x in enumerate(point):
            for k in range(22):
                other = x + (-2.0) ** (k // 2) * (1 if k % 2 else -1) * math.ulp(x)
                if abs(row.singular(*point[:i], other, *point[i + 1 :]) - at) >= abs(at):
                    return True
    except ERRORS:  # too large a number to tell
        return hidden
    return False
