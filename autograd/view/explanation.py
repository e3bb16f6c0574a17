"""``Explanation``: a derivative's factors, sums and numbers as data, and the texts that they make."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..value import Value
from . import notation
from .notation import latex_number, latex_ratio, number, ratio
from .paths import Edge, Paths, uncollected

VALUES = 24  # numbers of the forward pass that are listed
PARTIALS = 40  # local partials that are listed
SWEPT = 6  # names of sums that are not written out
DOT = r" \cdot "


@dataclass(frozen=True)
class Factor:
    """One factor of a product: ``value`` is the derivative of ``of`` by ``by``, ``formula`` how it is computed.

    ``kind`` is "partial" (a local one), "sum" (the returns of a fan-out, added up in an entry of its own), "sweep" (one
    that is not written out) or "many" (``count`` factors in the middle of a long product).
    """

    of: str
    by: str
    value: float
    kind: str
    formula: str = ""
    numbers: str = ""
    latex: str = ""
    count: int = 1


@dataclass(frozen=True)
class Term:
    """One return of a fan-out: the product of its factors; ``through`` names the first node that it passes."""

    through: str
    factors: tuple[Factor, ...]
    value: float
    paths: int


@dataclass(frozen=True)
class Sum:
    """The derivative of ``of`` by ``by`` where returns add up; ``rest`` (value, paths) is what is not written out."""

    of: str
    by: str
    value: float
    paths: int
    terms: tuple[Term, ...]
    rest: tuple[float, int] | None


@dataclass(frozen=True)
class Number:
    """A node of the forward pass, with the formula that gave it ("" for a leaf)."""

    name: str
    value: float
    formula: str
    latex: str


@dataclass(frozen=True)
class Explanation:
    """What ``explain`` gives: print it, or let Jupyter show it; the parts are there as data.

    ``total`` is the derivative, ``factors`` the product that it is, ``sums`` the fan-outs on the way, from the output
    on, ``numbers`` the forward pass, ``difference`` (value, error) the finite difference, or None where it has none.
    """

    of: str
    by: str
    total: float
    factors: tuple[Factor, ...]
    sums: tuple[Sum, ...]
    numbers: tuple[Number, ...]
    difference: tuple[float, float] | None
    ends: tuple[Value, Value] = field(repr=False)  # the output and the node that it is differentiated by

    def _paths(self) -> Paths:
        with uncollected():
            return Paths(*self.ends)

    @property
    def edges(self) -> frozenset[Edge]:
        """The edges on its paths: (number of the result in topological order, place of the operand)."""
        return self._paths().edges()

    def places(self) -> frozenset[tuple[Value, int]]:
        """The same edges by the results and the places of the operands in them, for ``draw(..., highlight=…)``."""
        paths = self._paths()
        return frozenset((paths.order[i], place) for i, place in paths.edges())

    @property
    def agrees(self) -> bool:
        """Whether the finite difference is the derivative, within a hundred of its errors."""
        if self.difference is None:
            return False
        value, error = self.difference
        return abs(value - self.total) <= 100 * error + 1e-9 * max(abs(self.total), 1e-12)

    def as_dict(self) -> dict[str, Any]:
        """All of it as dicts and lists, for JSON."""
        from dataclasses import asdict

        given = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "ends"}
        parts = {
            name: [asdict(part) for part in value] if name in ("factors", "sums", "numbers") else value
            for name, value in given.items()
        }
        return parts | {"agrees": self.agrees}

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def markdown(self) -> str:
        """The same in Markdown, with formulas in LaTeX."""
        return "\n\n".join(_markdown(self))

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def __repr__(self) -> str:
        return f"<Explanation of {ratio(self.of, self.by)} = {self.total!r}>"


# ---- in plain text ---------------------------------------------------------------------------------------------------


def _bracketed(x: float) -> str:
    return f"({number(x)})" if x < 0 else number(x)


def _times(factors: Iterable[Factor]) -> str:
    found = [factor.value for factor in factors]
    return " × ".join([number(found[0]), *map(_bracketed, found[1:])])


def _plus(values: list[float]) -> str:
    return " + ".join([number(values[0]), *map(_bracketed, values[1:])])


def _called(factor: Factor) -> str:
    if factor.kind == "many":
        return f"({_count(factor.count, 'factor')} from {factor.of} to {factor.by})"
    return ratio(factor.of, factor.by)


def _count(count: int, noun: str) -> str:
    if count >= 10**15:
        return (
            f"about 10^{len(str(count)) - 1 if count < 10**4000 else int(count.bit_length() * math.log10(2))} {noun}s"
        )
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _partials(explanation: Explanation) -> list[Factor]:
    """The local partials of all products, each once."""
    groups = [
        explanation.factors,
        *(term.factors for found in explanation.sums for term in found.terms if _product(term)),
    ]
    found: dict[tuple[str, str, str], Factor] = {}
    for factor in (factor for group in groups for factor in group):
        if factor.kind == "partial":
            found.setdefault((factor.of, factor.by, factor.formula), factor)
    return list(found.values())


def _product(term: Term) -> bool:
    """Whether a return is more than one local partial, which goes by the name of the sum itself."""
    return len(term.factors) > 1 or term.factors[0].kind != "partial"


def _steps(factor: Factor) -> str:
    """A local partial as formula, numbers and number, as far as they differ."""
    return " = ".join(dict.fromkeys(filter(None, [factor.formula, factor.numbers, number(factor.value)])))


def _text(explanation: Explanation) -> list[str]:
    name = ratio(explanation.of, explanation.by)
    if not explanation.factors:
        if explanation.of == explanation.by:
            return [f"{name} = 1: a number by itself"]
        flat = "on every path, an operation passes nothing back (the branch not taken, or a flat piece)"
        return [f"{name} = 0: {flat}", _check(explanation)]
    lines = [f"{name} = {' · '.join(map(_called, explanation.factors))}"]
    if len(explanation.factors) == 1:
        what = (
            "one local partial"
            if explanation.factors[0].kind == "partial"
            else "the returns of a fan-out, which add up"
        )
        lines = [f"{name}: {what}"]
    lines += ["", "the forward pass"]
    shown = explanation.numbers
    if len(shown) > VALUES:
        shown = (*shown[: VALUES // 2], *shown[-VALUES // 2 :])
    for i, one in enumerate(shown):
        if len(explanation.numbers) > VALUES and i == VALUES // 2:
            lines.append(f"  … {len(explanation.numbers) - VALUES:,} more")
        lines.append("  " + " = ".join(filter(None, [one.name, one.formula, number(one.value)])))
    local = _partials(explanation)
    if local:
        lines += ["", "the local partials"]
    for factor in local[:PARTIALS]:
        lines.append(f"  {ratio(factor.of, factor.by)} = {_steps(factor)}")
    if len(local) > PARTIALS:
        lines.append(f"  … {len(local) - PARTIALS:,} more")
    for fan_out in explanation.sums:
        lines += ["", *_sum_text(fan_out)]
    product = f"{_times(explanation.factors)} = " if len(explanation.factors) > 1 else ""
    lines += ["", f"{name} = {product}{number(explanation.total)}"]
    unwritten = [factor for factor in _all_factors(explanation) if factor.kind == "sweep"]
    found = list({(factor.of, factor.by): factor for factor in unwritten}.values())
    if found:
        names = ", ".join(ratio(factor.of, factor.by) for factor in found[:SWEPT])
        more = f" and {len(found) - SWEPT} more" if len(found) > SWEPT else ""
        lines.append(f"(sums over further paths, from the sweep: {names}{more})")
    return [*lines, _check(explanation)]


def _all_factors(explanation: Explanation) -> Iterable[Factor]:
    yield from explanation.factors
    for found in explanation.sums:
        for term in found.terms:
            yield from term.factors


def _sum_text(one: Sum) -> list[str]:
    name = ratio(one.of, one.by)
    count = len(one.terms)
    what = f"the {count} largest of its returns" if one.rest else f"{count} returns, which add up"
    lines = [f"{name}: {what}"]
    for term in one.terms:
        if not _product(term):
            lines.append(f"  through {term.through}: {_steps(term.factors[0])}")
            continue
        product = f"{' · '.join(map(_called, term.factors))} = "
        numbers = f"{_times(term.factors)} = " if len(term.factors) > 1 else ""
        lines.append(f"  through {term.through}: {product}{numbers}{number(term.value)}")
    values = [term.value for term in one.terms]
    if one.rest is not None:
        rest, paths = one.rest
        lines.append(f"  and {_count(paths, 'further path')} that sum to {number(rest)}")
        values.append(rest)
    return [*lines, f"  {name} = {_plus(values)} = {number(one.value)}"]


def _check(explanation: Explanation) -> str:
    if explanation.difference is None:
        return "finite difference: none, as the function has no value nearby"
    value, error = explanation.difference
    if explanation.agrees:
        return f"finite difference {number(_rounded(value, error))}: agrees"
    off = number(value - explanation.total)
    return f"finite difference {number(value)} ± {error:.1g}: DIFFERS by {off}; check_grads tells whether by a kink"


def _rounded(x: float, error: float) -> float:
    """The number in the digits that its error leaves, nine at most."""
    if not x or not math.isfinite(x):
        return x
    digits = 9 if error <= 0 else max(1, min(10, int(-math.log10(max(error / abs(x), 1e-15)))))
    return float(f"{x:.{digits}g}")


# ---- in Markdown -----------------------------------------------------------------------------------------------------


def _latex_called(factor: Factor) -> str:
    if factor.kind == "many":
        return rf"\left(\text{{{_count(factor.count, 'factor')}}}\right)"
    return latex_ratio(factor.of, factor.by)


def _latex_times(factors: Iterable[Factor]) -> str:
    found = [factor.value for factor in factors]
    return r" \times ".join([latex_number(found[0]), *map(_latex_bracketed, found[1:])])


def _latex_bracketed(x: float) -> str:
    return rf"\left({latex_number(x)}\right)" if x < 0 else latex_number(x)


def _aligned(lines: list[tuple[str, str]]) -> str:
    rows_ = r" \\[4pt] ".join(f"{left} &= {right}" for left, right in lines)
    return f"$$\\begin{{aligned}}{rows_}\\end{{aligned}}$$"


def _markdown(explanation: Explanation) -> list[str]:
    name = latex_ratio(explanation.of, explanation.by)
    if not explanation.factors:
        return [f"$${name} = {latex_number(explanation.total)}$$", _text(explanation)[0].partition(": ")[2]]
    parts = [f"$${name} = {DOT.join(map(_latex_called, explanation.factors))}$$"]
    local = _partials(explanation)
    if local:
        parts += ["**The local partials**"]
        parts.append(_aligned([_latex_partial(factor) for factor in local[:PARTIALS]]))
    for one in explanation.sums:
        left = latex_ratio(one.of, one.by)
        values = [term.value for term in one.terms] + ([one.rest[0]] if one.rest is not None else [])
        count = f"the {len(one.terms)} largest returns" if one.rest else f"{len(one.terms)} returns, which add up"
        parts.append(f"**${left}$**: {count}")
        lines = []
        for term in one.terms:
            if not _product(term):
                lines.append(
                    (rf"\text{{through }} {notation.latex_name(term.through)}", _latex_partial(term.factors[0])[1])
                )
                continue
            product = f"{DOT.join(map(_latex_called, term.factors))} = "
            times = f"{_latex_times(term.factors)} = " if len(term.factors) > 1 else ""
            through = rf"\text{{through }} {notation.latex_name(term.through)}"
            lines.append((through, f"{product}{times}{latex_number(term.value)}"))
        if one.rest is not None:
            lines.append((rf"\text{{{_count(one.rest[1], 'further path')}}}", latex_number(one.rest[0])))
        plus = " + ".join([latex_number(values[0]), *map(_latex_bracketed, values[1:])])
        parts.append(_aligned([*lines, (left, f"{plus} = {latex_number(one.value)}")]))
    product = f"{_latex_times(explanation.factors)} = " if len(explanation.factors) > 1 else ""
    return [*parts, "**The product**", f"$${name} = {product}{latex_number(explanation.total)}$$", _check(explanation)]


def _latex_partial(factor: Factor) -> tuple[str, str]:
    formula = factor.latex or rf"\text{{{factor.formula}}}"
    value = latex_number(factor.value)
    return latex_ratio(factor.of, factor.by), formula if formula == value else f"{formula} = {value}"
