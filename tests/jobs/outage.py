"""A database that is away for a while."""

import threading

from sqlalchemy import Engine, make_url, text


def lose(database: str, engine: Engine, *, seconds: float) -> None:
    """Cut every connection to a database and refuse new ones for so long; the engine is of another database."""
    name = make_url(database).database

    def allow(connections: str) -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"alter database {name} with allow_connections {connections}"))
            connection.execute(
                text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"), {"name": name}
            )

    allow("false")
    threading.Timer(seconds, allow, ["true"]).start()
