"""The command line: ``python -m autograd grad "tanh(a*b + c)" a=2 b=-3 c=10``, and explain, draw, check and others.

Exit codes: 0 if all went well; 1 if a check or a computation failed, or a file could not be written; 2 for wrong usage
or a refused expression.  Results go to standard output, errors in one line to standard error.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import sys
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from . import __version__
from .expression import FUNCTIONS, Expression, ExpressionError, parse
from .primitives import BUILTIN, TABLE, lookup
from .terminal import Parser, UsageError, complain, run
from .value import Value

if TYPE_CHECKING:
    from .checking import GradientReport, GradientRow
    from .view import Graph, Page

NAME = "autograd"
PROG = f"python -m {NAME}"
EXAMPLES = f"""\
examples:
  {PROG} grad "tanh(a*b + c)" a=2 b=-3 c=10
  {PROG} explain "tanh(a*b + c)" a=2 b=-3 c=10 --wrt a
  {PROG} check "where(x > 0, x**2, 0)" x=0.5 --order 2
  {PROG} check math:sin --grad math:cos --at 0.5
  {PROG} draw "log(x)*y + sin(y)" x=2 y=5 -o graph.svg
  {PROG} animate "log(x)*y + sin(y)" x=2 y=5 -o steps.html
  {PROG} rules tanh
  {PROG} demo

