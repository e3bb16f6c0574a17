"""Optimisers, which move parameters against their gradients, and schedules for the rate at which they do.

A rate is a number, or a function of the number of steps taken so far that returns one: any callable, or one of the
schedules at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from autograd import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Rate = float | Callable[[int], float]


class Optimizer:
    """What optimisers share: ``step()`` moves each parameter that has a gradient, all of them or none.

    A parameter without a gradient (``has_grad`` is False: a connection that is switched off) is left as it is, with its
    momentum and its weight decay.  ``clip_value`` limits each gradient to ±clip_value; ``clip_norm`` then scales all of
    them so that their Euclidean norm is at most clip_norm.  ``.grad`` itself is not changed by that.
    """

    state = 0  # how many numbers there are for each parameter beside its own, all 0 at first

    def __init__(
        self,
        parameters: Iterable[Value],
        rate: Rate,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        if not isinstance(parameters, Iterable):
            kind = type(self).__name__
            raise TypeError(
                f"{kind} takes the parameters first, as in {kind}(model.parameters(), 0.01), not {parameters!r}"
            )
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("an optimizer needs at least one parameter, and there are none")
        for parameter in self.parameters:
            if not isinstance(parameter, Value) or parameter.op is not None:
                raise TypeError(f"an optimizer takes leaf Values, such as model.parameters(), not {parameter!r}")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("an optimizer takes each parameter once, and one is given twice")
        _check("weight_decay", weight_decay)
        for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if limit is not None and not limit > 0:
                raise ValueError(f"{name} must be above 0, not {limit!r}")
        if not callable(rate):
            _check("rate", rate)
        self.rate = rate
        self.weight_decay = weight_decay
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.steps = 0
        self._state: Floats | None = None  # until the first step

    @property
    def current_rate(self) -> float:
        """The rate of the next step."""
        return self.rate(self.steps) if callable(self.rate) else self.rate

    def step(self) -> None:
        """Move the parameters by one step.

        Raises FloatingPointError, and changes nothing, if a gradient or anything computed from it is not finite.
        """
        import numpy as np  # which takes longer to load than all of nn

        from autograd.compile.executors import MACHINE

        rate = self.current_rate
        if not 0 <= rate < math.inf:
            raise ValueError(f"the rate of step {self.steps} must be a finite number of at least 0, not {rate!r}")
        slopes, has = MACHINE.slopes_of(self.parameters)
        at = has if 0 in has.tobytes() else ...  # has.all() takes ten times as long where there are few
        xs, slopes = MACHINE.data_of_all(self.parameters), slopes[at]
        if self._state is None:
            self._state = np.zeros((self.state, len(self.parameters)))
        with np.errstate(all="ignore"):
            if not _are_finite(slopes):
                parameter = next(p for p in self.parameters if p.has_grad and not math.isfinite(p.grad))
                raise FloatingPointError(f"{self._where(parameter)}: its gradient is {parameter.grad}. {_UNCHANGED}")
            if self.clip_value is not None:
                slopes = np.array(clip_by_value(slopes.tolist(), self.clip_value))
            if self.clip_norm is not None:
                slopes = np.array(clip_by_norm(slopes.tolist(), self.clip_norm))
            moved, state = self._moved(xs[at], slopes, np.array(self._state[:, at]), rate)
            if not (_are_finite(moved) and _are_finite(state)):
                i = int(np.argmin(np.isfinite(moved) & np.isfinite(state).all(axis=0)))
                parameter = [p for p in self.parameters if p.has_grad][i]
                raise FloatingPointError(
                    f"{self._where(parameter)}: from {parameter.data!r}, with gradient {parameter.grad!r} and rate "
                    f"{rate!r}, it would become {moved[i]}, with state {(*state[:, i].tolist(),)}. {_UNCHANGED}"
                )
        xs[at] = moved
        try:
            MACHINE.set_data(self.parameters, xs)
        except KeyboardInterrupt:
            MACHINE.set_data(self.parameters, xs)  # Ctrl-C between two parameters: finish the step first
            raise
        finally:
            self._state[:, at] = state
        self.steps += 1

    def zero_grad(self) -> None:
        """Have every parameter's ``.grad`` begin anew: not computed."""
        for parameter in self.parameters:
            parameter.grad = None

    def _where(self, parameter: Value) -> str:
        name = parameter.label or f"number {self.parameters.index(parameter)}"
        return f"{type(self).__name__}, step {self.steps}, parameter {name}"

    def _moved(self, xs: Floats, slopes: Floats, state: Floats, rate: float) -> tuple[Floats, Floats]:
        """The new numbers of parameters with numbers ``xs`` and these gradients, and their new state.

        ``state`` has ``self.state`` rows, and a column for each of the parameters.
        """
        raise NotImplementedError


_UNCHANGED = "No parameter was changed; a smaller rate, clip_norm= or inputs of a smaller scale may help"


