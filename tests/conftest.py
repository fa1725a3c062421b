"""What all tests share."""

import os
import tempfile

from hypothesis import settings

# Tiny arrays gain nothing from threads, and threads that wait for each other on a busy machine
# made describing 28 tiles 80 times slower. Set before torch is imported; children inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Nothing of a test may reach the cache of the user who runs it.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="aerialret-tests-")

# Examples are slow now and then on a busy machine; how long one takes is no property of the code.
settings.register_profile("aerialret", deadline=None)
settings.load_profile("aerialret")
