"""Each fault is injected for real, its alert arrives at a webhook, and goes when the fault has gone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.faults.harness import eventually
from tests.ops import drill_actors as drill
from tests.ops.conftest import await_well
from tests.ops.desk import Desk
from tests.ops.filling import add_model
from tests.ops.observatory import Observatory
from tutormax import db, jobs
from tutormax.jobs import operations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIRING, RESOLVED = "firing", "resolved"


@pytest.fixture
def since(seen: Observatory) -> Iterator[int]:
    """How much had been told before the test, with nothing wrong; nor is anything when it has ended."""
    await_well(seen)
    yield len(seen.webhook.told)
    # An alert also goes for a moment when nobody can be scraped: what is resolved has to stay so.
    await_well(seen)


def test_redis_stopped(running: Desk, seen: Observatory, since: int) -> None:
    running.redis.kill()

    told = seen.await_alert("TutorMaxBrokerDown", FIRING, since)
    # Nobody is told that schedules are missed: Redis explains it.
    eventually(lambda: "TutorMaxBrokerDown" in seen.suppressed().get("TutorMaxScheduleMissed", []), seconds=60)
    running.redis.restart()

    assert told.receiver == "pager"
    assert told.annotations["runbook_url"] == "deploy/runbooks/TutorMaxBrokerDown.md"
    seen.await_alert("TutorMaxBrokerDown", RESOLVED, since)


def test_postgresql_stopped(running: Desk, seen: Observatory, since: int) -> None:
    running.database.stop()

    told = seen.await_alert("TutorMaxDatabaseDown", FIRING, since)
    stale = seen.series('dramatiq_queue_messages{job="tutormax-exporter"}')
    running.database.start()

    assert told.receiver == "pager"
    assert stale == []
    seen.await_alert("TutorMaxDatabaseDown", RESOLVED, since)


def test_all_workers_of_a_queue_stopped(running: Desk, seen: Observatory, since: int) -> None:
    running.stop("predictor")

    told = seen.await_alert("TutorMaxQueueNoWorkers", FIRING, since, queue_name="prediction")
    # A clean stop leaves the list, and is soon no target that is down.
    eventually(lambda: seen.series('up{job="tutormax-worker", service="prediction"}') == [])
    running.start("predictor")

    assert told.receiver == "pager"
    seen.await_alert("TutorMaxQueueNoWorkers", RESOLVED, since, queue_name="prediction")


def test_the_scheduler_stopped(running: Desk, seen: Observatory, since: int) -> None:
    running.stop("scheduler")

    told = seen.await_alert("TutorMaxSchedulerDown", FIRING, since)
    running.start("scheduler")

    assert told.receiver == "pager"
    seen.await_alert("TutorMaxSchedulerDown", RESOLVED, since)


def test_an_actor_that_always_fails(running: Desk, seen: Observatory, since: int) -> None:
    def fail_on() -> bool:
        for _ in range(2):
            drill.drill_always_fails.send(0)
        return any(told.name == "TutorMaxTaskFailureRatioHigh" for told in seen.webhook.told[since:])

    eventually(fail_on, seconds=120)

    assert running.ask("select count(*) > 10 from jobs where actor = 'drill_always_fails' and state = 'dead'")
    for name in ("TutorMaxTaskFailureRatioHigh", "TutorMaxDeadLettersNew"):
        seen.await_alert(name, FIRING, since, actor_name="drill_always_fails")
        seen.await_alert(name, RESOLVED, since, actor_name="drill_always_fails")


def test_a_stuck_worker(running: Desk, seen: Observatory, since: int) -> None:
    stuck: list[UUID] = [drill.drill_stuck.send(number) for number in range(4)]

    seen.await_alert("TutorMaxWorkersStuck", FIRING, since, queue_name="prediction")
    assert running.ask("select count(*) from jobs where actor = 'drill_stuck' and state = 'running'") == 2
    for job in reversed(stuck):
        with db.transaction() as connection:
            operations.cancel(connection, job, who="the drill")

    seen.await_alert("TutorMaxWorkersStuck", RESOLVED, since, queue_name="prediction")


def test_a_missed_schedule(running: Desk, seen: Observatory, since: int) -> None:
    running.do("insert into drill_broken values (true)")

    seen.await_alert("TutorMaxScheduleMissed", FIRING, since, schedule="drill")
    assert seen.value('max(tutormax_schedule_consecutive_failures{schedule="drill"})') != 0
    running.do("delete from drill_broken")

    seen.await_alert("TutorMaxScheduleMissed", RESOLVED, since, schedule="drill")


def test_a_stale_model(running: Desk, seen: Observatory, since: int) -> None:
    add_model(trained_at=datetime.now(UTC) - timedelta(days=4))

    told = seen.await_alert("TutorMaxModelStale", FIRING, since, model="customer")
    running.do("update models set trained_at = now() where status = 'champion'")

    assert told.receiver == "data-team"
    seen.await_alert("TutorMaxModelStale", RESOLVED, since, model="customer")


def test_jobs_are_done_after_all_of_it(running: Desk, seen: Observatory) -> None:
    with db.transaction() as connection:
        sent = jobs.insert(connection, [drill.drill_good.request(number) for number in range(50)])

    done = "select count(*) from jobs where job_id = any(:sent) and state = 'done'"
    eventually(lambda: running.ask(done, sent=sent) == 50)
    await_well(seen)
