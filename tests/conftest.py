"""What all tests share."""

import os

# Tiny arrays gain nothing from threads, and threads that wait for each other on a busy machine
# made describing 28 tiles 80 times slower. Set before torch is imported; children inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
