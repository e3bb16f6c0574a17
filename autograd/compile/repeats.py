"""Finds where a flat program repeats itself, however it came to: as loops within loops.

What is compared are tokens: an instruction's operation and which of its operands are constants.  Where a program
repeats itself every p instructions, its tokens equal those p further on.  So candidates for p come from the distances
at which equal pieces of 4 to 16,384 tokens follow each other, one comparison of the program with itself shows all
places where a candidate holds, and the places that save most are taken first.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .program import ARITY, NAMES, Integers, Loop, Program

LEAST = 200  # instructions that a loop must save: fewer are as fast where they stand
LONGEST = 1000  # a body of more instructions is looked through for loops of its own, and so is a gap between loops
SHORT = 64  # periods to here are all tried
SAMPLES = 200_000  # pieces of each length that are compared
PROBE = 200  # tokens that follow each other in a sample of a long program
CANDIDATES = 12  # distances of each length of piece that are tried

MIXED = 4  # turns of different kinds that may follow each other in a row
ENOUGH = 100_000  # instructions of a loop that tell whether it has rows

_SKIPS = ("skip_lt", "skip_le", "skip_eq")
_COUNTS = np.array([ARITY[name] for name in NAMES], np.int8)
_SPECIAL = np.array([name in ("take", "call", *_SKIPS) for name in NAMES])


def find(program: Program) -> tuple[Loop, ...]:
    """The loops of a program, in order, with those within their bodies.

    Linear in the instructions, about a second for 2.5 million.
    """
    return _Finder(program).loops(0, len(program))


def tokens(program: Program) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """A number for each instruction, equal where the operations and the kinds of operands are."""
    code = program.code
    op = code[:, 0]
    counts = _COUNTS[op]
    kinds = np.zeros(len(code), np.uint8)
    for k in range(4):
        kinds |= ((code[:, 1 + k] < 0) & (counts > k)).view(np.uint8) << np.uint8(k)
    numbers = op.astype(np.uint32) << np.uint32(4) | kinds
    special: dict[tuple[int, ...], int] = {}
    for i in np.flatnonzero(_SPECIAL[op]).tolist():
        code_i, a, b, c, d = code[i].tolist()
        if NAMES[code_i] in _SKIPS:
            key = (int(numbers[i]), c, d)
        else:
            key = (int(numbers[i]), a if NAMES[code_i] == "call" else 0, len(program.lists[b]))
        numbers[i] = special.setdefault(key, (len(NAMES) << 4) + len(special))
    return numbers if len(special) > 60_000 else numbers.astype(np.uint16)


def problem(program: Program, loops: Sequence[Loop]) -> str:
    """Why these are no loops of the program; empty if they are."""

    def look(loops: Sequence[Loop], begin: int, end: int) -> str:
        for loop in loops:
            stop = loop.start + loop.period * loop.count
            if loop.period < 1 or loop.count < 1 or loop.start < begin or stop > end:
                return f"{loop} is not within the instructions {begin} to {end}, after those before it"
            turns = kinds[loop.start : stop].reshape(loop.count, loop.period)
            if not (turns == turns[0]).all():
                return f"the turns of {loop} are not alike"
            inside = look(loop.inner, loop.start, loop.start + loop.period)
            if inside:
                return inside
            begin = stop
        return ""

    kinds = tokens(program)
    return look(loops, 0, len(program))


class _Finder:
    def __init__(self, program: Program) -> None:
        self.inputs = program.inputs
        self.tokens = tokens(program)
        self.code = program.code

    def operands(self, which: slice | NDArray[np.integer]) -> Integers:
        """The operands of these instructions; what is none stands still."""
        code = self.code[which]
        return np.where(np.arange(4) < _COUNTS[code[:, 0], None], code[:, 1:], 0)

    def loops(self, start: int, stop: int) -> tuple[Loop, ...]:
        """The loops between two instructions: those that save most are placed first, the others where room is left."""
        if stop - start < LEAST:
            return ()
        t = self.tokens[start:stop]
        heap = [run for p in _candidates(t) if _may_hold(t, p) for run in _runs(t, p)]
        heapq.heapify(heap)
        free = [(0, stop - start)]
        placed: list[Loop] = []
        while heap:
            _, begin, end, p = heapq.heappop(heap)
            rooms = [(max(begin, a), min(end, b)) for a, b in free if a < end and begin < b]
            if rooms != [(begin, end)]:
                for a, b in rooms:
                    if (b - a) // p > 1 and b - a - p >= LEAST:
                        heapq.heappush(heap, (-_saving(a, b, p), a, b, p))
                continue
            loop = self.fitted(start + begin, start + end, p)
            if (loop.count - 1) * p < LEAST:
                continue
            placed.append(loop)
            a, b = next((a, b) for a, b in free if a <= begin and end <= b)
            free.remove((a, b))
            here = loop.start - start
            free += [(x, y) for x, y in ((a, here), (here + p * loop.count, b)) if x < y]
        found = [part for loop in placed for part in self.grouped(loop)]
        if placed:
            for a, b in free:
                if b - a > LONGEST:
                    found += self.loops(start + a, start + b)
        return tuple(sorted(found, key=lambda loop: loop.start))

    def grouped(self, loop: Loop) -> list[Loop]:
        """A loop's turns in rows, where operands move evenly only within these; the ends left over are other loops.

        The rows of a matrix follow each other as if they were one.
        """
        found = self.rows(loop)
        if found is None:
            return [self.nested(loop)]
        step, row, first = found
        begin, end = loop.start + first * loop.period, loop.start + loop.count * loop.period
        period, count = row * loop.period, (loop.count - first) // row
        ends = [*self.loops(loop.start, begin), *self.loops(begin + period * count, end)]
        if step == row:
            return [self.nested(Loop(begin, period, count)), *ends]
        inner = self.nested(Loop(begin, step * loop.period, row // step))
        return [Loop(begin, period, count, (inner,)), *ends]

    def rows(self, loop: Loop) -> tuple[int, int, int] | None:
        """After how many turns operands move evenly, how many turns make a row, and which is the first of one."""
        n, p = min(loop.count, ENOUGH // loop.period), loop.period
        if n < 8:
            return None
        v = self.operands(slice(loop.start, loop.start + n * p)).reshape(n, -1)
        for step in range(1, MIXED + 1):
            if n < 4 * step:
                break
            by = v[step:] - v[:-step]
            even = (by[step:] == by[:-step]).all(axis=1)
            if even.mean() < 0.5:
                continue
            odd = np.flatnonzero(even[:-1] & ~even[1:]) + 1  # a piece that ends is seen two steps before
            if len(odd) < 3:
                return (step, step, 0) if step > 1 else None
            for row in (odd[2:10] - odd[1]).tolist():  # of one piece or several
                again = np.isin(odd + row, odd)[odd + row <= odd[-1]]
                if again.mean() >= 0.8 and row % step == 0 and row >= 4 * step:
                    return step, row, (int(odd[1]) + 2 * step) % row
            break
        return None

    def nested(self, loop: Loop) -> Loop:
        """With the loops of its body: looked for in the second turn, as the first is often a little different."""
        if loop.period <= LONGEST:
            return loop
        second = loop.start + loop.period
        return replace(loop, inner=tuple(_moved(x, -loop.period) for x in self.loops(second, second + loop.period)))

    def fitted(self, begin: int, end: int, p: int) -> Loop:
        """The loop of a run, begun where it is cut best, without odd turns at its ends."""
        count = (end - begin) // p
        slack = (end - begin) % p
        crossings = self.crossings(begin + (count // 2) * p, p, begin)
        within = int(np.argmin(crossings[: slack + 1]))
        anywhere = int(np.argmin(crossings))
        if anywhere > slack and count >= 8 and crossings[anywhere] < crossings[within]:
            return self.peeled(begin + anywhere, p, count - 1)
        return self.peeled(begin + within, p, count)

    def crossings(self, at: int, p: int, begin: int) -> NDArray[np.int64]:
        """How many values made since ``begin`` cross each cut of the turn that starts at ``at``."""
        users = np.repeat(np.arange(at, at + p), 4)
        makers = self.operands(slice(at, at + p)).ravel() - self.inputs
        made = makers >= begin
        makers, order = np.unique(makers[made][::-1], return_index=True)  # the last use of each
        users = users[made][::-1][order]
        far = users - makers
        changes = np.zeros(p + 1, np.int64)
        first, rest = (makers + 1 - begin) % p, far % p
        np.add.at(changes, first, 1)
        np.add.at(changes, np.minimum(first + rest, p), -1)
        np.add.at(changes, np.zeros(len(first), np.int64), (first + rest > p).astype(np.int64))
        np.add.at(changes, np.maximum(first + rest - p, 0), -(first + rest > p).astype(np.int64))
        return np.cumsum(changes[:p]) + int((far // p).sum())

    def peeled(self, start: int, p: int, count: int) -> Loop:
        """Without a first or last turn that alone keeps operands from moving evenly, while that pays."""
        for _ in range(4):
            if count < 4:
                break
            all_ = count == 4 or p * count < 100_000
            turns = np.arange(count) if all_ else np.r_[0:4, count - 4 : count]  # the ends tell
            v = self.operands((start + turns[:, None] * p + np.arange(p)).ravel()).reshape(len(turns), p, 4)
            steps = np.diff(v, axis=0)
            if not all_:
                steps = np.delete(steps, 3, axis=0)
            even = (steps == steps[0]).all(axis=0)
            # a value of the turn before is carried, wherever it came from at first
            made = v[1] - self.inputs
            carried = (steps[1:] == p).all(axis=0) & (made >= start) & (made < start + p)
            first = (steps[1:] == steps[-1]).all(axis=0) & ~even & ~carried
            last = (steps[:-1] == steps[0]).all(axis=0) & ~even
            if max(first.sum(), last.sum()) * count <= p:
                break
            count -= 1
            if first.sum() >= last.sum():
                start += p
        return Loop(start, p, count)


def _moved(loop: Loop, by: int) -> Loop:
    return replace(loop, start=loop.start + by, inner=tuple(_moved(x, by) for x in loop.inner))


def _saving(begin: int, end: int, p: int) -> int:
    return p * ((end - begin) // p - 1)


def _runs(t: NDArray[np.unsignedinteger], p: int) -> list[tuple[int, int, int, int]]:
    """Where tokens repeat with period p, often enough: (-saving, begin, end, p)."""
    same = np.zeros(len(t) - p + 2, np.bool_)
    np.equal(t[:-p], t[p:], out=same[1:-1])
    edges = np.flatnonzero(same[1:] != same[:-1])
    begins, ends = edges[::2], edges[1::2] + p
    good = (ends - begins >= 2 * p) & (((ends - begins) // p - 1) * p >= LEAST)
    return [(-_saving(a, b, p), a, b, p) for a, b in zip(begins[good].tolist(), ends[good].tolist(), strict=True)]


def _may_hold(t: NDArray[np.unsignedinteger], p: int) -> bool:
    """Whether tokens repeat with period p anywhere in a sample of them, if they are many."""
    if len(t) < 8 * SAMPLES:
        return True
    at = np.linspace(0, len(t) - p - PROBE, SAMPLES // PROBE).astype(np.int64)[:, None] + np.arange(PROBE)
    return bool((t[at] == t[at + p]).all(axis=1).any())


def _candidates(t: NDArray[np.unsignedinteger]) -> list[int]:
    """Periods that the tokens may have, in order."""
    found = set(range(1, min(SHORT, len(t) // 2) + 1))
    n = len(t)
    table = np.arange(1, int(t.max()) + 2, dtype=np.uint32)  # an odd number for each token, without order
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        table = (table ^ table >> np.uint32(shift)) * np.uint32(factor)
    table |= np.uint32(1)
    # a piece's hash is a polynomial of its tokens, from the sums of all terms up to its ends
    base = 0x2C9277B5
    sums = np.zeros(n + 1, np.uint32)
    np.cumsum(table[t] * np.cumprod(np.full(n, base, np.uint32), dtype=np.uint32), dtype=np.uint32, out=sums[1:])
    scale = np.cumprod(np.full(n, pow(base, -1, 1 << 32), np.uint32), dtype=np.uint32)
    sampled = max(1, n // SAMPLES).bit_length() - 1  # one piece in 2**sampled
    at: Any = None
    for length in (4, 16, 64, 256, 1024, 4096, 16_384):
        if 2 * length > n:
            break
        if length <= 64 or not sampled:
            h = (sums[length:] - sums[:-length]) * scale[: n + 1 - length]
            h ^= h >> np.uint32(15)  # the low bits are those of few tokens
            # the choice goes by what the piece is, so that equal ones are all in
            at = np.flatnonzero(h >> np.uint32(32 - sampled) == 0) if sampled else np.arange(len(h))
            h = h[at]
        else:  # those that begin with one that was chosen
            at = at[at + length <= n]
            h = (sums[at + length] - sums[at]) * scale[at]
        keys = np.sort(h.astype(np.uint64) << 31 | at.astype(np.uint64))  # by hash, then by place
        distances = np.diff(keys)[keys[1:] >> 31 == keys[:-1] >> 31]
        distances = distances[distances <= n // 2]
        distances, counts = np.unique(distances, return_counts=True)
        found.update(distances[np.argsort(counts, kind="stable")[-CANDIDATES:]].tolist())
    found.discard(0)
    return sorted(found)
