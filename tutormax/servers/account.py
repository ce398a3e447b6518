"""Whose rights the embedded servers run with: ours, or as root those of an account without any."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class Identity(TypedDict, total=False):
    """What subprocess needs to know to run a program as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account to run as; without one, the account of this process."""

    uid: int | None = None
    gid: int | None = None

    def popen(self) -> Identity:
        """Return the arguments of subprocess that run a program as this account."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def environment(self) -> dict[str, str]:
        """Return all that a server is told by its environment; PGDATA and the like of a desk must not reach it."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def give(self, directory: Path) -> None:
        """Make a directory that this account alone can enter, and let it reach it."""
        directory.mkdir(mode=0o700, exist_ok=True)
        if self.uid is None or self.gid is None:
            return
        os.chown(directory, self.uid, self.gid)
        self.let_through(directory)

    def let_through(self, path: Path) -> None:
        """Add the right to traverse, and no other, to the directories above a path where this account lacks it."""
        if self.uid is None:
            return
        for parent in path.resolve().parents:
            found = parent.stat()
            if found.st_uid != self.uid and not found.st_mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def account_for(directory: Path) -> Account:
    """Return the account that serves a directory: its owner if it has one besides root, else nobody."""
    if os.geteuid() != 0:
        return Account()
    uid = directory.stat().st_uid if directory.exists() else 0
    entry = pwd.getpwuid(uid) if uid else pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)
