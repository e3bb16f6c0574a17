"""From a graph of Values to a flat program, its derivatives, and the same in fewer instructions.

This file runs as it stands; compiled, it is the same file with the C types of ``flat.pxd``.
"""

from __future__ import annotations
