"""How large stepping pages are, and how many frames a second Chromium shows of one that steps in every frame.

Frames are what the browser gives on this machine beside all else that runs there; what the page computes a frame is
the processor's time, and has to stay below a sixtieth of a second.

python tests/benchmarks/pages.py
"""

from __future__ import annotations

import random
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

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
  else done(times);
};
requestAnimationFrame(frame);
"""


def busy(browser: Any) -> float:
    """Seconds of the processor that the page's main thread has taken, whatever else the machine does."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


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
            browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            browser.set_script_timeout(300)
            before = busy(browser)
            times = browser.execute_async_script(COUNT)
            work = 1000 * (busy(browser) - before) / len(times)
            waits = sorted(b - a for a, b in pairwise(times))
            print(f"{name}: {page.nodes} nodes, {path.stat().st_size / 1000:.0f} kB, {page.steps} steps", end="; ")
            print(f"{1000 * len(waits) / sum(waits):.1f} frames a second, a step in each", end="; ")
            print(
                f"from frame to frame {median(waits):.1f} ms, 95 % below {waits[len(waits) * 95 // 100]:.1f}", end="; "
            )
            print(f"of which the page computes for {work:.1f}")
