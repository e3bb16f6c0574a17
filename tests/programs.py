"""Random programs for the engine as plain data, and what comes of running one: every number, every error, as text.

A program is a list of steps.  Each step leaves a Value (or nothing) in the next slot, and later steps refer to slots by
number.  Programs go to every corner of the public API and to numbers where functions overflow, have poles, ties and
kinks; what they leave behind is compared between engines, so it must not depend on anything but the program.
"""

from __future__ import annotations

import copy
import math
import operator
import pickle
import random
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from autograd import Value, grad, gradients, hessian, hvp, jvp, no_grad
from autograd import math as am
from autograd.primitives import BUILTIN, TABLE, Primitive

Step = tuple[Any, ...]
Program = list[Step]

AWKWARD = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1 / 3, math.pi, math.inf, -math.inf, math.nan,
    1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, -5e-324, 1e-160, -1e-160, 1e160,
    1.0 + 2**-52, 1.0 - 2**-53, -1.0 - 2**-52, 709.782712893384, 709.782712893385, -745.2, -708.4, 1024.0, -1074.0,
    308.3, 20.0, -20.0, 1e-9, 1e16, 2.0**53, 2.0**53 + 2, math.nextafter(0.5, 1.0),
)  # fmt: skip

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "%": operator.mod, "//": operator.floordiv,
}  # fmt: skip
IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "**": operator.ipow,
}  # fmt: skip
UNARY = tuple(name for name, row in TABLE.items() if name in BUILTIN and row.arity == 1)
TWO = ("atan2", "pow", "leaky_relu", "mod", "floordiv", "fmod", "remainder", "copysign")
MANY = ("sum", "fsum", "prod", "logsumexp", "max", "min", "hypot")
METHODS = tuple(name for name in UNARY if hasattr(Value, name))


# ---- rows as users write them ----------------------------------------------------------------------------------------


def _raises_key_error(_x: float) -> float:
    raise KeyError("no such number")


def _user(name: str, fn: Callable[..., Any], *partials: Any, variadic: Any = None) -> tuple[str, Primitive]:
    return name, Primitive(name, fn, variadic or partials)


USERS: dict[str, Primitive] = dict([
    _user("u_cube", lambda x: x * x * x, lambda y, x: 3 * x * x),
    _user("u_hinge", lambda x: x if x > 0 else 0.0, lambda y, x: am.where(x > 0, 1, 0)),
    _user("u_int_zero", lambda x: 7, lambda y, x: 0),
    _user("u_fraction", lambda x: Fraction(1, 3), lambda y, x: Fraction(2, 3)),
    _user("u_true", lambda x: x, lambda y, x: True),
    _user("u_root", lambda x: math.sqrt(abs(x)), lambda y, x: am.sign(x) * 0.5 / y),
    _user("u_huge", lambda x: x, lambda y, x: 10**400),
    _user("u_key", _raises_key_error, lambda y, x: 1),
    _user("u_text", lambda x: "1.0", lambda y, x: 1),
    _user("u_inner", lambda x: x**4, lambda y, x: grad(lambda z: z**4)(x)),
    _user("u_two", lambda a, b: a - b / 3, lambda y, a, b: 1, lambda y, a, b: -1 / 3),
    _user("u_three", lambda a, b, c: a * b + c, lambda y, a, b, c: b, lambda y, a, b, c: a, lambda y, a, b, c: 1),
    _user("u_pole", lambda a, b, c: a, lambda y, a, b, c: 1, lambda y, a, b, c: 1 / b, lambda y, a, b, c: am.log(c)),
    _user("u_squares", lambda *xs: math.fsum(x * x for x in xs), variadic=lambda y, *xs: [2 * x for x in xs]),
    _user("u_first", lambda *xs: xs[0], variadic=lambda y, *xs: [1] + [0] * (len(xs) - 1)),
    _user("u_short", lambda *xs: xs[0], variadic=lambda y, *xs: [1.0]),
])  # fmt: skip


# ---- making one ------------------------------------------------------------------------------------------------------


def number(rng: random.Random, wild: float) -> float:
    """A float: mostly of moderate size; with probability ``wild`` an awkward one, or any bits at all."""
    if rng.random() >= wild:
        return rng.choice([rng.gauss(0.0, 1.0), rng.uniform(0.0, 1.0), float(rng.randint(-3, 3)), rng.gauss(0.0, 30.0)])
    if rng.randint(0, 3):
        return rng.choice(AWKWARD)
    return float(struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0])


