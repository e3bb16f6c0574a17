"""Runs flat programs: an interpreter, over one point or many at once.

This file runs as it stands; compiled, it is the same file with the C types of ``machine.pxd``.
"""

from __future__ import annotations
