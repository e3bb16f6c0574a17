"""A way through a function, recorded: its program, where that is the right one, and what its outputs are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from .. import functional
from ..backward import birth_of, topological
from ..functional import name_of, transform_of
from ..rows import TABLE, Primitive
from ..structures import Structure, flatten
from ..value import Value, data_of
from .arguments import Arguments
from .executors import Executor
from .flat import Builder, finished, lowered, place_of, slopes
from .program import Program
from .trace import Guard, traced


class OutdatedError(RuntimeError):
    """A function uses a row whose name stands for another one: at any time, it may use that."""


class Recorded(NamedTuple):
    """One way through a function: its program, and where that is the right one."""

    program: Program
    executor: Executor
    guards: list[Guard]
    result: Structure
    places: list[int]  # for each number of the result, its place among the program's outputs
    built: Callable[[list[float]], Any]  # the result from the outputs
    inside: Any  # where in an array of the outputs its numbers are
    users: list[Any]  # the rows of the user's own that it was made from
    branches: dict[tuple[int, float], Recorded]  # by the first guard that came out otherwise, and by how it did

    @property
    def size(self) -> int:
        """How many of the program's outputs are results; the guards' numbers come after them."""
        return len(self.program.outputs) - len(self.guards)

    def way(self, branch: tuple[int, float]) -> Recorded | None:
        """The recording of the way that a branch takes, if there is one that is not outdated."""
        found = self.branches.get(branch)
        return None if found is None or (found.users and found.is_outdated) else found

    @property
    def is_outdated(self) -> bool:
        """Whether a row of the user's own that it was made from was defined anew."""
        return _are_outdated(self.users)


def record(
    function: Callable[..., Any],
    taken: Arguments,
    tier: str,
    exact: bool,
    held: Sequence[Value] = (),
    by: Sequence[int] = (),
) -> Recorded:
    """Trace a function at these arguments, and make a program of what it did.

    ``held`` are Values beside its arguments that it computes with: more inputs, after the arguments' numbers.  Of a
    function that returns one number, the slopes by the inputs at the places ``by`` are results too.  Such a program
    may add up over its points in any order.
    """
    transform = transform_of(function)
    inner = function if transform is None else transform.function
    name = name_of(inner)

    def run(values: list[Value]) -> Any:
        args, kwargs = taken.rebuilt(values)
        return inner(*args, **kwargs)

    inputs, result, watcher = traced(run, taken.numbers)
    inputs = [*inputs, *held]
    numbers, structure = flatten(result, f"the result of {name}")
    outputs = [number for number in numbers if isinstance(number, Value)]
    order = topological(*outputs, *(guard.node for guard in watcher.guards))
    builder = Builder(len(inputs))
    try:
        graph = lowered(builder, order, inputs, watcher)
    except KeyError as error:
        (foreign,) = (node for node in order if birth_of(node) == error.args[0])
        raise TypeError(
            f"{name} computes with {foreign!r}, which is none of its arguments: a compiled function would not see it "
            "change; pass it as an argument, or use its .data"
        ) from None

    def operand(number: Any) -> int:
        return (
            int(graph.values[place_of(graph, number)]) if isinstance(number, Value) else builder.constant(float(number))
        )

    results: list[int] = []
    if transform is None or transform.kind == "value_and_grad":
        results += map(operand, numbers)
    if transform is None:
        tree = structure
        order_of_results = list(range(len(results)))
        for number in numbers if by else ():
            at = place_of(graph, number) if isinstance(number, Value) else -1
            wanted = [place_of(graph, inputs[i]) for i in by]
            results += slopes(graph, at, wanted) if at >= 0 else [builder.zero] * len(by)
    else:
        given = _given(taken, transform.argnums, name)
        if transform.kind != "jacobian" and not structure.is_number:
            raise TypeError(
                f"{name} must return one number to have a gradient, not {type(result).__name__} {result!r}; "
                "for several numbers use autograd.jacobian"
            )
        rows = []
        for number in numbers:
            wanted = [place_of(graph, inputs[i]) for i in given.inputs]
            if isinstance(number, Value):
                rows.append(slopes(graph, place_of(graph, number), wanted))
            else:
                rows.append([builder.zero] * len(wanted))
        tree, order_of_results = _laid_out(transform.kind, structure, given.structure, rows, len(results))
        results += [slope for row in rows for slope in row]
    users = [*dict.fromkeys(builder.users)]
    if _are_outdated(users):
        raise OutdatedError(f"{name} goes on with a row that was defined anew; nobody can say for how long")
    found: dict[int, Guard] = {}  # by operand, so that nothing is asked twice; a constant needs no guard
    for guard in watcher.guards:
        if (at := operand(guard.node)) >= 0:
            found.setdefault(at, guard)
    program = finished(builder, [*results, *found], watcher.places)
    executor = Executor(program, tier, exact, exact and not by, builder.functions)
    recorded = Recorded(
        program, executor, [*found.values()], tree, order_of_results,
        _builder(tree.spec, order_of_results, tree), _inside(order_of_results),
        users, {},
    )  # fmt: skip
    compared = numbers if transform is None or transform.kind == "value_and_grad" else []
    _verify(recorded, [*taken.numbers, *map(data_of, held)], compared, exact)
    return recorded