def random_program(rng: random.Random, steps: int) -> Program:
    """A program of up to a few leaves and ``steps`` steps more."""
    wild = rng.choice([0.0, 0.05, 0.3, 1.0])
    program: Program = [
        ("leaf", number(rng, wild), rng.choice(["", "x", "a b", "é{}"])) for _ in range(rng.randint(1, 4))
    ]
    while steps > 0:
        steps -= 1
        program.append(_step(rng, len(program), wild))
    if rng.randint(0, 3):
        program.append(("backward", len(program) - 1, 1.0))
    return program


def _operand(rng: random.Random, slots: int, wild: float) -> Step:
    """A slot (often a recent one, so that programs get deep) or a constant of some kind."""
    kind = rng.randint(0, 9)
    if kind < 5:
        return ("slot", slots - 1 - min(rng.randint(0, 2), slots - 1))
    if kind < 8:
        return ("slot", rng.randint(0, slots - 1))
    return rng.choice(
        [
            ("float", number(rng, wild)),
            ("int", rng.choice([0, 1, -1, 2, 3, -5, 2**53 + 1, 10**400])) if wild else ("int", rng.randint(-3, 3)),
            ("bool", rng.choice([False, True])),
            ("fraction", rng.randint(-5, 5), rng.randint(1, 7)),
        ]
    )


def _step(rng: random.Random, slots: int, wild: float) -> Step:
    def some(n: int) -> tuple[Step, ...]:
        return tuple(_operand(rng, slots, wild) for _ in range(n))

    def slot() -> int:
        return rng.randint(0, slots - 1)

    def recording(n: int) -> tuple[Step, ...]:
        # constants alone are Python's affair, and ** of two large integers would take all memory
        operands = some(n)
        return operands if any(arg[0] == "slot" for arg in operands) else (*operands[1:], ("slot", slot()))

    kind = rng.choices(
        ("infix", "unary", "method", "two", "many", "dot", "where", "user", "leaf", "quiet", "copy", "set", "reset",
         "backward", "gradients", "transform"),
        (30, 15, 8, 8, 12, 6, 5, 8, 3, 2, 3, 2, 1, 5, 6, 4),
    )[0]  # fmt: skip
    if kind == "infix":
        return ("infix", rng.choice(tuple(OPERATORS)), *recording(2), rng.randint(0, 3) == 0)
    if kind == "unary":
        return ("row", rng.choice(UNARY), recording(1))
    if kind == "method":
        return ("method", rng.choice(METHODS), slot())
    if kind == "two":
        return ("row", rng.choice((*TWO, "u_two")), recording(2))
    if kind == "many":
        n = rng.choice([0, 1, 2, 2, 3, 3, 4, 5, 8, 40])
        return ("many", rng.choice(MANY), some(n))
    if kind == "dot":
        n = rng.choice([0, 1, 2, 3, 5, 30])
        return ("dot", some(n), some(n if rng.randint(0, 19) else n + 1), rng.choice(("dot", "dot", "sumprod")))
    if kind == "where":
        return ("row", "where", some(3))
    if kind == "user":
        name = rng.choice(tuple(USERS))
        row = USERS[name]
        return ("row", name, recording(row.arity if row.arity is not None else rng.randint(1, 4)))
    if kind == "leaf":
        return ("leaf", number(rng, wild), rng.choice(["", "w"]))
    if kind == "quiet":
        return ("quiet", rng.choice(("detach", "no_grad")), slot())
    if kind == "copy":
        return ("copy", rng.choice(("copy", "deepcopy", "pickle")), slot())
    if kind == "set":
        return ("set", slot(), number(rng, wild))
    if kind == "reset":
        return ("reset", slot())
    if kind == "backward":
        return ("backward", slot(), rng.choice([1.0, number(rng, wild)]))
    if kind == "gradients":
        inputs = tuple(slot() for _ in range(rng.randint(1, 3)))
        return ("gradients", slot(), inputs, bool(rng.randint(0, 1)))
    inputs = tuple(slot() for _ in range(rng.randint(1, 2)))
    body = [("leaf", 0.0, "")] * len(inputs)  # these slots hold the inputs
    for _ in range(rng.randint(1, 5)):
        step = _step(rng, len(body), wild)
        body.append(step if step[0] not in ("set", "backward", "reset", "copy") else ("row", "sin", some(1)))
    outer = tuple(step if step[0] != "row" else _inside(step, len(body)) for step in body[len(inputs) :])
    return ("transform", rng.choice(("grad", "jvp", "hvp", "hessian", "grad of grad")), inputs, outer)


def _inside(step: Step, slots: int) -> Step:
    args = tuple(("slot", arg[1] % (slots - 1)) if arg[0] == "slot" else arg for arg in step[2])
    return (*step[:2], args, *step[3:])


# ---- running one -----------------------------------------------------------------------------------------------------


