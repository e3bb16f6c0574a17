"""The compiled engine: the C made from the table, the choice which engine runs, and how it is built and shipped."""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

import autograd
from autograd import Value
from autograd import math as am
from autograd.native import choice, generate
from autograd.primitives import BUILTIN, TABLE, Primitive
from tests.programs import AWKWARD

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "autograd"
REQUIRED = os.environ.get("GLASSGRAD_NATIVE") == "require"


def tool_settings(tool: str) -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][tool]


def unavailable(reason: str) -> NoReturn:
    """Skip, and say why; but where the compiled engine is required nothing of it may go untested."""
    if REQUIRED:
        pytest.fail(f"GLASSGRAD_NATIVE=require, but {reason}")
    pytest.skip(reason)


# ---- the C that is made from the table -------------------------------------------------------------------------------


def test_the_committed_c_is_what_the_table_gives() -> None:
    assert generate.HEADER.read_text() == generate.header(), "run: python -m autograd.native.generate"


CASE = re.compile(r"^(    case (\d+): .*?return)([^;]*);(  /\* (\w+) \*/)$")
FUNCTION = re.compile(r"^static (?:double|int|void) (rules_(compute|partial|dead)[12s]?)\(")
GLUE = """
static int planted_at = 0;
static long planted_by = 0;
void plant(int place, long by) { planted_at = place; planted_by = by; }
#define OFF(place, by, e) (planted_at == (place) && planted_by == (by) ? (e) * 1.0000000000000002 + 5e-324 : (e))
#define ALL_OFF(place) if (planted_at == (place)) p[planted_by] = p[planted_by] * 1.0000000000000002 + 5e-324;
#define NOT(place, by, e) (planted_at == (place) && planted_by == (by) ? !(e) : (e))
RULES
double compute1(int code, double a) { return rules_compute1(code, a); }
double compute2(int code, double a, double b) { return rules_compute2(code, a, b); }
double compute(int code, const double *x, long n) { return rules_compute(code, x, n); }
double partial1(int code, double y, double a) { return rules_partial1(code, y, a); }
double partial2(int code, long by, double y, double a, double b) { return rules_partial2(code, by, y, a, b); }
void partials(int code, long n, double y, const double *x, double *p) { rules_partials(code, n, y, x, p); }
int dead1(int code, double y, double a) { return rules_dead1(code, y, a); }
int dead2(int code, long by, double y, double a, double b) { return rules_dead2(code, by, y, a, b); }
int dead(int code, long by, long n, double y, const double *x) { return rules_dead(code, by, n, y, x); }
"""


def _with_faults(header: str) -> tuple[str, list[tuple[int, str, str]]]:
    """The header with a switch at each case, and the cases: (place, kind of function, row).

    Switched on, a result is off by one unit in the last place (by the smallest number at 0), a truth is turned round.
    """
    cases: list[tuple[int, str, str]] = []
    kind, by, lines = "", "0", []
    for line in header.splitlines():
        if function := FUNCTION.match(line):
            kind, by = function[2], "by" if " by," in line else "0"
        elif case := CASE.match(line):
            cases.append((len(cases) + 1, kind, case[4].strip(" /*")))
            if case[3]:
                line = f"{case[1]} {'NOT' if kind == 'dead' else 'OFF'}({len(cases)}, {by}, {case[3]});{case[4]}"
            else:  # all the partials are in p
                line = f"{case[1].removesuffix('return')}ALL_OFF({len(cases)}) return;{case[4]}"
        lines.append(line)
    return "\n".join(lines), cases


