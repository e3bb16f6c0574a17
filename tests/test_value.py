"""``Value``: arithmetic, comparisons, backward, memory, copies.  The table's rows have tests of their own."""

from __future__ import annotations

import copy
import gc
import inspect
import math
import pickle
import threading
import weakref
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import Value, gradients
from autograd import math as am

DEEP = 1_000_000


def chain(n: int, leaf: Value) -> Value:
    out = leaf
    for _ in range(n):
        out = out + 1.0
    return out


# ---- construction and looks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [3, True, Fraction(3, 2), np.float32(1.5), np.int64(4), np.float64(2.5), np.bool_(True)])
def test_takes_every_kind_of_real_number(x: object) -> None:
    value = Value(x)
    assert type(value.data) is float
    assert value.data == x
    assert not value.has_grad
    assert value.op is None
    assert value.args == ()


@pytest.mark.parametrize("x", ["2", 1j, None, Decimal(2), [1.0], np.array([1.0, 2.0]), Value(1.0)])
def test_refuses_anything_else(x: object) -> None:
    with pytest.raises(TypeError, match="Value takes a real number"):
        Value(x)


def test_an_integer_too_large_for_a_float_overflows_as_float_does() -> None:
    with pytest.raises(OverflowError):
        Value(10**400)


def test_repr_names_what_is_known() -> None:
    a = Value(2.0, "a")
    assert repr(a) == "Value(2.0, label='a')"
    (a * 3).backward()
    assert repr(a) == "Value(2.0, grad=3.0, label='a')"
    assert f"{a:.3f} {a}" == "2.000 2.0"


def test_args_keep_order_and_plain_numbers() -> None:
    a, b = Value(2.0), Value(3.0)
    assert (b - a).args == (b, a)
    assert (b - a).args[0] is b
    power = a**2
    assert power.args[0] is a
    assert type(power.args[1]) is float
    assert str(power.op) == "pow"
    double = a + a
    assert double.args[0] is a
    assert double.args[1] is a


def test_data_of_a_leaf_can_be_set_and_of_a_result_cannot() -> None:
    a = Value(2.0)
    a.data = Fraction(1, 2)
    assert a.data == 0.5
    with pytest.raises(TypeError, match="data takes a real number"):
        a.data = "x"
    with pytest.raises(AttributeError, match=r"result of mul: set the data of a leaf"):
        (a * 2).data = 1.0


