"""Whoever sends very much at once fills neither memory nor the way of the others."""

from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import text

from tests.factories import add_organization
from tests.faults.harness import Redis, Worker, eventually, left, relaying, states
from tests.jobs.probes import QUEUE
from tutormax import db, settings
from tutormax.jobs import Request, insert

WINDOW = 50
MEBIBYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def small_window(monkeypatch: pytest.MonkeyPatch, own_redis: Redis) -> Iterator[None]:
    """A queue holds fewer doorbells than these tests have jobs."""
    assert own_redis
    monkeypatch.setenv("TUTORMAX_RELAY_WINDOW", str(WINDOW))
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


def send(mark: str, count: int, *, organization: int | None = None, at_once: int = 500) -> None:
    """Send jobs that leave a mark each, some hundred in a transaction."""
    marks = [f"{mark} {number}" for number in range(count)]
    for first in range(0, count, at_once):
        requests = [
            Request("leave_mark", QUEUE, {"mark": each}, organization_id=organization)
            for each in marks[first : first + at_once]
        ]
        with db.transaction() as connection:
            insert(connection, requests)


def test_a_burst_fills_the_ledger_and_not_the_memory(own_redis: Redis) -> None:
    send("warm", 500)
    redis, us = own_redis.client(), psutil.Process()
    held, resident = int(redis.info("memory")["used_memory"]), us.memory_info().rss

    send("burst", 10_000)

    assert own_redis.waiting(QUEUE) == WINDOW
    assert int(redis.info("memory")["used_memory"]) - held < MEBIBYTE
    assert us.memory_info().rss - resident < 40 * MEBIBYTE
    assert states() == {"pending": 10_500}


def test_whoever_comes_after_a_burst_does_not_wait_for_its_end(own_redis: Redis) -> None:
    with db.transaction() as connection:
        large, small = add_organization(connection), add_organization(connection)
    send("large", 1500, organization=large)
    send("small", 20, organization=small)

    with relaying(WINDOW), Worker(own_redis.url):
        eventually(lambda: states() == {"done": 1520})

    with db.transaction() as connection:
        order = list(connection.execute(text("select mark from effects order by at, mark")).scalars())
    last_of_small = max(place for place, mark in enumerate(order) if mark.startswith("small"))
    assert last_of_small < len(order) / 2
    assert len(set(order)) == 1520


def test_an_organization_at_its_limit_leaves_the_threads_to_the_others(own_redis: Redis) -> None:
    with db.transaction() as connection:
        large, small = add_organization(connection), add_organization(connection)
    with db.transaction() as connection:
        slow = [
            Request("leave_mark", QUEUE, {"mark": f"large {n}", "seconds": 0.2}, organization_id=large)
            for n in range(12)
        ]
        insert(connection, slow)
    send("small", 12, organization=small)

    with relaying(WINDOW), Worker(own_redis.url, threads=4, TUTORMAX_ORGANIZATION_MOST_RUNNING="1"):
        eventually(lambda: states() == {"done": 24})

    with db.transaction() as connection:
        overlapping = connection.execute(
            text(
                "select count(*) from jobs as one join jobs as other on one.job_id < other.job_id"
                " and one.organization_id = :large and other.organization_id = :large"
                " and one.started_at < other.finished_at and other.started_at < one.finished_at"
            ),
            {"large": large},
        ).scalar_one()
    assert overlapping == 0
    assert len(left()) == 24
