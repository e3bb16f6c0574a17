"""Derivations with numbers: against the published table, the engine's gradients, and paths enumerated one by one."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import pytest

import autograd
from autograd import Value, demo, explain, gradients, primitive
from autograd import math as am
from autograd.view.explanation import Explanation, Factor
from autograd.view.paths import Paths


def labelled(value: Value, label: str) -> Value:
    value.label = label
    return value


OPERATIONS: list[Callable[[Value, Value], Value]] = [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: am.tanh(a), lambda a, b: am.sin(a),
    lambda a, b: a * 0.5, lambda a, b: am.sigmoid(a), lambda a, b: a / (b * b + 1), lambda a, b: am.dot([a, b], [b, a]),
    lambda a, b: am.relu(a), lambda a, b: am.sum([a, b, a]), lambda a, b: am.where(a.data > 0, a, b),
    lambda a, b: am.max(a, b), lambda a, b: -a, lambda a, b: am.tanh(a) ** 2, lambda a, b: am.exp(am.tanh(a)),
    lambda a, b: am.softplus(a) ** 1.5,
]  # fmt: skip


def random_program(rng: random.Random, size: int) -> tuple[Value, list[Value]]:
    """A random graph, and nodes of it to differentiate by."""
    nodes = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(rng.randint(1, 4))]
    leaves = list(nodes)
    for _ in range(rng.randint(1, size)):
        node = rng.choice(OPERATIONS)(rng.choice(nodes[-6:]), rng.choice(nodes))
        if rng.random() < 0.3:
            node.label = f"n{len(nodes)}"
        nodes.append(node)
    return nodes[-1], [*leaves, rng.choice(nodes)]


def behind(output: Value) -> set[int]:
    found, ring = {id(output)}, [output]
    while ring:
        for arg in ring.pop().args:
            if isinstance(arg, Value) and id(arg) not in found:
                found.add(id(arg))
                ring.append(arg)
    return found


def explained(seed: int) -> list[tuple[Value, Value, Explanation]]:
    output, chosen = random_program(random.Random(seed), 30)
    known = behind(output)
    return [(output, wrt, explain(output, wrt)) for wrt in chosen if id(wrt) in known]


# ---- the published network -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", demo.PUBLISHED)
def test_each_figure_of_the_printed_table_is_in_the_text(name: str) -> None:
    nodes = demo.recorded()
    figure = demo.CORRECTED.get(name, demo.PUBLISHED[name]).replace("-", "−0")
    ratio = re.fullmatch(r"d(\w+)/d(\w+)", name)
    of, by = ratio.groups() if ratio else (name, {"out_h2": "w6", "E_o2": "w7", "out_o2": "w7"}.get(name, "w5"))
    text = str(explain(nodes[of], nodes[by])) if ratio else str(explain(nodes["E"], nodes[by]))
    if name in ("net_h1", "out_h1"):
        text = str(explain(nodes["E"], nodes["w1"]))
    if name in ("E_o1", "E_o2", "out_h2"):
        text = str(explain(nodes[{"out_h2": "net_o1"}.get(name, name)], nodes[by]))
    assert figure in text


def test_one_path_is_written_as_in_print() -> None:
    nodes = demo.recorded()
    lines = str(explain(nodes["E"], nodes["w5"])).splitlines()
    assert lines[0] == "dE/dw5 = dE/dout_o1 · dout_o1/dnet_o1 · dnet_o1/dw5"
    assert "  dout_o1/dnet_o1 = out_o1 · (1 − out_o1) = 0.751365070 · (1 − 0.751365070) = 0.186815602" in lines
    assert "  dE/dout_o1 = −(0.01 − out_o1) = −(0.01 − 0.751365070) = 0.741365070" in lines
    assert "dE/dw5 = 0.741365070 × 0.186815602 × 0.593269992 = 0.082167041" in lines
    assert lines[-1] == "finite difference 0.082167041: agrees"


def test_two_returns_are_added_before_what_they_share() -> None:
    nodes = demo.recorded()
    text = str(explain(nodes["E"], nodes["w1"]))
    assert text.startswith("dE/dw1 = dE/dout_h1 · dout_h1/dnet_h1 · dnet_h1/dw1\n")
    assert "dE/dout_h1 = 0.055399425 + (−0.019049118) = 0.036350306" in text
    assert "dE/dw1 = 0.036350306 × 0.241300709 × 0.05 = 0.000438568" in text
    for through in ("through net_o1: dE/dout_o1 · dout_o1/dnet_o1 · dnet_o1/dout_h1 =", "through net_o2: "):
        assert through in text


def test_the_smallest_fan_outs() -> None:
    a = Value(3.0, "a")
    b = labelled(a + a, "b")
    c = labelled(b + b, "c")
    text = str(explain(c, a))
    assert "  dc/db = 1 + 1 = 2" in text
    assert "dc/da = 2 × 2 = 4" in text


# ---- random programs -------------------------------------------------------------------------------------------------


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_the_total_is_the_gradient_for_a_thousand_programs() -> None:
    count = 0
    for seed in range(1000):
        for output, wrt, found in explained(seed):
            (slope,) = gradients(output, [wrt])
            assert abs(found.total - slope) <= math.ulp(slope), seed
            count += 1
    assert count > 1500


def exact(factors: tuple[Factor, ...]) -> Fraction:
    result = Fraction(1)
    for factor in factors:
        result *= Fraction(factor.value)
    return result


@pytest.mark.no_cover  # other tests run the same lines, sooner
def test_what_is_written_multiplies_and_adds_up_to_the_total() -> None:
    """In exact arithmetic, from the factors alone."""
    sums = rests = 0
    for seed in range(1000):
        for _, _, found in explained(seed):
            if not found.factors:
                continue
            assert float(exact(found.factors)) == pytest.approx(found.total, rel=1e-12, abs=1e-300)
            for one in found.sums:
                sums += 1
                size = sum(abs(term.value) for term in one.terms) + abs(one.rest[0] if one.rest else 0.0)
                added = sum((exact(term.factors) for term in one.terms), Fraction(one.rest[0] if one.rest else 0))
                assert float(added) == pytest.approx(one.value, rel=1e-12, abs=1e-12 * size + 1e-300)
                for term in one.terms:
                    assert float(exact(term.factors)) == pytest.approx(term.value, rel=1e-12, abs=1e-300)
                assert one.paths == sum(term.paths for term in one.terms) + (one.rest[1] if one.rest else 0)
                rests += one.rest is not None
    assert sums > 500
    assert rests > 5


def test_local_formulas_give_their_numbers() -> None:
    """The formula, with numbers in the places of names, read as arithmetic."""
    names = {"sin": math.sin, "cos": math.cos, "tanh": math.tanh, "exp": math.exp, "nan": math.nan,
             "sigmoid": lambda x: 1 / (1 + math.exp(-x)), "softplus": lambda x: math.log1p(math.exp(x)),
             "where": lambda c, a, b: a if c else b, "max": max, "relu": lambda x: max(x, 0.0), "sum": lambda *xs: sum(xs)}  # fmt: skip
    read = 0
    for seed in range(300):
        for _, _, found in explained(seed):
            for factor in found.factors:
                text = factor.numbers
                if factor.kind != "partial" or not text or re.search(r"[xvn]\d|dot|<|>|=|\(…\)", text):
                    continue
                for mark, sign in (("−", "-"), ("·", "*"), ("²", "**2"), ("³", "**3"), ("⁴", "**4"), ("^", "**")):
                    text = text.replace(mark, sign)
                assert eval(text, dict(names)) == pytest.approx(factor.value, rel=1e-5, abs=1e-7), (factor, seed)
                read += 1
    assert read > 300


def all_paths(output: Value, wrt: Value) -> list[list[Value]]:
    """Every path from the output down to a node, by recursion."""
    if output is wrt:
        return [[wrt]]
    return [
        [output, *rest]
        for arg, partial in edges_of(output)
        if type(partial) is not int or partial != 0
        for rest in all_paths(arg, wrt)
    ]


def edges_of(node: Value) -> list[tuple[Value, float]]:
    from autograd.sweeps import edges

    return edges(node)


def test_factors_are_cut_where_every_path_passes_and_paths_are_counted() -> None:
    seen = 0
    for seed in range(400):
        output, chosen = random_program(random.Random(seed), 12)
        for wrt in chosen:
            if id(wrt) not in behind(output):
                continue
            found, every = Paths(output, wrt), all_paths(output, wrt)
            if not every or output is wrt:
                continue
            shared = set(map(id, every[0])).intersection(*(map(id, path) for path in every))
            chain = found.chain(found.top, found.bottom)
            assert [id(found.order[i]) for i in chain] == [id(node) for node in every[0] if id(node) in shared]
            whole = found.between(found.top, found.bottom)
            assert whole is not None
            assert whole.paths == len(every)
            used = {(id(a), id(b)) for path in every for a, b in pairwise(path)}
            assert {(id(found.order[i]), id(found.order[i].args[k])) for i, k in found.edges()} == used
            seen += len(every) > 1
    assert seen > 100


def test_paths_without_number_are_not_enumerated() -> None:
    x = Value(0.3, "x")
    p, q = x + 0.0, x + 1.0
    for _ in range(3000):
        p, q = am.tanh(p + q), am.tanh(p - q)
    found = explain(p * q, x)
    assert found.total == gradients(p * q, [x])[0]
    assert len(str(found)) < 30_000
    assert found.sums[0].paths == 2**3001
    assert "finite difference" in str(found)


def test_a_large_fan_out_begins_with_the_largest_returns() -> None:
    x = Value(0.5, "x")
    parts = [x * float(i) for i in (3, -9, 1, 7, 2, 8, -4, 6, 5)]
    (found,) = explain(am.sum([am.sin(part) for part in parts]), x).sums
    sizes = [abs(term.value) for term in found.terms]
    left = [abs(i * math.cos(0.5 * i)) for i in (3, -9, 1, 7, 2, 8, -4, 6, 5)]
    assert sizes == pytest.approx(sorted(left, reverse=True)[: len(sizes)])
    assert found.rest is not None
    assert found.rest[1] == 9 - len(sizes)
    assert "further paths that sum to" in str(explain(am.sum([am.sin(part) for part in parts]), x))


# ---- edges of what can be explained ----------------------------------------------------------------------------------


def test_nothing_comes_back_from_a_branch_that_was_not_taken() -> None:
    x = Value(-1.0, "x")
    y = labelled(am.relu(x), "y")
    assert str(explain(y, x)).startswith("dy/dx = 0: ")
    assert explain(y, x).total == 0
    with pytest.raises(ZeroDivisionError, match="sqrt"):
        explain(am.sqrt(x * 0.0), x)
    quiet = am.where(x.data > 0, am.sqrt(x * 0.0), x * 2.0)
    assert explain(quiet, x).total == 2


def test_a_number_by_itself_and_by_what_it_does_not_come_from() -> None:
    x, z = Value(1.0, "x"), Value(1.0, "z")
    assert str(explain(x, x)) == "dx/dx = 1: a number by itself"
    with pytest.raises(ValueError, match="nothing to explain"):
        explain(x * 2.0, z)
    with pytest.raises(TypeError, match="explain takes Values: wrt is str 'x'"):
        explain(x, "x")  # type: ignore[arg-type]  # the point


def test_a_wrong_rule_is_said_to_differ() -> None:
    wrong = primitive("wrong_cube", lambda x: x**3, lambda y, x: 2 * x * x)
    x = Value(1.5, "x")
    found = explain(wrong(x) * 2.0, x)
    assert not found.agrees
    assert "DIFFERS by" in str(found)
    assert explain(x * x * x, x).agrees


def test_a_rule_that_wrongly_passes_nothing_back_is_said_to_differ() -> None:
    """The finite difference goes along all edges, those on which the rules say that nothing flows too."""
    from autograd import primitive

    square = primitive("square_of_which_nothing_comes_back", lambda x: x * x, lambda y, x: 0)
    x = Value(3.0, "x")
    found = explain(square(x) + 2.0 * x, x)
    assert found.total == 2
    assert not found.agrees
    assert found.difference is not None
    assert found.difference[0] == pytest.approx(8)


def test_a_long_product_has_its_beginning_and_its_end() -> None:
    x = Value(0.5, "x")
    y = x
    for i in range(200):
        y = labelled(am.sin(y), f"s{i}")
    found = explain(y, x)
    (middle,) = [factor for factor in found.factors if factor.kind == "many"]
    ends = [(factor.of, factor.by) for factor in found.factors]
    assert ends[0] == ("s199", "s198")
    assert ends[-1] == ("s0", "x")
    assert all(above[1] == below[0] for above, below in pairwise(ends))
    assert middle.count + len(ends) - 1 == 200
    assert math.prod(factor.value for factor in found.factors) == pytest.approx(found.total)


def test_the_numbers_are_those_of_the_forward_pass() -> None:
    w = Value(2.0, "w")
    y = labelled(w * w * 3.0, "y")
    before = str(explain(y, w))
    w.data = 5.0
    assert str(explain(y, w)) == before
    assert not y.has_grad
    assert not w.has_grad


def test_labels_are_told_apart_and_do_no_harm() -> None:
    x = Value(2.0, "a b\n$\\input{x}$<script>")
    one, two = labelled(am.sin(x), "h"), labelled(am.cos(x), "h")
    found = explain(labelled(one * two, "E`#"), x)
    assert "h#2" in str(found)
    assert "\n$" not in str(found)
    text = found.markdown()
    assert "\\input" not in text
    assert text.count("$") % 2 == 0
    assert "`" not in text


def test_latex_and_data() -> None:
    nodes = demo.recorded()
    found = explain(nodes["E"], nodes["w1"])
    text = found._repr_markdown_()
    assert r"\frac{\partial E}{\partial w_{1}}" in text
    assert r"\mathrm{out}_{h1} \cdot \left(1 - \mathrm{out}_{h1}\right) = 0.241300709" in text
    assert text.count("{") == text.count("}")
    data = json.loads(json.dumps(found.as_dict()))
    assert data["total"] == found.total
    assert [factor["kind"] for factor in data["factors"]] == ["sum", "partial", "partial"]
    assert len(data["sums"][0]["terms"]) == 2
    assert data["agrees"] is True
    assert repr(found) == f"<Explanation of dE/dw1 = {found.total!r}>"


def test_it_is_offered_by_the_package_and_imported_when_asked_for() -> None:
    assert autograd.explain is explain
    assert autograd.derivative_formula(am.sin) == ("cos(x)",)
