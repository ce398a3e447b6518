"""Two transactions that ask for the same job at one moment."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy import text as sql

from tests.faults.harness import eventually
from tests.jobs.probes import QUEUE
from tutormax import db
from tutormax.jobs import Request, insert
from tutormax.tables import jobs

pytestmark = pytest.mark.usefixtures("own_ledger")

WAITING = "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


def asked(mark: str = "a") -> list[UUID]:
    with db.transaction() as connection:
        return insert(connection, [Request("leave_mark", QUEUE, {"mark": mark}, key="tutor 5")])


def somebody_waits() -> bool:
    with db.transaction() as connection:
        return bool(connection.execute(sql(WAITING)).scalar_one())


def test_who_waits_for_another_to_commit_gets_the_other_ones_job() -> None:
    with ThreadPoolExecutor(1) as other, db.transaction() as connection:
        first = insert(connection, [Request("leave_mark", QUEUE, {"mark": "a"}, key="tutor 5")])
        second = other.submit(asked, "b")
        eventually(somebody_waits)
        connection.commit()
        assert second.result(10) == first

    with db.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 1
