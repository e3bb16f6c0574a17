"""Memory: a dropped graph is gone at once, whatever its depth and size; nothing is left over from rounds of work."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autograd
from autograd import Value, gradients, hvp, jvp, no_grad
from autograd import math as am
from autograd.primitives import Primitive

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

ROOT = Path(__file__).resolve().parents[1]
LONG = 10_000_000 if autograd.__native__ else 1_000_000
# In bytes.  Compiled, a small one shows any recursion; interpreted, it is CPython that bounds the recursion of its own
# freeing, from 3.13 on at thousands of C frames: then the usual one must do.
STACK = 256 * 1024 if autograd.__native__ else 8 * 1024 * 1024


# ---- freeing ---------------------------------------------------------------------------------------------------------

CHAINS = {
    "one after another": "y = y + 1.0",
    "unary": "y = -y",
    "twice": "y = (y + y) * 0.5",
    "two deep": "y, z = z, y + z * 1e-9",
    "sums": "y = am.sum([z, y, y])",
    "dots": "y = am.dot([y, z], [1.0, y])",
    "where": "y = am.where(True, y, z)",
    "attributes of leaves": "p = Leaf(1.0); p.source = y; y = p * 2.0",
}
RUN = """
import threading
from autograd import Value, math as am

class Leaf(Value):
    pass

def work():
    y, z = Value(1.0), Value(1.0)
    for _ in range({steps}):
        {step}
    del y, z
    print("freed")

