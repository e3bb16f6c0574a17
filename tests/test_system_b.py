"""The 2-2-2 network worked by hand: the engine's numbers against the printed table, and against plain arithmetic."""

import math
from typing import Any

import pytest

from autograd import Value, demo, gradients, primitive
from autograd.checking import check_grads

pytestmark = pytest.mark.long  # without coverage's tracer, under which it takes minutes

# the table once more, typed apart from the demo's, in the order of the hand calculation
PRINTED = """
net_h1 .3775                out_h1 .593269992               out_h2 .596884378
net_o1 1.105905967          out_o1 .751365070               out_o2 .772928465
E_o1 .274811083             E_o2 .023560026                 E .298371109
dE/dout_o1 .741365070       dout_o1/dnet_o1 .186815602      dnet_o1/dw5 .593269992
dE/dw5 .082167041           dE_o1/dnet_o1 .138498562        dE_o1/dout_h1 .055399425
dE_o2/dout_h1 -.019049119   dE/dout_h1 .036350306           dout_h1/dnet_h1 .241300709
dE/dw1 .000438568
"""
TABLE = dict(zip(PRINTED.split()[::2], PRINTED.split()[1::2], strict=True))
AFTER = [0.149780716, 0.199561432, 0.249751144, 0.299502287, 0.358916480, 0.408666186, 0.511301270, 0.561370121]
ROUNDED_TWICE = "dE_o2/dout_h1"  # printed one unit of its last digit off


