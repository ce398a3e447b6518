"""A job whose needs are known to be away waits, and that costs it nothing."""

import pytest
from sqlalchemy import select

from tests.jobs import probes
from tutormax import db
from tutormax.errors import NotNowError
from tutormax.jobs import Job, actor, execution, ring
from tutormax.jobs.outcomes import Outcome
from tutormax.tables import jobs


@actor(queue=probes.QUEUE, time_limit=30)
def need_what_is_away(job: Job) -> None:
    """Need what is known to be away."""
    raise NotNowError("the share is away")


@pytest.fixture(autouse=True)
def nobody_rung(database: str) -> None:
    """A database of the test's own; nobody is rung."""
    assert database
    ring.use(None)


def test_a_job_that_was_not_tried_is_due_again_in_a_minute_with_all_its_attempts() -> None:
    job = need_what_is_away.send()

    need_what_is_away.answer(str(job))

    given = execution.given_answer()
    with db.transaction() as connection:
        row = connection.execute(select(jobs).where(jobs.c.job_id == job)).one()
    assert given is not None
    assert (given.result().outcome, row.state, row.attempts) == (Outcome.RELEASED, "pending", 0)
    assert 55 < (row.available_at - row.started_at).total_seconds() < 65
