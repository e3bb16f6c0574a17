"""How large stepping pages are, and how many frames a second Chromium shows of one that steps in every frame.

python tests/benchmarks/pages.py
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograd import Value, animate, demo, math
from tests.browser import chromium

COUNT = """
const done = arguments[arguments.length - 1], times = [];
document.getElementById('speed').value = '0';
play(true);
const frame = time => {
  times.push(time);
  if (playing) requestAnimationFrame(frame);
  else done([times.length - 1, times[times.length - 1] - times[0], data.steps.length]);
};
requestAnimationFrame(frame);
"""


def of_size(count: int, seed: int = 1) -> Value:
    """The sum of a random graph's last results: ``count`` nodes in all."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(-1, 1), f"x{i}") for i in range(10)]
    for _ in range(count):
        a, b = rng.choice(nodes[-12:]), rng.choice(nodes[-20:])
        nodes.append(rng.choice([lambda a, b: a * b, lambda a, b: a + b, lambda a, _: math.tanh(a)])(a, b))
        used = {id(arg) for node in nodes for arg in node.args}
        open_ends = [node for node in nodes if id(node) not in used]
        if len(nodes) + 1 >= count:
            return math.sum(open_ends)
    raise AssertionError


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for name, output in (("the printed network", demo.recorded()["E"]), ("a random graph", of_size(300))):
            page = animate(output)
            path = Path(folder) / "page.html"
            page.save(path)
            browser.get(path.as_uri())
            frames, milliseconds, steps = browser.execute_async_script(COUNT)
            size = path.stat().st_size / 1000
            print(f"{name}: {page.nodes} nodes, {size:.0f} kB, {steps} steps in {frames} frames", end=", ")
            print(f"{1000 * frames / milliseconds:.1f} frames a second")
