"""The reader of formulas: what it accepts means what Python means by it; all else is refused, with its column."""

import ast
import builtins
import functools
import math
import operator
import struct
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd import Value, gradients
from autograd.expression import FUNCTIONS, MAX_DEPTH, MAX_LENGTH, Expression, ExpressionError, parse
from autograd.primitives import BUILTIN, TABLE

ABC = ("a", "b", "c")


def _column(text: str, names: tuple[str, ...] = ABC) -> int:
    with pytest.raises(ExpressionError) as caught:
        parse(text, names)
    return caught.value.column


# ---- meaning: Python's own arithmetic is the oracle ------------------------------------------------------------------

_ONE = ["sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "atan", "cbrt", "erf", "expm1", "abs", "asinh"]
_PYTHON = {
    **{name: getattr(math, name) for name in [*_ONE, "atan2", "hypot", "pi", "e", "tau"] if name != "abs"},
    "abs": abs,
    "min": min,
    "max": max,
    "sum": lambda *xs: functools.reduce(operator.add, xs, 0.0),
    "prod": lambda *xs: math.prod(xs, start=1.0),
    "where": lambda c, a, b: a if c else b,
    "dot": lambda ws, xs: functools.reduce(operator.add, map(operator.mul, ws, xs), 0.0),
    "__builtins__": {},
}
_numbers = st.floats(-1e3, 1e3, allow_subnormal=False).map(repr) | st.sampled_from(
    ["0.5", "2.0", "-1.0", ".5", "1e-3", "pi"]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Formulas one level up.  Brackets come and go at random: precedence is Python's business on both sides."""
    operand = st.one_of(inner, inner.map("({})".format))
    right = operand | _numbers
    relation = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    return st.one_of(
        st.builds("{} {} {}".format, operand, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), right),
        st.builds("{}{} * {}".format, st.sampled_from(["-", "+", "--", "- "]), _numbers, operand),
        st.builds("-{}".format, operand),
        st.builds("{}({})".format, st.sampled_from(_ONE), inner),
        st.builds(
            "{}({}, {})".format, st.sampled_from(["atan2", "hypot", "min", "max", "sum", "prod", "log"]), inner, inner
        ),
        st.builds(
            "{}({}, {}, {})".format, st.sampled_from(["hypot", "min", "max", "sum", "prod"]), inner, right, inner
        ),
        st.builds("where({} {} {}, {}, {})".format, operand, relation, right, inner, inner),
        # the last one cannot fail: Python stops at a comparison that is false, a formula computes all of its parts
        st.builds("where({} < {} <= {}, {}, {})".format, right, operand, st.sampled_from(ABC) | _numbers, inner, inner),
        st.builds("dot([{}, {}], [{}, {}])".format, inner, right, inner, inner),
    )


formulas = st.recursive(st.sampled_from(ABC), _larger, max_leaves=12)
points = st.tuples(*[st.floats(-50, 50, allow_subnormal=False) | st.sampled_from([0.0, 1.0, -2.0, 0.5])] * 3)


def _bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("d", x)


def _power(a: float, b: float) -> float:
    y = a**b
    if isinstance(y, complex):  # Python goes on with complex numbers; the engine stops, as its numbers are real
        raise ValueError("not real")
    return y


class _RealPowers(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:  # the name that ast looks for
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow):
            return ast.Call(ast.Name("_power", ast.Load()), [node.left, node.right], [])
        return node


def _python(text: str, point: tuple[float, ...]) -> object:
    """What Python itself makes of the text."""
    tree = ast.fix_missing_locations(_RealPowers().visit(ast.parse(text, mode="eval")))
    return eval(compile(tree, "formula", "eval"), dict(_PYTHON, _power=_power, **dict(zip(ABC, point, strict=True))))


def _outcome(compute: Callable[[], Any]) -> bytes | type[Exception]:
    """The bits of the result, or the kind of the error."""
    try:
        y = compute()
    except (ArithmeticError, ValueError) as error:
        return type(error)
    x = y.data if isinstance(y, Value) else y
    assert type(x) is float
    return b"nan" if math.isnan(x) else struct.pack("d", x)


@settings(max_examples=400)
@given(formulas, points)
@example("-a**2", (3.0, 0.0, 0.0))
@example("a**-b**c", (2.0, 3.0, 2.0))
@example("a - b - c", (1.0, 2.0, 4.0))
@example("a / b / c", (1.0, 2.0, 4.0))
@example("a ** b", (-8.0, 1 / 3, 0.0))
@example("where(a < b < c, a, c)", (1.0, 0.0, 5.0))
@example("where(a < b < c, a, c)", (1.0, 2.0, 5.0))
@example("where(a == b, a / b, b / a)", (0.0, 0.0, 5.0))
def test_means_what_python_means(text: str, point: tuple[float, float, float]) -> None:
    formula = parse(text, ABC)
    wanted = _outcome(lambda: _python(text, point))
    assert _outcome(lambda: formula(*point)) == wanted
    assert _outcome(lambda: formula(*map(Value, point))) == wanted


_TRUE = {"<": {1}, "<=": {1, 2}, ">": {3}, ">=": {2, 3}, "==": {2}, "!=": {1, 3}}  # the numbers that are so to 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2 + 3*4", 14.0),
        ("2**3**2", 512.0),
        ("-2**2", -4.0),
        ("2**-1", 0.5),
        ("7 // 2 * 1.5", 4.5),
        ("-7 % 3", 2.0),
        ("pi", math.pi),
        ("e**1 + tau", math.e + math.tau),
        ("1_000.5", 1000.5),
        ("0x10", 16.0),
        ("log(8, 2)", 3.0),
        ("log(e)", 1.0),
        ("max(3)", 3.0),
        ("min([3, 1, 2])", 1.0),
        ("sum(1, 2, 3)", 6.0),
        ("sum([1, 2, 3])", 6.0),
        ("prod([2, 3, 4])", 24.0),
        ("logsumexp([0, 0])", math.log(2)),
        ("dot([1, 2], [3, 4])", 11.0),
        ("hypot(3, 4)", 5.0),
        ("leaky_relu(-1)", -0.01),
        ("leaky_relu(-1, 0.5)", -0.5),
        *[(f"where({x} {relation} 2, 4, 5)", 4.0) for relation, xs in _TRUE.items() for x in xs],
        *[(f"where({x} {relation} 2, 4, 5)", 5.0) for relation, xs in _TRUE.items() for x in {1, 2, 3} - xs],
        ("where(0 < 1 < 2 != 3, 4, 5)", 4.0),
        ("where(0 < 1 < 1, 4, 5)", 5.0),
        ("where(0, 4, 5)", 5.0),
        (" ( 1\t+\n2 ) ", 3.0),
    ],
)
def test_constants(text: str, wanted: float) -> None:
    assert parse(text, [])() == wanted


