"""Releases side by side: migrations add and do not take away, and code that cannot run on a schema says so."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from tests.faults.harness import ROOT, Worker, eventually, left, states
from tests.jobs import probes
from tests.schema_ahead import FUTURE, widen
from tutormax import db, schema
from tutormax.broker import DoorbellBroker
from tutormax.jobs import ring
from tutormax.schema import OutdatedSchemaError

REVISIONS = schema.revisions()

COLUMNS = """
select c.relname as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as needed,
    a.atthasdef or a.attidentity <> '' as given
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attnum > 0 and not a.attisdropped
"""
# Rules that a row must keep: every constraint, and indexes that allow a value once.
RULES = """
select c.relname as table_name, pg_get_constraintdef(o.oid) as rule
from pg_constraint as o inner join pg_class as c on o.conrelid = c.oid
where c.relnamespace = 'public'::regnamespace and not c.relispartition and o.contype in ('c', 'u', 'x', 'f', 'p')
union all
select c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE UNIQUE INDEX \\S+ ', '')
from pg_index as i inner join pg_class as c on i.indrelid = c.oid
where c.relnamespace = 'public'::regnamespace and i.indisunique and not c.relispartition
"""

Columns = dict[tuple[str, str], tuple[str, bool, bool]]
Rules = set[tuple[str, str]]


def columns(connection: Connection) -> Columns:
    """Return every column: its type, whether a row must have it, whether it is given where a row does not say."""
    rows = connection.execute(text(COLUMNS))
    return {(row.table_name, row.name): (row.type, row.needed, row.given) for row in rows}


def rules(connection: Connection) -> Rules:
    """Return what every row must keep."""
    return {(row.table_name, row.rule) for row in connection.execute(text(RULES))}


def floor(connection: Connection) -> str:
    """Return the oldest revision that is still served."""
    there = connection.execute(text("select to_regclass('schema_floor') is not null")).scalar_one()
    return str(connection.execute(text("select revision from schema_floor")).scalar_one()) if there else REVISIONS[0]


def unique(rule: str) -> set[str]:
    """Return the columns of which a rule says that no two rows hold the same; none if it says something else."""
    found = re.fullmatch(r"(?:PRIMARY KEY|UNIQUE|ON .* USING btree) \(([\w, ]+)\)", rule)
    return set(found[1].split(", ")) if found else set()


def implied(table: str, rule: str, before: Rules) -> bool:
    """Tell whether rows that differ enough for a key there was always differ enough for a rule."""
    keys = [unique(old) for on, old in before if on == table]
    return any(key and key <= unique(rule) for key in keys)


def hindrances(before: tuple[Columns, Rules], after: tuple[Columns, Rules]) -> list[str]:
    """Return what the release before would stumble over."""
    old, new = before[0], after[0]
    known = {table for table, _ in old}
    gone = [f"{key} is gone" for key in old if key not in new]
    changed = [f"{key} is {new[key][0]}" for key in old if key in new and old[key][0] != new[key][0]]
    demanded = [
        f"{key} must be given"
        for key, (_, needed, given) in new.items()
        if key[0] in known and needed and not given and (key not in old or not old[key][1])
    ]
    stricter = [
        f"{table}: {rule}"
        for table, rule in after[1] - before[1]
        if table in known and not implied(table, rule, before[1])
    ]
    return gone + changed + demanded + stricter


@pytest.fixture
def bare(engine: Engine) -> Iterator[Engine]:
    """A database without a schema."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("create database step_by_step"))
    made = db.connect(engine.url.set(database="step_by_step").render_as_string(hide_password=False))
    yield made
    made.dispose()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("drop database step_by_step with (force)"))


def test_every_migration_adds_or_raises_the_floor(bare: Engine) -> None:
    with bare.begin() as connection:
        schema.upgrade(connection, REVISIONS[0])
        for older, newer in pairwise(REVISIONS):
            before, served = (columns(connection), rules(connection)), floor(connection)
            schema.upgrade(connection, newer)
            found = hindrances(before, (columns(connection), rules(connection)))
            raised = REVISIONS.index(floor(connection)) > REVISIONS.index(served)
            # Whoever takes away says from which release on nobody needs it: an older one than this.
            assert found == [] or (raised and floor(connection) <= older), (newer, found)


