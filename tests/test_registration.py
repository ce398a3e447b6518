"""Registration: who stops leaves the list, who crashes stays on it, and whoever has no port goes on looking."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from tests.faults.harness import eventually
from tutormax import db, settings
from tutormax.catalogue import Process
from tutormax.registration import Registration, reached_at
from tutormax.tables import processes


def rows() -> list[dict[str, Any]]:
    with db.transaction() as connection:
        return [dict(row) for row in connection.execute(select(processes)).mappings()]


@pytest.fixture
def registrations(database: str) -> Iterator[list[Registration]]:
    """Registrations that end with the test."""
    assert database
    made: list[Registration] = []
    yield made
    for registration in made:
        registration.stop()


def registered(registrations: list[Registration], *ports: int | None) -> Registration:
    found = iter(ports)
    made = Registration(Process.WORKER, "evaluation", lambda: next(found, None), beat_seconds=0.05)
    registrations.append(made)
    made.start()
    return made


def test_a_process_is_on_the_list_while_it_runs(registrations: list[Registration]) -> None:
    registration = registered(registrations, 9400)
    eventually(lambda: len(rows()) == 1)

    [row] = rows()
    registration.stop()

    assert (row["kind"], row["service"], row["state"], row["address"]) == (
        "worker",
        "evaluation",
        "up",
        "127.0.0.1:9400",
    )
    assert rows() == []


def test_a_process_that_was_told_to_stop_says_so(registrations: list[Registration]) -> None:
    registration = registered(registrations, 9400)

    registration.drain()

    eventually(lambda: [row["state"] for row in rows()] == ["draining"])
    assert registration.draining


def test_without_a_port_it_is_registered_told_once_and_looks_on(registrations: list[Registration]) -> None:
    with capture_logs() as lines:
        registered(registrations, None, None, None, 9405)
        eventually(lambda: [row["address"] for row in rows()] == ["127.0.0.1:9405"])

    assert [line["event"] for line in lines] == ["no metrics: no port is free; looking on"]


def test_it_says_again_and_again_that_it_is_there(registrations: list[Registration]) -> None:
    registered(registrations, 9400)
    eventually(lambda: len(rows()) == 1)
    seen_at = rows()[0]["seen_at"]

    eventually(lambda: rows()[0]["seen_at"] > seen_at)


def test_a_list_that_cannot_be_written_is_told_once_and_written_when_it_can(registrations: list[Registration]) -> None:
    with db.transaction() as connection:
        connection.execute(text("alter table processes rename to hidden"))
    with capture_logs() as lines:
        registered(registrations, 9400)
        eventually(lambda: bool(lines))
        time.sleep(0.3)
        with db.transaction() as connection:
            connection.execute(text("alter table hidden rename to processes"))
        eventually(lambda: len(rows()) == 1)

    assert [line["event"] for line in lines] == ["not registered, trying on"]


def test_whoever_was_silent_for_an_hour_is_forgotten(registrations: list[Registration]) -> None:
    with db.transaction() as connection:
        connection.execute(
            text(
                "insert into processes (process_id, kind, service, state, host, pid, seen_at)"
                " select gen_random_uuid(), 'worker', 'w', 'up', 'h', 1, now() - age"
                " from unnest(array[interval '61 minutes', interval '59 minutes']) as age"
            )
        )

    registered(registrations, 9400)

    eventually(lambda: sorted(row["service"] for row in rows()) == ["evaluation", "w"])


@pytest.mark.parametrize(
    ("host", "address", "reached"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("0.0.0.0", "worker-7.example", "worker-7.example"),  # noqa: S104  # a setting, nothing is bound
        ("fd00::7", None, "[fd00::7]"),
    ],
)
def test_others_reach_it_where_it_answers_or_where_it_says(host: str, address: str | None, reached: str) -> None:
    assert reached_at(settings.load(metrics_host=host, metrics_address=address)) == reached


def test_on_every_address_it_is_reached_by_its_machines_name() -> None:
    everywhere = settings.load(metrics_host="0.0.0.0")  # noqa: S104  # a setting, nothing is bound

    assert reached_at(everywhere) not in ("0.0.0.0", "")  # noqa: S104