class Rules:
    """``rules.h``, compiled on its own with the flags of the build; ``cases`` tells where faults can be planted."""

    def __init__(self, folder: Path) -> None:
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        if shutil.which(compiler[0]) is None:
            unavailable(f"the C compiler {compiler[0]!r} is not there to compile rules.h with")
        code, self.cases = _with_faults(generate.HEADER.read_text())
        source, library = folder / "rules.c", folder / "rules.so"
        source.write_text(GLUE.replace("RULES", code))
        flags = ["-O3", "-ffp-contract=off", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        subprocess.run([*compiler, *flags], check=True)
        c = ctypes.CDLL(str(library))
        d, i, n, xs = ctypes.c_double, ctypes.c_int, ctypes.c_long, ctypes.POINTER(ctypes.c_double)
        for name, result, *arguments in [
            ("compute1", d, i, d), ("compute2", d, i, d, d), ("compute", d, i, xs, n),
            ("partial1", d, i, d, d), ("partial2", d, i, n, d, d, d), ("partials", None, i, n, d, xs, xs),
            ("dead1", i, i, d, d), ("dead2", i, i, n, d, d, d), ("dead", i, i, n, n, d, xs), ("plant", None, i, n),
        ]:  # fmt: skip
            function = getattr(c, str(name))
            function.restype, function.argtypes = result, arguments
        self.c: Any = c

    def compute(self, row: Primitive, xs: Sequence[float]) -> float:
        if row.arity == 1:
            return float(self.c.compute1(row.code, *xs))
        if row.arity == 2:
            return float(self.c.compute2(row.code, *xs))
        return float(self.c.compute(row.code, (ctypes.c_double * len(xs))(*xs), len(xs)))

    def partial(self, what: str, row: Primitive, by: int, y: float, xs: Sequence[float]) -> Any:
        """The C function ``partial`` or ``dead``."""
        if row.arity == 1:
            return getattr(self.c, f"{what}1")(row.code, y, *xs)
        if row.arity == 2:
            return getattr(self.c, f"{what}2")(row.code, by, y, *xs)
        x, p = (ctypes.c_double * len(xs))(*xs), (ctypes.c_double * len(xs))()
        if what == "dead":
            return self.c.dead(row.code, by, len(xs), y, x)
        self.c.partials(row.code, len(xs), y, x, p)
        return p[by]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    return Rules(tmp_path_factory.mktemp("rules"))


FEW = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 0.7071, -1e-160, 1e160, 5e-324, math.inf, -math.inf, math.nan)


def grid(row: Primitive) -> list[tuple[float, ...]]:
    """Points at which a row is compared: where it is smooth, at kinks and ties and poles, and out of its domain."""
    rng = random.Random(row.name)
    if row.arity == 1:
        return [(x,) for x in (*AWKWARD, *(rng.gauss(0, 2) for _ in range(40)))]
    if row.arity == 2:
        return [*itertools.product(FEW, FEW), *((rng.gauss(0, 2), rng.gauss(0, 2)) for _ in range(60))]
    sizes = [row.arity] if row.arity is not None else [2, 4, 6] if row.name in ("dot", "sumprod") else [1, 2, 3, 7]
    return [
        tuple(rng.choice(FEW) if rng.random() < wild else rng.gauss(0, 2) for _ in range(rng.choice(sizes)))
        for wild in (0.0, 0.2, 0.6, 1.0)
        for _ in range(80)
    ]


def same(ours: Any, theirs: Any) -> bool:
    return repr(float(ours)) == repr(float(theirs))


def disagreements(rules: Rules, row: Primitive) -> Iterator[str]:
    """Where C says something finite that the row, asked itself, does not say to the last bit."""
    for xs in grid(row):
        y: Any
        try:
            y = row.fn(*xs)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            y = error
        ours = rules.compute(row, xs)
        if math.isfinite(ours) and (isinstance(y, Exception) or not same(ours, y)):
            yield f"{row}{xs}: C {ours!r}, the row {y!r}"
        if isinstance(y, Exception):
            continue
        for by in range(len(xs)):
            theirs: Any
            try:
                theirs = row.partials[by](y, *xs) if isinstance(row.partials, tuple) else list(row.partials(y, *xs))[by]
            except (ValueError, ZeroDivisionError, OverflowError) as error:
                theirs = error
            ours = rules.partial("partial", row, by, y, xs)
            if not math.isfinite(ours):
                continue
            where = f"{row}{xs} by operand {by}"
            if isinstance(theirs, Exception) or (not same(ours, theirs) and not ours == theirs == 0):
                yield f"{where}: C {ours!r}, the row {theirs!r}"
            elif ours == 0.0:
                dead = type(theirs) is int
                if bool(rules.partial("dead", row, by, y, xs)) != dead:
                    yield f"{where}: the row's 0 is {theirs!r}, C has it the other way"
                elif not dead and not same(ours, theirs):
                    yield f"{where}: C {ours!r}, the row {theirs!r}"


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_row_in_c_agrees_with_the_row(rules: Rules, name: str) -> None:
    assert list(disagreements(rules, TABLE[name])) == []


