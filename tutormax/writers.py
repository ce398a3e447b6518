"""Who writes an organization's facts: one transaction at a time, be it an ingest, the generation or an erasure.

Facts name their tutor without a foreign key, so that a row of tutors keeps nobody from writing them; this does.
"""

from sqlalchemy import Connection, text


def lock(connection: Connection, organization: str) -> None:
    """Wait until nobody else writes facts of an organization; hold others off until this transaction ends.

    Who also wants `rollup.lock` or rows of tutors takes this first, then that lock, then the rows.
    """
    statement = text("select pg_advisory_xact_lock(hashtext('tutormax ingest'), hashtext(:name))")
    connection.execute(statement, {"name": organization})
