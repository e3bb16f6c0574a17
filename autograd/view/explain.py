"""``explain``: a derivative written out as a good tutorial does, with every formula and every number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import nsmallest

from .. import primitives as rows
from ..formulas import Symbol, written
from ..value import Value
from ..value import numbers_of as operands_at
from . import notation
from .explanation import Explanation, Factor, Number, Sum, Term
from .names import LONG, Formulas
from .notation import latex_of, number, numbers_of, text_of
from .paths import Between, Paths, Use, central_difference, uncollected

RETURNS = 6  # that are written out where more of them add up
FACTORS = 10  # of a product that are written out
SUMS = 10  # fan-outs that are written out


def explain(output: Value, wrt: Value) -> Explanation:
    """The derivative of ``output`` by ``wrt``, any node behind it, written out with formulas and numbers.

    The nodes that every path passes cut it into factors; where paths part, the returns are added before what they
    share, so that nothing is multiplied out and no path is enumerated.  Long sums begin with their largest returns, and
    say how many further paths add up to what.  Labels are names; nodes without one get short ones, v1, v2, …, where
    they have to be spoken of.  The total is the one that ``backward`` computes, from the forward pass as it was
    recorded.  Takes time linear in the graph; no ``.grad`` is touched.

    >>> from autograd.math import tanh
    >>> a, b = Value(0.5, "a"), Value(-2.0, "b")
    >>> y = tanh(a * b)
    >>> y.label = "y"
    >>> print(explain(y, wrt=a))
    dy/da = dy/dv1 · dv1/da
    <BLANKLINE>
    the forward pass
      a = 0.5
      b = −2
      v1 = a · b = −1
      y = tanh(v1) = −0.761594156
    <BLANKLINE>
    the local partials
      dy/dv1 = 1 − y² = 1 − (−0.761594156)² = 0.419974342
      dv1/da = b = −2
    <BLANKLINE>
    dy/da = 0.419974342 × (−2) = −0.839948683
    finite difference −0.839948683: agrees

    Raises TypeError for what is no Value, ValueError if ``wrt`` is not in the graph of ``output``, and as ``backward``
    where a partial has no finite value.
    """
    for what, value in (("output", output), ("wrt", wrt)):
        if not isinstance(value, Value):
            raise TypeError(f"explain takes Values: {what} is {type(value).__name__} {value!r}")
    with uncollected():
        return _explained(output, wrt)


def _explained(output: Value, wrt: Value) -> Explanation:
    """What ``explain`` does; nothing but the explanation is left of it before the collector comes to look."""
    paths = Paths(output, wrt)
    if paths.bottom < 0:
        raise ValueError(f"{output!r} was not computed from {wrt!r}: there is nothing to explain, the derivative is 0")
    return _Derivation(paths).explanation()


class _Derivation(Formulas):
    """The parts of an explanation, as they are written."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(paths.order, paths.number)
        self.paths = paths
        self.mentioned |= {paths.top, paths.bottom}
        self.waiting: list[int] = []  # fan-outs to be written out
        self.sums: dict[int, Sum | None] = {}
        self.values: dict[int, Between] = {}
        for i, name in ((paths.top, "y"), (paths.bottom, "x")):
            if i not in self.names:
                self.christen(i, name)

    def explanation(self) -> Explanation:
        paths = self.paths
        reached = paths.bottom == paths.top or paths.bottom in paths.uses
        factors = self._product(paths.top, paths.bottom) if reached else ()
        for below in self.waiting:  # grows as it goes
            self._sum(below)
        sums = [found for below in self.waiting if (found := self.sums[below]) is not None]
        numbers = self._numbers()
        return Explanation(
            self.name(paths.top),
            self.name(paths.bottom),
            paths.derivative,
            tuple(factors),
            tuple(sums),
            tuple(numbers),
            central_difference(paths) if paths.bottom != paths.top and math.isfinite(paths.derivative) else None,
            (self.order[paths.top], self.order[paths.bottom]),
        )

    # ---- products and sums -------------------------------------------------------------------------------------------

    def _product(self, above: int, below: int, last: Use | None = None) -> tuple[Factor, ...]:
        """The factors of the derivative of a node by another that it dominates; ``last``: an edge that follows.

        Steps that pass a derivative on unchanged, and steps between nodes without a name of which all but one are
        constant, are one factor.
        """
        paths, length, few = self.paths, self.paths.length(above, below), FACTORS // 2
        if length > 4 * FACTORS:  # of a long product, the beginning and the end
            head = paths.chain(above, paths.ancestor(below, length - 1 - few))
            tail = paths.chain(paths.ancestor(below, few - 1), below)
            value, count = paths.ratio(head[-1], tail[0]), length - len(head) - len(tail) + 1
            middle = Factor(self.name(head[-1]), self.name(tail[0]), value, "many", count=count)
            parts = [*self._steps(head), middle, *self._steps(tail, last)]
        else:
            parts = self._steps(paths.chain(above, below), last)
            if len(parts) > FACTORS:
                left = parts[FACTORS - 4 : -3]
                value = math.prod(part.value for part in left)
                parts[FACTORS - 4 : -3] = [Factor(left[0].of, left[-1].by, value, "many", count=len(left))]
        return tuple(parts)

    def _steps(self, chain: list[int], last: Use | None = None) -> list[Factor]:
        parts: list[Factor] = []
        run: list[tuple[Use, int]] = []  # edges that become one factor, each with the node that it leads to
        for below in chain[1:]:
            use = self.paths.edge(below)
            if use is None:
                parts += self._local(run)
                run = []
                parts.append(self._fan_out(below))
            else:
                run.append((use, below))
        if last is not None:
            arg = self.order[last[0]].args[last[1]]
            run.append((last, self.paths.number[arg]))  # type: ignore[index]  # edges come from Values
        return parts + self._local(run)

    def _fan_out(self, below: int) -> Factor:
        above, uses = self.paths.dominator[below], self.paths.uses[below]
        of, by = self.name(above), self.name(below)
        if len(uses) <= 4 and all(user == above for user, _, _ in uses):  # b = a + a: one operation, several operands
            steps = [self.partial(above, place, float(partial)) for _, place, partial in uses[::-1]]
            known = [step for step in steps if step is not None]
            if len(known) == len(steps):
                text, numbers, latex = (" + ".join(map(write, known)) for write in (text_of, numbers_of, latex_of))
                value = float(sum(partial for _, _, partial in uses))
                return Factor(of, by, value, "partial", text, "" if numbers == text else numbers, latex)
        if below not in self.sums:
            self.sums[below] = None
            if len(self.waiting) < SUMS:
                found = self.paths.between(above, below)
                if found is not None:
                    self.values[below] = found
                    self.waiting.append(below)
        if below in self.values:
            return Factor(of, by, self.values[below].value, "sum")
        return Factor(of, by, self.paths.ratio(above, below), "sweep")

    def _local(self, run: list[tuple[Use, int]]) -> list[Factor]:
        """The factors of a run of single edges."""
        parts: list[Factor] = []
        start = 0
        while start < len(run):
            end, group = start, list[tuple[Use, int]]()
            varies, formula = 0, None
            while end < len(run):
                use, below = run[end]
                between = run[end - 1][1] if end > start else None
                step = self.partial(use[0], use[1], float(use[2]))
                constant = notation.constant(step) if step is not None else None
                if between is not None:
                    unchanged = formula is not None and notation.constant(formula) == 1
                    nameless = between not in self.names
                    if not (unchanged or (nameless and varies + (constant is None) <= 1)):
                        break
                    if step is None or (formula is None and group):
                        break
                    formula = step if unchanged or formula is None else written(rows.mul, (formula, step))
                else:
                    formula = step
                varies += constant is None
                group.append((use, below))
                end += 1
            parts.append(self._factor(group, formula))
            start = end
        return parts

    def _factor(self, group: list[tuple[Use, int]], formula: Symbol | None) -> Factor:
        value = 1.0
        for use, _ in group:
            value = value * use[2]
        of, by = self.name(group[0][0][0]), self.name(group[-1][1])
        if formula is None:
            return Factor(of, by, value, "partial", formula=f"the rule of {self.order[group[0][0][0]].op}")
        text, numbers = text_of(formula), numbers_of(formula)
        same = notation.constant(formula) is not None or numbers == number(value)
        return Factor(of, by, value, "partial", text, "" if same else numbers, latex_of(formula))

    def _sum(self, below: int) -> None:
        above = self.paths.dominator[below]
        found = self.values[below]
        returns = found.returns[::-1]  # the older use first
        rest = None
        if len(returns) > RETURNS:
            returns = nsmallest(RETURNS - 1, returns, key=lambda one: (-_size(one.value), one.use))
            chosen = {*map(id, returns)}
            others = [one for one in found.returns if id(one) not in chosen]
            rest = (math.fsum(_finite(one.value for one in others)), sum(one.paths for one in others))
        terms = []
        for one in returns:
            factors = self._product(above, one.use[0], one.use)
            terms.append(Term(self._name_on_the_way(one.use, above), factors, one.value, one.paths))
        self.sums[below] = Sum(self.name(above), self.name(below), found.value, found.paths, tuple(terms), rest)

    def _name_on_the_way(self, use: Use, above: int) -> str:
        """What a return passes first, from the operand's side: a node with a name, else the operation in short."""
        i, place, _ = use
        for _ in range(6):
            if i in self.names:
                return self.names[i] if i != above else f"operand {place + 1} of {self.names[i]}"
            up = self.paths.edge(i)
            if up is None:
                break
            if up[0] == above:
                break
            i = up[0]
        call = self.call(i)
        return text_of(call) if call is not None and len(call.text) <= LONG // 2 else self.name(i)

    def _numbers(self) -> list[Number]:
        self.closed = True
        listed = []
        for i in sorted(self.mentioned):
            node, formula = self.order[i], self.call(i)
            x = node.data
            if node.op is None:  # the number that was computed with
                x = next((operands_at(self.order[k])[place] for k, place, _ in self.paths.uses.get(i, ())), x)
            text = text_of(formula) if formula is not None else ""
            if len(text) > LONG + 20:
                text, formula = f"{node.op}(…)", None
            listed.append(Number(self.names[i], x, text, latex_of(formula) if formula is not None else ""))
        return listed


def _size(x: float) -> float:
    return abs(x) if x == x else math.inf


def _finite(xs: Iterable[float]) -> list[float]:
    found = list(xs)
    return found if all(map(math.isfinite, found)) else [sum(found)]
