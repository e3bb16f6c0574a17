# cython: boundscheck=False, wraparound=False
"""From a graph of Values to a flat program, and its derivatives.

Every node is written as the template of its row's function; reverse mode then goes through the nodes from the youngest
to the oldest and writes, for each operand, the template of the partial, its product with the adjoint, and the sum with
what the operand had before: the order of ``backward``, so that results have its bits.  What was written before is not
written again (value numbering), and what no output needs is left out in the end.

This file runs as it stands; compiled, it is the same file with the C types of ``flat.pxd``.
"""

from __future__ import annotations

import math
import operator
import sys
from array import array
from collections.abc import Sequence
from typing import Any

import cython
import numpy as np

from .. import primitives as rows
from ..rows import ROWS, Elementwise
from ..value import Value
from .program import ARITY, CODES, Program
from .templates import COMPOSED, function_template, partial_template, partials_template

if not cython.compiled:  # in C, these come from flat.pxd
    from threading import get_ident

    from ..backward import birth_of
    from ..value import operands_of

    def line_here(_notes: Notes) -> int:
        """The place of the line that runs, if it is known by its address; -1 if not."""
        return -1

    def keep_line(_notes: Notes, _place: int) -> None:
        """Know it from here on."""

    Ints = Any

    def hash_of(op: int, a: int, b: int, c: int, d: int) -> int:
        """A number below 2**31 that tells an instruction from most others."""
        return hash((op, a, b, c, d)) & 0x7FFFFFFF

    def near_of(a: int, b: int, c: int, d: int, size: int) -> int:
        """Where an instruction is looked for first: by its youngest operand, so that it lies near what was written
        shortly before, in the cache; once NEAR places are taken, it goes to the table's other half, by its hash."""
        return (2 * max(a, b, c, d)) & (size - 1) & -NEAR

    def next_of(at: int, left: int, known: int, size: int) -> int:
        """Where it is looked for next, ``left`` of the places near being left."""
        return at + 1 if left > 0 else size + ((known if left == 0 else at + 1) & (size - 1))


ADD, SUB, MUL, DIV, NEG = (CODES[name] for name in ("add", "sub", "mul", "div", "neg"))
SELECT_LT, SELECT_LE, SELECT_EQ = (CODES[name] for name in ("select_lt", "select_le", "select_eq"))
POW, TAKE, CALL = CODES["pow"], CODES["take"], CODES["call"]
OPERANDS = memoryview(array("i", ARITY.values()))
_getframe = sys._getframe
NEAR = 8  # places of the table that are looked at one after the other, a line of the cache
EMPTY = -(1 << 31)  # what is no operand: no adjoint came yet
RELATIONS = {SELECT_LT: operator.lt, SELECT_LE: operator.le, SELECT_EQ: operator.eq}
FOLDED: dict[int, Any] = {code: rows.TABLE[name].fn for name, code in CODES.items() if name in rows.TABLE}


def ints(size: int) -> Any:
    """So many zeros; memory that nobody writes to is none."""
    return np.zeros(size, np.int32).data


class Notes:
    """Where nodes were made: the line of the user's for each birth from ``since`` on, as its place in ``places``."""

    def __init__(self, since: int, package: str) -> None:
        self.since = since
        self.thread = get_ident()
        self.package = package  # whose own lines nobody asks for
        self.places: list[tuple[str, int]] = []
        self.known: dict[tuple[str, int], int] = {}
        self.codes: list[Any] = []
        self.lines = ints(1024)  # by birth, plus 1

    def is_here(self) -> bool:
        return get_ident() == self.thread

    def note(self, birth: int) -> None:
        """Remember the line that makes the node of this birth."""
        place = line_here(self)
        if place < 0:
            place = self._looked_up()
        at = birth - self.since
        while at >= len(self.lines):
            self.lines = _grown(self.lines, 2 * len(self.lines))
        self.lines[at] = place + 1

    def line_of(self, birth: int) -> int:
        at = birth - self.since
        return self.lines[at] - 1 if 0 <= at < len(self.lines) else -1

    def _looked_up(self) -> int:
        """The place of the line, in the caller that is none of the package's own."""
        frame: Any = _getframe()
        own = True
        while frame is not None and frame.f_code.co_filename.startswith(self.package):
            frame = frame.f_back
            own = False
        if frame is None:
            return -1
        line = (frame.f_code.co_filename, frame.f_lineno)
        place = self.known.get(line)
        if place is None:
            place = self.known[line] = len(self.places)
            self.places.append(line)
        if own:
            self.codes.append(frame.f_code)  # kept alive, as it is known by its address
            keep_line(self, place)
        return place