def test_a_fault_planted_in_any_line_of_the_c_is_found(rules: Rules) -> None:
    missed = []
    try:
        for place, kind, name in rules.cases:
            row = TABLE[name]
            for by in range(row.arity or 2) if kind != "compute" else (0,):
                rules.c.plant(place, by)
                if next(disagreements(rules, row), None) is None:
                    missed.append((kind, name, by))
    finally:
        rules.c.plant(0, 0)
    assert missed == []
    assert len(rules.cases) > 80  # the pattern still finds the cases


def test_what_programs_spend_their_time_on_is_in_c(rules: Rules) -> None:
    def in_c(name: str) -> bool:
        return any(math.isfinite(rules.compute(TABLE[name], xs)) for xs in grid(TABLE[name]))

    assert {name for name in BUILTIN if not in_c(name)} == {  # C has none, or another than Python's
        *("hypot", "gamma", "lgamma", "digamma", "polygamma1", "polygamma2", "polygamma3"),
        *("erfinv", "norm_pdf", "norm_cdf", "norm_ppf", "fsum", "sumprod"),
    }
    wanted = [
        "add", "sub", "mul", "div", "pow", "neg", "tanh", "exp", "log", "sigmoid", "relu", "sqrt", "sin", "cos",
        "softplus", "sum", "dot", "logsumexp", "where", "max", "min", "prod", "mod", "floordiv", "hypot",
    ]  # fmt: skip
    for name in wanted:
        row = TABLE[name]
        xs = (0.5, 0.25, 0.75)[: row.arity or 2]
        partials = [rules.partial("partial", row, by, row.fn(*xs), xs) for by in range(len(xs))]
        assert all(p == p for p in partials), f"{name} has no partial in C"


# ---- the shortcuts of a compiled row's call --------------------------------------------------------------------------

X, Y, SUB = Value(0.5, "x"), Value(-2.0, "y"), type("Sub", (Value,), {})(1.5)
CALLS: list[tuple[Any, ...]] = [
    (X,), (SUB,), (0.5,), (3,), (Fraction(1, 2),), ("x",), (None,), (),
    (X, Y), (X, 2.0), (2.0, X), (2, X), (X, 2), (X, "2"), (SUB, X), (2.0, 3.0), (Fraction(1, 2), X), (X, X, Y), (1.0, X, Y),
    ([X, Y],), ((X, 2.0),), ([2.0, X, 1],), ([2.0, 3.0],), ([],), ([X, "y"],), ([1, X],), ([SUB, X],), (range(3),),
    ([X, Y], [2.0, X]), ((X, Y), [Y, Y]), ([0.5, 2.0], [X, Y]), ([1.0], [2.0]), ([], []), ([X], [X, Y]), ([X], range(1)),
    ([X, None], [X, Y]), ("ab", [X, Y]), (X, [Y]), ([X], Y), ({X: 1}, [Y]),
]  # fmt: skip


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """What a call gives, bit for bit, with the node's operation and operands; or its error."""
    try:
        y = call(*args, **kwargs)
    except Exception as error:  # whatever it is, both have it
        return f"{type(error).__name__}: {error}"
    if not isinstance(y, Value):
        return repr(y)
    return f"{y!r} {y.op} {[id(arg) if isinstance(arg, Value) else arg for arg in y.args]}"


@pytest.fixture
def _compiled() -> None:
    if not autograd.__native__:
        unavailable("an interpreted row's call has no shortcuts")


# rows as users may make them
ODD = {
    "gathers one": Primitive("p", lambda a: a * a, (lambda y, a: 2 * a,), gather=lambda a: (3 * a,)),
    "gathers one from many": Primitive("p", lambda a: a * a, (lambda y, a: 2 * a,), gather=tuple),
    "gathers two": Primitive("p", lambda a, b: a * b, (lambda y, a, b: b, lambda y, a, b: a), gather=tuple),
    "pairs two": Primitive("p", lambda a, b: a * b, (lambda y, a, b: b, lambda y, a, b: a), gather=am.dot.gather),
    "none": Primitive("p", lambda: 1.0, ()),
    "any number": Primitive("p", lambda *xs: sum(xs), lambda y, *xs: [1] * len(xs)),
    "three": Primitive("p", lambda a, b, c: a, (lambda *_: 1, lambda *_: 0, lambda *_: 0)),
}


