"""The organization whose data come in: a customer's, made when it is new, one ingest at a time."""

from sqlalchemy import Connection, text

from tutormax import writers
from tutormax.errors import PermanentError

LONGEST_NAME = 200
# A file of millions of rows is one statement, and another ingest of the organization may come first; what such a
# statement sorts and joins shall stay in memory.
LIMITS = {"statement_timeout": "1h", "work_mem": "64MB", "timezone": "UTC"}


class OrganizationError(PermanentError):
    """An organization that cannot take in a customer's data."""


def check(connection: Connection, name: str) -> None:
    """Raise OrganizationError unless an organization of this name is a customer or may become one."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise OrganizationError(f"{name!r} is no name for an organization: 1 to {LONGEST_NAME} visible characters")
    statement = text("select synthetic from organizations where name = :name")
    if connection.execute(statement, {"name": name}).scalar():
        raise OrganizationError(
            f"{name!r} is a synthetic organization: a customer's data must not mix with invented ones"
        )


def hold(connection: Connection, name: str) -> int:
    """Return the organization's id, new if need be; nobody else writes its facts until the transaction ends."""
    limits = ", ".join(f"set_config('{parameter}', '{value}', true)" for parameter, value in LIMITS.items())
    connection.execute(text(f"select {limits}"))
    writers.lock(connection, name)
    connection.execute(
        text("insert into organizations (name, synthetic) values (:name, false) on conflict (name) do nothing"),
        {"name": name},
    )
    check(connection, name)
    found = text("select organization_id from organizations where name = :name")
    return int(connection.execute(found, {"name": name}).scalar_one())
