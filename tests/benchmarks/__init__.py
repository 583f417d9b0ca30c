"""What one training step costs: ``python -m tests.benchmarks`` from the root of the checkout.

Every contestant does the same work (which is checked before anything is timed), in the same
process, on one thread, in float32; the numbers to read are the ratios to hand-written NumPy.
"""

import os

# BLAS libraries read these once, when NumPy is imported, which happens below this package.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
