"""One job is found by its key, however many have gone through the ledger since the last vacuum."""

import re

import pytest
from sqlalchemy import Connection, text

from tests.jobs import probes
from tutormax import db, jobs, queries
from tutormax.jobs import lease, ring

LEFT_BEHIND = 3000
STATEMENTS = ("lease_jobs", "finish_jobs", "hold_job", "release_job", "retry_job", "bury_job", "renew_leases")


@pytest.fixture
def worn(database: str) -> None:
    """A ledger through which thousands of jobs have gone, and which nobody has vacuumed since."""
    assert database
    ring.use(None)
    with db.transaction() as connection:
        connection.execute(text("alter table jobs set (autovacuum_enabled = off)"))
        sent = jobs.insert(connection, [probes.say.request("a") for _ in range(LEFT_BEHIND)])
    with db.transaction() as connection:
        taken = lease.take_free(connection, sent, seconds=30, worker="test")
    with db.transaction() as connection:
        lease.finish_free(connection, [(each, None) for each in taken.values()])


def generic_plan(connection: Connection, name: str) -> str:
    """Return the plan of a statement for whatever it is given."""
    parameters: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            parameters.append(match[1])
        return f"${parameters.index(match[1]) + 1}"

    statement = re.sub(r"(?<!:):(\w+)", numbered, re.sub(r"--.*", "", queries.load(name).text))
    return "\n".join(connection.exec_driver_sql(f"explain (generic_plan) {statement}").scalars())


@pytest.mark.usefixtures("worn")
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_job_is_found_by_its_key_and_by_nothing_else(name: str) -> None:
    with db.transaction() as connection:
        connection.exec_driver_sql("set local enable_seqscan = off")
        plan = generic_plan(connection, name)

    assert set(re.findall(r"(?:using|Scan on) (jobs_\w+)", plan)) - {"jobs_1"} == {"jobs_pkey"}, plan