def test_every_function_of_the_table_is_known_and_gives_what_it_gives() -> None:
    rows = {name: row for name, row in TABLE.items() if name in FUNCTIONS and name not in ("dot", "sumprod")}
    assert set(FUNCTIONS) == {*(name for name in BUILTIN if name[:-1] != "polygamma"), "polygamma", "fabs"}
    assert parse("polygamma(2, a)", ["a"])(1.5) == TABLE["polygamma2"](1.5)
    assert parse("sumprod([a, 2], [3, a])", ["a"])(1.5) == 7.5
    for name, row in rows.items():
        count = row.arity or 3
        xs = [0.5 * (low if math.isfinite(low) else 0.0) + 0.3 for low, _ in (row.domain * count)[:count]]
        if name == "acosh":
            xs = [1.5]
        formula = parse(f"{name}({', '.join(ABC[:count])})", ABC[:count])
        assert formula(*xs) == row.fn(*xs), name
        assert formula(*map(Value, xs)).data == row.fn(*xs), name


def test_leaves_and_gradients() -> None:
    a, b, c = Value(2.0), Value(-3.0), Value(10.0)
    output = parse("tanh(a*b + c)", ABC)(a, b, c)
    slope = 1 - math.tanh(4.0) ** 2
    assert gradients(output, [a, b, c]) == pytest.approx([-3 * slope, 2 * slope, slope], rel=1e-14)


def test_a_given_name_goes_before_a_constant_or_a_function() -> None:
    assert parse("e + pi", ["e"])(1.0) == 1.0 + math.pi
    assert parse("sum(sum, 1)", ["sum"])(2.0) == 3.0


