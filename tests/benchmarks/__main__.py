"""Both tables, one after another: ``python tests/benchmarks [--hips PYTHON]``."""

import eager
import training

eager.main()
print()
training.main()
