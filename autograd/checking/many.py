"""Many parameters: a black box in random directions, and the coordinate at fault by bisection.

Along a direction d the slope of f is g·d.  Each coordinate of d has a random sign and a random size, from a half to all
of the coordinate's own scale: so no single fault can vanish from it, and two cancel by chance only.  Where the slope is
not what is claimed, so it is in a half of the coordinates, and in a half of that.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .box import BlackBox
from .claimed import Claimed
from .claims import ByColumns
from .differences import EPSILON
from .examine import resolve
from .lines import Line
from .report import Directions, GradientRow

FEW = 3  # coordinates that are named
BUDGET = 200  # evaluations, after which no other is looked for
SPREAD = 7 / 12  # the mean square of a coordinate of a random direction, in parts of the scale
REACH = 0.01  # of steps in a bisection, of d, if no window told a better one


class Direction(Line):
    """f along x + (t - 1) d, at t = 1: so that steps are relative to d, as they are to x elsewhere."""

    single = False

    def __init__(self, box: BlackBox, xs: Any, d: Any) -> None:
        super().__init__(box.flat, [1.0], 0, box.ys, max(box.formats, key=lambda form: -form.bits))
        self.start, self.d = xs, d

    def moved(self, t: float) -> Any:
        return self.start + (t - self.x) * self.d


def random_direction(scales: Any, rng: random.Random) -> Any:
    import numpy as np

    draw = np.random.default_rng(rng.getrandbits(64))
    return scales * draw.uniform(0.5, 1.0, scales.size) * draw.choice((-1.0, 1.0), scales.size)


def scales_of(box: BlackBox) -> Any:
    """The scale of each number: its size, but no less than the median of the array that it is in; 1 where all are 0."""
    import numpy as np

    found = []
    for part in box.parts:
        start = 0
        for leaf in part.leaves:
            sizes = np.abs(np.asarray(part.numbers[start : start + leaf.size], dtype=float))
            typical = float(np.median(sizes)) if sizes.size else 0.0
            typical = typical or float(sizes.max(initial=0.0)) or 1.0
            found.append(np.maximum(sizes, typical))
            start += leaf.size
    return np.concatenate(found)


class Sought:
    """The claimed derivatives of one output in random directions, and the coordinates that disagree."""

    def __init__(self, claimed: Claimed, seed: int) -> None:
        import numpy as np

        self.claimed, self.box = claimed, claimed.box
        self.xs, self.scales = np.asarray(claimed.xs, dtype=float), scales_of(claimed.box)
        self.rng = random.Random(seed)  # noqa: S311  # no secret
        by_columns = isinstance(claimed.matrix, ByColumns)
        self.matrix = [] if by_columns else [np.asarray(row, dtype=float) for row in claimed.matrix]
        self.tolerance = [0.0] * len(claimed.matrix)  # the largest of any direction, for each output
        self.squares = [0.0] * len(claimed.matrix)  # of the slopes claimed, added up over the directions
        self.count = 0
        self.reach = REACH

    def direction(self) -> tuple[Any, list[GradientRow]]:
        """A new direction, with the row of each output."""
        d = random_direction(self.scales, self.rng)
        line = Direction(self.box, self.xs, d)
        slopes = self.claims(d)
        sums = [float(abs(row * d).sum()) for row in self.matrix] or [abs(slope) for slope in slopes]
        rows = self.claimed.along(line, slopes, [partial(float, EPSILON * size) for size in sums])
        self.count += 1
        for o, row in enumerate(rows):
            resolve(row)
            self.tolerance[o] = max(self.tolerance[o], row.tolerance)
            self.squares[o] += slopes[o] ** 2
        return d, rows

    def claims(self, d: Any, low: int = 0, high: int | None = None) -> list[float]:
        """The slopes that are claimed along d, or along some of its coordinates."""
        matrix = self.claimed.matrix
        if isinstance(matrix, ByColumns):
            return matrix.along(d)
        return [math.fsum((row[low:high] * d[low:high]).tolist()) for row in self.matrix]

    def size(self) -> float:
        """The mean of a derivative's size times the scale of its coordinate, of the output where it is largest; where
        only products with directions are known, the root of the mean square, after them."""
        if self.matrix:
            return max(float(abs(row * self.scales).mean()) for row in self.matrix)
        return math.sqrt(max(self.squares) / self.count / (SPREAD * len(self.xs)))

    def faults(self, d: Any, o: int, total: float) -> list[int]:
        """The coordinates to which a disagreement ``total`` along d goes back, the worst first, by bisection."""
        found: list[int] = []
        heap = [(-abs(total), 0, len(d), total)]
        least = max(4 * self.tolerance[o], 1e-3 * abs(total))
        while heap and len(found) < FEW:
            _, low, high, residual = heapq.heappop(heap)
            if high - low == 1:
                found.append(low)
                continue
            if self.box.calls > BUDGET - 60 and found:
                break
            middle = (low + high) // 2
            part = self.residual(d, o, low, middle)
            for a, b, rest in ((low, middle, part), (middle, high, residual - part)):
                if abs(rest) > least:
                    heapq.heappush(heap, (-abs(rest), a, b, rest))
        return found

    def residual(self, d: Any, o: int, low: int, high: int) -> float:
        """How far the claim is from the slope of f along these coordinates of d: from differences of fourth order."""
        part = d * 0.0
        part[low:high] = d[low:high]
        claim = self.claims(part, low, high)[o]
        line = Direction(self.box, self.xs, part)
        quotients = []
        for h in (self.reach, self.reach / 2):
            ahead, behind = line.at(h), line.at(-h)
            if ahead is None or behind is None:
                return math.nan
            quotients.append((ahead[o] - behind[o]) / (line.actual(h) - line.actual(-h)))
        return claim - (4 * quotients[1] - quotients[0]) / 3


Labels = Sequence[tuple[str, tuple[str, ...]]]  # of the outputs: the path, and by what it is a derivative already


def in_directions(
    claimed: Claimed, count: int, seed: int, names: Callable[[int], str], labels: Labels
) -> tuple[list[GradientRow], Directions]:
    """Rows for random directions, and for the coordinates at fault where one disagrees."""
    sought = Sought(claimed, seed)
    rows: list[GradientRow] = []

    def add(found: list[GradientRow], by: str) -> None:
        for row, (output, before) in zip(found, labels, strict=True):
            row.output, row.by, row.order = output, (*before, by), len(before) + 1

    for k in range(1, count + 1):
        d, found = sought.direction()
        add(found, f"direction {k}")
        rows += found
        wrong = [o for o, row in enumerate(found) if row.verdict == "wrong"]
        if wrong:
            o = wrong[0]
            for i in sought.faults(d, o, found[o].claimed - found[o].numeric):
                named = claimed.column(claimed.line(i), i)
                add(named, names(i))
                rows += [row for output, row in enumerate(named) if output == o or row.verdict == "wrong"]
            count = k
            break
    return rows, Directions(count, len(claimed.xs), max(sought.tolerance), sought.size())