class Builder:
    """Writes instructions, each only once."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.n = 0  # instructions written
        self.code: Ints = ints(5 * 256)
        self.lines = ints(256)
        self.line = -1  # of what is being written
        # Whether what has a constant operand is written as it is: data would otherwise decide on the instructions (a
        # factor of 1 left out, two equal ones written once), and a program that repeats itself would not look like it.
        self.as_is = False
        self.constants: list[float] = []
        self.places: dict[Any, int] = {}  # the constants' operands
        self.lists: list[tuple[int, ...]] = []
        self.list_places: dict[tuple[int, ...], int] = {}
        self.rows: list[str] = []
        self.functions: list[Any] = []  # of these rows
        self.function_places: dict[int, int] = {}
        self.users: list[Any] = []  # the rows of the user's own that it all comes from
        self.table: Ints = ints(4 * 512)  # value numbering: pairs of instruction + 1 and its hash
        self.numbered = 0  # how many are in it
        self.scratch = ints(64)
        self.given = ints(4)  # the output and the operands of a node
        self.one = self.constant(1.0)
        self.minus_one = self.constant(-1.0)
        self.zero = self.constant(0.0)

    def constant(self, x: float) -> int:
        """The operand of a constant."""
        key: Any = x if x == x and x != 0 else (x != x, math.copysign(1.0, x))
        place = self.places.get(key)
        if place is None:
            self.constants.append(x)
            place = self.places[key] = -len(self.constants)
        return place

    def called(self, name: str, function: Any) -> int:
        """The place of a row that is called: there may be several of a name, one defined after the other."""
        place = self.function_places.setdefault(id(function), len(self.rows))
        if place == len(self.rows):
            self.rows.append(name)
            self.functions.append(function)
        return place

    def listed(self, operands: tuple[int, ...]) -> int:
        place = self.list_places.get(operands)
        if place is None:
            place = self.list_places[operands] = len(self.lists)
            self.lists.append(operands)
        return place


def number_of(builder: Builder, operand: int) -> float:
    """A constant's number."""
    number: float = builder.constants[-1 - operand]
    return number


def _grown(items: Any, size: int) -> Any:
    """The same with room for so many."""
    new = ints(size)
    new[: len(items)] = items
    return new


def _appended(builder: Builder, op: int, a: int, b: int, c: int, d: int) -> int:
    """The value of an instruction, written at the end."""
    n = builder.n
    if 5 * n == len(builder.code):
        builder.code = _grown(builder.code, 10 * n)
        builder.lines = _grown(builder.lines, 2 * n)
    i = 5 * n
    builder.code[i] = op
    builder.code[i + 1] = a
    builder.code[i + 2] = b
    builder.code[i + 3] = c
    builder.code[i + 4] = d
    builder.lines[n] = builder.line
    builder.n = n + 1
    return builder.inputs + n


