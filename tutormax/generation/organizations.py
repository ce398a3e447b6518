"""Organizations that invented rows may be written to: their own, and marked so."""

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from tutormax import rollup, writers
from tutormax.errors import PermanentError
from tutormax.generation.truth import worlds
from tutormax.tables import organizations, sessions, student_feedback, students, tutor_events, tutors


class NotSyntheticError(PermanentError):
    """The organization is a customer's: invented rows never mix with those of real people."""


def synthetic(connection: Connection, name: str) -> int:
    """Return the id of a synthetic organization, new if need be, and keep others from writing its facts meanwhile."""
    writers.lock(connection, name)
    statement = insert(organizations).values(name=name, synthetic=True)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["name"]))
    row = connection.execute(select(organizations).where(organizations.c.name == name)).one()
    if not row.synthetic:
        raise NotSyntheticError(f"{name!r} is a customer's organization; name one that is synthetic, or a new one")
    return int(row.organization_id)


def find(connection: Connection, name: str) -> int | None:
    """Return the id of a synthetic organization; None if there is none of that name."""
    statement = select(organizations.c.organization_id).where(organizations.c.name == name, organizations.c.synthetic)
    return connection.execute(statement).scalar_one_or_none()


def clear(connection: Connection, name: str) -> None:
    """Remove a synthetic organization's world and every row of it; the organization itself stays."""
    organization_id = synthetic(connection, name)
    # Before the rows, as `writers` says: with tutors go their judgements.
    rollup.lock(connection)
    for table in (student_feedback, tutor_events, sessions, worlds, tutors, students):
        connection.execute(delete(table).where(table.c.organization_id == organization_id))