# ---- arithmetic with other numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [2, True, Fraction(1, 4), np.float32(0.1), np.float64(2.5), np.int16(3)])
def test_operators_take_real_numbers_on_either_side(other: object) -> None:
    x, f, o = Value(1.75), 1.75, float(other)
    for ours, theirs in [
        (x + other, f + o), (other + x, o + f), (x - other, f - o), (other - x, o - f), (x * other, f * o),
        (other * x, o * f), (x / other, f / o), (other / x, o / f), (x**other, f**o), (other**x, o**f),
        (x % other, f % o), (other % x, o % f), (x // other, f // o), (other // x, o // f),
        (divmod(x, other)[0], divmod(f, o)[0]), (divmod(other, x)[1], divmod(o, f)[1]),
    ]:  # fmt: skip
        assert isinstance(ours, Value)
        assert ours.data == theirs


@pytest.mark.parametrize("other", [1j, "a", None, Decimal(1), [1], object()])
def test_operators_refuse_anything_else(other: object) -> None:
    x = Value(2.0)
    for operation in (
        lambda: x + other, lambda: other + x, lambda: x * other, lambda: x / other, lambda: x**other,
        lambda: other - x, lambda: x < other, lambda: x // other, lambda: am.hypot(x, other), lambda: am.atan2(x, other),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            operation()
    assert (x == other) is False
    assert (x != other) is True


def test_comparisons_are_those_of_the_data_and_hash_is_identity() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(1.0)
    assert a < b
    assert a <= c
    assert b > a
    assert a >= c
    assert a == c
    assert a == 1
    assert b != 1.5
    assert b > 1.5
    assert Fraction(3, 2) < b
    assert a < np.float32(3)
    assert Value(float(2**53)) < 2**53 + 1  # exact, as between float and int
    assert len({a, c}) == 2
    assert not Value(0.0)
    assert Value(math.nan)
    assert Value(math.nan) != Value(math.nan)
    assert max(a, b) is b
    assert sorted([b, a])[0] is a


def test_sum_of_python_works() -> None:
    values = [Value(float(i)) for i in range(5)]
    total = sum(values)
    total.backward()
    assert total.data == 10.0
    assert [v.grad for v in values] == [1.0] * 5


@pytest.mark.parametrize("function", [math.exp, float, int, round, math.floor, math.ceil, math.trunc, complex])
def test_nothing_drops_a_gradient_in_silence(function: object) -> None:
    with pytest.raises(TypeError, match=r"autograd\.math .* to differentiate, \.data for the number"):
        function(Value(2.0, "x"))


# ---- errors name the operation, the operands and the remedy ----------------------------------------------------------


def test_forward_errors_have_floats_type_and_name_the_operands() -> None:
    x, zero = Value(-8.0, "x"), Value(0.0, "z")
    with pytest.raises(ValueError, match=r"log\(x=-8\.0\).*\(0, inf\)"):
        x.log()
    with pytest.raises(ZeroDivisionError, match=r"div\(1\.0, z=0\.0\)"):
        1 / zero
    with pytest.raises(ValueError, match=r"pow\(x=-8\.0, 0\.333.*not real"):
        x ** (1 / 3)
    with pytest.raises(OverflowError, match=r"exp\(1000\.0\).*too large"):
        Value(1000.0).exp()
    with pytest.raises(ZeroDivisionError, match=r"pow\(z=0\.0, -1\.0\)"):
        zero**-1


def test_an_infinite_slope_raises_and_leaves_every_grad_as_it_was() -> None:
    x, y = Value(0.0, "x"), Value(3.0, "y")
    y.grad = 7.0
    out = x.sqrt() * y + y * y
    with pytest.raises(ZeroDivisionError, match=r"sqrt\(x=0\.0\) has no finite derivative by operand 1 .*where"):
        out.backward()
    assert (x.grad, y.grad, out.grad) == (0.0, 7.0, 0.0)
    assert [v.has_grad for v in (x, y, out)] == [False, True, False]


def test_a_branch_not_taken_is_not_differentiated() -> None:
    x = Value(0.0)
    am.where(x > 0, x.sqrt(), 2 * x).backward()
    assert x.grad == 2.0


def test_partials_of_constants_are_never_computed() -> None:
    x = Value(-2.0)
    (x**2).backward()  # the partial by the exponent would be log(-2)
    assert x.grad == -4.0
    y = Value(0.0)
    (0.0 * (1e308 * y) * 1e308).backward()
    assert y.grad == 0.0


def test_rows_name_wrong_calls() -> None:
    with pytest.raises(TypeError, match="exp takes 1 argument, not 2"):
        am.exp(Value(1.0), 2.0)
    with pytest.raises(TypeError, match="hypot takes real numbers and Values, not str 'a'"):
        am.hypot(Value(1.0), "a")
    with pytest.raises(ValueError, match="dot needs two sequences of one length, not 1 and 2"):
        am.dot([Value(1.0)], [1.0, 2.0])


# ---- backward --------------------------------------------------------------------------------------------------------


def test_fan_out_needs_the_topological_order() -> None:
    a = Value(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad, c.grad) == (4.0, 2.0, 1.0)


def test_backward_twice_doubles_the_leaves_and_nothing_else() -> None:
    x = Value(3.0)
    h = x * x
    out = h * 2
    out.backward()
    out.backward()
    assert (x.grad, h.grad, out.grad) == (24.0, 2.0, 1.0)
    out.backward(grad=10.0)
    assert (x.grad, h.grad, out.grad) == (24.0 + 120.0, 20.0, 10.0)


def test_two_outputs_of_one_graph_add_up_in_the_leaves() -> None:
    x = Value(2.0)
    h = x * x
    (h * 3).backward()
    (h * 5).backward()
    assert (x.grad, h.grad) == (12.0 + 20.0, 5.0)


def test_a_leaf_that_receives_nothing_has_gradient_zero() -> None:
    x, y = Value(-1.0), Value(1.0)
    (x.relu() + y).backward()
    assert (x.grad, y.grad) == (0.0, 1.0)
    assert x.has_grad


def test_a_gradient_is_a_float_from_the_beginning_and_begins_anew() -> None:
    x = Value(3.0)
    h = x * x
    assert [(v.grad, type(v.grad), v.has_grad) for v in (x, h)] == [(0.0, float, False)] * 2
    h.backward()
    assert [(v.grad, v.has_grad) for v in (x, h)] == [(6.0, True), (1.0, True)]
    x.data -= 0.5 * x.grad
    x.grad = h.grad = None
    assert [(v.grad, type(v.grad), v.has_grad) for v in (x, h)] == [(0.0, float, False)] * 2
    assert repr(x) == "Value(0.0)"
    x.grad = 0
    assert (x.grad, type(x.grad), x.has_grad) == (0.0, float, True)
    x.grad += 1
    h.backward(10)
    assert (x.grad, h.grad) == (61.0, 10.0)
    assert repr(x) == "Value(0.0, grad=61.0)"
    with pytest.raises(AttributeError):
        x.has_grad = False


def test_gradients_belong_to_the_forward_pass_that_was_run() -> None:
    x, y = Value(3.0), Value(5.0)
    out = x * y + x.tanh() + am.dot([x, y], [y, x]) + am.where(x > 0, x * x, y)
    out.backward()
    expected = x.grad, y.grad
    x.grad = y.grad = None
    x.data, y.data = -100.0, math.nan
    out.backward()
    assert (x.grad, y.grad) == expected
    with pytest.raises(RuntimeError, match=r"was (3|5)\.0 when .* was computed"):
        gradients(out, [x], create_graph=True)


def test_gradients_of_a_seed_that_is_no_number() -> None:
    with pytest.raises(TypeError, match="backward takes a real number"):
        Value(1.0).backward("1")


def test_backward_of_a_leaf() -> None:
    x = Value(1.0)
    x.backward()
    x.backward(2.0)
    assert x.grad == 3.0


# ---- depth, memory, threads ------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_million_chained_operations() -> None:
    x = Value(1.0, "x")
    out = chain(DEEP, x)
    out.backward()
    assert x.grad == 1.0
    again = copy.deepcopy(out)
    assert again.data == out.data
    assert again.args[0] is not out.args[0]
    del again
    loaded = pickle.loads(pickle.dumps(out))
    assert loaded.data == out.data
    depth = 0
    while loaded.op is not None:
        loaded, depth = loaded.args[0], depth + 1
    assert (depth, loaded.label) == (DEEP, "x")


def test_dropping_the_output_frees_the_graph_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = Value(1.0)
        h = x * 2
        out = am.dot([h, x], [x, h]) + h.exp() + am.max(h, x)
        out.backward()
        gone = weakref.ref(h)
        inner = weakref.ref(out)
        del h, out
        assert gone() is None
        assert inner() is None
    finally:
        gc.enable()


def test_wide_fan_out() -> None:
    x = Value(1.0)
    am.sum([x * float(i) for i in range(10_000)]).backward()
    assert x.grad == sum(range(10_000))


def test_separate_graphs_in_separate_threads() -> None:
    results: dict[int, float | None] = {}

    def work(i: int) -> None:
        x = Value(float(i))
        for _ in range(20):
            y = x
            for _ in range(500):
                y = y * 1.001 + x
            x.grad = None
            y.backward()
        results[i] = x.grad

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slope = 1.0
    for _ in range(500):
        slope = slope * 1.001 + 1.0
    assert set(results) == {0, 1, 2, 3}
    for grad in results.values():
        assert grad == pytest.approx(slope, rel=1e-12)


# ---- copies and pickles ----------------------------------------------------------------------------------------------


def structure(out: Value) -> list[object]:
    """The graph written down: an entry a node, in the order in which they are met, operands as positions."""
    order: list[Value] = []
    stack = [out]
    while stack:
        node = stack.pop()
        if not any(node is other for other in order):
            order.append(node)
            stack.extend(arg for arg in node.args if isinstance(arg, Value))
    place = {id(node): i for i, node in enumerate(order)}
    return [
        (node.data, node.grad, node.label, str(node.op), [place.get(id(arg), arg) for arg in node.args])
        for node in order
    ]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_keep_structure_sharing_and_numbers(duplicate: object) -> None:
    x, y = Value(3.0, "x"), Value(0.5, "y")
    h = x * y
    h.label = "h"
    out = am.dot([h, x, 2.0], [y, h, x]) + (h + h) ** 2 + am.where(h > 1, x, y) + am.log(x, 10) + 1 / y
    out.backward()
    twin = duplicate(out)
    assert structure(twin) == structure(out)
    x.data = 100.0
    before = (x.grad, y.grad)
    twin.backward()
    assert twin.args[0] is not out.args[0]
    assert (x.grad, y.grad) == before
    leaves = {entry[2]: entry[1] for entry in structure(twin) if entry[3] == "None"}
    assert leaves == {"x": pytest.approx(2 * before[0]), "y": pytest.approx(2 * before[1])}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_outputs_copied_together_share_their_leaves(duplicate: object) -> None:
    x = Value(3.0, "x")
    first, second, leaf = duplicate([x * x, x + 1, x])
    assert first.args[0] is leaf
    assert second.args[0] is leaf
    assert leaf is not x


def test_a_copy_changes_its_leaf_as_the_pickled_graph_remembers_the_numbers_it_was_made_from() -> None:
    x = Value(3.0)
    out = x * x
    x.data = 5.0
    twin = pickle.loads(pickle.dumps(out))
    twin.backward()
    assert (twin.data, twin.args[0].data, twin.args[0].grad) == (9.0, 5.0, 6.0)


def test_copy_of_one_node() -> None:
    x = Value(3.0, "x")
    leaf = copy.copy(x)
    leaf.data = 4.0
    assert (x.data, leaf.label, leaf is x) == (3.0, "x", False)
    square = x * x
    twin = copy.copy(square)
    assert twin is not square
    assert twin.args[0] is x


class Parameter(Value):
    def __init__(self, data: float, unit: str) -> None:
        super().__init__(data)
        self.unit = unit


def test_subclasses_are_leaves_like_any_other() -> None:
    p = Parameter(2.0, "volt")
    out = p * 3 + p
    out.backward()
    assert p.grad == 4.0
    assert type(out) is Value
    for twin in (copy.deepcopy(out), pickle.loads(pickle.dumps(out))):
        leaf = twin.args[1]
        assert isinstance(leaf, Parameter)
        assert (leaf.unit, leaf.data, leaf.grad) == ("volt", 2.0, 4.0)
    assert repr(p) == "Parameter(2.0, grad=4.0)"


def test_weak_references() -> None:
    x = Value(1.0)
    reference = weakref.ref(x)
    assert reference() is x
    del x
    assert reference() is None


def test_methods_are_documented_from_the_table() -> None:
    assert Value.relu.__doc__ == "``autograd.math.relu`` of this number; slope 0 at 0."
    assert Value.tanh.__doc__ == "``autograd.math.tanh`` of this number."
    for name in dir(Value):
        if not name.startswith("_"):
            assert inspect.getdoc(getattr(Value, name)), name


def test_the_package_lists_what_it_imports_later() -> None:
    assert set(autograd.__all__) <= set(dir(autograd))
    for name in dir(autograd):
        assert getattr(autograd, name) is not NotImplemented


# ---- detach ----------------------------------------------------------------------------------------------------------


def test_detach_cuts() -> None:
    x = Value(2.0, "x")
    (x * (x * x).detach()).backward()
    assert x.grad == 4.0
    assert x.detach().label == "x"


# ---- NumPy -----------------------------------------------------------------------------------------------------------


def test_object_arrays_of_values() -> None:
    a = np.array([Value(1.0), Value(2.0)], dtype=object)
    b = np.array([0.5, 4.0])
    assert [v.data for v in a + b] == [1.5, 6.0]
    assert [v.data for v in b * a] == [0.5, 8.0]
    assert [v.data for v in 2.0 / a] == [2.0, 1.0]
    assert [v.data for v in a**2] == [1.0, 4.0]
    assert [v.data for v in -a] == [-1.0, -2.0]
    assert (a @ b).data == 8.5
    assert np.dot(a, b).data == 8.5
    assert np.sum(a).data == 3.0
    assert np.max(a) is a[1]
    matrix = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    assert [v.data for v in matrix @ a] == [5.0, 11.0]
    np.sum(matrix @ a).backward()
    assert [v.grad for v in a] == [4.0, 6.0]


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "expm1",
        "exp2",
        "log",
        "log1p",
        "log2",
        "log10",
        "sqrt",
        "cbrt",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "arcsinh",
        "arccosh",
        "arctanh",
        "degrees",
        "radians",
        "rad2deg",
        "deg2rad",
        "fabs",
        "absolute",
        "square",
        "reciprocal",
        "conjugate",
        "negative",
        "positive",
    ],
)
def test_ufuncs_find_the_methods(name: str) -> None:
    x = 1.5 if name == "arccosh" else 0.5
    function = getattr(np, name)
    leaf = Value(x)
    result = function(np.array([leaf], dtype=object))[0]
    assert isinstance(result, Value)
    assert result.data == pytest.approx(float(function(x)), rel=1e-15)
    (slope,) = gradients(result, [leaf])
    assert slope == pytest.approx((function(x + 1e-6) - function(x - 1e-6)) / 2e-6, rel=1e-8)


