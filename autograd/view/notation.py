"""Numbers, names and formulas as explanations write them, in plain text and in LaTeX."""

from __future__ import annotations

import math
import re
import unicodedata

from .. import primitives as rows
from ..formulas import ATOM, COMPARISON, NEGATIVE, POWER, PRODUCT, Symbol

SUM = 1  # a precedence, beside those of formulas
_SUPERSCRIPTS = {2.0: "²", 3.0: "³", 4.0: "⁴"}
# what would end a formula in Markdown, or begin a command: shown as its full-width twin
_WIDE = str.maketrans({"\\": "＼", "$": "＄", "`": "｀"})


class Name(Symbol):
    """The name of a node in a formula, and the number that it stands for."""

    __slots__ = ()

    def __init__(self, text: str, number: float) -> None:
        super().__init__(text, ATOM, number=number)


def number(x: float) -> str:
    """A number in up to nine decimals, in nine digits where it is small or large."""
    digits, e, power = _plain(x).partition("e")
    return f"{digits}{e}{int(power) if power else ''}".replace("-", "−").replace("inf", "∞")


def _plain(x: float) -> str:
    if not math.isfinite(x):
        return repr(x)
    if x == 0 or (x == int(x) and abs(x) < 1e9):
        return f"{int(x)}"
    if 1e-4 <= abs(x) < 1e6:
        return min(repr(x), f"{x:.9f}", key=len)
    return min(repr(x), f"{x:.9g}", key=len)


def latex_number(x: float) -> str:
    digits, _, power = _plain(x).replace("inf", r"\infty").replace("nan", r"\mathrm{nan}").partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if power else digits


def clean(label: str) -> str:
    """A label in one line, without characters that are not to be shown."""
    line = " ".join(label.split())
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Cf") else c for c in line)


def latex_name(name: str) -> str:
    """A name as mathematics writes it: w5 as w with an index, out_o1 as upright letters with one."""
    found = re.fullmatch(r"([^\W\d_]+)(?:_?(\w+))?", name)
    if found is None:
        escaped = (
            re.sub(r"([{}#%&_^~])", r"\\\1", name.translate(_WIDE)).replace(r"\^", r"\^{}").replace(r"\~", r"\~{}")
        )
        return rf"\text{{{escaped}}}"
    letters, index = found.groups()
    base = letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"
    return base if index is None else rf"{base}_{{{index.replace('_', ' ')}}}"


def ratio(of: str, by: str) -> str:
    """The derivative of one by the other, as ``dE/dw5``."""
    return f"d{_quoted(of)}/d{_quoted(by)}"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.\[\]>:-]+", name) else f"({name})"


def latex_ratio(of: str, by: str) -> str:
    return rf"\frac{{\partial {latex_name(of)}}}{{\partial {latex_name(by)}}}"


# ---- formulas --------------------------------------------------------------------------------------------------------


def text_of(formula: Symbol) -> str:
    """The formula in plain text: ``out · (1 − out)``."""
    return _Writer(False, False).write(formula)[0]


def numbers_of(formula: Symbol) -> str:
    """The formula with numbers in the places of the names: ``0.25 · (1 − 0.25)``."""
    return _Writer(False, True).write(formula)[0]


def latex_of(formula: Symbol) -> str:
    return _Writer(True, False).write(formula)[0]


def constant(formula: Symbol) -> float | None:
    """The number that a formula is, if it is one, whatever the names stand for."""
    factor, others = _factors(formula)
    return factor if not others else None


def _factors(formula: Symbol) -> tuple[float, list[tuple[Symbol, float]]]:
    """A product as a number and the other factors, each with its power."""
    factor, found = 1.0, dict[str, tuple[Symbol, float]]()

    def gather(part: Symbol, power: float) -> None:
        nonlocal factor
        if part.row is rows.neg:
            factor = -factor if power % 2 else factor
            gather(part.args[0], power)
        elif part.row is rows.mul:
            for arg in part.args:
                gather(arg, power)
        elif part.row is rows.pow_ and _literal(part.args[1]) and power == 1 and part.args[1].number is not None:
            gather(part.args[0], part.args[1].number)
        elif _literal(part) and part.number is not None and (part.number > 0 or power == int(power)):
            factor *= part.number**power if part.number or power > 0 else math.nan
        else:
            symbol, before = found.get(part.text, (part, 0.0))
            found[part.text] = (symbol, before + power)

    gather(formula, 1.0)
    return factor, [(symbol, power) for symbol, power in found.values() if power]


