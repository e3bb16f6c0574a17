"""A flat program as a function that JAX traces: for jit, vmap, and sharding over devices and hosts.

XLA takes minutes for a few thousand scalar operations one by one.  So the values are elements of one array; operations
of the same kind that do not depend on each other are one operation on vectors gathered from it, in a ``lax.scan`` over
the levels of the program; the turns of a loop are one ``vmap`` if none looks at another, and else a ``lax.scan`` as
well, of those instructions only that have to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..program import Program
from .arrays import operations, rows
from .blocks import Array, Block, Built, Indices, gathered, listed
from .plan import Plan

if TYPE_CHECKING:
    from ..function import Compiled
    from ..recorded import Recorded

MOST_LOOPS = 8  # with more, it is quicker to compile everything written out


def to_jax(compiled: Program | Compiled) -> Callable[..., Any]:
    """What a compiled function computes, or a program, as a function that JAX traces.

    Of a compiled function it takes the same arguments, with arrays of JAX for numbers and arrays, and returns the same
    structure; the function must have been called with such arguments, and take no branches (``where`` and ``take``
    stay within one program).  Of a program it takes one array of all inputs and returns one of all outputs.

    It can be given to ``jax.jit``, ``jax.vmap``, ``jax.grad`` and the rest, and its arguments can be sharded.  Floats
    are of 64 bits, as JAX must be told: ``jax.config.update("jax_enable_x64", True)``.  XLA has its own exp, tanh and
    so on, and may fuse a product with a sum: results differ from the program's in the last places; where the engine
    would raise, they are infinite or nan.

    A fit whose samples are spread over all devices (of all hosts, after ``jax.distributed.initialize()``)::

        fast = autograd.compile(autograd.value_and_grad(loss))  # loss(weights, x, y) of one sample
        fast(weights, 0.0, 0.0)
        f = to_jax(fast)

        jax.config.update("jax_enable_x64", True)
        mesh = Mesh(np.array(jax.devices()), ("samples",))
        xs, ys = jax.device_put((xs, ys), NamedSharding(mesh, PartitionSpec("samples")))
        weights = jax.device_put(weights, NamedSharding(mesh, PartitionSpec()))

        @jax.jit
        def step(weights, xs, ys):
            losses, slopes = jax.vmap(f, in_axes=(None, 0, 0))(weights, xs, ys)
            new = jax.tree.map(lambda w, slope: w - 0.3 * slope.mean(axis=0), weights, slopes)
            return new, losses.mean()  # XLA adds up over the devices

        for _ in range(200):
            weights, loss = step(weights, xs, ys)

    Raises ModuleNotFoundError without JAX (install glassgrad[jax]) and ValueError for a row that JAX has nothing for;
    the function that is returned raises TypeError for inputs of another shape, or if JAX was not told to use float64,
    and ValueError for arguments that the compiled function has not seen, or where it took a branch.
    """
    try:
        import jax
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to_jax needs JAX: pip install 'glassgrad[jax]'", name=error.name) from None
    assert jax is not None
    if isinstance(compiled, Program):
        return _of_program(compiled)
    return _of_compiled(compiled)


def _of_compiled(compiled: Compiled) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    made: dict[Any, Callable[[Array], Array]] = {}

    def function(*args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        sizes = [int(np.prod(np.shape(leaf))) for leaf in leaves]
        starts = np.cumsum([0, *sizes])[:-1]
        # the same arguments with each number's place among all: dicts lose the order of their keys in JAX
        places = [
            leaf if isinstance(leaf, str) else start + np.arange(size, dtype=float).reshape(np.shape(leaf))[()]
            for leaf, start, size in zip(leaves, starts.tolist(), sizes, strict=True)
        ]
        found = _matching(compiled, jax.tree.unflatten(tree, places))
        if found is None:
            raise ValueError(f"{compiled!r} has not seen such arguments: call it with them once, and it is recorded")
        recorded, order = found
        if recorded.guards:
            file, line = recorded.guards[0].place
            raise ValueError(f"{compiled!r} takes a branch at {file}:{line}, which JAX cannot: use where or take there")
        if recorded.program not in made:
            made[recorded.program] = _of_program(recorded.program)
        flat = [jnp.zeros(size) if isinstance(x, str) else jnp.ravel(x) for x, size in zip(leaves, sizes, strict=True)]
        outputs = made[recorded.program](gathered(jnp.concatenate([jnp.zeros(0), *flat]), np.array(order, np.int64)))
        result = recorded.result.rebuild(list(map(float, recorded.places)))
        return jax.tree.map(lambda place: outputs[np.asarray(place).astype(np.int64)], result)

    function.__name__ = getattr(compiled, "__name__", "function")
    function.__doc__ = getattr(compiled, "__doc__", None)
    return function


def _matching(compiled: Compiled, args: Sequence[Any]) -> tuple[Recorded, list[Any]] | None:
    """What was recorded for such arguments, and their numbers in the order of its inputs."""
    for key, recorded in compiled._recorded.items():
        if isinstance(key, int):
            if len(args) == key and all(np.ndim(arg) == 0 and not isinstance(arg, str) for arg in args):
                return recorded, list(args)
            continue
        structures, names, statics = key
        if names or len(structures) != len(args):
            continue
        rest, order = iter(statics), []
        try:
            for structure, arg in zip(structures, args, strict=True):
                if structure is not None:
                    order += structure.match(arg, "argument")
                elif next(rest) != arg:
                    break
            else:
                return recorded, order
        except TypeError:
            continue
    return None


def _of_program(program: Program) -> Callable[[Array], Array]:
    import jax.numpy as jnp

    plan = Plan(program)
    inputs, constants = program.inputs, program.constants.copy()
    shift = len(constants)

    def number(operands: NDArray[Any]) -> Indices:
        """Operands as the block counts them: inputs, constants, results."""
        x = operands.astype(np.int64)
        return np.where(x < 0, inputs - 1 - x, np.where(x < inputs, x, x + shift))

    top = Block(inputs + shift, *listed(program, number), list(plan.loops))
    top.live = np.zeros(len(program), bool)
    top.live[sorted(plan.live)] = True
    known = rows()
    for i, kind in enumerate(top.kinds):
        if top.live[i] and kind[0] == "call" and kind[1] not in known:
            raise ValueError(
                f"JAX has nothing for {kind[1]}, instruction {i}: "
                "write it with other functions of autograd.math, or keep it out of what is exported"
            )
    built = Built(top, operations(), known)
    if built.loops > MOST_LOOPS:
        top.loops = []
        built = Built(top, built.functions, known)
    last = built.where(number(program.outputs))

    def function(x: Array) -> Array:
        x = jnp.asarray(x)
        if x.shape != (inputs,):
            raise TypeError(f"the program takes an array of shape ({inputs},), not {x.shape}")
        x = x.astype(float)
        if x.dtype != np.float64:
            raise TypeError(
                'float32 would lose half the digits: jax.config.update("jax_enable_x64", True) before arrays are made'
            )
        return gathered(built.run(jnp.concatenate([x, jnp.asarray(constants)])), last)

    function.__name__ = "program"
    function.__doc__ = f"{inputs} inputs, {len(program.outputs)} outputs, {len(program)} operations."
    return function