def test_names_are_read_as_python_reads_them() -> None:
    assert parse("α*β_1", ["α", "β_1"])(2.0, 3.0) == 6.0
    assert parse("ﬁ", ["fi"])(2.0) == 2.0  # a ligature in the formula is the two letters, as in Python


def test_columns_count_characters() -> None:
    assert _column("αβγ + δ", ("αβγ",)) == 7
    assert _column("α +", ("α",)) == 4
    assert _column("  α + α.x", ("α",)) == 7


def test_unused_names() -> None:
    assert parse("a + c", ABC).unused == ["b"]
    assert parse("0*a + b + c", ABC).unused == []


def test_calls_check_their_numbers() -> None:
    with pytest.raises(TypeError, match=r"takes 3 numbers \(a, b, c\), not 2"):
        parse("a*b*c", ABC)(1.0, 2.0)
    # integers are made floats first: 9**9**9**9 among integers would not end
    with pytest.raises(OverflowError):
        parse("a**b**c**a", ABC)(9, 9, 9)


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted", "reason"),
    [
        ("", 1, "empty"),
        (" \n ", 1, "empty"),
        ("a.real", 1, "there are no attributes"),
        ("b + (a).real", 5, "there are no attributes"),
        ("().__class__.__bases__[0]", 1, "give each number a name"),
        ("b + a[0]", 5, "give each number a name"),
        ("__import__('os')", 12, 'the character "\'" is not allowed'),
        ("open(a)", 1, "'open' is not a function here"),
        ("1 + tahn(a)", 5, "did you mean"),
        ("softmax([a, b])", 1, "'softmax' is not a function here"),
        ("a(b)", 1, "'a' is not a function here"),
        ("sin(a)(b)", 1, "only functions are called, by their names"),
        ("sin + 1", 1, "'sin' is a function: write sin(...)"),
        ("a + x1", 5, "'x1' is not known: give it a value, as in x1=1.0"),
        ("α*x", 1, "'α' is not known"),
        ("c*α + x.y", 3, "'α' is not known"),  # the leftmost fault is told
        ("sin()", 1, "has 0 arguments: sin takes 1"),
        ("sin(a, b)", 1, "has 2 arguments: sin takes 1"),
        ("log(a, b, c)", 1, "has 3 arguments: log takes 1 or 2"),
        ("max()", 1, "has 0 arguments: max takes 1 or more"),
        ("sum([])", 1, "has 0 arguments: sum takes 1 or more"),
        ("sin([a])", 5, "only sum, prod, min, max, logsumexp and dot take lists"),
        ("sum([a], b)", 5, "only sum, prod, min, max, logsumexp and dot take lists"),
        ("sum([[a]])", 6, "only sum, prod, min, max, logsumexp and dot take lists"),
        ("dot(a, b)", 1, "two lists of one length"),
        ("dot([a], [b, c])", 1, "two lists of one length"),
        ("dot([], [])", 1, "two lists of one length"),
        ("sum(x for x in a)", 4, "is not allowed"),
        ("sum([x for x in [a]])", 5, "is not allowed"),
        ("leaky_relu(a, slope=b)", 1, "has a keyword argument"),
        ("max(**a)", 1, "has a keyword argument"),
        ("max(a, *b)", 8, "write the arguments out"),
        ("sum([*a])", 6, "write the arguments out"),
        ("lambda: a", 7, "the character ':' is not allowed"),
        ("(yield a)", 2, "is not allowed"),
        ("await a", 1, "is not allowed"),
        ("(a, b)", 1, "is not allowed"),
        ("a,", 1, "is not allowed"),
        ("a if b else c", 1, "write where(condition, a, b)"),
        ("a and b", 1, "nest where"),
        ("not a", 1, "is not allowed"),
        ("a < b", 1, "belongs into the condition of where"),
        ("where(a, b < c, c)", 10, "belongs into the condition of where"),
        ("where(1 + (a < b), b, c)", 12, "belongs into the condition of where"),
        ("where(a is b, b, c)", 7, "conditions compare with"),
        ("where(a in b, b, c)", 7, "conditions compare with"),
        ("where(a < b, b)", 1, "has 2 arguments: where takes 3"),
        ("True", 1, "is not allowed"),
        ("None", 1, "is not allowed"),
        ("...", 1, "is not allowed"),
        ("a*1j", 3, "is not allowed"),
        ("a^2", 2, "a power is written **"),
        ("~a", 1, "the character '~'"),
        ("a@b", 2, "the character '@'"),
        ("a # b", 3, "the character '#'"),
        ("a;b", 2, "the character ';'"),
        ("a:=b", 2, "the character ':'"),
        ("{a}", 1, "the character '{'"),
        ("f'{a}'", 2, "the character"),
        ("a\\\n+b", 2, "the character"),
        ("a\0", 2, "the character '\\x00'"),
        ("\ud800", 1, "the character '\\ud800'"),
        ("x²", 2, "the character '\\xb2'"),
        ("a = 2", 3, "invalid syntax"),
        ("  a b", 5, "invalid syntax"),
        ("1if", 1, "invalid"),
        ("a +", 4, "invalid syntax"),
        ("(a", 1, "never closed"),
        ("a)", 2, "unmatched"),
        ("a + 9**9**9", 5, "'9**9**9' is too large for a float"),
        ("10**400*a", 1, "'10**400' is too large for a float"),
        ("1e999", 1, "too large"),
        ("1e308*10", 1, "too large"),
        ("0x" + "f" * 300, 1, "too large"),
        ("a + " + "9" * 5000, 5, "too many digits"),
        ("a + 1/0", 5, "'1/0' has no value"),
        ("log(-1) + a", 1, "'log(-1)' has no value"),
        ("(-8)**(1/3)", 1, "has no value: a negative base"),
    ],
)
def test_refused_with_its_column(text: str, wanted: int, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, ABC)
    assert caught.value.column == wanted
    assert reason in caught.value.reason
    assert str(caught.value) == f"column {wanted}: {caught.value.reason}"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 5000 + ")" * 5000,
        "(" * 300 + "a" + ")" * 300,
        "-" * 100_000 + "a",
        "-" * 9_999 + "a",
        "-" * 3_000 + "a",
        "1+" * 5000 + "1",
        "a+" * 4999 + "a",
        "a**" * 3000 + "a",
        "a<" * 4999 + "a",
        "sin(" * 199 + "a",
        "sum([" * 99 + "a",
        "where(a<" * 190,
        "not " * 2400 + "a",
        "a if a else " * 800 + "a",
        "a" + ".a" * 4999,
        "a" + "()" * 4999,
        "lambda:" * 1400 + "a",
        "[x for x in " * 190,
        "[" * 199,
        "~" * 9_999 + "a",
        "," * 10_000,
        "9" * 10_000,
        "1" + "0_" * 4_000,
        "9**" * 3000 + "9",
        "a" * 1_000_000,
        "é" * 9_999 + ".",
    ],
)
def test_hostile_text_is_refused_at_once(text: str) -> None:
    assert 1 <= _column(text) <= len(text) + 1


