"""Prometheus' numbers are the ledger's, exactly, whatever is killed and however many exporters tell them."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from grafana.src.__main__ import DASHBOARDS
from grafana.src.execute import Answer, Verdict, execute
from grafana.src.filling import Look
from grafana.src.prometheus import Prometheus
from tests.faults.harness import eventually
from tests.ops import drill_actors as drill
from tests.ops.conftest import await_well
from tests.ops.desk import Desk
from tests.ops.filling import fill
from tests.ops.observatory import Observatory
from tutormax import db, jobs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

GOOD, FAILING, DYING = 200, 20, 5
ACTORS = "drill_good|drill_failing|drill_dying"


def send(actor: jobs.JobActor[[int], None], count: int) -> None:
    with db.transaction() as connection:
        jobs.insert(connection, [actor.request(number) for number in range(count)])


def ledger(running: Desk) -> dict[str, int]:
    """Return how the attempts of the counted actors ended, as the ledger has it."""
    return {
        "success": running.ask("select count(*) from jobs where actor ~ :a and state = 'done'", a=ACTORS),
        "retry": running.ask("select coalesce(sum(attempts - 1), 0) from jobs where actor ~ :a", a=ACTORS),
        "dead": running.ask("select count(*) from jobs where actor ~ :a and state = 'dead'", a=ACTORS),
    }


def test_good_failing_and_dying_jobs_are_counted_as_the_ledger_has_them(running: Desk, seen: Observatory) -> None:
    before = ledger(running)
    for actor, count in ((drill.drill_good, GOOD), (drill.drill_failing, FAILING), (drill.drill_dying, DYING)):
        send(actor, count)
    unfinished = "select count(*) from jobs where actor ~ :a and state in ('pending', 'running')"
    eventually(lambda: running.ask(unfinished, a=ACTORS) == 0, seconds=120)

    after = ledger(running)
    counted = f'sum by (outcome) (dramatiq_messages_total{{actor_name=~"{ACTORS}", outcome!="skipped"}}) > 0'
    seen.await_numbers("outcome", counted, after)

    assert {name: after[name] - before[name] for name in after} == {
        "success": GOOD + FAILING,
        "retry": FAILING,
        "dead": DYING,
    }
    for metric, expected in (
        ("dramatiq_message_errors_total", after["retry"] + after["dead"]),
        ("dramatiq_message_retries_total", after["retry"]),
        ("dramatiq_message_rejects_total", after["dead"]),
        ("dramatiq_message_duration_seconds_count", sum(after.values())),
        ("dramatiq_messages_inprogress", 0),
    ):
        assert seen.value(f'sum({metric}{{actor_name=~"{ACTORS}"}})') == expected, metric
    held = 'max by (queue_name) (dramatiq_queue_messages{queue_name="default", state="dead"})'
    dead = running.ask("select count(*) from jobs where queue = 'default' and state = 'dead'")
    seen.await_numbers("queue_name", held, {"default": dead})


def test_a_slow_attempt_leads_to_its_job_and_trace(seen: Observatory) -> None:
    [found, *_] = seen.exemplars('dramatiq_message_duration_seconds_bucket{actor_name=~"drill_.+"}')

    assert {len(found["trace_id"]), len(found["job_id"])} == {32, 36}


def test_a_killed_worker_is_down_at_once_and_leaves_no_gauge_behind(running: Desk, seen: Observatory) -> None:
    send(drill.drill_slow, 1)
    running_now = 'sum(dramatiq_messages_inprogress{queue_name="prediction"})'
    eventually(lambda: seen.value(running_now) == 1)
    up = 'up{job="tutormax-worker", service="prediction"}'

    killed_at = time.time()
    running.kill("predictor")
    seen.await_value(up, 0)

    assert 0 in seen.samples(up, killed_at)[:2], "more than two scrapes"
    assert seen.value(running_now) is None
    lost = 'max(dramatiq_worker_processes{service="prediction", state="lost"})'
    eventually(lambda: seen.value(lost) == 1, seconds=60)


def test_after_its_restart_a_worker_counts_from_zero_and_loses_no_job(running: Desk, seen: Observatory) -> None:
    running.start("predictor")
    done = "select count(*) from jobs where actor = 'drill_slow' and state = 'done'"
    eventually(lambda: running.ask(done) == 1, seconds=120)

    counted = 'sum(dramatiq_messages_total{actor_name="drill_slow", outcome="success"})'
    seen.await_value(counted, 1)
    seen.await_value('sum(dramatiq_messages_inprogress{queue_name="prediction"})', 0)
    await_well(seen)


def test_two_exporters_double_nothing(running: Desk, seen: Observatory) -> None:
    exporters, told = "count(dramatiq_broker_up)", 'sum(queue:dramatiq_queue_messages:max{state="dead"})'
    dead = running.ask("select count(*) from jobs where state = 'dead'")
    assert dead > 0

    seen.await_value(exporters, 2)
    seen.await_value(told, dead)
    running.stop("second exporter")
    seen.await_value(exporters, 1)
    seen.await_value(told, dead)
    running.start("second exporter")
    seen.await_value(exporters, 2)
    seen.await_value(told, dead)


@pytest.fixture(scope="module")
def shown(running: Desk, seen: Observatory, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The dashboards, when something of everything has happened."""
    fill(running, seen, tmp_path_factory.mktemp("filling"))
    return [json.loads(path.read_bytes()) for path in sorted(DASHBOARDS.glob("*.json"))]


def unanswered(seen: Observatory, dashboards: Sequence[Any]) -> list[str]:
    """Return the queries that show nothing; that a panel would say so is no excuse here."""
    answers = asked(seen, dashboards)
    return [str(answer) for verdict in Verdict if verdict is not Verdict.DATA for answer in answers[verdict]]


def asked(seen: Observatory, dashboards: Sequence[Any]) -> dict[Verdict, list[Answer]]:
    answers = execute(Prometheus(seen.url), dashboards, Look("5m", "10s"))
    return {verdict: [answer for answer in answers if answer.verdict is verdict] for verdict in Verdict}


def test_every_query_of_every_dashboard_shows_what_has_happened(seen: Observatory, shown: list[Any]) -> None:
    with suppress(AssertionError):
        eventually(lambda: unanswered(seen, shown) == [])

    assert unanswered(seen, shown) == []
    assert len(asked(seen, shown)[Verdict.DATA]) > 100


def test_a_misspelt_metric_in_a_panel_is_reported(seen: Observatory, shown: list[Any]) -> None:
    text = json.dumps([dashboard for dashboard in shown if dashboard["uid"] == "tutormax-queues"])
    typo = json.loads(text.replace("dramatiq_queue_messages{", "dramatiq_queue_mesages{").replace('"noValue"', '"no"'))

    assert all("mesages" in answer.expression for answer in asked(seen, typo)[Verdict.EMPTY])
    assert asked(seen, typo)[Verdict.EMPTY] != []
