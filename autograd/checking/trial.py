"""A claim on trial: what a user says of a black box's derivatives, row by row or in random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .box import BlackBox
from .causes import likely, likely_in_directions
from .claimed import Claimed, quiet
from .claims import (
    Claim,
    by_arguments,
    of_autograd,
    of_gradient,
    of_hessian,
    of_hvp,
    of_jacobian,
    of_jvp,
    of_vjp,
    pattern_of,
)
from .exact import by_mpmath
from .examine import SAFETY
from .many import Labels, in_directions
from .report import GradientReport, GradientRow
from .sparse import rows_by_groups
from .stairs import numeric_slope

CLAIMS = {"grad": of_gradient, "jacobian": of_jacobian, "vjp": of_vjp, "jvp": of_jvp}
SECOND = {"hessian": of_hessian, "hvp": of_hvp}


class Trial:
    """f, its arguments and the claims of its derivatives; ``report`` hears them all."""

    pattern: Any = None
    mpmath = False
    resolution: float | None = None
    coordinates = 200
    directions = 3
    seed = 0

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        parameters: list[str],
        title: str,
        claims: dict[str, Callable[..., Any]],
        value_and_grad: bool,
        engine: str,
    ) -> None:
        self.args, self.parameters, self.title, self.engine = args, parameters, title, engine
        self.claims = dict(claims)
        self.f = f
        if value_and_grad:
            if "grad" in claims:
                raise ValueError("give grad=, or value_and_grad=True for a function that returns both, not both")
            self.f = lambda *args: _pair(f(*args), title)[0]
            self.claims["grad"] = lambda *args: _pair(f(*args), title)[1]

    def report(self, strict: bool) -> GradientReport:
        box = BlackBox(self.f, self.args, self.parameters, self.title)
        if not box.xs or not box.ys:
            nothing = "results" if box.xs else "arguments"
            raise ValueError(f"nothing to check: no number among the {nothing} of {self.title}")
        second = {name: SECOND[name](claim, box) for name, claim in self.claims.items() if name in SECOND}
        first: dict[str, Claim] = {
            name: CLAIMS[name](claim, box) for name, claim in self.claims.items() if name in CLAIMS
        }
        if not self.claims:
            first[f"{self.engine}'s autograd"] = of_autograd(self.f, box, self.engine)
        shown = range(6 if self.many(box) else len(box.xs))
        report = GradientReport(self.title, {box.name(i): box.xs[i] for i in shown}, 1, strict=strict)
        report.claim = ", ".join([*first, *second])
        outputs = box.result.structure.paths(self.title)
        for claim in first.values():
            self.hear(report, Claimed(box, claim), [(output, ()) for output in outputs])
        if second and report.passed:
            report.order = 2
            self.hear_second(report, box, second, outputs)
        report.evaluations = box.calls
        report.remarks.append(f"{box.calls} evaluations of {self.title}")
        return report

    def many(self, box: BlackBox) -> bool:
        return len(box.xs) > self.coordinates

    def hear(self, report: GradientReport, claimed: Claimed, labels: Labels) -> None:
        """Add the rows of a claim, and what its fault looks like; the labels are those of the outputs: each the path
        of a number in the result, and by what it is a derivative already."""
        box = claimed.box
        claimed.resolution = self.resolution or claimed.resolution
        if self.many(box):
            with quiet():
                rows, report.directions = in_directions(claimed, self.directions, self.seed, box.name, labels)
            report.causes += likely_in_directions(claimed, rows)
        else:
            if self.mpmath:
                claimed.oracle = by_mpmath(box)
            allowed = pattern_of(self.pattern, box) if self.pattern is not None else []
            rows = rows_by_groups(claimed, allowed) if allowed and claimed.oracle is None else claimed.rows()
            places = [(output, (*by, name)) for output, by in labels for name in report.point]
            for row, (output, by) in zip(rows, places, strict=True):
                row.output, row.by, row.order = output, by, len(by)
            keep_to([entry for line in allowed for entry in line], rows)
            if any(row.verdict == "wrong" for row in rows):
                report.causes += likely(claimed, rows)
        report.rows += rows

    def hear_second(
        self, report: GradientReport, box: BlackBox, claims: dict[str, Claim], outputs: Sequence[str]
    ) -> None:
        if len(box.ys) != 1:
            raise ValueError(
                f"{' and '.join(claims)} are for a function with one number; {self.title} has {len(box.ys)}"
            )
        if self.many(box):
            raise ValueError(
                f"{self.title} takes {len(box.xs)} numbers: a Hessian is checked of up to "
                f"coordinates={self.coordinates} of them"
            )
        gradient = Gradient(box, self.claims.get("grad"))
        inner = BlackBox(gradient, self.args, self.parameters, f"the gradient of {self.title}")
        for claim in claims.values():
            claimed = Claimed(inner, claim)
            self.hear(report, claimed, [(outputs[0], (name,)) for name in report.point])
            report.remarks += asymmetry(claimed, list(report.point))


class Gradient:
    """The gradient of a black box, as the list of its numbers: as it is claimed; or, if it is not, by complex steps, or
    by differences, whose noise the differences of them will find."""

    def __init__(self, box: BlackBox, claim: Callable[..., Any] | None) -> None:
        self.box, self.claim = box, claim
        self.complex = claim is None and box.takes_complex()

    def __call__(self, *args: Any) -> list[float]:
        if self.claim is not None:
            return by_arguments(self.claim(*args), self.box, "grad")
        box = BlackBox(self.box.f, args, [part.name for part in self.box.parts], self.box.title)
        found = self.by_complex_steps(box) if self.complex else None
        if found is None:
            self.complex = False
            claimed = Claimed(box, lambda xs: [], [[0.0] * len(box.xs)])
            lines = [claimed.line(i) for i in range(len(box.xs))]
            found = [numeric_slope(line, 0, claimed.noise(line, [0.0])[0], 0.0, True).value for line in lines]
        self.box.calls += box.calls
        return found

    def by_complex_steps(self, box: BlackBox) -> list[float] | None:
        found = []
        for i, x in enumerate(box.xs):
            h = 1e-30 * (abs(x) or 1.0)
            values = box.on_complex([*box.xs[:i], complex(x, h), *box.xs[i + 1 :]])
            if values is None or values[0].imag == 0.0:
                return None
            found.append(values[0].imag / h)
        return found


def asymmetry(claimed: Claimed, names: list[str]) -> list[str]:
    """What to say of a Hessian that is not symmetric."""
    rows, worst = claimed.matrix, (1e-6, -1, -1)
    for i, row in enumerate(rows):
        for j in range(i):
            gap = abs(row[j] - rows[j][i])
            if gap > worst[0] * max(abs(row[j]), abs(rows[j][i])):
                worst = (gap / max(abs(row[j]), abs(rows[j][i])), j, i)
    _, j, i = worst
    if j < 0:
        return []
    return [f"the Hessian is not symmetric: {rows[j][i]:.6g} by {names[j]}, {names[i]}, {rows[i][j]:.6g} the other way"]


def keep_to(allowed: list[bool], rows: list[GradientRow]) -> None:
    """Fail the rows that are not 0 outside the pattern, if there is one."""
    for row, inside in zip(rows, allowed, strict=False):
        if not inside and abs(row.numeric) > SAFETY * row.error:
            row.verdict, row.note = "wrong", "an entry outside the pattern"
        elif not inside and row.claimed:
            row.verdict, row.note = "wrong", "claimed outside the pattern"


def _pair(result: Any, title: str) -> Any:
    if isinstance(result, list | tuple) and len(result) == 2:
        return result
    raise TypeError(
        f"value_and_grad=True is for functions that return the pair (value, gradient), which {title} does not"
    )
