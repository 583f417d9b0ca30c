"""What one training step costs: ``python -m tests.benchmarks`` from the root of the checkout.

Every contestant does the same work (which is checked before anything is timed), in the same
process, on one thread unless told otherwise, in float32; the numbers to read are the ratios to
hand-written NumPy.
"""

import os
import sys

# BLAS libraries read these once, when NumPy is imported, which happens below this package: before
# the options are parsed.
_given = sys.argv.index("--threads") + 1 if "--threads" in sys.argv else len(sys.argv)
THREADS = int(sys.argv[_given]) if sys.argv[_given:] and sys.argv[_given].isdigit() else 1
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
