"""A call's price in the Heston model and all nine Greeks, beside an adjoint written by hand and compiled by numba.

    python tests/benchmarks/heston.py [--repeat 5] --peers numba=PYTHON

The price is the sum of 128 Gauss-Laguerre nodes (tests/heston.py); "one" is a call for one option, "surface" is 200
options of 20 strikes and 10 maturities in one call.  Each engine has a process of its own, engines take turns, and
medians are printed: "first" with recording and compiling, "run" of a later call, and its ratio to numba's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from itertools import product
from pathlib import Path
from time import perf_counter

from compiled import timed

ROOT = Path(__file__).resolve().parents[2]
NODES = 128
OURS = {"interpreter": {"tier": "interpreter"}, "exact": {"tier": "llvm"}, "inexact": {"tier": "llvm", "exact": False}}
MARKET = [100.0, 100.0, 0.02, 1.0, 1.5768, 0.0398, 0.5751, -0.5711, 0.0175]
SURFACE = [[MARKET[0], 80.0 + 2 * i, MARKET[2], 0.25 * (j + 1), *MARKET[4:]] for i, j in product(range(20), range(10))]


def ours(engine: str) -> dict[str, float]:
    sys.path.insert(0, str(ROOT))
    os.environ["GLASSGRAD_CACHE"] = "off"
    import numpy as np

    import autograd
    from tests.heston import price

    fast = autograd.compile(autograd.value_and_grad(lambda market: price(market, NODES)), **OURS[engine])
    start = perf_counter()
    value, slopes = fast(MARKET)
    first = perf_counter() - start
    surface = np.array(SURFACE)
    sums = float(np.sum(fast.lanes(surface)[0]))
    return {
        "value": value, "slopes": sum(slopes), "sums": sums, "first": first, "one": timed(lambda: fast(MARKET)),
        "surface": timed(lambda: fast.lanes(surface)),
    }  # fmt: skip


def numba(engine: str) -> dict[str, float]:
    import math

    import numpy as np
    from numba import njit

    at, weights = np.polynomial.laguerre.laggauss(NODES)
    weights = weights * np.exp(at)

    @njit  # type: ignore[untyped-decorator]  # numba publishes no types
    def price(market, slopes):  # type: ignore[no-untyped-def]  # nor does it take any
        s, k, r, t, kappa, theta, sigma, rho, v = market
        m, square = math.log(s / k) + r * t, sigma * sigma
        c1, c2 = kappa * theta / square, v / square
        total = 0.0
        by_c1 = by_c2 = by_m = by_t = by_square = by_kappa = by_both = 0.0
        for j in range(len(at)):
            u = at[j]
            beside = u * u + 0.25
            xi = complex(kappa - 0.5 * rho * sigma, -rho * sigma * u)
            d = np.sqrt(xi * xi + square * beside)
            less, more = xi - d, xi + d
            g, e = less / more, np.exp(-d * t)
            num, den = 1 - g * e, 1 - g
            ratio, q = num / den, (1 - e) / num
            a, b = less * t - 2 * np.log(ratio), less * q
            f = weights[j] / beside * np.exp(a * c1 + b * c2 + 1j * u * m)
            total += f.real
            by_c1 += (f * a).real
            by_c2 += (f * b).real
            by_m += (f * 1j * u).real
            a_, b_ = f * c1, f * c2
            less_, q_, ratio_ = a_ * t + b_ * q, b_ * less, -2 * a_ / ratio
            num_ = ratio_ / den - q_ * q / num
            g_ = ratio_ * ratio / den - num_ * e
            e_ = -num_ * g - q_ / num
            d_ = -t * e * e_
            by_t += (a_ * less - d * e * e_).real
            less_ += g_ / more
            more_ = -g_ * g / more
            d_ += more_ - less_
            root_ = 0.5 * d_ / d
            xi_ = less_ + more_ + 2 * xi * root_
            by_square += root_.real * beside
            by_kappa += xi_.real
            by_both += (xi_ * complex(-0.5, -u)).real
        scale = math.sqrt(s * k) * math.exp(-0.5 * r * t) / math.pi
        by_total = -scale
        by_square -= (by_c1 * c1 + by_c2 * c2) / square
        slopes[0] = 1 - 0.5 * scale * total / s + by_total * by_m / s
        slopes[1] = -0.5 * scale * total / k - by_total * by_m / k
        slopes[2] = 0.5 * t * scale * total + by_total * by_m * t
        slopes[3] = 0.5 * r * scale * total + by_total * (by_m * r + by_t)
        slopes[4] = by_total * (by_kappa + by_c1 * theta / square)
        slopes[5] = by_total * by_c1 * kappa / square
        slopes[6] = by_total * (2 * sigma * by_square + by_both * rho)
        slopes[7] = by_total * by_both * sigma
        slopes[8] = by_total * by_c2 / square
        return s - scale * total

    @njit  # type: ignore[untyped-decorator]  # see above
    def prices(surface, values, slopes):  # type: ignore[no-untyped-def]  # see above
        for i in range(len(surface)):
            values[i] = price(surface[i], slopes[i])

    market, slopes, surface = np.array(MARKET), np.empty(9), np.array(SURFACE)
    start = perf_counter()
    value = price(market, slopes)
    first = perf_counter() - start
    values, many = np.empty(len(surface)), np.empty((len(surface), 9))
    prices(surface, values, many)
    return {
        "value": value, "slopes": float(slopes.sum()), "sums": float(values.sum()), "first": first,
        "one": timed(lambda: price(market, slopes)), "surface": timed(lambda: prices(surface, values, many)),
    }  # fmt: skip


def measure(engine: str) -> dict[str, float]:
    return ours(engine) if engine in OURS else numba(engine)


def main() -> None:
    from apart import answer, in_own_process

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--one", nargs=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        answer(measure, *args.one)
        return
    pythons = dict(peer.split("=", 1) for peer in args.peers)
    taken: dict[str, list[dict[str, float]]] = {engine: [] for engine in [*pythons, *OURS]}
    for _ in range(args.repeat):
        for engine, rounds in taken.items():
            rounds.append(in_own_process(__file__, engine, python=pythons.get(engine, "")))
    middle = {
        e: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]} for e, rounds in taken.items()
    }
    base = next(iter(middle.values()))
    print("| engine | first s | one µs | times | surface ms | times |\n|---|---:|---:|---:|---:|---:|")
    for engine, one in middle.items():
        for key in ("value", "slopes", "sums"):
            assert abs(one[key] - base[key]) <= 1e-9 * abs(base[key]), (engine, key, one[key], base[key])
        print(
            f"| {engine} | {one['first']:.2f} | {one['one'] * 1e6:,.0f} | {one['one'] / base['one']:.2f} "
            f"| {one['surface'] * 1e3:,.2f} | {one['surface'] / base['surface']:.2f} |"
        )


if __name__ == "__main__":
    main()
