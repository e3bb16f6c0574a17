"""Gradient checks: reverse and forward mode against each other and against finite differences that know their error.

``report`` says what is found.  ``fits`` are polynomials through noisy samples, ``lines`` and ``differences`` the
numeric derivatives made of them, ``kinks`` those beside a kink, ``taylor`` the second witness, ``rounding`` what is
known of the noise, ``analytic`` the complex step.  ``examine`` judges one function at a point, ``blame`` looks for the
rule at fault, ``check`` has ``check_grads``.  Of black boxes, ``plain`` and ``box`` are what they take and give,
``claims`` what is claimed of them; ``claimed`` judges it, ``many`` in random directions, ``sparse`` by groups of
columns; ``causes`` says what a fault looks like, ``exact`` asks mpmath, and ``trial`` puts them together.
"""

from .check import check_grads
from .report import Culprit, GradientMismatch, GradientReport, GradientRow

__all__ = ["Culprit", "GradientMismatch", "GradientReport", "GradientRow", "check_grads"]
