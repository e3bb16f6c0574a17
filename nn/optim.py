"""Optimisers, which move parameters against their gradients, and schedules for the rate at which they do.

A rate is a number, or a function of the number of steps taken so far that returns one: any callable, or one of the
schedules at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from autograd import Value

Rate = float | Callable[[int], float]
State = tuple[float, ...]


class Optimizer:
    """What optimisers share: ``step()`` moves each parameter that has a gradient, all of them or none.

    A parameter without a gradient (``has_grad`` is False: a connection that is switched off) is left as it is, with its
    momentum and its weight decay.  ``clip_value`` limits each gradient to ±clip_value; ``clip_norm`` then scales all of
    them so that their Euclidean norm is at most clip_norm.  ``.grad`` itself is not changed by that.
    """

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
        self._state: dict[Value, State] = {}

    @property
    def current_rate(self) -> float:
        """The rate of the next step."""
        return self.rate(self.steps) if callable(self.rate) else self.rate

    def step(self) -> None:
        """Move the parameters by one step.

        Raises FloatingPointError, and changes nothing, if a gradient or anything computed from it is not finite.
        """
        rate = self.current_rate
        if not 0 <= rate < math.inf:
            raise ValueError(f"the rate of step {self.steps} must be a finite number of at least 0, not {rate!r}")
        live = [parameter for parameter in self.parameters if parameter.has_grad]
        slopes = [parameter.grad for parameter in live]
        if not all(map(math.isfinite, slopes)):
            parameter, g = next((p, g) for p, g in zip(live, slopes, strict=True) if not math.isfinite(g))
            raise FloatingPointError(f"{self._where(parameter)}: its gradient is {g}. {_UNCHANGED}")
        if self.clip_value is not None:
            slopes = clip_by_value(slopes, self.clip_value)
        if self.clip_norm is not None:
            slopes = clip_by_norm(slopes, self.clip_norm)
        numbers = [parameter.data for parameter in live]
        moved = self._all_moved(numbers, slopes, [self._state.get(parameter) for parameter in live], rate)
        if not math.isfinite(sum([x + sum(state) for x, state in moved])):  # any of them, or their sum
            for parameter, (x, state) in zip(live, moved, strict=True):
                if not math.isfinite(x) or not all(map(math.isfinite, state)):
                    raise FloatingPointError(
                        f"{self._where(parameter)}: from {parameter.data!r}, with gradient {parameter.grad!r} and rate "
                        f"{rate!r}, it would become {x}, with state {state}. {_UNCHANGED}"
                    )
        try:
            self._commit(live, moved)
        except KeyboardInterrupt:
            self._commit(live, moved)  # Ctrl-C between two parameters: finish the step first
            raise
        self.steps += 1

    def zero_grad(self) -> None:
        """Have every parameter's ``.grad`` begin anew: not computed."""
        for parameter in self.parameters:
            parameter.grad = None

    def _commit(self, live: list[Value], moved: list[tuple[float, State]]) -> None:
        for parameter, (x, state) in zip(live, moved, strict=True):
            parameter.data = x
            if state:
                self._state[parameter] = state

    def _where(self, parameter: Value) -> str:
        name = parameter.label or f"number {self.parameters.index(parameter)}"
        return f"{type(self).__name__}, step {self.steps}, parameter {name}"

    def _all_moved(
        self, xs: list[float], slopes: list[float], states: list[State | None], rate: float
    ) -> list[tuple[float, State]]:
        """``_moved`` of each parameter."""
        return [self._moved(x, g, state, rate) for x, g, state in zip(xs, slopes, states, strict=True)]

    def _moved(self, x: float, g: float, state: State | None, rate: float) -> tuple[float, State]:
        """The new number and the new state of a parameter with number ``x`` and gradient ``g``; None: no state yet."""
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
        super().__init__(parameters, rate, weight_decay=weight_decay, clip_norm=clip_norm, clip_value=clip_value)
        _check("momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum, self.nesterov = momentum, nesterov

    def _moved(self, x: float, g: float, state: State | None, rate: float) -> tuple[float, State]:
        g += self.weight_decay * x
        if not self.momentum:
            return x - rate * g, ()
        v = g if state is None else self.momentum * state[0] + g
        return x - rate * (g + self.momentum * v if self.nesterov else v), (v,)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), with g ← g + weight_decay · x.

    m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  x ← x − rate · m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ),
    v̂ = v / (1 − β₂ᵗ) and t counts the steps of this parameter.
    """

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

    def _all_moved(
        self, xs: list[float], slopes: list[float], states: list[State | None], rate: float
    ) -> list[tuple[float, State]]:
        decay = self.weight_decay
        if decay:
            slopes = [g + decay * x for g, x in zip(slopes, xs, strict=True)]
        return self._adapted(xs, slopes, states, rate)

    def _adapted(
        self, xs: list[float], slopes: list[float], states: list[State | None], rate: float
    ) -> list[tuple[float, State]]:
        """Adam's rule for all of them, in one loop: it runs for every parameter of every step."""
        (b1, b2), epsilon, sqrt = self.betas, self.epsilon, math.sqrt
        c1, c2, last, m_rest, v_rest = 1 - b1, 1 - b2, 0.0, 1.0, 1.0
        moved: list[tuple[float, State]] = []
        for x, g, state in zip(xs, slopes, states, strict=True):
            m, v, t = state or (0.0, 0.0, 0.0)
            t += 1
            if t != last:  # most have taken as many steps as the one before
                last, m_rest, v_rest = t, 1 - b1**t, 1 - b2**t
            m = b1 * m + c1 * g
            v = b2 * v + c2 * g * g
            moved.append((x - rate * (m / m_rest) / (sqrt(v / v_rest) + epsilon), (m, v, t)))
        return moved


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): x ← x − rate · weight_decay · x, then Adam's step.

    The decay does not pass through m and v, as it does in Adam.
    """

    def __init__(
        self, parameters: Iterable[Value], rate: Rate = 0.001, *, weight_decay: float = 0.01, **options: Any
    ) -> None:
        super().__init__(parameters, rate, weight_decay=weight_decay, **options)

    def _all_moved(
        self, xs: list[float], slopes: list[float], states: list[State | None], rate: float
    ) -> list[tuple[float, State]]:
        return self._adapted([x - rate * self.weight_decay * x for x in xs], slopes, states, rate)


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
