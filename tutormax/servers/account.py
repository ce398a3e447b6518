"""Whose rights the embedded servers run with: ours, or as root those of an account that has none."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class Identity(TypedDict, total=False):
    """What subprocess must be told to run a program as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account to run as; without ids, the account of this process."""

    uid: int | None = None
    gid: int | None = None

    @property
    def identity(self) -> Identity:
        """The arguments of subprocess that run a program as this account."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, directory: Path) -> None:
        """Make a directory that this account alone may enter, and let it get there."""
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


def account_for(data_dir: Path) -> Account:
    """Return the account that serves a data directory; PostgreSQL refuses root, so as root it is another."""
    if os.geteuid() != 0:
        return Account()
    cluster = data_dir / "postgres"
    owner = cluster.stat() if cluster.exists() else None
    # The cluster of an ordinary user stays that user's, also when root comes by.
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)