threading.stack_size({stack})
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def run_apart(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, with the engine that runs here: it may crash."""
    mode = "require" if autograd.__native__ else "off"
    environment = {**os.environ, "GLASSGRAD_NATIVE": mode, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("kind", CHAINS)
def test_a_long_chain_is_freed_on_a_small_stack(kind: str) -> None:
    """In a thread, compiled with a stack of 256 KB; the chain of the plain kind is then 10,000,000 long."""
    steps = LONG if kind == "one after another" else LONG // 20
    done = run_apart(RUN.format(steps=steps, step=CHAINS[kind], stack=STACK))
    assert (done.stdout, done.returncode) == ("freed\n", 0), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="resource.setrlimit is not there to make the main stack small")
def test_a_long_chain_is_freed_at_exit_and_on_the_main_stack() -> None:
    program = f"from autograd import Value\ny = Value(1.0)\nfor _ in range({LONG // 10}): y = y + 1.0\nprint('built')"
    done = run_apart(
        "import os, resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_STACK, ({STACK}, {STACK}))\n"  # of the program that comes next
        f"os.execv(sys.executable, [sys.executable, '-c', {program!r}])"
    )
    assert (done.stdout, done.returncode) == ("built\n", 0), done.stderr


def test_freeing_does_not_meet_a_node_twice() -> None:
    """A graph with 2**1000 paths is freed by its 1000 nodes: so many finalizers run, the youngest's first."""
    died: list[int] = []
    y = Value(1.0)
    for i in range(1000):
        y = y + y
        weakref.finalize(y, died.append, i)
    del y
    assert sorted(died) == list(range(1000))
    assert died[0] == 999


def test_a_dropped_output_frees_its_graph_without_the_collector() -> None:
    gc.disable()
    try:
        x = Value(2.0)
        y = am.sum([x * x, x.exp(), am.dot([x, 1.0], [x, x])])
        refs = [weakref.ref(node) for node in autograd.backward.topological(y)]
        y.backward()
        gradients(gradients(y, [x], create_graph=True)[0], [x])
        assert all(ref() is not None for ref in refs)
        del y
        assert [ref() for ref in refs] == [x] + [None] * (len(refs) - 1)
    finally:
        gc.enable()


def test_what_is_still_used_stays() -> None:
    x = Value(2.0)
    chain = [x]
    for _ in range(5000):
        chain.append(chain[-1] * 1.0001)
    middle, end = chain[2500], chain[-1]
    refs = [weakref.ref(node) for node in chain]
    del chain
    assert all(ref() is not None for ref in refs)
    del end
    assert [ref() is not None for ref in refs] == [True] * 2501 + [False] * 2500
    middle.backward()
    assert x.grad == pytest.approx(1.0001**2500)


def test_graphs_made_and_dropped_in_every_order() -> None:
    """Memory that is given back and used again never belongs to two nodes: all the numbers stay what they were."""
    import random

    rng = random.Random(1)
    alive: list[tuple[Value, float]] = []
    for i in range(30_000):
        x = float(i)
        alive.append(((Value(x) + 1.0) * 2.0, (x + 1.0) * 2.0))
        if len(alive) > 3000:
            kept = alive.pop(rng.randrange(len(alive)))
            made: Any = kept[0]
            assert (made.data, made.args[0].args[0].data) == (kept[1], kept[1] / 2 - 1)
        if i % 7000 == 0:
            del alive[:: rng.choice([1, 2, 3])]
    assert all(value.data == data for value, data in alive)


def test_freeing_in_another_thread_and_in_callbacks() -> None:
    died: list[int] = []

    def callback(_: object) -> None:
        y = Value(1.0)
        for _ in range(300):
            y = y * 1.5
        died.append(1)  # and y's chain dies while another does

    y = Value(1.0)
    refs = []
    for i in range(3000):
        y = y + 1.0
        if i % 10 == 0:
            refs.append(weakref.ref(y, callback))
    box = [y]
    del y
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    assert len(died) == 300
    assert all(ref() is None for ref in refs)


# ---- leaks -----------------------------------------------------------------------------------------------------------


class Leaf(Value):
    """A leaf with an attribute."""

    def __init__(self, data: float, extra: Any = None) -> None:
        super().__init__(data)
        self.extra = extra


def plain() -> None:
    x, w = Value(0.5), Value(1.5, "w")
    y = x
    for i in range(100):
        y = (y * w + x).tanh() if i % 3 else am.dot([y, w, 1.0], [x, 0.5, y])
    y.backward()
    gradients(y, [x, w])


def higher_orders() -> None:
    x, w = Value(0.5), Value(1.5)
    y = am.logsumexp([x * w, am.sin(x), w**x])
    (slope,) = gradients(y, [x], create_graph=True)
    gradients(slope, [x, w])
    jvp(lambda a, b: a * b.exp(), (0.5, 1.0), (1.0, 2.0))
    hvp(lambda a, b: a * b.exp(), (0.5, 1.0), (1.0, 2.0))


def errors() -> None:
    zero, w = Value(0.0, "zero"), Value(2.0)
    y = zero.sqrt() * w + am.where(w > 0, w, zero)
    attempts: list[Callable[[], Any]] = [
        y.backward, zero.log, lambda: w / zero, lambda: gradients(y, [zero]), lambda: w * "x", lambda: Value("x"),
        lambda: am.dot([w], []), lambda: (Value(1e308) * 10.0).exp(), lambda: (-w) ** 0.5,
    ]  # fmt: skip
    for attempt in attempts:
        with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
            attempt()
    with contextlib.suppress(KeyError):
        (_raises(w * 2.0) + w).backward()


def copies() -> None:
    x = Leaf(2.0, [1, 2])
    y = (x * x + 1.0) * x.exp()
    y.backward()
    copy.copy(y), copy.deepcopy(y), copy.deepcopy([x, y]), copy.copy(x)
    pickle.loads(pickle.dumps((y.detach(), Value(1.0) * 2.0 + am.sum([Value(1.0), 2.0]))))


def objects() -> None:
    x = Leaf(1.0)
    x.extra = {"x": 1}
    y = x * 2.0 + x
    weakref.ref(y, lambda _: None)
    repr(y), str(y), f"{y:.2f}", y.args, y.op, y == 3.0, y < x, {y: 1}, y.label
    y.args[0].grad = 1.0  # type: ignore[union-attr]  # an operand that is a Value
    with no_grad():
        x * y
    x.data = 5.0
    x.__init__(3.0)  # type: ignore[misc]  # called again on purpose


def threads() -> None:
    def work() -> None:
        x = Value(1.0)
        y = x
        for _ in range(50):
            y = y * 1.01 + x
        y.backward()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def user_rows() -> None:
    a, b = Value(2.0), Value(3.0)
    y = _three(a, b, 4) * _squares(a, b, 1.0) + _squares(a)
    y.backward()
    gradients(gradients(y, [a], create_graph=True)[0], [a, b])


def _raise(*_: Any) -> float:
    raise KeyError("no such number")


_raises = Primitive("raises", lambda x: x, (_raise,))  # not by primitive(), as the table is every test's
_three = Primitive("three", lambda a, b, c: a * b + c, (lambda y, a, b, c: b, lambda y, a, b, c: a, lambda *_: 1))
_squares = Primitive("squares", lambda *xs: sum(x * x for x in xs), lambda y, *xs: [2 * x for x in xs])

WORK = (plain, higher_orders, errors, copies, objects, threads, user_rows)


def resident() -> int:
    """The bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(work: Callable[[], None], rounds: int) -> tuple[int, int, int]:
    """How many bytes, blocks of Python's allocator, and objects of the collector there are more after the rounds."""
    for _ in range(rounds // 10 + 20):  # caches fill
        work()
    gc.collect()
    before = resident(), sys.getallocatedblocks(), len(gc.get_objects())
    for _ in range(rounds):
        work()
    gc.collect()
    after = resident(), sys.getallocatedblocks(), len(gc.get_objects())
    bytes_, blocks, objects_ = (b - a for a, b in zip(before, after, strict=True))
    return bytes_, blocks, objects_


def leaks(work: Callable[[], None], rounds: int = 1000) -> bool:
    """Whether memory grows with the rounds: an object, a block or some nodes left over by each are noticed.

    In a process of its own: what other tests have freed would hide it.  Twice, and the lesser counts: what leaks does so
    each time, where a cache that grows or a page that the system hands out late does not.
    """
    growth = f"test_memory.growth(test_memory.{work.__name__}, {rounds})"
    code = f"from tests import test_memory\nprint(*map(min, {growth}, {growth}))"
    done = run_apart(code)
    assert done.returncode == 0, done.stderr
    bytes_, blocks, objects_ = map(int, done.stdout.split())
    return bytes_ > 3 * 2**21 or blocks > rounds // 4 or objects_ > rounds // 4


@pytest.fixture
def _procfs() -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("there is no /proc/self/statm to read the memory in use from")


@pytest.mark.usefixtures("_procfs")
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_nothing_is_left_of_1000_rounds(work: Callable[[], None]) -> None:
    assert not leaks(work, 1000)


kept: list[Any] = []


def keeps_a_graph() -> None:
    y = Value(1.0) * 2.0
    for _ in range(200):
        y = y * 1.5
    kept.append(y)


def keeps_an_object() -> None:
    plain()
    kept.append([1.5])


@pytest.mark.usefixtures("_procfs")
@pytest.mark.parametrize("work", [keeps_a_graph, keeps_an_object])
def test_what_each_round_leaves_over_is_noticed(work: Callable[[], None]) -> None:
    assert leaks(work)


def test_every_node_of_each_kind_of_work_dies() -> None:
    """Down to the single node: the weak references to all nodes of graphs of every shape are dead afterwards."""
    refs: list[weakref.ref[Value]] = []

    def graph() -> None:
        x, w = Leaf(0.5), Value(1.5)
        parts = [x * w, x + 1.0, 2.0 - w, -x, am.sum([x, w, 3.0]), am.dot([x, 1.0], [w, w]), am.where(x > 0, x, w),
                 _three(x, w, 1.0), _squares(x, w), x.detach(), copy.copy(w * x), copy.deepcopy(w * 2.0)]  # fmt: skip
        y = am.prod(parts)
        y.backward()
        (slope,) = gradients(y, [w], create_graph=True)
        with pytest.raises(ZeroDivisionError, match="sqrt"):
            (am.sqrt(x * 0.0) * y).backward()
        refs.extend(map(weakref.ref, autograd.backward.topological(y, slope)))

    gc.disable()
    try:
        for _ in range(50):
            graph()
        assert len(refs) > 50 * 20
        assert [ref() for ref in refs if ref() is not None] == []
    finally:
        gc.enable()


def test_nodes_are_no_work_for_the_collector() -> None:
    x = Value(1.0)
    gc.collect()
    before = len(gc.get_objects())
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    assert len(gc.get_objects()) - before < 100
    assert y.data > 1.0


def test_a_node_takes_at_most_96_bytes_compiled() -> None:
    if not autograd.__native__:
        pytest.skip("the interpreted engine runs: its nodes are Python objects")
    assert sys.getsizeof(Value(1.0)) <= 96


@pytest.mark.parametrize("how", ["sum", "dot", "prod"])
def test_a_users_tuple_of_parameters_is_no_leak(how: str) -> None:
    """A cycle through a tuple that was the argument of a row is collected once its owner is dropped."""

    class Parameter(Value):
        owner: Any

    class Model:
        parameters: tuple[Parameter, ...]

    model = Model()
    model.parameters = tuple(Parameter(1.0) for _ in range(3))
    for parameter in model.parameters:
        parameter.owner = model
    row: Any = getattr(am, how)
    (row(model.parameters, model.parameters) if how == "dot" else row(model.parameters)).backward()
    gone = weakref.ref(model)
    del model, parameter
    gc.collect()
    assert gone() is None
