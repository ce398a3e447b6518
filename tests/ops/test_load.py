"""What watching costs: little for a job, little for the stores, and no more when 200,000 jobs wait."""

import itertools
import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from uuid import UUID

import dramatiq
import pytest
from dramatiq.broker import MessageProxy

from tests.faults.harness import eventually
from tests.ops import drill_actors as drill
from tests.ops.desk import Desk
from tutormax import db, jobs, queries
from tutormax.instrumentation import Instrumentation
from tutormax.jobs import ring
from tutormax.jobs.execution import given_answer
from tutormax.jobs.outcomes import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WAITING = 200_000
MOST_SCRAPE_SECONDS = 0.25
MOST_MICROSECONDS = 20
MOST_SHARE = 0.05
SCRAPES = 20
PAIRS = 10
DRAINED = 800
# Chance alone would look so once in five hundred drills; and less than a fiftieth is no difference to anybody.
MEASURABLE = 0.002
SMALLEST_DIFFERENCE = 0.02
NO_OPS = 100
COUNTED_AGAIN = 50


@pytest.fixture(scope="module")
def loaded(running: Desk) -> Iterator[Desk]:
    """200,000 jobs that wait on a queue that nobody serves."""
    # Both workers and the scheduler.
    eventually(lambda: running.ask("select count(*) >= 3 from processes"), seconds=120)
    running.do(
        "insert into jobs (actor, queue, requested_by) select 'archive', 'archive', 'drill'"
        " from generate_series(1, :waiting)",
        waiting=WAITING,
    )
    for port in running.exporters:
        eventually(lambda port=port: answers(port))  # type: ignore[misc]  # mypy cannot tell its type
    yield running
    running.do("delete from jobs where queue = 'archive'")
    running.vacuum()


def answers(port: int) -> bool:
    """Tell whether an exporter has come up and sees the jobs."""
    try:
        return scrape_seconds(port) > 0
    except (OSError, AssertionError):
        return False


def scrape_seconds(port: int) -> float:
    started = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert f'dramatiq_queue_messages{{queue_name="archive",state="ready"}} {WAITING:.1f}' in body
    return time.perf_counter() - started


def test_with_200_000_jobs_waiting_a_scrape_takes_at_most_a_quarter_of_a_second(loaded: Desk) -> None:
    scrape_seconds(loaded.exporters[0])

    taken = [scrape_seconds(loaded.exporters[0]) for _ in range(SCRAPES)]

    tell(f"a scrape with {WAITING} jobs waiting {spread(taken)} s")
    # The best of them: the rest is what else the machine does.
    assert min(taken) <= MOST_SCRAPE_SECONDS