def _write(builder: Builder, op: int, a: int, b: int, c: int, d: int) -> int:
    """The value of an instruction, written if it is not there yet, or if it is to be written as it is."""
    if 16 * builder.numbered >= 3 * len(builder.table):  # three quarters of the near half
        _rehash(builder, len(builder.table))
    size = len(builder.table) // 4
    known = hash_of(op, a, b, c, d)
    at = near_of(a, b, c, d, size)
    left = NEAR
    as_is = builder.as_is and (a < 0 or b < 0)
    while builder.table[2 * at] != 0:
        if builder.table[2 * at + 1] == known:
            i = 5 * (builder.table[2 * at] - 1)
            if (
                builder.code[i] == op
                and builder.code[i + 1] == a
                and builder.code[i + 2] == b
                and builder.code[i + 3] == c
                and builder.code[i + 4] == d
            ):
                if as_is:
                    return _appended(builder, op, a, b, c, d)
                return builder.inputs + builder.table[2 * at] - 1
        left -= 1
        if as_is and left == 0:  # one of many numbers of the data
            return _appended(builder, op, a, b, c, d)
        at = next_of(at, left, known, size)
    builder.table[2 * at] = builder.n + 1
    builder.table[2 * at + 1] = known
    builder.numbered += 1
    return _appended(builder, op, a, b, c, d)