@pytest.mark.parametrize(
    "name", ["hypot", "arctan2", "power", "maximum", "minimum", "floor_divide", "remainder", "divide"]
)
def test_ufuncs_of_two_arrays_find_the_methods(name: str) -> None:
    function = getattr(np, name)
    a, b = Value(1.5), Value(0.7)
    for y in (b, 0.7):
        result = function(np.array([a], dtype=object), np.array([y], dtype=object))[0]
        data = result.data if isinstance(result, Value) else result
        assert data == pytest.approx(float(function(1.5, 0.7)), rel=1e-15)
        slope = gradients(result, [a])[0] if isinstance(result, Value) else 0.0
        assert slope == pytest.approx((function(1.5 + 1e-6, 0.7) - function(1.5 - 1e-6, 0.7)) / 2e-6, rel=1e-8)


def test_logaddexp_is_none_of_numpys_functions_of_objects() -> None:
    values = np.array([Value(1.5), Value(0.7)])
    with pytest.raises(TypeError, match="logaddexp"):
        np.logaddexp(values, values)
    assert am.logsumexp(list(values)).data == pytest.approx(np.logaddexp(1.5, 0.7), rel=1e-15)


@pytest.mark.parametrize("name", ["mean", "std", "var", "sum", "prod", "cumsum", "max", "median", "ptp"])
def test_statistics_of_object_arrays(name: str) -> None:
    data = [3.0, 1.0, 7.0, 2.5]
    function = getattr(np, name)
    values = np.array([Value(x) for x in data], dtype=object)
    result = np.ravel(function(values))[-1]
    assert result.data == pytest.approx(float(np.ravel(function(data))[-1]), rel=1e-15)
    for i, slope in enumerate(gradients(result, list(values))):
        high, low = list(data), list(data)
        high[i] += 1e-6
        low[i] -= 1e-6
        expected = float(np.ravel(function(high))[-1] - np.ravel(function(low))[-1]) / 2e-6
        assert slope == pytest.approx(expected, rel=1e-7, abs=1e-8)