@pytest.mark.usefixtures("_compiled")
@pytest.mark.parametrize("name", [*sorted(BUILTIN), *ODD])
def test_a_call_gives_what_it_gives_by_way_of_python(name: str) -> None:
    row = ODD[name] if name in ODD else TABLE[name]
    for args in CALLS:
        assert outcome(row, *args) == outcome(functools.partial(Primitive.__call__, row), *args), args
    assert outcome(row, X, base=2) == outcome(functools.partial(Primitive.__call__, row), X, base=2)


@pytest.mark.usefixtures("_compiled")
def test_the_usual_calls_take_no_way_through_python() -> None:
    through_python = []

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is Primitive.__call__.__code__:
            through_python.append(frame.f_locals["args"])

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        am.relu(X)
        am.pow(X, 2.0)
        am.dot([X, 1.0], (Y, X))
        am.sum([X, Y])
        am.logsumexp((X, 1.0))
        am.relu(SUB)
    finally:
        sys.setprofile(before)
    assert through_python == [(SUB,)]


# ---- which engine runs -----------------------------------------------------------------------------------------------

TELL = """import autograd
compiled = {module.__file__[-3:] != '.py' for module in (autograd.value, autograd.backward)}
print(autograd.__native__, *compiled, autograd.Value(3.0) * 2)"""


def package(folder: Path, built: bool) -> Path:
    """A copy of the package in ``folder``, with the compiled engine or without."""
    compiled = [f"{Path(unit).name}{suffix}" for unit in choice.UNITS for suffix in EXTENSION_SUFFIXES]
    shutil.copytree(PACKAGE, folder / "autograd", ignore=shutil.ignore_patterns("__pycache__", *compiled))
    if built:
        if choice.obstacle(PACKAGE):
            unavailable(f"of the compiled engine, {choice.obstacle(PACKAGE)}")
        for file in choice.compiled_files(PACKAGE):
            shutil.copy2(file, folder / file.relative_to(PACKAGE.parent))
    return folder


def run(
    folder: Path, mode: str | None, code: str = TELL, *options: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds the package in ``folder``."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GLASSGRAD", "PYTHON"))}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    if mode is not None:
        environment["GLASSGRAD_NATIVE"] = mode
    check = f"import autograd; assert autograd.__file__.startswith({str(folder)!r}), autograd.__file__\n"
    return subprocess.run(
        [python, *options, "-c", code + "\n" + check], env=environment, cwd=folder, capture_output=True, text=True
    )


def test_native_tells_which_engine_runs() -> None:
    assert autograd.__native__ is not str(autograd.value.__file__).endswith(".py")
    assert autograd.__native__ or not REQUIRED


@pytest.mark.parametrize("mode", [None, "", "off"])
def test_without_a_build_it_runs_interpreted_and_says_nothing(tmp_path: Path, mode: str | None) -> None:
    done = run(package(tmp_path, built=False), mode, TELL, "-W", "error")
    assert (done.stdout, done.stderr) == ("False False Value(6.0)\n", "")


LARGE = """
import warnings
from autograd import Value, grad
def chain(x, n):
    for _ in range(n): x = x * 1.0
    return x
chain(Value(1.0), 99_999).backward(); grad(lambda x: chain(x, 99_000))(1.0)
print("small", end=" ")
LARGE
"""


@pytest.mark.parametrize("large", ["chain(Value(1.0), 100_001).backward()", "grad(lambda x: chain(x, 100_001))(1.0)"])
@pytest.mark.parametrize("mode", [None, "off"])
def test_the_first_large_backward_says_once_that_it_could_be_compiled(
    tmp_path: Path, mode: str | None, large: str
) -> None:
    folder = package(tmp_path, built=False)
    code = LARGE.replace("LARGE", f"for _ in range(2): {large}")
    done = run(folder, mode, f"import sys; sys.stderr = sys.stdout{code}")
    if mode == "off":
        assert done.stdout == "small "
        return
    line, *source = done.stdout.removeprefix("small ").splitlines()
    assert line.startswith("<string>:")
    assert line.endswith(
        "RuntimeWarning: glassgrad runs interpreted, which is much slower: "
        "it was not built; install again where a C compiler and Python.h are"
    )
    assert len(source) <= 1  # the line it is about