exit codes: 0 all is well; 1 a check or a computation failed, or a file could not be written;
2 wrong usage or a refused expression.
"""
FORMULAS = """\
EXPRESSION may contain numbers, the variables given, pi, e and tau, the operators + - * / // % **,
brackets, and these functions:
{}
sum, prod, min, max and logsumexp take numbers or one list of them; dot takes two lists, as in
dot([a, b], [c, d]). leaky_relu(x) is leaky_relu(x, 0.01); log(x, base) is log(x) / log(base).
A comparison may stand in the condition of where(condition, a, b), and nowhere else.
"""


# ---- arguments -------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    names = ", ".join(sorted(FUNCTIONS)).split()
    lines = [" ".join(names[i : i + 12]) for i in range(0, len(names), 12)]
    formulas = FORMULAS.format("\n".join(f"  {line}" for line in lines))
    parser = Parser(
        prog=PROG,
        description="Differentiate a formula, check its derivatives, draw its graph.",
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"glassgrad {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, of_expression: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text[0].lower() + text[1:],
            description=f"{text}.",
            epilog=formulas if of_expression else None,
            formatter_class=raw,
            allow_abbrev=False,
        )
        if of_expression:
            also = ", or module:function" if name == "check" else ""
            sub.add_argument("expression", metavar="EXPRESSION", help=f'a formula, such as "tanh(a*b + c)"{also}')
            sub.add_argument("assignments", metavar="NAME=NUMBER", nargs="*", help="a variable's value, such as a=2")
        return sub

    grad = command("grad", "Print the value, all partial derivatives and their check")
    check = command("check", "Check the derivatives in both modes against finite differences")
    check.add_argument(
        "--order",
        type=_natural,
        choices=range(1, 6),
        metavar="K",
        default=2,
        help="of orders 1 to K, up to 5 (default: 2)",
    )
    check.add_argument("--at", metavar="LIST", help='of module:function, the arguments, such as "[0.5, 2.0]"')
    check.add_argument("--grad", metavar="MODULE:NAME", help="of module:function, the gradient that is claimed")
    check.add_argument("--strict", action="store_true", help="let nothing inconclusive pass")
    explain = command("explain", "Write a derivative out: each local partial, the sums where paths meet, the product")
    explain.add_argument("--wrt", metavar="NAME", help="the variable to differentiate by (default: each of them)")
    draw = command("draw", "Draw the graph with data, gradients and local partials")
    draw.add_argument("-o", "--output", metavar="FILE", default="graph.svg", help="the drawing (default: graph.svg)")
    draw.add_argument("--depth", type=_natural, metavar="N", help="only what lies within N operations of the result")
    draw.add_argument("--limit", type=_natural, metavar="N", default=2000, help="refuse more nodes (default: 2000)")
    animate = command("animate", "Make a page that plays the forward and the backward pass step by step")
    animate.add_argument("-o", "--output", metavar="FILE", default="steps.html", help=".html (default: steps.html)")
    demo = command("demo", "Work a printed example: a 2-2-2 network, number by number", of_expression=False)
    demo.add_argument("-o", "--output", metavar="FILE", default="demo.svg", help="the drawing (default: demo.svg)")
    rules = command("rules", "Print the derivatives, domain and convention of one function or all", of_expression=False)
    rules.add_argument("name", metavar="NAME", nargs="?", help="a function's name, such as tanh (default: all)")
    for sub in (grad, check, explain, demo):
        sub.add_argument("--json", action="store_true", help="print one JSON object; a number not finite is a string")
    return parser


def _natural(text: str) -> int:
    text = text.removeprefix(_SHIELD)
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number below 1,000,000,000")
    return int(text)


# argparse takes an expression such as "-x" for an option: a NUL, which no argument can contain, hides its minus
_SHIELD = "\0"
_OPTION = re.compile(r"-h|-o.*|--|--[a-z]+(=.*)?", re.DOTALL)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    shielded = [arg if not arg.startswith("-") or _OPTION.fullmatch(arg) else f"{_SHIELD}{arg}" for arg in argv]
    # an option may stand between the assignments; argparse reads those after it as unknown
    args, rest = _parser().parse_known_args(shielded)
    for arg in rest:
        if arg.startswith("-") or args.command in ("demo", "rules"):
            arg = arg.removeprefix(_SHIELD)
            raise UsageError(f"unknown argument {arg!r} (see {PROG} {args.command} --help)")
    if args.command == "rules" and args.name is not None:
        args.name = args.name.removeprefix(_SHIELD)
    elif "expression" in args:
        args.expression = args.expression.removeprefix(_SHIELD)
        args.assignments = [arg.removeprefix(_SHIELD) for arg in [*args.assignments, *rest]]
    if getattr(args, "wrt", None) is not None:
        args.wrt = normalize("NFKC", args.wrt.removeprefix(_SHIELD))
    if "output" in args:
        args.output = args.output.removeprefix(_SHIELD)
        endings = (".html", ".htm") if args.command == "animate" else (".svg", ".dot", ".png", ".pdf")
        if Path(args.output).suffix.lower() not in endings:
            of_drawings = "drawing must end in .svg, .dot, .png or .pdf"
            what = "page must end in .html" if args.command == "animate" else of_drawings
            raise UsageError(f"the name of the {what}, not {args.output!r}")
    return args


def _point(assignments: Iterable[str]) -> dict[str, float]:
    """The variables and their numbers, from texts such as ``a=2``."""
    point: dict[str, float] = {}
    for text in assignments:
        left, equals, right = text.partition("=")
        name = normalize("NFKC", left.strip())  # as Python reads names
        if not equals or not name.isidentifier() or iskeyword(name):
            raise UsageError(f"{text!r} is not an assignment: write NAME=NUMBER, as in a=2")
        if name in point:
            raise UsageError(f"{name} is given twice: {name}={point[name]:g} and {text}")
        try:
            point[name] = float(right)
        except ValueError:
            raise UsageError(f"{text!r}: {right!r} is not a number") from None
        if not math.isfinite(point[name]):
            raise UsageError(f"{text!r}: {name} must be a finite number")
    return point


def _function(args: argparse.Namespace) -> tuple[Expression, dict[str, float]]:
    point = _point(args.assignments)
    try:
        function = parse(args.expression, point)
    except ExpressionError as error:
        raise UsageError(f"expression, {error}") from None
    if function.unused:
        names = ", ".join(function.unused)
        raise UsageError(f"{names} {'is' if len(function.unused) == 1 else 'are'} given but not in the expression")
    if not point:
        raise UsageError("the expression has no variable: there is nothing to differentiate")
    return function, point


# ---- commands --------------------------------------------------------------------------------------------------------


def _grad(args: argparse.Namespace) -> int:
    function, point = _function(args)
    value, leaves = _recorded(function, point)
    report = _checked(function, point, 1)
    if args.json:
        _print_json(
            {
                "expression": function.text,
                "value": value.data,
                "point": point,
                "gradient": {leaf.label: leaf.grad for leaf in leaves},
                "check": report.as_dict(),
                "passed": report.passed,
            }
        )
    else:
        print(f"{function} = {value.data!r}\n")
        _print_table(
            ["variable", "value", "derivative", "finite difference", "± error", "check"],
            [
                [
                    leaf.label,
                    f"{leaf.data!r}",
                    f"{leaf.grad!r}",
                    f"{row.numeric:.12g}",
                    f"{row.error:.1g}",
                    _remark(row),
                ]
                for leaf, row in zip(leaves, report.rows, strict=True)
            ],
            left=(0, 5),
        )
        for line in [*report.culprits, *report.remarks]:
            print(line)
    return _verdict(report)


def _remark(row: GradientRow) -> str:
    return f"{row.verdict}: {row.note}" if row.note else row.verdict


def _check(args: argparse.Namespace) -> int:
    text = args.expression
    if _REFERENCE.fullmatch(text):
        report = _checked_reference(args)
    elif args.at is not None or args.grad is not None:
        raise UsageError("--at and --grad are for a function that is named by module:function, not for a formula")
    else:
        function, point = _function(args)
        text = function.text
        _recorded(function, point)  # an error in the computation itself is told with the variables' names
        report = _checked(function, point, args.order, args.strict)
    if args.json:
        _print_json({"expression": text, "check": report.as_dict(), "passed": report.passed})
    else:
        print(report)
    return _verdict(report)


_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")  # module:function


def _checked_reference(args: argparse.Namespace) -> GradientReport:
    """The check of a function that is imported by its name, at the arguments of --at."""
    from ast import literal_eval

    from .checking import GradientMismatch, check_grads

    if args.at is None or args.assignments:
        raise UsageError('the arguments of module:function are given by --at, as in --at "[0.5, 2.0]"')
    try:
        values = literal_eval(args.at.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(f"--at {args.at!r} is not a list of numbers, such as [0.5, 2.0]") from None
    function = _imported(args.expression)
    claims = {"grad": _imported(args.grad)} if args.grad is not None else {}
    try:
        return check_grads(function, _spread(function, values), args.order, strict=args.strict, **claims)
    except GradientMismatch as mismatch:
        return mismatch.report
    except TypeError as error:
        raise UsageError(str(error)) from None


def _imported(reference: str) -> Any:
    """The function that ``module:name`` names; the working folder is looked in, as Python does for -m."""
    from importlib import import_module

    if not _REFERENCE.fullmatch(reference):
        raise UsageError(f"{reference!r} is no reference to a function: write module:function")
    module, _, path = reference.partition(":")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"{reference}: there is no module named {error.name!r} here") from None
    for name in path.split("."):
        if not hasattr(found, name):
            raise UsageError(f"{reference}: module {module!r} has no {path!r}")
        found = getattr(found, name)
    if not callable(found):
        raise UsageError(f"{reference} is not a function, but {type(found).__name__}")
    return found


def _spread(function: Any, values: Any) -> tuple[Any, ...]:
    """The arguments among the values: all of them, or one array of them if the function takes one argument."""
    import inspect

    import numpy as np

    if not isinstance(values, list | tuple):
        return (values,)
    try:
        inspect.signature(function).bind(*values)
    except TypeError:
        return (np.array(values, dtype=float),)
    except ValueError:
        pass  # a C function that does not publish its signature
    return tuple(np.array(value, dtype=float) if isinstance(value, list) else value for value in values)


def _explain(args: argparse.Namespace) -> int:
    from .view import explain

    function, point = _function(args)
    if args.wrt is not None and args.wrt not in point:
        raise UsageError(f"--wrt {args.wrt}: the variables are {', '.join(point)}")
    value, leaves = _recorded(function, point)
    found = [explain(value, leaf) for leaf in leaves if args.wrt in (None, leaf.label)]
    if args.json:
        _print_json(
            {"expression": function.text, "value": value.data, "explanations": [one.as_dict() for one in found]}
        )
    else:
        print(f"{_free_name(point)} = {function}\n")
        print("\n\n".join(map(str, found)))
    return _verdict(_checked(function, point, 1))


def _free_name(point: dict[str, float]) -> str:
    """What the explanation calls the result."""
    return "y" if "y" not in point else next(f"v{i}" for i in itertools.count(1) if f"v{i}" not in point)


def _draw(args: argparse.Namespace) -> int:
    from .view import draw

    function, point = _function(args)
    value, _ = _recorded(function, point)
    try:
        graph = draw(value, limit=args.limit, depth=args.depth)
    except ValueError:
        raise UsageError(
            f"the drawing would have more than {args.limit} nodes or ten times as many operands: "
            "draw what lies near the result with --depth 3, or raise --limit"
        ) from None
    _save(graph, args.output)
    print(f"{function} = {value.data!r}\n{args.output}: {graph.nodes:,} nodes, {graph.edges:,} edges")
    return 0


def _animate(args: argparse.Namespace) -> int:
    from .view import animate

    function, point = _function(args)
    value, _ = _recorded(function, point)
    try:
        page = animate(value, title=f"Step by step: {_free_name(point)} = {function.text}")
    except ValueError as error:
        raise UsageError(str(error)) from None
    _save(page, args.output)
    print(f"{function} = {value.data!r}\n{args.output}: {page.nodes:,} nodes, {page.steps:,} steps")
    return 0


def _demo(args: argparse.Namespace) -> int:
    from . import demo
    from .native.choice import why_interpreted
    from .view import draw

    nodes = demo.recorded()
    result = demo.run(nodes)
    if args.json:
        _print_json(result | {"drawing": args.output})
    else:
        _print_demo(result)
    graph = draw(nodes["E"])  # after the numbers, which need no renderer
    _save(graph, args.output)
    if not args.json:
        print(f"\n{args.output}: {graph.nodes:,} nodes, {graph.edges:,} edges")
        print(f"engine: interpreted ({why_interpreted})" if why_interpreted else "engine: compiled")
    if not result["passed"]:
        complain(NAME, "a number is wrong, or a gradient was not confirmed: see the tables")
    return 0 if result["passed"] else 1


def _print_demo(result: dict[str, Any]) -> None:
    from textwrap import fill

    from . import demo

    def figures(entry: dict[str, Any]) -> list[str]:
        published = entry["published"]
        aligned = published + " " * (9 - len(published.partition(".")[2]))  # under the others, point under point
        verdict = "agrees" if entry["agrees"] else "differs: see below" if entry["passed"] else "WRONG"
        return [f"{entry['computed']:.9f}", aligned, verdict]

    print("A 2-2-2 network of logistic neurons, worked by hand in print and computed here.")
    print(f"inputs {demo.INPUTS}, targets {demo.TARGETS}, biases {demo.BIASES} (not trained), rate {demo.RATE}\n")
    _print_table(
        ["quantity", "computed", "published", ""],
        [[entry["name"], *figures(entry)] for entry in result["quantities"]],
        left=(0, 3),
    )
    print("\nThe gradient of E, and one step against it, all weights at once: w - rate * dE/dw\n")
    checks = {row["by"][-1]: row for row in result["check"]["rows"]}
    _print_table(
        ["", "before", "dE/dw", "finite difference", "check", "after", "published", ""],
        [
            [
                *(entry["name"], f"{entry['before']:.2f}", f"{entry['gradient']:.12f}"),
                *(f"{checks[entry['name']]['numeric']:.12f}", checks[entry["name"]]["verdict"], *figures(entry)),
            ]
            for entry in result["weights"]
        ],
        left=(0, 4, 7),
    )
    print()
    _print_table(
        ["", "computed", "published", ""],
        [[entry["name"], *figures(entry)] for entry in result["energy"]],
        left=(0, 3),
    )
    print()
    for remark in result["remarks"]:
        print(fill(remark, 96, subsequent_indent="  "))


def _rules(args: argparse.Namespace) -> int:
    from difflib import get_close_matches

    from .formulas import described

    known = {name: row for name, row in TABLE.items() if name in BUILTIN}
    if args.name is None:
        print("\n\n".join(map(described, known.values())))
        return 0
    try:
        row = lookup(args.name)
    except KeyError:
        close = get_close_matches(args.name, known, 3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"{PROG} rules prints all"
        raise UsageError(f"no function named {args.name!r}: {hint}") from None
    print(described(row))
    return 0


COMMANDS = {
    "grad": _grad,
    "check": _check,
    "explain": _explain,
    "animate": _animate,
    "draw": _draw,
    "demo": _demo,
    "rules": _rules,
}


def _recorded(function: Expression, point: dict[str, float]) -> tuple[Value, list[Value]]:
    """The expression's value on leaves that bear the variables' names, and the leaves, after the backward pass."""
    leaves = [Value(x, name) for name, x in point.items()]
    value: Value = function(*leaves)
    value.backward()
    return value, leaves


def _checked(function: Expression, point: dict[str, float], order: int, strict: bool = False) -> GradientReport:
    from .checking import GradientMismatch, check_grads

    try:
        return check_grads(function, list(point.values()), order=order, strict=strict)
    except GradientMismatch as mismatch:
        return mismatch.report


def _verdict(report: GradientReport) -> int:
    if not report.passed:
        complain(NAME, str(report).splitlines()[0])
    return 0 if report.passed else 1


def _save(graph: Graph | Page, path: str) -> None:
    try:
        graph.save(path)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from None


# ---- output ----------------------------------------------------------------------------------------------------------


def _print_table(head: list[str], rows: list[list[str]], left: tuple[int, ...]) -> None:
    """Aligned columns two blanks apart; those in ``left`` to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, range(len(widths)), strict=True)
        print("  ".join(c.ljust(w) if i in left else c.rjust(w) for c, w, i in cells).rstrip())


def _print_json(data: dict[str, Any]) -> None:
    print(json.dumps(_finite(data), indent=2, allow_nan=False))


def _finite(x: Any) -> Any:
    """The same data with "nan", "inf" and "-inf" for the numbers that JSON lacks."""
    if isinstance(x, dict):
        return {key: _finite(item) for key, item in x.items()}
    if isinstance(x, list | tuple):
        return [_finite(item) for item in x]
    return str(x) if isinstance(x, float) and not math.isfinite(x) else x


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (default: the process's arguments) names; returns the exit code."""

    def command() -> int:
        args = _arguments(sys.argv[1:] if argv is None else argv)
        return COMMANDS[args.command](args)

    return run(NAME, command)


if __name__ == "__main__":
    sys.exit(main())