def _literal(formula: Symbol) -> bool:
    return formula.row is None and not isinstance(formula, Name) and formula.number is not None


class _Writer:
    """One way to write a formula; ``write`` gives the text and its precedence."""

    def __init__(self, latex: bool, numbers: bool) -> None:
        self.latex, self.numbers = latex, numbers
        self.dot = r" \cdot " if latex else " · "
        self.minus = "-" if latex else "−"

    def number(self, x: float) -> tuple[str, int]:
        text = latex_number(x) if self.latex else number(x)
        return text, NEGATIVE if x < 0 else ATOM

    def write(self, formula: Symbol) -> tuple[str, int]:
        row = formula.row
        if isinstance(formula, Name):
            if self.numbers and formula.number is not None:
                return self.number(formula.number)
            return latex_name(formula.text) if self.latex else _quoted(formula.text), ATOM
        if _literal(formula) and formula.number is not None:
            return self.number(formula.number)
        if row is None:  # a comparison, or a constant such as 1 / log(2)
            return (latex_name(formula.text) if self.latex else formula.text), formula.precedence
        if row in (rows.add, rows.sub):
            return self.sum(formula), SUM
        if row in (rows.mul, rows.neg) or (row is rows.pow_ and _literal(formula.args[1])):
            return self.product(*_factors(formula))
        if row is rows.div:
            above, below = formula.args
            if self.latex:
                return rf"\frac{{{self.write(above)[0]}}}{{{self.write(below)[0]}}}", ATOM
            return f"{self.inside(above, PRODUCT)} / {self.inside(below, NEGATIVE)}", PRODUCT
        if row is rows.pow_:
            base, exponent = formula.args
            if self.latex:
                return f"{{{self.inside(base, ATOM)}}}^{{{self.write(exponent)[0]}}}", POWER
            return f"{self.inside(base, ATOM)} ^ {self.inside(exponent, POWER)}", POWER
        parts = [self.write(arg)[0] for arg in formula.args]
        if row.precedence == ATOM and row.gather is None:
            return row.write(*parts, latex=self.latex), ATOM
        name = rf"\operatorname{{{row.name}}}".replace("_", r"\_") if self.latex else row.name
        return f"{name}({', '.join(parts)})", ATOM

    def inside(self, formula: Symbol, least: int) -> str:
        text, precedence = self.write(formula)
        if precedence >= least and not (text.startswith(self.minus) and least >= PRODUCT):
            return text
        return rf"\left({text}\right)" if self.latex else f"({text})"

    def sum(self, formula: Symbol) -> str:
        left, right = formula.args
        sign = "+" if formula.row is rows.add else self.minus
        last = self.write(right)
        bracketed = last[0].startswith(self.minus) or last[1] < (SUM if formula.row is rows.add else PRODUCT)
        second = self.inside(right, ATOM + 1) if bracketed else last[0]
        first = self.write(left)[0] if self.write(left)[1] > COMPARISON else self.inside(left, ATOM)
        return f"{first} {sign} {second}"

    def product(self, factor: float, others: list[tuple[Symbol, float]]) -> tuple[str, int]:
        if len(others) == 1 and factor == 1 and others[0][1] == 1:
            return self.write(others[0][0])
        texts: list[str] = []
        for symbol, power in others:
            if power == 1:
                texts.append(self.inside(symbol, PRODUCT))
            elif self.latex:
                texts.append(f"{{{self.inside(symbol, ATOM)}}}^{{{latex_number(power)}}}")
            else:
                base, raised = self.inside(symbol, ATOM), _SUPERSCRIPTS.get(power)
                texts.append(f"{base}{raised}" if raised else f"{base}^{number(power)}")
        if not texts:
            return self.number(factor)
        if abs(factor) != 1:
            texts.insert(0, self.number(factor)[0])
        elif factor == -1:
            texts[0] = f"{self.minus}{texts[0]}"
        return self.dot.join(texts), POWER if len(texts) == 1 and factor == 1 else PRODUCT