def test_the_compiled_engine_has_nothing_to_say_of_a_large_backward(tmp_path: Path) -> None:
    code = LARGE.replace("LARGE", "chain(Value(1.0), 100_001).backward()")
    assert run(package(tmp_path, built=True), None, code, "-W", "error").stdout == "small "


def test_a_checkout_beside_an_installed_compiled_engine_says_where_that_is(tmp_path: Path) -> None:
    folder = package(tmp_path / "checkout", built=False)
    other = package(tmp_path / "site", built=True)
    code = f"import sys; sys.path.append({str(other)!r})\nfrom autograd.native.choice import why_interpreted; print(why_interpreted)"
    done = run(folder, None, code, "-W", "error")
    assert done.stdout == (
        f"it was not built in {folder / 'autograd'}, only in {other / 'autograd'}; "
        "run pip install -e . here, or run elsewhere\n"
    )
    done = run(
        folder, None, f"import sys; sys.path.append({str(other)!r})\nimport autograd.__main__ as m; m.main(['demo'])"
    )
    assert f"it was not built in {folder / 'autograd'}, only in {other / 'autograd'}" in done.stdout
    done = run(folder, "require", f"import sys; sys.path.append({str(other)!r}); import autograd")
    assert f"cannot run: it was not built in {folder / 'autograd'}, only in" in done.stderr


def test_require_without_a_build_is_an_import_error(tmp_path: Path) -> None:
    done = run(package(tmp_path, built=False), "require")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: GLASSGRAD_NATIVE=require, but the compiled engine cannot run: "
        "it was not built; install again where a C compiler and Python.h are"
    )


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("mode", ["on", "Require", "1"])
def test_another_word_is_an_import_error(tmp_path: Path, mode: str, built: bool) -> None:
    done = run(package(tmp_path, built), mode)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: GLASSGRAD_NATIVE is {mode!r}: it can be 'require' or 'off', or not be set"
    )


@pytest.mark.parametrize(("mode", "native"), [(None, True), ("", True), ("require", True), ("off", False)])
def test_with_a_build_the_wish_decides(tmp_path: Path, mode: str | None, native: bool) -> None:
    done = run(package(tmp_path, built=True), mode, TELL, "-W", "error")
    assert (done.stdout, done.stderr) == (f"{native} {native} Value(6.0)\n", "")


@pytest.mark.parametrize("source", choice.SOURCES)
def test_a_build_from_other_sources_never_runs(tmp_path: Path, source: str) -> None:
    folder = package(tmp_path, built=True)
    with (folder / "autograd" / source).open("a") as file:
        file.write("\n")
    done = run(folder, None)
    assert done.stdout == "False False Value(6.0)\n"
    assert "RuntimeWarning: glassgrad runs interpreted: value." in done.stderr
    assert "was built from other sources; install again to build it anew" in done.stderr
    done = run(folder, "require")
    assert done.returncode == 1
    assert "ImportError: GLASSGRAD_NATIVE=require, but the compiled engine cannot run: value." in done.stderr
    assert "other sources" in done.stderr
    done = run(folder, "off", TELL, "-W", "error")
    assert (done.stdout, done.stderr) == ("False False Value(6.0)\n", "")


def test_every_file_that_goes_into_the_build_is_watched() -> None:
    """What a unit draws in is in SOURCES, so that a change to it makes the build stale."""
    units = {ext["name"]: ext["sources"] for ext in tool_settings("setuptools")["ext-modules"]}
    assert units == {f"autograd.{unit.replace('/', '.')}": [f"autograd/{unit}.py"] for unit in choice.UNITS}
    for unit in choice.UNITS:
        declared = set(re.findall(r'cdef extern from "([^"]+)"', (PACKAGE / f"{unit}.pxd").read_text()))
        assert {"primitives.py", f"{unit}.py", f"{unit}.pxd", *declared} <= set(choice.SOURCES)


@pytest.mark.parametrize("unit", choice.UNITS)
def test_a_build_of_which_a_unit_is_missing_never_runs(tmp_path: Path, unit: str) -> None:
    folder = package(tmp_path, built=True)
    for suffix in EXTENSION_SUFFIXES:
        (folder / "autograd" / f"{unit}{suffix}").unlink(missing_ok=True)
    done = run(folder, None)
    assert done.stdout == "False False Value(6.0)\n"
    assert f"glassgrad runs interpreted: {unit}.py was not built with the rest; install again" in done.stderr
    done = run(folder, "require")
    assert "ImportError: GLASSGRAD_NATIVE=require, but the compiled engine cannot run" in done.stderr


