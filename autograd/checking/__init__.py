"""Gradient checks: reverse and forward mode against each other and against finite differences that know their error.

``report`` says what is found.  ``fits`` are polynomials through noisy samples, ``differences`` the numeric derivatives
made of them, ``rounding`` what the graph tells of the noise, ``analytic`` the complex step.  ``examine`` judges one
function at a point, ``blame`` looks for the rule at fault, ``check`` has ``check_grads``.
"""

from .check import check_grads
from .report import Culprit, GradientMismatch, GradientReport, GradientRow

__all__ = ["Culprit", "GradientMismatch", "GradientReport", "GradientRow", "check_grads"]
