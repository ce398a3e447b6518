"""The links `churn_model_latest` and `previous`: what a person or another program follows to the served model.

The champion's row in the database decides. The links follow it, right after its commit; whoever finds them behind
(a crash between the two, another host's disk) moves them.
"""

import os
from pathlib import Path

from tutormax import failpoints
from tutormax.failpoints import Failpoint

LATEST = "churn_model_latest"
PREVIOUS = "previous"


def align(directory: Path, champion: str, previous: str | None) -> bool:
    """Make the links name these versions; return whether any had to move."""
    wanted = {LATEST: champion} | ({PREVIOUS: previous} if previous else {})
    behind = {name: version for name, version in wanted.items() if target(directory, name) != version}
    for name, version in behind.items():
        _point(directory / name, version)
    # After the last rollback that there is, nothing came before what serves.
    stale = previous is None and target(directory, PREVIOUS) is not None
    if stale:
        (directory / PREVIOUS).unlink()
    return bool(behind) or stale


def target(directory: Path, name: str = LATEST) -> str | None:
    """Return the version that a link names; a plain file that holds the name serves as well."""
    link = directory / name
    if link.is_symlink():
        return str(link.readlink())
    return link.read_text(encoding="utf-8").strip() if link.is_file() else None


def _point(link: Path, version: str) -> None:
    # Made aside and renamed over the old one: whoever looks meets the old link or the new, never none.
    made = aside(link)
    made.unlink(missing_ok=True)
    try:
        made.symlink_to(version)
    except OSError:  # a file system without links
        made.write_text(version, encoding="utf-8")
    failpoints.reach(Failpoint.BEFORE_LINK)
    made.replace(link)
    failpoints.reach(Failpoint.AFTER_LINK)


def aside(link: Path) -> Path:
    """Return where this process makes a link before it takes its place."""
    return link.with_name(f".{link.name}.{os.getpid()}")