def described(error: BaseException) -> Step:
    """An exception as text, with what it came from."""
    cause = error.__cause__
    return (type(error).__name__, str(error)) + (() if cause is None else (type(cause).__name__, str(cause)))


def shown(result: Any) -> Any:
    """A result as text that tells apart whatever floats can tell apart (all nans are one)."""
    if isinstance(result, Value):
        op = result.op
        return (
            "Value",
            repr(result.data),
            repr(result.grad),
            result.has_grad,
            result.label,
            None if op is None else op.name,
        )
    if isinstance(result, list | tuple):
        return [shown(item) for item in result]
    return f"{type(result).__name__} {result!r}"


class Run:
    """What a program does: ``slots`` hold its Values, ``told`` what came of each step."""

    def __init__(self, slots: list[Any]) -> None:
        self.slots = slots
        self.told: list[Any] = []

    def operand(self, arg: Step) -> Any:
        kind, *rest = arg
        if kind == "slot":
            return self.slots[rest[0] % len(self.slots)]
        return {"float": float, "int": int, "bool": bool, "fraction": Fraction}[kind](*rest)

    def slot(self, i: int) -> Any:
        return self.slots[i % len(self.slots)]

    def run(self, steps: Any) -> Any:
        """Run the steps and return what is in the last slot."""
        for step in steps:
            try:
                result = getattr(self, f"do_{step[0]}")(*step[1:])
            except Exception as error:  # whatever the engine raises is an outcome
                self.told.append(described(error))
                result = None
            else:
                self.told.append(shown(result))
            if isinstance(result, list) and result and isinstance(result[0], Value):
                result = result[0]
            self.slots.append(result if isinstance(result, Value) else Value(1.0, "stopgap"))
        return self.slots[-1]

    def do_leaf(self, data: float, label: str) -> Any:
        return Value(data, label)

    def do_infix(self, symbol: str, a: Step, b: Step, in_place: bool) -> Any:
        function = IN_PLACE[symbol] if in_place and symbol in IN_PLACE else OPERATORS[symbol]
        return function(self.operand(a), self.operand(b))

    def do_row(self, name: str, args: tuple[Step, ...]) -> Any:
        return (USERS.get(name) or TABLE[name])(*map(self.operand, args))

    def do_method(self, name: str, i: int) -> Any:
        return getattr(self.slot(i), name)()

    def do_many(self, name: str, args: tuple[Step, ...]) -> Any:
        values = [self.operand(arg) for arg in args]
        return TABLE[name](*values) if name == "hypot" else TABLE[name](values)

    def do_dot(self, ws: tuple[Step, ...], xs: tuple[Step, ...], name: str = "dot") -> Any:
        return TABLE[name]([self.operand(w) for w in ws], [self.operand(x) for x in xs])

    def do_quiet(self, how: str, i: int) -> Any:
        if how == "detach":
            return self.slot(i).detach()
        with no_grad():
            return self.slot(i) * self.slot(i) + 1.0

    def do_copy(self, how: str, i: int) -> Any:
        value = self.slot(i)
        return pickle.loads(pickle.dumps(value)) if how == "pickle" else getattr(copy, how)(value)

    def do_set(self, i: int, data: float) -> None:
        self.slot(i).data = data

    def do_reset(self, i: int) -> None:
        self.slot(i).grad = None

    def do_backward(self, i: int, seed: float) -> None:
        self.slot(i).backward(seed)

    def do_gradients(self, i: int, inputs: tuple[int, ...], create_graph: bool) -> Any:
        return gradients(self.slot(i), [self.slot(k) for k in inputs], create_graph=create_graph)

    def do_transform(self, kind: str, inputs: tuple[int, ...], body: tuple[Step, ...]) -> Any:
        xs = [self.slot(i) for i in inputs]

        def f(*args: Any) -> Any:
            inner = Run(list(args))
            result = inner.run(body)
            self.told.append(inner.told)
            return result

        if kind == "grad":
            return list(grad(f, tuple(range(len(xs))))(*xs))
        if kind == "grad of grad":
            return list(grad(lambda *args: grad(f)(*args), tuple(range(len(xs))))(*[x.data for x in xs]))
        if kind == "hessian":
            return shown(hessian(f)(*[x.data for x in xs]))
        tangents = [1.0, *[-0.5] * (len(xs) - 1)]
        return list((jvp if kind == "jvp" else hvp)(f, xs, tangents)[:2])


def outcome(program: Program) -> list[Any]:
    """What came of each step, and how all Values look at the end."""
    TABLE.update(USERS)  # pickles find rows by their names
    try:
        run = Run([])
        run.run(program)
        return [*run.told, [(shown(value), shown(value.args)) for value in run.slots]]
    finally:
        for name in USERS:
            TABLE.pop(name, None)
