"""Mutation testing of the engine and the checker: random single changes, each of which some test should notice.

    pip install cosmic-ray
    python -m tests.mutation --count 150 --seed 1

Cosmic Ray makes the changes (mutmut makes them within functions only, but the table of rules stands at the top level of
its module); each is tried on a copy of the checkout, interpreted, by the test files that are meant to notice it.  What
is printed are the changes that none noticed.  Some change nothing that can be observed; the others lack a test.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTS = {  # of each file or folder, the test files that are fast enough, the likeliest to notice first
    "autograd/primitives.py": "functional checking table value",
    "autograd/value.py": "functional value sweep table",
    "autograd/backward.py": "sweep functional value",
    "autograd/copying.py": "value",
    "autograd/sweeps.py": "sweep functional",
    "autograd/structures.py": "structures functional",
    "autograd/functional.py": "functional",
    "autograd/checking": "checking",
}
QUICK = "not million and not deep_program"
SECONDS = 180  # a change that makes the tests take longer is one that they notice
UNLIKELY = ("Shift", "BitOr", "BitAnd", "BitXor", "Is", "IsNot")  # ends of operators' names: of floats, all are errors

Place = tuple[int, ...]  # line and column


class Mutant(NamedTuple):
    path: str
    before: str
    after: str

    def __str__(self) -> str:
        lines = self.before.splitlines(), self.after.splitlines()
        return "\n".join(unified_diff(*lines, self.path, self.path, n=1, lineterm=""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150, help="how many changes to try (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (%(default)s)")
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="files and folders; by default all these")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for job in range(options.jobs):
            copies.put(copied(Path(scratch) / str(job)))
        mutants = sample(options.modules, options.count, random.Random(options.seed))
        unchanged = {Mutant(path, before, before) for path, before, _ in mutants}
        if any(pool.map(lambda mutant: noticed(copies, mutant), unchanged)):
            raise SystemExit("the tests fail without any change")
        missed = 0
        for i, seen in enumerate(pool.map(lambda mutant: noticed(copies, mutant), mutants)):
            if not seen:
                missed += 1
                print(mutants[i], flush=True)
            print(f"{i + 1} of {len(mutants)}", file=sys.stderr)
    print(f"{len(mutants) - missed} of {len(mutants)} changes were noticed")


def sample(modules: list[str], count: int, chance: random.Random) -> list[Mutant]:
    """Changes at different places, all of which are equally likely; then any that can be made there."""
    from cosmic_ray.commands.init import init
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator
    from cosmic_ray.work_db import WorkDB, use_db

    files = [path for name in modules for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    sources = {str(path): path.read_text() for path in files}
    unread = {path: for_type_checkers(source) for path, source in sources.items()}
    possible: dict[tuple[str, Place], list[tuple[str, int]]] = {}
    with tempfile.TemporaryDirectory() as scratch, use_db(str(Path(scratch) / "session"), WorkDB.Mode.create) as db:
        init(files, db, {})
        for (mutation,) in (item.mutations for item in db.work_items):
            path, operator, start = str(mutation.module_path), mutation.operator_name, mutation.start_pos
            if not operator.endswith(UNLIKELY) and not any(low <= start <= high for low, high in unread[path]):
                possible.setdefault((path, (*start, *mutation.end_pos)), []).append((operator, mutation.occurrence))
    mutants = []
    for path, place in chance.sample(sorted(possible), min(count, len(possible))):
        operator, occurrence = chance.choice(sorted(possible[path, place]))
        after = mutate_code(sources[path], get_operator(operator)(), occurrence)
        mutants.append(Mutant(str(Path(path).relative_to(ROOT)), sources[path], str(after)))
    return mutants


def for_type_checkers(source: str) -> list[tuple[Place, Place]]:
    """From where to where no program reads: annotations, overloads, protocols and imports for type checkers only."""
    parts: list[ast.expr | ast.stmt | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            overloaded = any(isinstance(name, ast.Name) and name.id == "overload" for name in node.decorator_list)
            parts.append(node if overloaded else node.returns)
        elif isinstance(node, ast.ClassDef):
            parts += [node for base in node.bases if isinstance(base, ast.Name) and base.id == "Protocol"]
        elif isinstance(node, ast.If):
            parts += [node for name in ast.walk(node.test) if isinstance(name, ast.Name) and name.id == "TYPE_CHECKING"]

    def start(part: ast.expr | ast.stmt) -> int:
        return min([part.lineno, *(name.lineno for name in getattr(part, "decorator_list", ()))])

    return [
        ((start(part), part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0))
        for part in parts
        if part is not None
    ]


def copied(folder: Path) -> Path:
    """A copy of the checkout without what is built from it."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def noticed(copies: SimpleQueue[Path], mutant: Mutant) -> bool:
    """Whether a test fails with the change."""
    copy = copies.get()
    (name,) = (name for name in TESTS if Path(mutant.path).is_relative_to(name))
    tests = [f"tests/test_{test}.py" for test in TESTS[name].split()]
    environment = {**os.environ, "GLASSGRAD_NATIVE": "off", "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        (copy / mutant.path).write_text(mutant.after)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-k", QUICK, *tests]
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS).returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        (copy / mutant.path).write_text(mutant.before)
        copies.put(copy)


if __name__ == "__main__":
    main()