def test_what_has_been_done_costs_a_scrape_nothing(loaded: Desk) -> None:
    before = [scrape_seconds(loaded.exporters[0]) for _ in range(SCRAPES)]
    loaded.do(
        "insert into jobs (actor, queue, requested_by, state, finished_at)"
        " select 'archive', 'archive', 'drill', 'done', now() from generate_series(1, :done)",
        done=2 * WAITING,
    )
    loaded.vacuum()
    after = [scrape_seconds(loaded.exporters[0]) for _ in range(SCRAPES)]

    with db.transaction() as connection:
        # As the exporter asks it.
        connection.exec_driver_sql("set local max_parallel_workers_per_gather = 0")
        connection.exec_driver_sql("set local enable_seqscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"explain {queries.load('exporter/queue_depths')}").scalars())
    tell(f"a scrape before {2 * WAITING} jobs were done {spread(before)} s, after {spread(after)} s")
    assert "Seq Scan" not in plan, plan
    assert min(after) <= MOST_SCRAPE_SECONDS


def drained_seconds() -> float:
    """Return how long the workers take for some jobs."""
    started = time.perf_counter()
    with db.transaction() as connection:
        sent = jobs.insert(connection, [drill.drill_good.request(number) for number in range(DRAINED)])
    done = "select count(*) from jobs where job_id = any(:sent) and state = 'done'"
    while Desk.ask(done, sent=sent) < DRAINED:
        time.sleep(0.02)
    return time.perf_counter() - started


def watched_seconds(port: int) -> float:
    """Return how long they take while an exporter is scraped: once in some seconds, as two exporters are in fifteen."""
    with ThreadPoolExecutor() as scraping:
        scrape = scraping.submit(scrape_seconds, port)
        seconds = drained_seconds()
        assert scrape.result() > 0
    return seconds


def test_scraping_does_not_slow_the_workers_measurably(loaded: Desk) -> None:
    drained_seconds()
    alone: list[float] = []
    watched: list[float] = []
    for number in range(PAIRS):
        # In turns, so that whatever else the machine does meanwhile strikes both alike.
        measure = partial(watched_seconds, loaded.exporters[number % 2])
        for times, seconds in ((alone, drained_seconds), (watched, measure))[:: 1 if number % 2 else -1]:
            times.append(seconds())

    slower = [math.log(second / first) for first, second in zip(alone, watched, strict=True)]
    tell(
        f"{DRAINED} jobs alone {spread(alone)} s, while scraped {spread(watched)} s: "
        f"{100 * math.expm1(statistics.fmean(slower)):+.1f} %, by chance alone in {chance(slower):.3f} of all cases"
    )
    assert chance(slower) > MEASURABLE or statistics.fmean(slower) < SMALLEST_DIFFERENCE


def chance(differences: Sequence[float]) -> float:
    """Return how often pairs without any difference but chance would differ by so much in this direction."""
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [sum(sign * one for sign, one in zip(flipped, differences, strict=True)) for flipped in signs]
    return sum(one >= sum(differences) for one in sums) / len(sums)


def test_what_is_slower_each_time_is_measured_and_what_varies_is_not() -> None:
    assert chance([0.1] * PAIRS) < MEASURABLE
    assert chance([0.3, -0.2] * (PAIRS // 2)) > MEASURABLE


def test_counting_costs_a_job_at_most_a_twentieth_and_20_microseconds(running: Desk) -> None:
    ring.use(None)
    counts = Instrumentation()

    # Side by side: a job, what counting it costs, the next job.
    times = []
    for _ in range(NO_OPS):
        job = drill.drill_bare.send()
        times.append((wall_seconds(job), counting_seconds(counts, job)))
    # The best of each: the rest is what else the machine does.
    bare, counting = (min(column) for column in zip(*times, strict=True))

    tell(f"a no-op job {1000 * bare:.2f} ms, counting it {1_000_000 * counting:.1f} us, {100 * counting / bare:.2f} %")
    assert counting * 1_000_000 <= MOST_MICROSECONDS
    assert counting <= MOST_SHARE * bare


def wall_seconds(job: UUID) -> float:
    started = time.perf_counter()
    drill.drill_bare.answer(str(job))
    seconds = time.perf_counter() - started
    given = given_answer()
    assert given is not None
    assert given.result().outcome is Outcome.SUCCESS
    return seconds


def counting_seconds(counts: Instrumentation, job: UUID) -> float:
    """Return the processor time of counting the job that this thread has just done, whatever else the machine does."""
    actor, broker = drill.drill_bare, dramatiq.get_broker()
    message = MessageProxy(
        dramatiq.Message(actor.queue_name, actor.actor_name, args=(str(job),), kwargs={}, options={})
    )
    started = time.thread_time()
    for _ in range(COUNTED_AGAIN):
        counts.before_process_message(broker, message)
        counts.after_process_message(broker, message)
    return (time.thread_time() - started) / COUNTED_AGAIN


def spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def tell(sentence: str) -> None:
    """Say a measured number where whoever runs the drill reads it."""
    sys.stdout.write(f"\n{sentence}\n")