def by_hand(w: tuple[float, ...], mixed: bool = False) -> tuple[dict[str, float], list[float]]:
    """The table and the weights after one step in plain arithmetic, by the formulas of the hand calculation."""

    def logistic(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    h = [logistic(w[0] * 0.05 + w[1] * 0.1 + 0.35), logistic(w[2] * 0.05 + w[3] * 0.1 + 0.35)]
    nets = [w[4] * h[0] + w[5] * h[1] + 0.6, w[6] * h[0] + w[7] * h[1] + 0.6]
    o = [logistic(net) for net in nets]
    t = [0.01, 0.99]
    delta = [(o[k] - t[k]) * o[k] * (1 - o[k]) for k in (0, 1)]
    new = [w[4 + 2 * k + j] - 0.5 * delta[k] * h[j] for k in (0, 1) for j in (0, 1)]
    back = new if mixed else w[4:]
    returned = [delta[0] * back[j] + delta[1] * back[2 + j] for j in (0, 1)]
    delta_h = [returned[j] * h[j] * (1 - h[j]) for j in (0, 1)]
    moved = [w[2 * j + i] - 0.5 * delta_h[j] * x for j in (0, 1) for i, x in ((0, 0.05), (1, 0.1))] + new
    e = [0.5 * (t[k] - o[k]) ** 2 for k in (0, 1)]
    table = {
        "net_h1": w[0] * 0.05 + w[1] * 0.1 + 0.35,
        "out_h1": h[0],
        "out_h2": h[1],
        "net_o1": nets[0],
        "out_o1": o[0],
        "out_o2": o[1],
        "E_o1": e[0],
        "E_o2": e[1],
        "E": e[0] + e[1],
        "dE/dout_o1": o[0] - t[0],
        "dout_o1/dnet_o1": o[0] * (1 - o[0]),
        "dnet_o1/dw5": h[0],
        "dE/dw5": delta[0] * h[0],
        "dE_o1/dnet_o1": delta[0],
        "dE_o1/dout_h1": delta[0] * w[4],
        "dE_o2/dout_h1": delta[1] * w[6],
        "dE/dout_h1": delta[0] * w[4] + delta[1] * w[6],
        "dout_h1/dnet_h1": h[0] * (1 - h[0]),
        "dE/dw1": delta_h[0] * 0.05,
    }
    return table, moved


def test_the_demo_has_the_printed_table() -> None:
    assert demo.PUBLISHED == TABLE
    assert [float(figure) for figure in demo.PUBLISHED_WEIGHTS] == AFTER


@pytest.mark.parametrize("name", TABLE)
def test_a_quantity_of_the_table(name: str) -> None:
    computed = demo.derivative(demo.recorded(), name)
    assert computed == pytest.approx(by_hand(demo.WEIGHTS)[0][name], rel=1e-14)
    if name == ROUNDED_TWICE:
        assert f"{computed:.9f}" == "-0.019049118"
        assert f"{0.036350306 - 0.055399425:.9f}" == f"{float(TABLE[name]):.9f}", "how the printed figure came about"
    else:
        assert abs(computed - float(TABLE[name])) <= 0.5e-9


def test_one_step_with_all_weights_at_once() -> None:
    nodes = demo.recorded()
    weights = [nodes[f"w{i}"] for i in range(1, 9)]
    after = [w.data - 0.5 * slope for w, slope in zip(weights, gradients(nodes["E"], weights), strict=True)]
    assert [round(w, 9) for w in after] == AFTER
    assert after == pytest.approx(by_hand(demo.WEIGHTS)[1], rel=1e-15)
    assert f"{demo.energy(*after):.9f}" == "0.291027774"


def test_the_published_step_breaks_the_chain_rule() -> None:
    after = demo.mixed_step(demo.recorded())
    assert after == pytest.approx(by_hand(demo.WEIGHTS, mixed=True)[1], rel=1e-15)
    assert f"{demo.energy(*after):.9f}" == "0.291027924"


def test_the_typo_in_the_formula_of_net_h1() -> None:
    w1, _, w3, *_ = demo.WEIGHTS
    assert f"{w1 * 0.05 + w3 * 0.10 + 0.35:.4f}" == "0.3825"


def trained(weights: list[float], steps: int, step: Any) -> list[float]:
    for _ in range(steps):
        weights = step(demo.network([Value(w) for w in weights]))
    return weights


def gradient_step(nodes: dict[str, Value]) -> list[float]:
    weights = [nodes[f"w{i}"] for i in range(1, 9)]
    return [w.data - 0.5 * slope for w, slope in zip(weights, gradients(nodes["E"], weights), strict=True)]


@pytest.mark.parametrize(
    ("step", "outputs", "energies"),
    [
        (gradient_step, ("0.0159136204", "0.9840642735"), ("3.510188e-05", "7.836776e-06")),
        (demo.mixed_step, ("0.0159121963", "0.9840657345"), ("3.508479e-05", "7.831913e-06")),
    ],
    ids=["gradient", "published"],
)
def test_twenty_thousand_steps(step: Any, outputs: tuple[str, str], energies: tuple[str, str]) -> None:
    weights = trained(list(demo.WEIGHTS), 10_000, step)
    half_way = demo.network(weights)
    assert (f"{half_way['out_o1']:.10f}", f"{half_way['out_o2']:.10f}") == outputs
    end = demo.network(trained(weights, 10_000, step))
    assert (f"{half_way['E']:.6e}", f"{end['E']:.6e}") == energies


def test_training_the_two_biases_too() -> None:
    numbers = [*demo.WEIGHTS, *demo.BIASES]
    energies = []
    for _ in range(10_000):
        leaves = [Value(x) for x in numbers]
        energy = demo.network(leaves[:8], biases=leaves[8:])["E"]
        energies.append(energy.data)
        numbers = [x - 0.5 * slope for x, slope in zip(numbers, gradients(energy, leaves), strict=True)]
    assert f"{energies[1]:.9f}" == "0.285750887"
    assert f"{demo.network(numbers[:8], biases=numbers[8:])['E']:.6e}" == "4.355321e-06"


def test_run_says_what_agrees_and_what_does_not() -> None:
    result = demo.run(demo.recorded())
    assert result["passed"]
    entries = [*result["quantities"], *result["weights"], *result["energy"]]
    assert [entry["name"] for entry in entries if not entry["agrees"]] == [ROUNDED_TWICE, "E after the step"]
    assert all(entry["passed"] for entry in entries)
    rows = {row["by"][-1]: row for row in result["check"]["rows"]}
    assert {name: row["verdict"] for name, row in rows.items()} == {f"w{i}": "ok" for i in range(1, 9)}
    for entry in result["weights"]:
        assert rows[entry["name"]]["numeric"] == pytest.approx(entry["gradient"], rel=1e-9)


@pytest.mark.parametrize("name", ["net_h1", "out_o2", "dE/dw1", ROUNDED_TWICE])
def test_a_wrong_figure_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    figures = demo.CORRECTED if name in demo.CORRECTED else demo.PUBLISHED
    last = int(figures[name][-1])
    monkeypatch.setitem(figures, name, f"{figures[name][:-1]}{(last + 1) % 10}")
    result = demo.run(demo.recorded())
    assert not result["passed"]
    assert [entry["name"] for entry in result["quantities"] if not entry["passed"]] == [name]


def test_a_gradient_that_is_not_confirmed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    bent = primitive("bent", lambda x: x, lambda y, x: 1.001)
    monkeypatch.setattr(demo, "check_grads", lambda f, args, order: check_grads(_through(bent, f), args, order))
    result = demo.run(demo.recorded())
    assert not result["passed"]
    assert result["check"]["culprits"][0]["primitive"] == "bent"
    assert all(entry["passed"] for entry in result["weights"])


def _through(row: Any, f: Any) -> Any:
    return lambda *numbers: row(f(*numbers))


def test_agrees_goes_by_the_printed_digits() -> None:
    assert demo.agrees(0.37750000000000006, ".3775")
    assert demo.agrees(-0.0190491182, "-.019049118")
    assert not demo.agrees(0.37756, ".3775")
    assert not demo.agrees(0.0190491182, "-.019049118")
