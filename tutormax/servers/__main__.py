"""`python -m tutormax.servers DATA_DIR`, run by the first process that needs embedded servers."""

import os
import sys
from pathlib import Path

# The starter waits for the first process only; the second is nobody's child, and so nobody's zombie.
if os.fork():
    os._exit(0)

from tutormax.servers.supervisor import supervise

supervise(Path(sys.argv[1]))