class SGD(Optimizer):
    """Gradient descent: x ← x − rate · g, with g ← g + weight_decay · x.

    With momentum: v ← momentum · v + g, starting with v = g, and x ← x − rate · v; with ``nesterov``,
    x ← x − rate · (g + momentum · v).  (Sutskever et al. 2013, in the form in which PyTorch has it.)
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        rate: Rate = 0.1,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.state = int(momentum != 0)
        super().__init__(parameters, rate, weight_decay=weight_decay, clip_norm=clip_norm, clip_value=clip_value)
        _check("momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum, self.nesterov = momentum, nesterov

    def _moved(self, xs: Floats, slopes: Floats, state: Floats, rate: float) -> tuple[Floats, Floats]:
        slopes = slopes + self.weight_decay * xs
        if not self.momentum:
            return xs - rate * slopes, state
        state = self.momentum * state + slopes
        return xs - rate * (slopes + self.momentum * state[0] if self.nesterov else state[0]), state


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), with g ← g + weight_decay · x.

    m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  x ← x − rate · m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ),
    v̂ = v / (1 − β₂ᵗ) and t counts the steps of this parameter.
    """

    state = 3

    def __init__(
        self,
        parameters: Iterable[Value],
        rate: Rate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(parameters, rate, weight_decay=weight_decay, clip_norm=clip_norm, clip_value=clip_value)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must lie in [0, 1), not {betas!r}")
        _check("epsilon", epsilon)
        self.betas, self.epsilon = betas, epsilon

    def _moved(self, xs: Floats, slopes: Floats, state: Floats, rate: float) -> tuple[Floats, Floats]:
        return self._adapted(xs, slopes + self.weight_decay * xs, state, rate)

    def _adapted(self, xs: Floats, slopes: Floats, state: Floats, rate: float) -> tuple[Floats, Floats]:
        """Adam's rule."""
        import numpy as np

        m, v, t = state
        t = t + 1
        (b1, m_rest), (b2, v_rest) = [(b, _rests(b, t)) for b in self.betas]
        m = b1 * m + (1 - b1) * slopes
        v = b2 * v + (1 - b2) * slopes * slopes
        return xs - rate * (m / m_rest) / (np.sqrt(v / v_rest) + self.epsilon), np.stack([m, v, t])


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): x ← x − rate · weight_decay · x, then Adam's step.

    The decay does not pass through m and v, as it does in Adam.
    """

    def __init__(
        self, parameters: Iterable[Value], rate: Rate = 0.001, *, weight_decay: float = 0.01, **options: Any
    ) -> None:
        super().__init__(parameters, rate, weight_decay=weight_decay, **options)

    def _moved(self, xs: Floats, slopes: Floats, state: Floats, rate: float) -> tuple[Floats, Floats]:
        return self._adapted(xs - rate * self.weight_decay * xs, slopes, state, rate)


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


def clip_by_value(slopes: Iterable[float], limit: float) -> list[float]:
    """Each number, or ±limit if it lies beyond."""
    return [min(max(g, -limit), limit) for g in slopes]


def clip_by_norm(slopes: Iterable[float], limit: float) -> list[float]:
    """The numbers, scaled by one factor so that the root of the sum of their squares is at most ``limit``."""
    slopes = list(slopes)
    top = max(map(abs, slopes), default=0.0) or 1.0
    scaled = [g / top for g in slopes]  # the norm of finite numbers may be too large for a float
    norm = math.hypot(*scaled)
    return slopes if norm * top <= limit else [g / norm * limit for g in scaled]


def _are_finite(numbers: Floats) -> bool:
    """Whether all are: most often their sum tells, and soonest."""
    import numpy as np

    return math.isfinite(np.add.reduce(numbers, None)) or bool(np.isfinite(numbers).all())


def _rests(beta: float, steps: Floats) -> Floats:
    """1 − βᵗ for each of these numbers of steps t, most often the same."""
    import numpy as np

    if (steps == steps[:1]).all():
        steps = steps[:1]
    return np.array([1 - beta**t for t in steps.tolist()])


def _check(name: str, x: Any) -> None:
    if not 0 <= x < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0, not {x!r}")


# ---- schedules: functions of the number of steps taken so far --------------------------------------------------------


def constant_rate(rate: float) -> Callable[[int], float]:
    """``rate`` at every step."""
    return lambda step: rate


def step_rate(rate: float, every: int, factor: float = 0.1) -> Callable[[int], float]:
    """rate · factor^⌊step / every⌋: constant, then multiplied by ``factor`` after each ``every`` steps."""
    if every < 1:
        raise ValueError(f"every must be at least 1, not {every!r}")
    return lambda step: rate * factor ** (step // every)


def exponential_rate(rate: float, factor: float) -> Callable[[int], float]:
    """rate · factor^step."""
    return lambda step: rate * factor**step


def cosine_rate(rate: float, steps: int, floor: float = 0.0) -> Callable[[int], float]:
    """floor + ½ (rate − floor) (1 + cos(π · step / steps)), from ``rate`` down to ``floor``, where it stays."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps!r}")
    return lambda step: floor + 0.5 * (rate - floor) * (1 + math.cos(math.pi * min(step / steps, 1.0)))