def test_the_limits_themselves() -> None:
    sum_of = "+".join("a" * MAX_DEPTH)  # MAX_DEPTH terms nest MAX_DEPTH - 1 additions above the innermost term
    assert parse(sum_of, ["a"])(1.0) == MAX_DEPTH
    with pytest.raises(ExpressionError, match=f"nested deeper than {MAX_DEPTH} levels"):
        parse(f"{sum_of}+a", ["a"])
    longest = f"a{' ' * (MAX_LENGTH - 1)}"
    assert parse(longest, ["a"])(1.0) == 1.0
    assert _column(f"{longest} ", ("a",)) == MAX_LENGTH + 1
    many = f"sum({', '.join('a' * 3000)})"
    assert parse(many, ["a"])(1.0) == 3000.0


# ---- any text at all -------------------------------------------------------------------------------------------------

_PIECES = [
    *["a", "b", "c", "x", "e", "pi", "1", "2.5", "1e3", "9", "0", ".5", "1j", "'s'", '"', "\\", "\n", "\t", "\0", "é"],
    *[
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ":",
        "=",
        "<",
        ">=",
        "==",
        "!=",
        " ",
    ],
    *[
        "sin(",
        "log(",
        "max(",
        "where(",
        "dot([",
        "], [",
        "sum(",
        "lambda",
        "if",
        "else",
        "for",
        "in",
        "is",
        "not",
        "and",
    ],
    *[
        "__import__",
        "__class__",
        "eval",
        "exec",
        "open",
        "True",
        "None",
        "await",
        "yield",
        "*a",
        "**b",
        "a=",
        ";",
        "#",
        "@",
    ],
]
_ALLOWED_NODES = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.UnaryOp,
    ast.BinOp,
    ast.Compare,
    ast.Call,
    ast.List,
)
_ALLOWED_SIGNS = (ast.operator, ast.unaryop, ast.cmpop)
_REFUSED_SIGNS = (ast.Invert, ast.Not, ast.MatMult, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor)
_REFUSED_RELATIONS = (ast.Is, ast.IsNot, ast.In, ast.NotIn)
_FORMS = [
    *["{}.real", "{}[0]", "{}()", "({})(1)", "({},)", "[{}]", "max([{}])", "max(*{})", "sin(x={})", "-{}", "not {}"],
    *[
        "{} + {}",
        "{} ** {}",
        "{} if {} else {}",
        "{} and {}",
        "{} < {}",
        "{} is {}",
        "where({} < {}, {}, {})",
        "max({}, {})",
    ],
    *[
        "[{} for a in {}]",
        "({} for a in {})",
        "(yield {})",
        "await {}",
        "where({} in {}, 1, 2)",
        "dot([{}], [{}])",
        "abs({})",
    ],
]
bent = st.recursive(
    st.sampled_from([*ABC, "x", "True", "1", "1j", "...", "9", "__import__"]),
    lambda inner: st.builds(lambda form, parts: form.format(*parts), st.sampled_from(_FORMS), st.tuples(*[inner] * 4)),
    max_leaves=10,
)
hostile = st.one_of(
    bent,
    st.text(max_size=60),
    st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join),
    st.builds(
        lambda text, at, piece: text[:at] + piece + text[at:], formulas, st.integers(0, 40), st.sampled_from(_PIECES)
    ),
)