def _are_outdated(users: Sequence[Primitive]) -> bool:
    return any(TABLE.get(row.name, row) is not row for row in users)


def _verify(recorded: Recorded, inputs: Sequence[float], numbers: Sequence[Any], exact: bool) -> None:
    """Run the program where it was recorded: it must give what was computed there."""
    outputs = recorded.executor.run(inputs)
    if recorded.executor.flagged:
        return
    for k, number in enumerate(numbers):
        expected = data_of(number) if isinstance(number, Value) else float(number)
        equal = outputs[k] == expected if exact else math.isclose(outputs[k], expected, rel_tol=1e-6, abs_tol=1e-9)
        assert equal or not math.isfinite(expected), f"replay gives {outputs[k]!r} for {number!r}"
    assert not exact or first_failed(recorded, outputs) < 0, "replay takes another branch than the recording"


class _Given(NamedTuple):
    structure: Structure
    inputs: list[int]  # the places of its numbers among the inputs


def _given(taken: Arguments, argnums: Any, name: str) -> _Given:
    """What derivatives are by: the arguments that argnums name."""
    chosen = functional._chosen(argnums, taken.count, name)
    sizes = taken.sizes()
    structures: list[Any] = [taken.structures[i] for i in chosen]
    for i, structure in zip(chosen, structures, strict=True):
        if structure is None:
            raise TypeError(f"argument {i} of {name} is no number, nor made of numbers: it has no derivative")
    inputs = [at for i in chosen for at in range(sum(sizes[:i]), sum(sizes[: i + 1]))]
    return _Given(Structure.of_tuple(structures) if isinstance(argnums, tuple) else structures[0], inputs)


def _laid_out(
    kind: str, structure: Structure, given: Structure, rows: list[list[int]], before: int
) -> tuple[Structure, list[int]]:
    """The structure of a transform's result, and for each of its numbers the place among the values and slopes."""
    size = len(rows[0]) if rows else 0
    numbered = [[float(before + k * size + i) for i in range(size)] for k in range(len(rows))]
    tree: Any
    if kind == "jacobian":
        tree = structure.of_structures(given, numbered)
    else:
        tree = given.rebuild(numbered[0])
        if kind == "value_and_grad":
            tree = (structure.rebuild([float(i) for i in range(before)]), tree)
    leaves, laid_out = flatten(tree, "the result")
    return laid_out, list(map(int, leaves))


def _builder(spec: Any, places: Sequence[int], result: Structure) -> Callable[[list[float]], Any]:
    """How to make a result of a program's outputs, for few numbers without looking at its structure again."""
    if spec is None:
        return itemgetter(*places)
    kind, keys, children = spec
    if kind is tuple and keys is None and len(children) > 1 and not any(children):
        return itemgetter(*places)
    if kind is tuple and keys is None and len(children) == 2 and children[0] is None:  # a value and its slopes
        place, rest = places[0], _builder(children[1], places[1:], Structure(children[1], len(places) - 1))
        return lambda outputs: (outputs[place], rest(outputs))
    return lambda outputs: result.rebuild([outputs[place] for place in places])


def _inside(places: Sequence[int]) -> Any:
    """These places as an index of an array: a slice if they follow each other, as no output is another's most often."""
    start = places[0] if places else 0
    follow = [*places] == [*range(start, start + len(places))]
    return slice(start, start + len(places)) if follow else np.array(places, np.intp)


def first_failed(recorded: Recorded, outputs: Sequence[float]) -> int:
    """The first guard that came out otherwise than it was recorded, or -1."""
    at = recorded.size
    for k, guard in enumerate(recorded.guards):
        if outputs[at + k] != guard.expected:
            return k
    return -1


def first_failed_of_each(recorded: Recorded, outputs: Any) -> Any:
    """For each row of outputs, the first guard that came out otherwise, or -1; the guards' columns are the last."""
    at = outputs.shape[1] - len(recorded.guards)
    failed = np.full(len(outputs), -1)
    for k, guard in enumerate(recorded.guards):
        failed[(failed < 0) & (outputs[:, at + k] != guard.expected)] = k
    return failed
