"""The engine, and transaction()."""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from tutormax import servers, settings
from tutormax.per_process import PerProcess
from tutormax.redaction import redact_text

# A connection that was not used for longer may be dead, and is asked before it is relied on.
FRESH_SECONDS = 1.0
# Who talks to a host that has vanished hears of it in seconds; the kernel's own patience is fifteen minutes.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}

# By the codes of its errors: a server that shuts down or starts, or a connection that is lost.
GOING_AWAY = ("57P", "08")
# What it refuses though it answers, and what would help.
REFUSALS = {
    psycopg.errors.QueryCanceled.sqlstate: "ask for less at once, or raise TUTORMAX_STATEMENT_TIMEOUT_SECONDS",
    psycopg.errors.InsufficientPrivilege.sqlstate: "use a login that may (deploy/postgresql/roles.sql)",
    psycopg.errors.ReadOnlySqlTransaction.sqlstate: "name the server that takes writes with DATABASE_URL or POSTGRES_*",
}

# Opens a transaction that commits when its block ends, as `transaction` does.
Begin: TypeAlias = Callable[[], AbstractContextManager[Connection]]

_waiting: WeakKeyDictionary[Connection, list[Callable[[], object]]] = WeakKeyDictionary()


def connect(
    url: str,
    *,
    application: str = "tutormax",
    statement_timeout_seconds: float | None = None,
    read_only: bool = False,
) -> Engine:
    """Return an engine of its own on one database: UTC, pinned search path, no statement without an end."""
    limit = statement_timeout_seconds or settings.current().statement_timeout_seconds
    options = " ".join(
        f"-c {name}={value}"
        for name, value in {
            "timezone": "UTC",
            "search_path": "public",
            "statement_timeout": f"{limit * 1000:.0f}",
            "idle_in_transaction_session_timeout": "600000",
            # Ranges of time are guessed badly in generic plans, and one bad plan reads every session of a tutor.
            "plan_cache_mode": "force_custom_plan",
            "jit": "off",
            "default_transaction_read_only": "on" if read_only else "off",
            # Who only looks must not take the cores that work needs, nor read all that has ever been done.
            **({"max_parallel_workers_per_gather": "0", "enable_seqscan": "off"} if read_only else {}),
        }.items()
    )
    made = create_engine(
        url,
        pool_size=8,
        max_overflow=24,
        # Errors are logged, and what was bound may be a person's name.
        hide_parameters=True,
        connect_args={"options": options, "application_name": application, "connect_timeout": 5} | _keepalive(url),
    )
    _ask_whether_connections_live(made)
    return made


def _keepalive(url: str) -> dict[str, int]:
    """Return how a silent connection is found out, but for what the URL says itself."""
    return {name: value for name, value in KEEPALIVE.items() if name not in make_url(url).query}


def _ask_whether_connections_live(made: Engine) -> None:
    """Ask a connection that has lain unused before it is given out; if it is dead, all of them are made anew.

    The pool's own ping asks each time, which is a fifth of a small transaction.
    """

    def put_back(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    def give_out(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        # A new one has no such moment.
        if time.monotonic() - record.info.get("used_at", math.inf) < FRESH_SECONDS:
            return
        try:
            made.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error

    event.listen(made, "checkin", put_back)
    event.listen(made, "checkout", give_out)


def _own_engine() -> Engine:
    made = connect(servers.endpoints().database_url, application=f"tutormax {os.getpid()}")
    # Whoever reconnects brings embedded servers back, should somebody have killed their supervisor.
    event.listen(made, "do_connect", _bring_back)
    return made


def _bring_back(*_: object) -> None:
    try:
        servers.endpoints()
    except (servers.ServerStartError, OSError) as error:
        # What every caller expects of a database that is away.
        raise psycopg.OperationalError(str(error)) from error


# One for each process: a forked worker must not share its parent's sockets.
engine = PerProcess(_own_engine)


def dispose() -> None:
    """Close this process's engine; the next use makes one from the settings as they are then."""
    made = engine.forget()
    if made is not None:
        # Whoever is still using a connection has no pool to give it back to.
        event.listen(made, "checkin", lambda _, record: record.close())
        made.dispose()


@contextmanager
def transaction() -> Iterator[Connection]:
    """Give a connection whose work commits when the block ends, or not at all."""
    with engine().connect() as connection:
        with connection.begin():
            yield connection
        committed(connection)


def complaint(error: DBAPIError) -> str | None:
    """Return what to tell of a database that does not answer or refuses: which one, why, and what would help.

    No password is told, and nothing, None, of what is nobody's mistake but ours.
    """
    state = getattr(error.orig, "sqlstate", None)
    if not isinstance(error, OperationalError) and state not in REFUSALS:
        return None
    named = settings.current().external_database_url
    where = redact_text(named) if named else "the embedded server's socket"
    why = str(error.orig).partition("\n")[0]
    if state is not None and not state.startswith(GOING_AWAY):
        return f"PostgreSQL at {where} refuses: {why}; {REFUSALS.get(state, 'mend that, or try again')}"
    return f"PostgreSQL does not answer at {where}: {why}; start it, or name another with DATABASE_URL or POSTGRES_*"


def after_commit(connection: Connection, act: Callable[[], object]) -> None:
    """Act once this connection's transaction has committed; forget it if the transaction rolls back.

    It happens for connections of `transaction()` and of jobs. Whoever commits another connection says so
    with `committed`.
    """
    _waiting.setdefault(connection, []).append(act)


def committed(connection: Connection) -> None:
    """Do what waited for this connection's commit."""
    for act in _waiting.pop(connection, ()):
        act()


def rolled_back(connection: Connection) -> None:
    """Forget what waited for a commit that will not be."""
    _waiting.pop(connection, None)