@settings(max_examples=1000)
@given(hostile)
def test_any_text_is_a_function_or_refused_with_a_column(text: str) -> None:
    try:
        formula = parse(text, ABC)
    except ExpressionError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert 1 <= refused.column <= len(text) + 1
        assert str(refused).isprintable()  # and so on one line
        return
    assert isinstance(formula, Expression)
    # looked at again, independently: nothing but numbers, names, operators and calls by name was let through
    for node in ast.walk(ast.parse("".join(" " if char.isspace() else char for char in text).strip(), mode="eval")):
        assert isinstance(node, _ALLOWED_NODES + _ALLOWED_SIGNS)
        assert not isinstance(node, _REFUSED_SIGNS + _REFUSED_RELATIONS)
        if isinstance(node, ast.Constant):
            assert type(node.value) in (int, float)
        if isinstance(node, ast.Name):
            assert node.id in ABC or node.id in FUNCTIONS or node.id in ("pi", "e", "tau")
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            assert not node.keywords
    assert all(isinstance(step, float | tuple) or step in ABC for step in formula.steps)


def test_no_code_is_made_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("text must not be executed")

    made = []
    compile_ = builtins.compile

    def recorded(source: object, filename: str, mode: str, flags: int = 0, *rest: object, **more: object) -> object:
        made.append(flags)
        return compile_(source, filename, mode, flags, *rest, **more)  # type: ignore[call-overload]  # passes on whatever it was given

    monkeypatch.setattr(builtins, "eval", forbidden)
    monkeypatch.setattr(builtins, "exec", forbidden)
    monkeypatch.setattr(ast, "compile", recorded, raising=False)
    assert parse("sin(a) + where(a < 1, b, c)", ABC)(1.0, 2.0, 3.0) == math.sin(1.0) + 3.0
    for text in ["__import__", "exec(a)", "eval(a)", "a.b"]:
        _column(text)
    assert made
    assert all(flags & ast.PyCF_ONLY_AST for flags in made), "the text became a tree, never code"


def test_warnings_of_pythons_parser_stay_inside(recwarn: pytest.WarningsRecorder) -> None:
    for text in ["1if a else b", "0x1for", "1or 2", "a is 1", "1(a)"]:
        _column(text)
    assert not recwarn.list


def test_a_deep_caller_does_not_matter() -> None:
    def descend(levels: int) -> float:
        return descend(levels - 1) if levels else parse("+".join("a" * 100), ["a"])(1.0)

    depth = sys.getrecursionlimit() // 2
    assert descend(depth) == 100.0
