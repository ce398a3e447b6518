"""Columns arrive in PostgreSQL as they were, nulls and all."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Connection, text

from tutormax.generation import copying, instants
from tutormax.generation.copying import Rows
from tutormax.generation.identifiers import DIGITS, Kind, external_digits, external_ids


def test_every_type_arrives_with_its_nulls(connection: Connection) -> None:
    connection.execute(
        text(
            "create temp table arrived (a smallint, b integer, c bigint, d real, e double precision, f boolean,"
            " g timestamptz, h text, i text) on commit drop"
        )
    )
    instant = datetime(2026, 6, 15, 12, 0, 0, 123456, tzinfo=UTC)

    columns = {
        "a": copying.int2(np.array([-3, 4, 5])),
        "b": copying.int4(np.array([1 << 30, 0, -1])),
        "c": copying.int8(np.array([1 << 60, 0, -1])),
        "d": copying.float4(np.array([0.5, np.nan, -2.25])),
        "e": copying.float8(np.array([np.nan, 0.1, 1e300])),
        "f": copying.boolean(np.array([1, 0, -1])),
        "g": copying.timestamptz(np.array([instants.of(instant), instants.NEVER, 0])),
        "h": copying.one_of(("a", "twelve", "né"), np.array([1, 0, 2])),
        "i": copying.digits(np.frombuffer(b"onetwosix", np.uint8).reshape(3, 3)),
    }
    copying.append(connection, [Rows("arrived", columns)])

    rows = connection.execute(text("select * from arrived order by i")).all()
    assert [tuple(row) for row in rows] == [
        (-3, 1 << 30, 1 << 60, 0.5, None, True, instant, "twelve", "one"),
        (5, -1, -1, -2.25, 1e300, None, datetime(1970, 1, 1, tzinfo=UTC), "né", "six"),
        (4, 0, 0, None, 0.1, False, None, "a", "two"),
    ]


def test_many_rows_arrive_in_parts_and_each_once(connection: Connection) -> None:
    connection.execute(text("create temp table arrived (number integer, word text, share real) on commit drop"))
    numbers = np.arange(2 * copying.ROWS_AT_ONCE + 1)

    columns = {
        "number": copying.int4(numbers),
        "word": copying.one_of(("even", "odd"), numbers % 2),
        "share": copying.float4(np.where(numbers % 3 == 0, np.nan, numbers)),
    }
    copying.append(connection, [Rows("arrived", columns)])

    rows = connection.execute(text("select number, word, share from arrived order by number")).all()
    assert [tuple(row) for row in rows] == [
        (number, ("even", "odd")[number % 2], None if number % 3 == 0 else number) for number in numbers.tolist()
    ]


def test_nothing_is_copied_for_no_rows(connection: Connection) -> None:
    copying.append(connection, [Rows("no_such_table", {"a": copying.int4(np.zeros(0, np.int64))})])


@pytest.mark.parametrize("kind", Kind)
def test_names_are_distinct_and_depend_on_seed_and_kind(kind: Kind) -> None:
    serials = np.arange(5000)

    names = external_ids(7, kind, serials)

    assert len(set(names)) == 5000
    assert {len(name) for name in names} == {DIGITS}
    assert not any(set(names) & set(external_ids(7, other, serials)) for other in Kind if other is not kind)
    assert not set(names) & set(external_ids(8, kind, serials))
    assert external_digits(7, kind, serials[:1]).tobytes().decode() == names[0]


@pytest.mark.parametrize("kind", [Kind.FEEDBACK, Kind.EVENT])
def test_names_of_feedback_and_events_rise_with_their_numbers(kind: Kind) -> None:
    names = external_ids(7, kind, np.array([0, 1, 15, 16, 255, 256, 70_000, 2**31]))

    assert names == sorted(names)
