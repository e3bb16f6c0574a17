"""The operations of flat programs, and rows that are called, on arrays of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Array = Any  # of JAX


def operations() -> dict[str, Callable[..., Array]]:
    import jax.numpy as jnp
    from jax import lax, scipy

    def mod(a: Array, b: Array) -> Array:
        r = lax.rem(a, b)
        return jnp.where(r == 0, jnp.copysign(0.0, b), jnp.where((r < 0) == (b < 0), r, r + b))

    def floordiv(a: Array, b: Array) -> Array:
        r = lax.rem(a, b)
        q = (a - r) / b
        q = jnp.where((r != 0) & ((r < 0) != (b < 0)), q - 1.0, q)
        whole = jnp.floor(q)
        whole = jnp.where(q - whole > 0.5, whole + 1.0, whole)
        return jnp.where(b == 0, jnp.nan, jnp.where(q == 0, jnp.copysign(0.0, a / b), whole))

    def remainder(a: Array, b: Array) -> Array:
        x, y = abs(a), abs(b)
        m = lax.rem(x, y)
        c = y - m
        r = jnp.where(m < c, m, jnp.where(m > c, -c, m - 2.0 * lax.rem(0.5 * (x - m), y)))
        return jnp.where(jnp.isinf(y) & jnp.isfinite(x), a, jnp.copysign(1.0, a) * r)

    functions: dict[str, Callable[..., Array]] = {
        "add": lax.add, "sub": lax.sub, "mul": lax.mul, "div": lax.div, "neg": lax.neg, "abs": lax.abs,
        "floor": jnp.floor, "ceil": jnp.ceil, "trunc": jnp.trunc, "copysign": jnp.copysign,
        "select_lt": lambda a, b, c, d: jnp.where(a < b, c, d),
        "select_le": lambda a, b, c, d: jnp.where(a <= b, c, d),
        "select_eq": lambda a, b, c, d: jnp.where(a == b, c, d),
        "pow": jnp.power, "mod": mod, "floordiv": floordiv, "fmod": lax.rem, "remainder": remainder,
        "atan2": jnp.arctan2, "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "asinh": jnp.arcsinh,
        "acosh": jnp.arccosh, "atanh": jnp.arctanh, "erf": scipy.special.erf, "erfc": scipy.special.erfc,
    }  # fmt: skip
    same = ("sqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "cbrt", "sin", "cos", "tan")
    return functions | {name: getattr(jnp, name) for name in (*same, "sinh", "cosh", "tanh")}


def rows() -> dict[str, Callable[..., Array]]:
    import jax.numpy as jnp
    from jax import scipy

    found: dict[str, Callable[..., Array]] = {
        "hypot": lambda *xs: _hypot(jnp, xs),
        "gamma": scipy.special.gamma,
        "lgamma": scipy.special.gammaln,
        "digamma": scipy.special.digamma,
        "erfinv": scipy.special.erfinv,
        "norm_pdf": scipy.stats.norm.pdf,
        "norm_cdf": scipy.stats.norm.cdf,
        "norm_ppf": scipy.stats.norm.ppf,
    }
    return found | {f"polygamma{n}": _polygamma(scipy.special.polygamma, n) for n in range(1, 4)}


def _polygamma(function: Callable[..., Array], n: int) -> Callable[[Array], Array]:
    return lambda x: function(n, x)


def _hypot(jnp: Any, xs: Sequence[Array]) -> Array:
    total = abs(xs[0])
    for x in xs[1:]:
        total = jnp.hypot(total, x)
    return total
