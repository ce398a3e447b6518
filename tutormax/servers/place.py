"""Where the processes of one data directory meet: its lock, its log, and a short directory for sockets."""

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tutormax.servers.account import account_for

# A socket's path may have 103 bytes on macOS and 107 on Linux; the longest name in the directory has 20.
LONGEST_DIRECTORY = 80


@dataclass(frozen=True, slots=True)
class Place:
    """One data directory, by its real path."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        """The file that the supervisor keeps locked for as long as it lives."""
        return self.data_dir / "supervisor.lock"

    @property
    def log(self) -> Path:
        """The supervisor's own log."""
        return self.data_dir / "supervisor.log"

    @property
    def sockets(self) -> Path | None:
        """The directory of the sockets, None when no supervisor has left one."""
        try:
            target = self._link.readlink()
            found = target.lstat()
        except OSError:
            return None
        # A copied data directory must not lead to the original's servers, nor a foreign directory to a stranger's.
        owners = {os.geteuid(), account_for(self.data_dir).uid}
        ours = target.name.startswith(self._prefix) and stat.S_ISDIR(found.st_mode) and found.st_uid in owners
        return target if ours else None

    def make_sockets(self) -> Path:
        """Return the directory of the sockets, made if need be; a crash keeps it, so that the URLs stay."""
        if self.sockets is not None:
            return self.sockets
        parent = _short_directory(self._prefix)
        # Ours alone: whoever makes sockets holds the lock, so these are of killed runs that nothing leads to.
        for stale in parent.glob(f"{self._prefix}*"):
            shutil.rmtree(stale, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=self._prefix, dir=parent))
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(made)
        return made

    def remove_sockets(self, sockets: Path) -> None:
        """Remove the directory of the sockets after a clean stop."""
        # The data directory may have been deleted and made anew by others meanwhile.
        if self.sockets == sockets:
            self._link.unlink()
        shutil.rmtree(sockets, ignore_errors=True)

    @property
    def _link(self) -> Path:
        return self.data_dir / "run"

    @property
    def _prefix(self) -> str:
        return f"tutormax-{hashlib.sha256(bytes(self.data_dir)).hexdigest()[:10]}-"


def place_of(data_dir: Path) -> Place:
    """Make a data directory if need be, for ourselves alone, and return it as a place."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Place(data_dir.resolve())
    # Logs quote statements; under root the directory itself may have to be open to traversal.
    for ours in (place.lock, place.log):
        ours.touch(mode=0o600)
    return place


def supervisor_socket(sockets: Path) -> Path:
    """Return where the supervisor listens for clients."""
    return sockets / "supervisor.sock"


def _short_directory(prefix: str) -> Path:
    usual = tempfile.gettempdir()
    # What mkdtemp adds has 8 characters.
    fits = len(os.fsencode(f"{usual}/{prefix}")) + 8 <= LONGEST_DIRECTORY
    return Path(usual if fits and "," not in usual else "/tmp")  # noqa: S108  # mkdtemp makes it safe