@pytest.mark.parametrize("unit", choice.UNITS)
def test_a_unit_of_an_older_build_never_runs_with_the_others(tmp_path: Path, unit: str) -> None:
    folder = package(tmp_path, built=True)
    name = f"{Path(unit).name}."
    (file,) = (file for file in choice.compiled_files(folder / "autograd") if file.name.startswith(name))
    digest = choice.fingerprint(PACKAGE)
    file.write_bytes(file.read_bytes().replace(digest, digest[:-1] + b"x"))
    done = run(folder, None)
    assert done.stdout == "False False Value(6.0)\n"
    assert f"glassgrad runs interpreted: {file.name} was built from other sources" in done.stderr


def test_line_endings_do_not_make_a_build_stale(tmp_path: Path) -> None:
    folder = package(tmp_path, built=False) / "autograd"
    before = choice.fingerprint(folder)
    for source in choice.SOURCES:
        text = (folder / source).read_bytes()
        (folder / source).write_bytes(text.replace(b"\n", b"\r\n"))
    assert choice.fingerprint(folder) == before


def test_the_interpreted_engine_needs_no_cython_and_leaves_an_installed_one_alone(tmp_path: Path) -> None:
    folder = package(tmp_path, built=False)
    code = "import sys, autograd; print('cython' in sys.modules, 'Cython' in sys.modules)"
    assert run(folder, "off", code).stdout == "False False\n"
    (folder / "cython.py").write_text("compiled = 'the real one'")
    code = "import cython, autograd, sys; print(cython.compiled, sys.modules['cython'] is cython)"
    assert run(folder, "off", code).stdout == "the real one True\n"


# ---- building and shipping -------------------------------------------------------------------------------------------

BUILD = "from setuptools import build_meta; import sys; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(what: str, tree: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build an "sdist" or a "wheel" of ``tree`` as pip does, but with the setuptools and Cython installed here."""
    unwanted = ("GLASSGRAD_NATIVE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    variables = {key: value for key, value in os.environ.items() if key not in unwanted} | environment
    command = [sys.executable, "-c", BUILD, f"build_{what}", str(out)]
    return subprocess.run(command, cwd=tree, env=variables, capture_output=True, text=True)


def wheel(folder: Path) -> Path:
    (file,) = folder.glob("*.whl")
    return file


def installed(file: Path, folder: Path) -> Path:
    """A wheel unpacked as an installer would: it has no scripts and no data but in its packages."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that the source distribution unpacks to."""
    for tool in ("setuptools", "Cython"):
        if find_spec(tool) is None:
            unavailable(f"{tool} is not installed: pip install setuptools Cython")
    folder = tmp_path_factory.mktemp("sdist")
    tree = folder / "checkout"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, tree)
    for name in ("autograd", "nn"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c"))
    done = build("sdist", tree, folder)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def test_the_sdist_has_what_the_build_reads_and_nothing_built(sdist: Path) -> None:
    for source in choice.SOURCES:
        assert (sdist / "autograd" / source).read_bytes() == (PACKAGE / source).read_bytes()
    assert not [file for suffix in (".so", ".pyd", ".c") for file in sdist.rglob(f"*{suffix}")]
    modules = {str(file.relative_to(ROOT)) for name in ("autograd", "nn") for file in (ROOT / name).rglob("*.py")}
    assert modules <= {str(file.relative_to(sdist)) for file in sdist.rglob("*.py")}


@pytest.fixture
def tree(sdist: Path, tmp_path: Path) -> Path:
    """A fresh copy of it, to build in."""
    return shutil.copytree(sdist, tmp_path / "tree")


@pytest.fixture
def quick_compiler(tmp_path: Path) -> str:
    """The C compiler, told not to optimise: that is most of the time a build takes."""
    if not choice.compiled_files(PACKAGE):
        unavailable("there is no sign of a C compiler and Python.h: the engine is not built here either")
    script = tmp_path / "cc"
    script.write_text(f'#!/bin/sh\nexec {os.environ.get("CC") or sysconfig.get_config_var("CC")} "$@" -O0\n')
    script.chmod(0o755)
    return str(script)


def test_a_wheel_from_the_sdist_runs_compiled(tree: Path, tmp_path: Path, quick_compiler: str) -> None:
    done = build("wheel", tree, tmp_path, GLASSGRAD_NATIVE="require", CC=quick_compiler)
    assert done.returncode == 0, done.stderr
    folder = installed(wheel(tmp_path), tmp_path / "site")
    assert not list(folder.rglob("*.c"))
    assert run(folder, "require").stdout == "True True Value(6.0)\n"
    assert run(folder, "off").stdout == "False False Value(6.0)\n"


def test_without_a_compiler_one_line_says_so_and_the_package_works(tree: Path, tmp_path: Path) -> None:
    done = build("wheel", tree, tmp_path, CC="/nonexistent/cc")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "glassgrad:" in line]
    assert line.startswith("glassgrad: the compiled engine was not built (")
    assert "/nonexistent/cc" in line
    assert line.endswith("); the interpreted one runs")
    done = run(installed(wheel(tmp_path), tmp_path / "site"), None, TELL, "-W", "error")
    assert (done.stdout, done.stderr) == ("False False Value(6.0)\n", "")