def test_numpy_scalars_and_arrays_on_the_left() -> None:
    v = Value(3.0)
    assert isinstance(np.float64(2) * v, Value)
    assert isinstance(np.float32(2) - v, Value)
    assert (np.float64(2) * v).data == 6.0
    assert [w.data for w in np.array([1.0, 2.0]) * v] == [3.0, 6.0]
    assert [w.data for w in v * np.array([1.0, 2.0])] == [3.0, 6.0]
    with pytest.raises(TypeError, match="lose its gradient"):
        np.array([v], dtype=float)


class Slotted(Value):
    __slots__ = ("extra", "unset")


class Single(Slotted):
    __slots__ = "name"  # a string is one name

    def __init__(self, data: float, name: str) -> None:
        super().__init__(data)
        self.name = name


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda node: pickle.loads(pickle.dumps(node))],
    ids=["copy", "deep", "pickle"],
)
def test_copies_keep_the_slots_of_a_subclass(duplicate):
    leaf = Single(2.0, "a name")
    leaf.extra = [1.0]
    twin = duplicate(leaf)
    assert type(twin) is Single
    assert (twin.data, twin.name, twin.extra) == (2.0, "a name", [1.0])
    assert (twin.extra is leaf.extra) == (duplicate is copy.copy)
    assert not hasattr(twin, "unset")
    assert twin is not leaf
