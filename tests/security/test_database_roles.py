"""Each role of deploy/postgresql/roles.sql can do its work, and nothing besides."""

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import ProgrammingError

from tests.factories import add_tutor
from tests.faults.harness import ROOT
from tests.jobs.probes import QUEUE
from tutormax import queries, rescoring
from tutormax.jobs import Request, lease, operations
from tutormax.jobs import insert as insert_jobs
from tutormax.jobs.operations import Selection
from tutormax.tables import audit_log

ROLES = ("tutormax_product", "tutormax_readonly")
NOBODY_MAY = [
    "create table loot (n integer)",
    "create schema loot",
    "create function loot() returns integer language sql return 1",
    "alter table jobs add column loot text",
    "drop table jobs",
    "truncate jobs",
    "create index on jobs (worker)",
    "create role thief",
    "copy jobs to program 'cat'",
    "select pg_read_file('/etc/passwd')",
    "select * from sim_truth.tutors",
    "update audit_log set who = 'nobody'",
    "delete from audit_log",
    "update alembic_version set version_num = '0001'",
    "delete from schema_floor",
]
WHO_LOOKS_MAY_NOT = [
    "insert into audit_log (who, action, subject) values ('a', 'b', 'c')",
    "update jobs set state = 'pending'",
    "delete from sessions",
    "update models set status = 'champion'",
    "select nextval('audit_log_audit_id_seq')",
]


def become(connection: Connection, role: str) -> Connection:
    """Return a connection with the rights of a role."""
    connection.exec_driver_sql((ROOT / "deploy/postgresql/roles.sql").read_text(encoding="utf-8"))
    connection.execute(text(f"set local role {role}"))
    return connection


def refused(connection: Connection, statement: str) -> bool:
    """Tell whether a statement is refused for want of a right."""
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
    except ProgrammingError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    finally:
        if savepoint.is_active:
            savepoint.rollback()
    return False


@pytest.mark.parametrize("role", ROLES)
def test_no_role_makes_changes_or_removes_tables_nor_sees_the_truth_nor_rewrites_the_past(
    connection: Connection, role: str
) -> None:
    connection = become(connection, role)

    assert [statement for statement in NOBODY_MAY if not refused(connection, statement)] == []


def test_who_looks_sees_all_tables_and_writes_none(connection: Connection) -> None:
    add_tutor(connection)
    connection = become(connection, "tutormax_readonly")

    assert [statement for statement in WHO_LOOKS_MAY_NOT if not refused(connection, statement)] == []
    assert connection.execute(text("select count(*) from tutors")).scalar_one() == 1
    for look in ("queue_depths", "breakers", "operator_actions", "models", "tutors"):
        connection.execute(queries.load(f"exporter/{look}")).all()
    connection.execute(queries.load("exporter/processes"), {"host": "here"}).all()


def test_who_works_sends_takes_ends_and_buries_jobs_and_writes_the_audit_log(connection: Connection) -> None:
    tutor = add_tutor(connection)
    connection = become(connection, "tutormax_product")

    rescoring.request(connection, [tutor], "a test")
    [job, other] = insert_jobs(connection, [Request("leave_mark", QUEUE, {}), Request("leave_mark", QUEUE, {})])
    held = lease.take(connection, job, seconds=30, worker="test")
    assert held is not None
    lease.bury(connection, held, lease.Failure("it failed", "Error"))
    operations.cancel(connection, other, who="cli:ann")
    operations.drop(connection, Selection([job]), who="cli:ann")
    connection.execute(insert(audit_log).values(who="cli:ann", action="a", subject="b", details={}))

    assert connection.execute(text("select count(*) from audit_log")).scalar_one() == 3


def test_names_are_looked_up_in_our_schema_whatever_somebody_puts_before_it(connection: Connection) -> None:
    assert connection.execute(text("show search_path")).scalar_one() == "public"
