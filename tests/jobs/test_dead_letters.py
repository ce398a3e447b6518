"""A thousand dead letters are tried anew, and each has its effect once; what the command says of them."""

import re

import pytest
from sqlalchemy import text

from tests.faults.harness import Redis, Worker, eventually, left, relaying, states
from tests.jobs.probes import QUEUE
from tutormax import __main__ as command
from tutormax import db
from tutormax.jobs import Request, insert, operations
from tutormax.jobs.operations import Selection

LETTERS = 1000


@pytest.fixture
def dead(own_redis: Redis) -> list[str]:
    """A thousand dead letters of one error; the marks that they will leave when they are tried anew."""
    assert own_redis
    marks = sorted(f"{number:04}" for number in range(LETTERS))
    with db.transaction() as connection:
        insert(connection, [Request("leave_mark", QUEUE, {"mark": mark}) for mark in marks])
        connection.execute(
            text(
                "update jobs set state = 'dead', attempts = 4, finished_at = now(), error_type = 'RuntimeError',"
                " error = 'no answer from host ' || (random() * 9)::int, traceback = 'Traceback: no answer'"
            )
        )
    own_redis.flush()
    return marks


def tutormax(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command; return what it says."""
    assert command.main([*words]) == 0
    return capsys.readouterr().out


def audited() -> int:
    with db.transaction() as connection:
        return int(connection.execute(text("select count(distinct subject) from audit_log")).scalar_one())


def test_each_of_a_thousand_has_its_effect_once_whoever_asks_twice(dead: list[str], own_redis: Redis) -> None:
    with relaying(), Worker(own_redis.url):
        for _ in range(2):
            with db.transaction() as connection:
                operations.requeue(connection, Selection(actor="leave_mark"), who="cli:ann", reason="it answers again")
        eventually(lambda: states() == {"done": LETTERS}, seconds=90)

    assert left() == dead
    assert audited() == LETTERS


def test_the_command_shows_a_group_counts_it_and_acts_when_told_to(
    dead: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dead
    groups = tutormax("jobs", "dead", capsys=capsys)
    found = re.search(r"([0-9a-f]{8}) +1000 +leave_mark +RuntimeError +no answer from host …", groups)
    assert found is not None, groups

    shown = tutormax("jobs", "dead", found[1], "--limit", "1", capsys=capsys)
    preview = tutormax("jobs", "requeue", "--group", found[1], capsys=capsys)
    unchanged = states()
    done = tutormax("jobs", "drop", "--group", found[1], "--reason", "obsolete", "--yes", capsys=capsys)

    assert '{"mark":"' in shown
    assert "Traceback: no answer" in shown
    assert "1000 dead jobs; say --yes to requeue them." in preview
    assert unchanged == {"dead": LETTERS}
    assert "1000 of 1000 dead jobs: drop." in done
    assert (states(), audited()) == ({}, LETTERS)
