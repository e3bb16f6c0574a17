# The C types of machine.py, for Cython.

from autograd.value cimport Value
