"""Gradient checks: reverse and forward mode against each other and against finite differences that know their error.

``report`` says what is found; ``differences`` are the numeric derivatives; ``flat`` bounds rounding; ``examine`` judges
one function at a point; ``blame`` looks for the rule at fault; ``check`` has ``check_grads``.
"""

from .check import check_grads
from .report import Culprit, GradientMismatch, GradientReport, GradientRow

__all__ = ["Culprit", "GradientMismatch", "GradientReport", "GradientRow", "check_grads"]