@pytest.mark.parametrize(
    "contraction",
    [
        "drop table student_feedback cascade",
        "alter table tutors drop column subjects",
        "alter table tutors rename column subjects to topics",
        "alter table tutors rename to teachers",
        "alter table sessions alter column session_number type bigint",
        "alter table tutors alter column name set not null",
        "alter table tutors add column town text not null",
        "alter table tutors add check (length(name) > 3)",
        "create unique index on tutors (name)",
        "alter table tutor_days drop constraint tutor_days_pkey, add primary key (day)",
        "alter table tutors add foreign key (tutor_id) references students",
    ],
)
def test_a_contraction_would_be_noticed(connection: Connection, contraction: str) -> None:
    before = columns(connection), rules(connection)

    connection.execute(text(contraction))

    assert hindrances(before, (columns(connection), rules(connection)))


@pytest.mark.parametrize(
    "expansion",
    [
        "alter table tutors add column town text",
        "alter table tutors add column visits integer not null default 0",
        "create table towns (name text primary key)",
        "create index on tutors (name)",
        "alter table tutor_days drop constraint tutor_days_pkey, add primary key (day, scheduled, tutor_id)",
        "alter table tutors alter column subjects set default '{}'",
    ],
)
def test_an_expansion_hinders_nobody(connection: Connection, expansion: str) -> None:
    before = columns(connection), rules(connection)

    connection.execute(text(expansion))

    assert hindrances(before, (columns(connection), rules(connection))) == []


def test_a_newer_schema_that_serves_this_release_is_taken(connection: Connection) -> None:
    widen(connection)

    schema.check(connection)

    assert list(schema.pending(connection)) == []


def test_a_newer_schema_that_no_longer_serves_this_release_is_refused(connection: Connection) -> None:
    widen(connection, floor="9998")

    with pytest.raises(OutdatedSchemaError, match=f"at {FUTURE} and serves code from 9998 on, this code ends at"):
        schema.check(connection)


@contextmanager
def at_revision(revision: str) -> Iterator[None]:
    """Let the test's database be that of an earlier release."""
    with db.transaction() as connection:
        schema.downgrade(connection, revision)
        probes.make_effects(connection)
    yield


def tutormax(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the test's database."""
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("database")
def test_new_code_on_an_old_schema_refuses_what_is_asked_for_and_names_the_remedy() -> None:
    with at_revision(REVISIONS[-2]):
        refused = [
            tutormax("tutormax.enqueue", "train_models"),
            tutormax("tutormax", "risk"),
            tutormax("tutormax", "health", "all"),
        ]

    for one in refused:
        assert one.returncode == 1
        assert "run python -m tutormax migrate" in one.stdout + one.stderr


@pytest.fixture
def rung() -> Iterator[None]:
    """Whoever sends a job here rings for it, whatever other tests have left."""
    bell = DoorbellBroker(os.environ["REDIS_URL"])
    ring.use(bell)
    yield
    ring.use(None)
    bell.close()


@pytest.mark.usefixtures("database", "rung")
def test_a_new_worker_on_an_old_schema_takes_no_work_until_the_schema_is_migrated(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with at_revision(REVISIONS[-2]):
        probes.leave_mark.send("a")
        with log.open("w") as output, Worker(os.environ["REDIS_URL"], output=output):
            eventually(lambda: "no work is taken: the schema is at" in log.read_text())
            waiting = states()
            assert tutormax("tutormax", "migrate").returncode == 0
            eventually(lambda: states() == {"done": 1})

    assert waiting == {"pending": 1}
    assert left() == ["a"]


@pytest.mark.usefixtures("database", "rung")
def test_an_old_worker_on_a_new_schema_works_on() -> None:
    with db.transaction() as connection:
        widen(connection)
        probes.make_effects(connection)
    probes.leave_mark_and_send.send("a")

    with Worker(os.environ["REDIS_URL"]):
        eventually(lambda: states() == {"done": 2})

    assert left() == ["a", "a followed"]
