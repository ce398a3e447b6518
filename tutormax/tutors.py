"""Which tutors are active: the one definition that evaluation, scoring and whoever looks share."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from tutormax import queries
from tutormax.errors import PermanentError
from tutormax.tables import tutors


class UnknownTutorError(PermanentError):
    """No tutor has the id that was given."""


def active_tutors(
    connection: Connection,
    at: datetime,
    *,
    organization_id: int | None = None,
    tutor_ids: Sequence[int] | None = None,
    ids: range | None = None,
) -> list[int]:
    """Return who was active at an instant, as known at it, in order.

    Of one organization, among some tutors or within a range of ids, if named.
    """
    rows = connection.execute(
        queries.load("active_tutors"),
        {
            "at": at,
            "organization_id": organization_id,
            "tutor_ids": None if tutor_ids is None else list(tutor_ids),
            "first": None if ids is None else ids.start,
            "beyond": None if ids is None else ids.stop,
        },
    )
    return list(rows.scalars())


def require_tutor(connection: Connection, tutor_id: int) -> None:
    """Raise UnknownTutorError unless there is a tutor with this id."""
    if connection.execute(select(tutors.c.tutor_id).where(tutors.c.tutor_id == tutor_id)).one_or_none() is None:
        raise UnknownTutorError(f"there is no tutor {tutor_id}")