def _rehash(builder: Builder, size: int) -> int:
    """Have a table with so many places, a power of 2, near the youngest operands, and as many by the hash."""
    old, new = builder.table, ints(4 * size)
    for k in range(len(old) // 2):
        if old[2 * k] != 0:
            i = 5 * (old[2 * k] - 1)
            known = old[2 * k + 1]
            at = near_of(builder.code[i + 1], builder.code[i + 2], builder.code[i + 3], builder.code[i + 4], size)
            left = NEAR
            while new[2 * at] != 0:
                left -= 1
                at = next_of(at, left, known, size)
            new[2 * at] = old[2 * k]
            new[2 * at + 1] = known
    builder.table = new
    return 0


def emit(builder: Builder, op: int, a: int, b: int, c: int, d: int) -> int:
    """The operand that has an operation's result: simplified where that changes no bit, folded if all is constant."""
    inputs = builder.inputs
    if op in (SELECT_LT, SELECT_LE, SELECT_EQ):
        if c == d:
            return c
        if a < 0 and b < 0:
            return c if RELATIONS[op](number_of(builder, a), number_of(builder, b)) else d
        if op == SELECT_EQ and b < 0 and a >= inputs and number_of(builder, b) == 0:
            # whether a number is 0 that is itself one of two constants: then what that one asks can be asked at once
            i = 5 * (a - inputs)
            inner, p, q = builder.code[i], builder.code[i + 3], builder.code[i + 4]
            if (inner in (SELECT_LT, SELECT_LE, SELECT_EQ)) and p < 0 and q < 0:
                first = c if number_of(builder, p) == 0 else d
                second = c if number_of(builder, q) == 0 else d
                return emit(builder, inner, builder.code[i + 1], builder.code[i + 2], first, second)
        return _write(builder, op, a, b, c, d)
    if op in (TAKE, CALL):
        return _write(builder, op, a, b, c, d)
    if a < 0 and (b < 0 or OPERANDS[op] == 1):
        folded = _folded(builder, op, a, b)
        if folded != EMPTY:
            return folded
    left, right = unsigned_of(builder, a), unsigned_of(builder, b) if OPERANDS[op] == 2 else EMPTY
    if op in (MUL, DIV):  # a factor's sign goes to the constant that is the other one
        if left != EMPTY and b < 0:
            return emit(builder, op, left, builder.constant(-number_of(builder, b)), 0, 0)
        if right != EMPTY and a < 0:
            return emit(builder, op, builder.constant(-number_of(builder, a)), right, 0, 0)
    if builder.as_is and (a < 0 or b < 0):
        return _write(builder, op, a, b, c, d)
    if op == MUL:
        if b == builder.one:
            return a
        if a == builder.one:
            return b
        if b == builder.minus_one:
            return emit(builder, NEG, a, 0, 0, 0)
        if a == builder.minus_one:
            return emit(builder, NEG, b, 0, 0, 0)
        if a > b:
            a, b = b, a
    elif op == ADD:
        if right != EMPTY:
            return emit(builder, SUB, a, right, 0, 0)
        if left != EMPTY:
            return emit(builder, SUB, b, left, 0, 0)
        if a > b:
            a, b = b, a
    elif op == SUB:
        if right != EMPTY:
            return emit(builder, ADD, a, right, 0, 0)
        if b < 0 and number_of(builder, b) == 0 and math.copysign(1.0, number_of(builder, b)) > 0:
            return a
    elif op == NEG:
        if left != EMPTY:
            return left
    elif op == POW:
        if b == builder.one:
            return a
    elif op == DIV and b < 0:
        if b == builder.one:
            return a
        if b == builder.minus_one:
            return emit(builder, NEG, a, 0, 0, 0)
        x = number_of(builder, b)
        if math.frexp(x)[0] in (0.5, -0.5) and 1e-300 < abs(x) < 1e300:  # a power of 2: its inverse is exact
            return emit(builder, MUL, a, builder.constant(1 / x), 0, 0)
    return _write(builder, op, a, b, c, d)


def unsigned_of(builder: Builder, operand: int) -> int:
    """What an operand is the negative of; EMPTY if it is not one."""
    if operand < builder.inputs or builder.code[5 * (operand - builder.inputs)] != NEG:
        return EMPTY
    return builder.code[5 * (operand - builder.inputs) + 1]


def _folded(builder: Builder, op: int, a: int, b: int) -> int:
    """The constant that an operation on constants gives; EMPTY if that is no finite number."""
    xs = [number_of(builder, a)] + ([number_of(builder, b)] if OPERANDS[op] == 2 else [])
    try:
        y = float(FOLDED[op](*xs))
    except Exception:  # as the run will find
        return EMPTY
    return builder.constant(y) if math.isfinite(y) else EMPTY


def times(builder: Builder, adjoint: int, partial: int) -> int:
    """The product of an adjoint and a partial; where the partial chooses between units, the product does."""
    if partial >= builder.inputs:
        i = 5 * (partial - builder.inputs)
        code = builder.code
        op, a, b, c, d = code[i], code[i + 1], code[i + 2], code[i + 3], code[i + 4]
        if op in (SELECT_LT, SELECT_LE, SELECT_EQ) and _is_unit(builder, c) and _is_unit(builder, d):
            return emit(builder, op, a, b, _by_unit(builder, adjoint, c), _by_unit(builder, adjoint, d))
    builder.as_is = partial < 0
    term = emit(builder, MUL, adjoint, partial, 0, 0)
    builder.as_is = False
    return term


def _is_unit(builder: Builder, operand: int) -> bool:
    return operand == builder.one or operand == builder.minus_one or operand == builder.zero


def _by_unit(builder: Builder, adjoint: int, unit: int) -> int:
    if unit == builder.one:
        return adjoint
    return builder.zero if unit == builder.zero else emit(builder, NEG, adjoint, 0, 0, 0)


class Steps:
    """A template for the programs of one builder: its constants are operands, its rows and lists in place."""

    def __init__(self, builder: Builder, template: Any) -> None:
        self.arguments = template.arguments
        self.constants = memoryview(array("i", [builder.constant(x) for x in template.constants] or [0]))
        self.first = template.first
        self.size = template.size
        self.code = template.code if template.size else ints(1)
        self.results = template.results
        self.units = template.units
        self.lists = template.lists
        self.rows = [builder.called(name, function) for name, function in template.rows]
        builder.users += template.users


def instantiate(builder: Builder, steps: Steps, given: Any) -> int:
    """Write the steps for these arguments; afterwards ``builder.scratch`` has what is in their places."""
    scratch = builder.scratch
    arguments, first, size = steps.arguments, steps.first, steps.size
    while len(scratch) < first + size:
        scratch = builder.scratch = _grown(scratch, 2 * len(scratch))
    for i in range(arguments):
        scratch[i] = given[i]
    for i in range(arguments, first):
        scratch[i] = steps.constants[i - arguments]
    code = steps.code
    for s in range(size):
        i = 5 * s
        op = code[i]
        if op == CALL:
            operands = tuple([scratch[k] for k in steps.lists[code[i + 2]]])
            value = emit(builder, CALL, steps.rows[code[i + 1]], builder.listed(operands), 0, 0)
        elif op == TAKE:
            operands = tuple([scratch[k] for k in steps.lists[code[i + 2]]])
            value = _taken(builder, scratch[code[i + 1]], operands)
        elif OPERANDS[op] == 1:
            value = emit(builder, op, scratch[code[i + 1]], 0, 0, 0)
        elif OPERANDS[op] == 2:
            value = emit(builder, op, scratch[code[i + 1]], scratch[code[i + 2]], 0, 0)
        else:
            value = emit(
                builder, op, scratch[code[i + 1]], scratch[code[i + 2]], scratch[code[i + 3]], scratch[code[i + 4]]
            )
        scratch[first + s] = value
    return 0


def _taken(builder: Builder, index: int, operands: tuple[int, ...]) -> int:
    if index < 0:
        return operands[int(number_of(builder, index))]
    return emit(builder, TAKE, index, builder.listed(operands), 0, 0)


class Graph:
    """Nodes in the order of their birth, as integers, with the flat operand of each.

    ``args`` has the operands of all nodes, one after another from ``starts``: a node's place, or, below 0, a constant.
    """

    def __init__(self, builder: Builder, room: int, notes: Notes, births: int) -> None:
        self.builder = builder
        self.notes = notes
        self.places = ints(births)  # of the nodes by birth, plus 1; below 0 the inputs
        self.older: dict[int, int] = {}  # the same for inputs that were there before the trace began
        self.n = 0
        self.values = ints(room)  # the operand that has the node's number
        self.codes = ints(room)  # its row
        self.starts = ints(room + 1)
        self.lines = ints(room)
        self.args = ints(4 * room + 16)
        self.active = bytearray(room)  # whether it depends on an input
        self.functions: dict[Any, Steps] = {}
        self.partials: list[Any] = [None] * len(ROWS)  # of a row: one a partial
        self.partials_of: dict[int, list[Any]] = {}  # of a row and so many operands: one for all


def _function(graph: Graph, code: int, n: int) -> Steps:
    found = graph.functions.get(code << 32 | n)
    if found is None:
        found = graph.functions[code << 32 | n] = Steps(graph.builder, function_template(ROWS[code], n))
    return found


def _partials(graph: Graph, code: int, n: int) -> list[Any]:
    """The steps for a row's partials: one for each; or one for all, of n arguments, in place of a list of them."""
    found: Any = graph.partials[code]
    if found is not None:  # most often
        return found
    found = graph.partials_of.get(n << 32 | code)
    if found is not None:
        return found
    row, builder = ROWS[code], graph.builder
    rules = row.partials
    if row.arity is None and not isinstance(rules, Elementwise):
        found = graph.partials_of[n << 32 | code] = [Steps(builder, partials_template(row, n)), None]
    else:
        count = n if row.arity is not None else len(rules.rules)
        found = graph.partials[code] = [Steps(builder, partial_template(row, by, count)) for by in range(count)]
    return found


def lowered(builder: Builder, order: Sequence[Value], inputs: Sequence[Value], notes: Notes) -> Graph:
    """The nodes in flat operations.

    ``order`` is topological.  Raises KeyError for a leaf that was there before the trace began and is no input.
    """
    youngest = max([birth_of(node) for node in order], default=notes.since)
    graph = Graph(builder, len(order) + 1, notes, max(youngest - notes.since, 0) + 1)
    expected = 4 * len(order)  # instructions, with the derivatives: that nothing has to be moved as they are written
    if 5 * expected > len(builder.code):
        builder.code, builder.lines = _grown(builder.code, 5 * expected), _grown(builder.lines, expected)
        _rehash(builder, 1 << expected.bit_length())
    for i, node in enumerate(inputs):
        at = birth_of(node) - notes.since
        if at < 0:
            graph.older[birth_of(node)] = -1 - i
        elif at < len(graph.places):
            graph.places[at] = -1 - i
    for node in order:
        _lower(graph, node)
    return graph


def place_of(graph: Graph, node: Value) -> int:
    """A node's place in the graph, or -1."""
    at = birth_of(node) - graph.notes.since
    known = 0
    if at < 0:
        known = graph.older.get(birth_of(node), 0)
    elif at < len(graph.places):
        known = graph.places[at]
    return known - 1 if known > 0 else -1


def _lower(graph: Graph, node: Value) -> int:
    builder, at = graph.builder, graph.n
    born = birth_of(node) - graph.notes.since
    known = 0
    if born < 0:
        known = graph.older.get(birth_of(node), 0)
        if known == 0:
            raise KeyError(birth_of(node))
        graph.older[birth_of(node)] = at + 1
    else:
        known = graph.places[born]
        graph.places[born] = at + 1
    code = node._code
    graph.n = at + 1
    start = graph.starts[at]
    graph.starts[at + 1] = start
    if known < 0:
        graph.values[at] = -1 - known
        graph.active[at] = 1
        return 0
    args = operands_of(node)
    if not args:
        graph.values[at] = builder.constant(node._data)
        return 0
    n = len(args)
    graph.codes[at] = code
    builder.line = graph.lines[at] = graph.notes.line_of(birth_of(node))
    while start + n > len(graph.args):
        graph.args = _grown(graph.args, 2 * len(graph.args))
    into = graph.args
    given = builder.scratch
    while len(given) < n:
        given = builder.scratch = _grown(given, 2 * len(given))
    active = 0
    for i in range(n):
        arg = args[i]
        if type(arg) is float:
            into[start + i] = given[i] = builder.constant(arg)
        else:
            place = place_of(graph, arg)
            given[i] = graph.values[place]
            into[start + i] = place if given[i] >= 0 else given[i]
            active |= graph.active[place]
    graph.starts[at + 1] = start + n
    graph.active[at] = active
    builder.as_is = True
    if n <= 2 and code < len(DIRECT) and DIRECT[code] >= 0:
        graph.values[at] = emit(builder, DIRECT[code], given[0], given[1] if n == 2 else 0, 0, 0)
    else:
        steps = _function(graph, code, n)
        instantiate(builder, steps, given)
        graph.values[at] = builder.scratch[steps.results[0]]
    builder.as_is = False
    return 0


# the operations of the rows that are one each, by code
DIRECT = memoryview(array("i", [
    CODES.get(row.name, -1) if row and row.arity in (1, 2) and row.name in rows.BUILTIN and row not in COMPOSED else -1
    for row in ROWS
]))  # fmt: skip


def slopes(graph: Graph, output: int, wanted: Sequence[int]) -> list[int]:
    """Reverse mode from the node at one place: the operands of the derivatives by the nodes at others, -1 for none."""
    builder = graph.builder
    adjoints = ints(graph.n + 1)
    for i in range(graph.n):
        adjoints[i] = EMPTY
    adjoints[output] = builder.one
    for at in range(output, -1, -1):
        if adjoints[at] != EMPTY and graph.starts[at + 1] > graph.starts[at]:
            _pass_on(graph, at, adjoints)
    return [builder.zero if place < 0 or adjoints[place] == EMPTY else adjoints[place] for place in wanted]


def _pass_on(graph: Graph, at: int, adjoints: Any) -> int:
    builder, code = graph.builder, graph.codes[at]
    start = graph.starts[at]
    n = graph.starts[at + 1] - start
    builder.line = graph.lines[at]
    adjoint = adjoints[at]
    every = _partials(graph, code, n)
    count = len(every)
    together = count == 2 and every[1] is None  # all partials from one list of steps
    run = 1 if together else n // count  # how many operands each partial is for
    given = builder.given if n <= 2 else ints(n + 1)
    given[0] = graph.values[at]
    for i in range(n):
        place = graph.args[start + i]
        given[i + 1] = graph.values[place] if place >= 0 else place
    whole = given
    steps = every[0]
    if together:
        instantiate(builder, steps, given)
        kept = [builder.scratch[k] if k >= 0 else EMPTY for k in steps.results]
    elif run > 1:
        given = ints(count + 1)
        given[0] = whole[0]
    for i in range(n):
        place = graph.args[start + i]
        if place < 0 or not graph.active[place]:
            continue
        if together:
            unit = steps.units[i]
            partial = kept[i]
        else:
            steps = every[i // run]
            unit = steps.units[0]
            if unit == 0:
                if run > 1:
                    for k in range(count):
                        given[k + 1] = whole[1 + k * run + i % run]
                if steps.size == 0 and steps.results[0] < steps.arguments:
                    partial = given[steps.results[0]]
                else:
                    instantiate(builder, steps, given)
                    partial = builder.scratch[steps.results[0]]
        if unit == 2:
            continue
        if unit == 1:
            term = adjoint
        elif unit == -1:
            term = emit(builder, NEG, adjoint, 0, 0, 0)
        else:
            term = times(builder, adjoint, partial)
        adjoints[place] = term if adjoints[place] == EMPTY else emit(builder, ADD, adjoints[place], term, 0, 0)
    return 0


def finished(builder: Builder, outputs: Sequence[int], places: Sequence[tuple[str, int]]) -> Program:
    """The program that has these outputs, without what none of them needs."""
    n, inputs, code = builder.n, builder.inputs, builder.code
    needed = ints(n + 1)
    for operand in outputs:
        if operand >= inputs:
            needed[operand - inputs] = 1
    for i in range(n - 1, -1, -1):
        if needed[i]:
            _need(builder, needed, code, 5 * i)
    count = 0
    for i in range(n):
        if needed[i]:
            needed[i] = count
            count += 1
        else:
            needed[i] = -1
    rows_ = np.zeros((count, 5), np.int32)
    lines = np.zeros(count, np.int32)
    lists: list[Any] = []
    list_places: dict[int, int] = {}
    new: Ints = rows_.reshape(-1).data if count else ints(1)
    new_lines: Ints = lines.data if count else ints(1)
    k = 0
    for i in range(n):
        if needed[i] >= 0:
            op = code[5 * i]
            new[5 * k] = op
            if op in (CALL, TAKE):
                which = code[5 * i + 2]
                if which not in list_places:
                    list_places[which] = len(lists)
                    lists.append(
                        np.array(
                            [x if x < inputs else inputs + needed[x - inputs] for x in builder.lists[which]], np.int32
                        )
                    )
                first = code[5 * i + 1]
                new[5 * k + 1] = inputs + needed[first - inputs] if op == TAKE and first >= inputs else first
                new[5 * k + 2] = list_places[which]
            else:
                count_ = OPERANDS[op]
                for j in range(1, count_ + 1):
                    x = code[5 * i + j]
                    new[5 * k + j] = x if x < inputs else inputs + needed[x - inputs]
            new_lines[k] = builder.lines[i]
            k += 1
    moved = [x if x < inputs else inputs + needed[x - inputs] for x in outputs]
    return Program(
        inputs,
        rows_,
        np.array(moved, np.int32),
        np.array(builder.constants, np.float64),
        lists=lists,
        rows=tuple(builder.rows),
        lines=lines,
        places=tuple(places),
    )


def _need(builder: Builder, needed: Any, code: Any, i: int) -> int:
    inputs, op = builder.inputs, code[i]
    if op in (CALL, TAKE):
        for x in builder.lists[code[i + 2]]:
            if x >= inputs:
                needed[x - inputs] = 1
        if op == TAKE and code[i + 1] >= inputs:
            needed[code[i + 1] - inputs] = 1
        return 0
    for j in range(1, OPERANDS[op] + 1):
        if code[i + j] >= inputs:
            needed[code[i + j] - inputs] = 1
    return 0
