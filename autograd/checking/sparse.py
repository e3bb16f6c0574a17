"""Sparse Jacobians: columns that share no row are differenced together.

Along a direction that moves several coordinates, each output follows the one of them that its row has an entry for: so
one line tells all their columns (A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian
matrices", J. Inst. Maths Applics 13, 1974).  Where an output does not follow as it should, or what it does cannot be
told, the columns of that group are looked at one by one, which shows the entry at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .claimed import Claimed, quiet
from .examine import resolve, settle_zeros
from .many import Direction, scales_of
from .report import GradientRow

Pattern = Sequence[Sequence[bool]]


class Together(Direction):
    """f as several coordinates move at once; it is given Python's floats."""

    def moved(self, t: float) -> Any:
        return super().moved(t).tolist()


def rows_by_groups(claimed: Claimed, pattern: Pattern) -> list[GradientRow]:
    """A row for each output and input, as ``Claimed.rows``; ``pattern`` says where entries may be."""
    matrix = claimed.matrix
    n, entries = (
        len(claimed.xs),
        [
            [inside or claim != 0.0 for inside, claim in zip(*lines, strict=True)]
            for lines in zip(pattern, matrix, strict=True)
        ],
    )
    columns: list[list[GradientRow]] = [[]] * n
    with quiet():
        for group in groups_of(entries):
            found = together(claimed, group, entries) if len(group) > 1 else {}
            for i in group:
                columns[i] = found[i] if found else claimed.column(claimed.line(i), i)
    for o in range(len(matrix)):
        settle_zeros([column[o] for column in columns], claimed.xs, claimed.resolution)
    return [columns[i][o] for o in range(len(matrix)) for i in range(n)]


def groups_of(entries: Pattern) -> list[list[int]]:
    """The columns in groups, of which no two have an entry in one row: each goes into the first that it may."""
    groups: list[list[int]] = []
    taken: list[set[int]] = []  # the rows of each group
    for i in range(len(entries[0])):
        rows = {o for o, line in enumerate(entries) if line[i]}
        for group, others in zip(groups, taken, strict=True):
            if not rows & others:
                group.append(i)
                others |= rows
                break
        else:
            groups.append([i])
            taken.append(rows)
    return groups


def together(claimed: Claimed, group: list[int], entries: Pattern) -> dict[int, list[GradientRow]]:
    """The rows of each column of a group, from one line; nothing where any output leaves a doubt."""
    import numpy as np

    d = np.zeros(len(claimed.xs))
    d[group] = scales_of(claimed.box)[group]
    line = Together(claimed.box, np.asarray(claimed.xs, dtype=float), d)
    slopes = [sum(row[i] * float(d[i]) for i in group) for row in claimed.matrix]
    found = claimed.along(line, slopes, [float] * len(slopes))
    for row in found:
        resolve(row)
    settle_zeros(found, [1.0] * len(found), claimed.resolution)
    largest = max(map(abs, slopes), default=0.0)
    for row in found:
        still = row.claimed == 0.0 and abs(row.numeric) <= row.tolerance <= claimed.resolution * largest
        if row.verdict != "ok" and not still:
            return {}
    columns: dict[int, list[GradientRow]] = {}
    for i in group:
        columns[i] = []
        for o, row in enumerate(found):
            claim, scale = claimed.matrix[o][i], float(d[i])
            numeric, rate = (row.numeric / scale, row.rate) if entries[o][i] else (0.0, None)
            one = replace(row, reverse=claim, forward=claim, numeric=numeric, rate=rate, verdict="ok", note="")
            one.error, one.tolerance = row.error / scale, row.tolerance / scale
            resolve(one)
            columns[i].append(one)
    return columns