def test_require_makes_a_build_without_a_compiler_fail(tree: Path, tmp_path: Path) -> None:
    done = build("wheel", tree, tmp_path, CC="/nonexistent/cc", GLASSGRAD_NATIVE="require")
    assert done.returncode != 0
    assert "/nonexistent/cc" in done.stderr


def test_an_editable_build_of_the_same_sources_is_kept_and_one_of_others_made_anew(tree: Path, tmp_path: Path) -> None:
    files = [tree / "autograd" / f"{unit}{EXTENSION_SUFFIXES[0]}" for unit in choice.UNITS]
    for file in files:
        file.write_bytes(b"built from " + choice.fingerprint(tree / "autograd"))
    without = {"CC": "/nonexistent/cc", "GLASSGRAD_NATIVE": "require"}
    done = build("editable", tree, tmp_path, **without)
    assert done.returncode == 0, done.stderr
    assert all(file.read_bytes().startswith(b"built from") for file in files)
    with (tree / "autograd" / "value.py").open("a") as source:
        source.write("\n")
    assert build("editable", tree, tmp_path, **without).returncode != 0
    assert not any(file.exists() for file in files)


def test_c_rules_of_another_table_are_not_built(tree: Path, tmp_path: Path) -> None:
    """A rule that was changed without making its C anew would be the old one where compiled."""
    table = tree / "autograd" / "primitives.py"
    table.write_text(table.read_text().replace("lambda y, a: 1 - y * y,", "lambda y, a: 1 + y * y,"))
    done = build("wheel", tree, tmp_path, GLASSGRAD_NATIVE="require")
    assert done.returncode != 0
    assert "rules.h is not of this table; run: python -m autograd.native.generate" in done.stderr
    done = build("wheel", tree, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the compiled engine was not built (rules.h is not of this table" in done.stderr


def test_off_builds_nothing_and_ships_nothing_built_before(tree: Path, tmp_path: Path) -> None:
    suffix = EXTENSION_SUFFIXES[0]
    platform = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for unit in choice.UNITS:
        left_over = tree / "build" / f"lib.{platform}" / "autograd" / f"{unit}{suffix}"
        left_over.parent.mkdir(parents=True, exist_ok=True)
        left_over.write_bytes(b"from an earlier build")
    done = build("wheel", tree, tmp_path, GLASSGRAD_NATIVE="off")
    assert done.returncode == 0, done.stderr
    assert "glassgrad:" not in done.stderr
    folder = installed(wheel(tmp_path), tmp_path / "site")
    assert not list(folder.rglob(f"*{suffix}"))
    assert run(folder, None).stdout == "False False Value(6.0)\n"


def test_the_wheels_of_all_platforms_are_configured_and_tested_compiled() -> None:
    settings = tool_settings("cibuildwheel")
    assert settings["environment"] == {"GLASSGRAD_NATIVE": "require"}
    assert {platform: settings[platform]["archs"] for platform in ("linux", "macos", "windows")} == {
        "linux": ["x86_64", "aarch64"], "macos": ["x86_64", "arm64"], "windows": ["AMD64"],
    }  # fmt: skip
    tests = re.findall(r"{project}/(\S+)", settings["test-command"])
    assert tests
    assert all((ROOT / path).exists() for path in tests)
