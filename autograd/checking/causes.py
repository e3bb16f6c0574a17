"""What the fault of a claim looks like: the usual slips, named where the numbers show them.

Each is a hypothesis of what was returned instead, held against the numeric derivatives within their tolerances: it is
named only if it explains every row that is wrong and contradicts none that is right, and if those rows tell it from the
truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .box import attempted
from .claims import Matrix
from .report import GradientRow, listed

if TYPE_CHECKING:
    from .claimed import Claimed

CLOSE = 1e-3  # how near to a factor a ratio must be


def likely(claimed: Claimed, rows: Sequence[GradientRow]) -> list[str]:
    """The likely causes of a claim's fault, the most particular first; nothing where the numbers show none."""
    found: list[str] = []
    for hypothesis in (stale, transposed, other_argument, swapped, unset, scaled):
        found += hypothesis(claimed, rows)
        if found:
            break
    return [f"likely cause: {cause}" for cause in found]


def likely_in_directions(claimed: Claimed, rows: Sequence[GradientRow]) -> list[str]:
    """The same of random directions and the coordinates to which their faults were traced."""
    named = [row for row in wrong_of(rows) if not row.by[-1].startswith("direction ")]
    found = [*scaled(claimed, rows)] or [*unset(claimed, named, whole=False)] if named else [*scaled(claimed, rows)]
    found = found or [*scaled(claimed, named)]
    return [f"likely cause: {cause}" for cause in found]


def agrees(claim: float, row: GradientRow) -> bool:
    """Whether a number would pass for the derivative, to some digits."""
    return abs(claim - row.numeric) <= max(row.tolerance, CLOSE * abs(row.numeric))


def explains(instead: Sequence[float], rows: Sequence[GradientRow], wrong: Sequence[GradientRow]) -> bool:
    """Whether these numbers would pass in all rows, with one that is not 0 among those that were wrong."""
    return all(map(agrees, instead, rows)) and any(row.numeric for row in wrong)


def wrong_of(rows: Sequence[GradientRow]) -> list[GradientRow]:
    return [row for row in rows if row.verdict == "wrong"]


def judged(rows: Sequence[GradientRow]) -> bool:
    return all(math.isfinite(row.numeric) and math.isfinite(row.claimed) for row in rows)


# ---- what was returned instead ---------------------------------------------------------------------------------------


def stale(claimed: Claimed, rows: Sequence[GradientRow]) -> Iterator[str]:
    """The gradient of the point before: df is called elsewhere, and here again."""
    xs, claims = claimed.xs, [row.claimed for row in rows]
    elsewhere = [x + 0.1 * (abs(x) or 1.0) for x in xs]
    there = attempted(lambda: flat(claimed.claim(elsewhere)))
    here = attempted(lambda: flat(claimed.claim(xs)))
    again = attempted(lambda: flat(claimed.claim(xs)))
    if there is None or here is None or again is None:
        return
    if here != claims and judged(rows) and explains(again, rows, wrong_of(rows)) and here != again:
        yield "a stale gradient, that of the point before: called twice at this point, it is right the second time"
    elif here != claims or again != here:
        yield "the claim is not a function of the point: called again at the same one, it returns something else"


def transposed(claimed: Claimed, rows: Sequence[GradientRow]) -> Iterator[str]:
    m, n = len(claimed.ys), len(claimed.xs)
    if m == 1 or not judged(rows):
        return
    claims = flat(claimed.matrix)
    if m == n and explains([claims[i * n + o] for o in range(m) for i in range(n)], rows, wrong_of(rows)):
        yield "the Jacobian is transposed"
    elif m != n and explains([claims[i * m + o] for o in range(m) for i in range(n)], rows, wrong_of(rows)):
        yield f"the Jacobian is transposed: its numbers are in the order of {n} x {m}, not {m} x {n}"


def other_argument(claimed: Claimed, rows: Sequence[GradientRow]) -> Iterator[str]:
    """Arguments whose gradients are in one another's places; of single numbers ``swapped`` speaks."""
    sizes, m, n = claimed.box.sizes, len(claimed.ys), len(claimed.xs)
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    names = [part.name for part in claimed.box.parts]
    claims = claimed.matrix
    for a, b in ((a, b) for a in range(len(sizes)) for b in range(len(sizes)) if a != b and sizes[a] == sizes[b]):
        ours = [rows[o * n + starts[a] + i] for o in range(m) for i in range(sizes[a])]
        theirs = [rows[o * n + starts[b] + i] for o in range(m) for i in range(sizes[b])]
        if not wrong_of(ours) or not judged(ours) or not judged(theirs):
            continue
        given = [claims[o][starts[a] + i] for o in range(m) for i in range(sizes[a])]
        back = [claims[o][starts[b] + i] for o in range(m) for i in range(sizes[b])]
        if explains(given, theirs, wrong_of(ours)):
            if wrong_of(theirs) and explains(back, ours, wrong_of(theirs)):
                if a < b:
                    yield f"the derivatives by {names[a]} and {names[b]} are swapped"
            else:
                yield f"what is returned by {names[a]} is the derivative by {names[b]}"


