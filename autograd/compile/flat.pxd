# The C types of flat.py, for Cython.

from autograd.value cimport Value
