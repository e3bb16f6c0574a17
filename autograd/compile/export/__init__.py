"""Flat programs as files in other languages, and as functions of JAX."""

from .c import to_c as to_c
from .javascript import to_javascript as to_javascript
from .jax import to_jax as to_jax
from .python import to_python as to_python