def swapped(claimed: Claimed, rows: Sequence[GradientRow]) -> Iterator[str]:
    """Two coordinates of one output in each other's places; or the order of all turned round."""
    n = len(claimed.xs)
    for o in range(len(claimed.ys)):
        mine = rows[o * n : (o + 1) * n]
        wrong = wrong_of(mine)
        if len(wrong) < 2 or not judged(mine):
            continue
        claims = [row.claimed for row in mine]
        if len(wrong) > 2 and explains(claims[::-1], mine, wrong):
            yield "the coordinates are in reverse order"
        elif len(wrong) == 2 and agrees(wrong[0].claimed, wrong[1]) and agrees(wrong[1].claimed, wrong[0]):
            yield f"the derivatives by {wrong[0].by[-1]} and {wrong[1].by[-1]} are swapped"


def unset(claimed: Claimed, rows: Sequence[GradientRow], whole: bool = True) -> Iterator[str]:
    """Derivatives of 0 where there is one, if all others are right; the rows are the ``whole`` claim or some of it."""
    wrong = wrong_of(rows)
    if all(row.claimed == 0.0 for row in wrong):
        names = list(dict.fromkeys(row.by[-1] for row in wrong))
        if whole and len(rows) == len(wrong):
            yield "the gradient was never set: it is 0 everywhere"
        else:
            yield f"the derivative by {listed(names)} was never set, or not added up: it is 0"


def scaled(claimed: Claimed, rows: Sequence[GradientRow]) -> Iterator[str]:
    """One factor that all wrong rows have in common: a sign, a number, a size of the arguments."""
    wrong = wrong_of(rows)
    ratios = [row.claimed / row.numeric for row in wrong if row.numeric and math.isfinite(row.numeric)]
    rough = max((row.tolerance / abs(row.numeric) for row in wrong if row.numeric), default=math.inf)
    if len(ratios) < len(wrong) or not ratios or rough > 0.1:
        return
    room = max(CLOSE, 2 * rough)
    ratio = sum(ratios) / len(ratios)
    if any(abs(r - ratio) > room * abs(ratio) for r in ratios):
        return
    every = all(row.verdict == "wrong" or row.numeric == 0.0 for row in rows)
    where = "" if every else f" by {listed(list(dict.fromkeys(row.by[-1] for row in wrong)))}"
    for factor, what in factors(claimed):
        if abs(ratio - factor) <= room * abs(factor):
            yield what.format(where)
            return
    if len(ratios) > 1:
        yield f"a common factor: what is claimed{where} is {ratio:.6g} times the derivative"


def factors(claimed: Claimed) -> Iterator[tuple[float, str]]:
    """Ratios of the claim to the truth, and what is said of them; the place for where is {}."""
    yield -1.0, "the sign is wrong{}"
    yield 2.0, "a factor of 2 too many{}, as of a square that is halved, or of the sum of 2 for their mean"
    yield 0.5, "a factor of 2 is missing{}, as of a square, or of the mean of 2 for their sum"
    yield -2.0, "the sign is wrong{}, and a factor of 2 too many"
    yield -0.5, "the sign is wrong{}, and a factor of 2 is missing"
    for size, what in sizes(claimed):
        yield size, f"{size} times too large{{}}: that of the sum returned where the mean was meant, over {what}"
        yield 1 / size, f"a factor of 1/{size} too many{{}}: that of the mean where the sum was meant, over {what}"


def sizes(claimed: Claimed) -> Iterator[tuple[int, str]]:
    """The lengths that a mean may be over."""
    seen = {0, 1, 2}
    for part in claimed.box.parts:
        for name, shape in part.shapes():
            for axis, size in enumerate(shape):
                if size not in seen:
                    seen.add(size)
                    yield size, f"axis {axis} of {name}" if len(shape) > 1 else f"the {size} numbers of {name}"
            total = math.prod(shape)
            if total not in seen:
                seen.add(total)
                yield total, f"the {total} numbers of {name}"
    if len(claimed.ys) not in seen:
        yield len(claimed.ys), f"the {len(claimed.ys)} numbers of the result"


def flat(matrix: Matrix) -> list[float]:
    return [x for row in matrix for x in row]
