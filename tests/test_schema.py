"""The schema goes up, down and up again, and is what `tables.py` says."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.schema import SchemaItem

from tutormax import db, partitions, schema, servers
from tutormax.tables import metadata


def test_the_schema_goes_up_down_and_up_again(endpoints: servers.Endpoints, engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("create database up_and_down"))
    other = db.connect(str(make_url(endpoints.database_url).set(database="up_and_down")))

    for step in (schema.upgrade, schema.downgrade, schema.upgrade):
        with other.begin() as connection:
            step(connection)

    with other.begin() as connection:
        schema.check(connection)
    other.dispose()


def test_the_tables_are_the_migrated_ones(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_ours})

    found = compare_metadata(context, metadata)

    assert [change for change in found if "comment" not in str(change)] == []


@pytest.mark.parametrize("table", ["student_feedback", "tutor_events"])
def test_the_key_of_feedback_and_events_finds_them_by_name(connection: Connection, table: str) -> None:
    partitions.ensure(connection, datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
    # Of a few rows the planner would rather read all.
    connection.execute(text("set local enable_seqscan = off"))

    plan = connection.execute(text(f"explain select from {table} where organization_id = 1 and external_id = 'a'"))

    assert f"{table}_2026_06_pkey" in " ".join(plan.scalars())


def _is_ours(thing: SchemaItem, name: str | None, kind: str, *_: object) -> bool:
    """Tables and columns; partitions come and go, and constraints and indexes are the migrations' own."""
    if kind == "table":
        return name in metadata.tables
    return kind == "column"
