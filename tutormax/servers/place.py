"""Where the processes of one data directory meet: its lock, its logs, and a short directory for sockets."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A socket's path ends at 104 bytes on macOS and 108 on Linux; the longest name in here has 20.
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
        """The directory of the sockets, None when no supervisor has made one yet."""
        try:
            target = (self.data_dir / "run").readlink()
        except OSError:
            return None
        # A copied data directory must not lead to the original's servers.
        return target if target.name.startswith(self._prefix) and target.is_dir() else None

    def make_sockets(self) -> Path:
        """Return the directory of the sockets, made if need be."""
        if self.sockets is not None:
            return self.sockets
        link = self.data_dir / "run"
        link.unlink(missing_ok=True)
        made = Path(tempfile.mkdtemp(prefix=self._prefix, dir=_short_directory(self._prefix)))
        link.symlink_to(made)
        return made

    def remove_sockets(self) -> None:
        """Forget the directory of the sockets, after a clean stop."""
        if self.sockets is not None:
            shutil.rmtree(self.sockets, ignore_errors=True)
        (self.data_dir / "run").unlink(missing_ok=True)

    @property
    def _prefix(self) -> str:
        return f"tutormax-{hashlib.sha256(bytes(self.data_dir)).hexdigest()[:10]}-"


def place_of(data_dir: Path) -> Place:
    """Make a data directory if need be and return it as a place."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Place(data_dir.resolve())


def supervisor_socket(sockets: Path) -> Path:
    """Return where the supervisor listens for clients."""
    return sockets / "supervisor.sock"


def _short_directory(prefix: str) -> str:
    usual = tempfile.gettempdir()
    return usual if len(usual) + len(prefix) + 9 <= LONGEST_DIRECTORY else "/tmp"  # noqa: S108  # mkdtemp's own
