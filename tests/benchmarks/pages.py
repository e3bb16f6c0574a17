"""How large stepping pages are, and how many frames a second Chromium shows of one that steps in every frame.

Frames are what the browser gives on this machine beside all else that runs there: the reference, in turns with the
pages, is an empty page on which one number changes.  A page draws every step; its words follow ten times a second.
What a page computes a frame is the time of the processor, of its main thread and of all the browser's threads (which
paint it and put it together, where no graphics card does).

python tests/benchmarks/pages.py
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograd import Value, animate, demo, math
from tests.browser import chromium

REFERENCE = """data:text/html,<title>reference</title><p id="speed">0</p><script>
let playing = false;
const speed = document.getElementById('speed'), tick = () => {
  speed.textContent = 1 + +speed.textContent;
  if (speed.textContent > 400) playing = false; else requestAnimationFrame(tick);
};
function show() { speed.textContent = 0; }
function play() { playing = true; requestAnimationFrame(tick); }
</script>"""
COUNT = """
const done = arguments[arguments.length - 1], times = [];
document.getElementById('speed').value = '0';
show(0);
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


def busy_in_all(browser: Any) -> dict[int, float]:
    """The same of all threads of each process of the browser (Linux only: empty elsewhere)."""
    parents: dict[int, list[int]] = {}
    taken: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            threads = [task.read_text() for task in (stat.parent / "task").glob("*/schedstat")]
        except OSError:  # it has ended
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        taken[int(stat.parent.name)] = sum(int(text.split()[0]) / 1e9 for text in threads if text)
    family = [browser.service.process.pid]
    for process in family:  # grows as it goes
        family += parents.get(process, [])
    return {process: taken[process] for process in family if process in taken}


class Measured(NamedTuple):
    """Frames a second, milliseconds from frame to frame (median, 95 %), and those computed a frame."""

    rate: float
    wait: float
    late: float
    page: float
    browser: float


def measured(browser: Any, address: str) -> Measured:
    browser.get(address)
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    before, before_in_all = busy(browser), busy_in_all(browser)
    times = browser.execute_async_script(COUNT)
    work = busy(browser) - before
    in_all = sum(taken - before_in_all.get(process, 0.0) for process, taken in busy_in_all(browser).items())
    waits = sorted(b - a for a, b in pairwise(times))
    return Measured(
        1000 * len(waits) / sum(waits),
        median(waits),
        waits[len(waits) * 95 // 100],
        1000 * work / len(times),
        1000 * in_all / len(times),
    )


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        browser.set_script_timeout(300)
        addresses, found = {"reference": REFERENCE}, dict[str, list[Measured]]()
        for name, output in (("the printed network", demo.recorded()["E"]), ("a random graph", of_size(300))):
            page, path = animate(output), Path(folder) / f"{name}.html"
            page.save(path)
            about = f"{name}: {page.nodes} nodes, {page.steps} steps, {path.stat().st_size / 1000:.0f} kB"
            addresses[about] = path.as_uri()
        for _ in range(given.rounds):
            for about, address in addresses.items():
                found.setdefault(about, []).append(measured(browser, address))
    print(f"medians of {given.rounds} rounds; load of the machine {os.getloadavg()[0]:.1f} of {os.cpu_count()}\n")
    print("| page | frames a second | ms from frame to frame | 95 % below | ms of its main thread | of the browser |")
    print("|---|---:|---:|---:|---:|---:|")
    for about, rounds in found.items():
        rate, wait, late, work, in_all = (median(column) for column in zip(*rounds, strict=True))
        print(f"| {about} | {rate:.1f} | {wait:.1f} | {late:.1f} | {work:.1f} | {in_all:.1f} |")


if __name__ == "__main__":
    main()
