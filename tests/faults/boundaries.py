"""What stands on both sides of each failpoint: work that reaches it, somebody else who goes on, and the books after."""

import csv
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import dramatiq
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from actors.data_generation import cleanup_old_data
from ml import artefact, links, registry
from ml.artefact import ArtefactError
from ml.gate import Decision
from ml.registry import ChampionChangedError, Registered
from schedules.slots import Every
from schedules.tick import CatchUp, Entry, tick
from tests.faults import plants
from tests.jobs import probes
from tutormax import db, failpoints, jobs, partitions, settings
from tutormax.failpoints import Failpoint
from tutormax.ingest import Terms, ingest_files
from tutormax.jobs import keeper, relay
from tutormax.jobs.ring import Doorbell
from tutormax.populations import Population

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
DECADE = Every(timedelta(days=10))
# To come by every clock, so that its job does not expire while the test runs.
SLOT = DECADE.next(datetime.now(UTC))
OLD = datetime(2020, 1, 1, tzinfo=UTC)
PIECES = 3


class Action(StrEnum):
    """What happens at a failpoint when it is first reached."""

    KILL = "kill"
    RAISE = "raise"
    SLEEP = "sleep"


class PlannedError(Exception):
    """A failpoint raised it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case plays."""

    database_url: str
    redis_url: str
    directory: Path


@dataclass(frozen=True, slots=True)
class Scenario:
    """Some work that reaches failpoints.

    before: what must be there; work: in a process that meets its fate; again: what others do in any case, so many
    times over; wrong: what is wrong in the books at the end; at_once: what may not be wrong even for a moment.
    """

    points: Sequence[Failpoint]
    before: Callable[[Place], None]
    work: Callable[[Place], None]
    again: Callable[[Place, int], None]
    wrong: Callable[[Place], list[str]]
    at_once: Callable[[Place], list[str]] = lambda _: []


def go_on_with(place: Place, scenario: str, rounds: int, plant: str) -> None:
    """Be the others, who have the same bug; runs in a process of its own."""
    os.environ.update(DATABASE_URL=place.database_url, REDIS_URL=place.redis_url)
    settings.current.cache_clear()
    plants.PLANTS[plant]()
    SCENARIOS[scenario].again(place, rounds)


def live(place: Place, scenario: str, pipe: Pipe, fate: tuple[Failpoint, Action], plant: str | None) -> None:
    """Be the process that works and meets its fate; runs in a process of its own."""
    os.environ.update(DATABASE_URL=place.database_url, REDIS_URL=place.redis_url)
    settings.current.cache_clear()
    # Nobody renews: the test moves the end of the lease, and the fence is what is left.
    keeper.BEAT_SECONDS = 3600.0
    if plant is not None:
        plants.PLANTS[plant]()
    failpoints.arm(Fate(*fate, pipe))
    try:
        SCENARIOS[scenario].work(place)
    except PlannedError:
        pipe.send("raised")
    pipe.send("over")
    pipe.recv()


class Fate:
    """Tells of every boundary, and strikes once at one of them."""

    def __init__(self, point: Failpoint, action: Action, pipe: Pipe) -> None:
        self._left = {point}
        self._action = action
        self._pipe = pipe

    def __call__(self, point: Failpoint) -> None:
        """Be at a boundary."""
        self._pipe.send(point)
        if point not in self._left:
            return
        self._left.remove(point)
        match self._action:
            case Action.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Action.RAISE:
                raise PlannedError(point)
            case Action.SLEEP:
                self._pipe.recv()


def an_hour_passes() -> None:
    """Let every lease run out, every retry come due, and every ring be forgotten."""
    with db.transaction() as connection:
        connection.execute(
            text(
                "update jobs set created_at = created_at - interval '1 hour', rung_at = null,"
                " available_at = available_at - interval '1 hour', lease_until = lease_until - interval '1 hour'"
            )
        )


def go_on(_: Place, rounds: int) -> None:
    """Do what the relay and another worker do, until nothing is left to do."""
    for _round in range(rounds):
        try:
            an_hour_passes()
            with db.transaction() as connection:
                due = [
                    each for queue in (probes.QUEUE, cleanup_old_data.queue_name) for each in _rung(connection, queue)
                ]
        except OperationalError:
            # Who sleeps holds a row: it is for him to go on, and we come again.
            return
        if not due:
            return
        for doorbell in due:
            jobs.declared()[doorbell.actor].answer(str(doorbell.job_id))


def _rung(connection: Connection, queue: str) -> list[Doorbell]:
    return [
        *relay.silent(connection, queue, ring_again_seconds=1),
        *relay.due(connection, queue, most=100, ring_again_seconds=1),
    ]


def _worker(_: Place) -> None:
    """Be a worker with one thread, until somebody ends it."""
    worker = dramatiq.Worker(dramatiq.get_broker(), queues={probes.QUEUE}, worker_threads=1, worker_timeout=50)
    worker.start()
    Event().wait()


def _nothing(_: Place) -> None:
    """Do nothing."""


def _unended() -> list[str]:
    with db.transaction() as connection:
        rows = connection.execute(text("select actor, state, error from jobs where state <> 'done'")).all()
    return [f"{row.actor} is {row.state}: {row.error}" for row in rows]


def _effects_are(*marks: str) -> list[str]:
    with db.transaction() as connection:
        found = probes.effects(connection)
    return [] if sorted(marks) == sorted(found) else [f"effects {found}, not {sorted(marks)}"]


def _unfenced() -> list[str]:
    """Tell of effects that another owner than the last one left."""
    with db.transaction() as connection:
        rows = connection.execute(
            text(
                "select mark, effects.fence from effects join jobs on args ->> 'mark' = mark"
                " where effects.fence <> jobs.fence"
            )
        ).all()
    return [f"{row.mark} was left under fence {row.fence}" for row in rows]


def _books(*marks: str) -> Callable[[Place], list[str]]:
    return lambda _: [*_unended(), *_effects_are(*marks), *_unfenced()]


def _send(actor: jobs.JobActor[..., Any], *arguments: object) -> Callable[[Place], None]:
    def send(_: Place) -> None:
        actor.send(*arguments)

    return send


ENTRY = Entry("decade", DECADE, probes.leave_mark_of_slot, CatchUp.LAST)


def _know_the_schedule(_: Place) -> None:
    tick([ENTRY], clock=lambda _: SLOT - timedelta(minutes=1))


def _tick(_: Place) -> None:
    tick([ENTRY], clock=lambda _: SLOT)


def _tick_again(place: Place, rounds: int) -> None:
    try:
        _tick(place)
    except OperationalError:
        # Who sleeps holds the slot; the next tick looks again.
        return
    go_on(place, rounds)


def _one_slot(_: Place) -> list[str]:
    with db.transaction() as connection:
        slots = connection.execute(text("select slot, job_id from schedule_slots")).all()
        sent = connection.execute(text("select count(*) from jobs where slot = :slot"), {"slot": SLOT}).scalar_one()
    wrong = [] if [row.slot for row in slots] == [SLOT] else [f"slots {slots}"]
    return [*wrong, *([] if sent == 1 else [f"{sent} jobs of one slot"]), *_books(str(SLOT))(_)]


def _publish(place: Place) -> None:
    """Publish a model and let it serve, as a training does."""
    directory = place.directory / Population.SYNTHETIC
    with db.transaction() as connection:
        serving = registry.champion(connection, Population.SYNTHETIC)
        at = datetime.now(UTC)
        published = artefact.publish(directory, at, {"model.json": b"{}"}, {})
        made = Registered(Population.SYNTHETIC, published.version, "1", published.manifest_sha256, at, at)
        registry.enter(
            connection,
            made,
            Decision.PROMOTE,
            reason="a test",
            metrics={},
            met=serving.model_id if serving else None,
            directory=directory,
        )


def _publish_unless_another_does(place: Place) -> None:
    # The job of a training would be tried again.
    with suppress(ChampionChangedError):
        _publish(place)


def _publish_again(place: Place, _: int) -> None:
    _publish(place)
    with db.transaction() as connection:
        serving = registry.champion(connection, Population.SYNTHETIC)
        assert serving is not None
        registry.align_links(connection, serving, place.directory / Population.SYNTHETIC)


def _whole_models(place: Place) -> list[str]:
    """Tell of a link or a row that names what is not there whole."""
    with db.transaction() as connection:
        champion = registry.champion(connection, Population.SYNTHETIC)
    return [*_named_and_not_whole(place), *([] if champion else ["no champion"])]


def _named_and_not_whole(place: Place) -> list[str]:
    directory = place.directory / Population.SYNTHETIC
    with db.transaction() as connection:
        rows = connection.execute(text("select model_id, manifest_sha256 from models")).all()
    named = [(row.model_id.partition("/")[2], row.manifest_sha256) for row in rows]
    linked = links.target(directory)
    wrong = []
    for version, sha256 in [*named, *([(linked, None)] if linked else [])]:
        try:
            artefact.read(directory, version, sha256)
        except ArtefactError as error:
            wrong.append(str(error))
    return wrong


def _old_partitions(_: Place) -> None:
    with db.transaction() as connection:
        partitions.ensure(connection, OLD, OLD)
    cleanup_old_data.send()


def _clean(_: Place) -> None:
    with db.transaction() as connection:
        job = connection.execute(text("select job_id from jobs")).scalar_one()
    cleanup_old_data.answer(str(job))


def _none_old_all_new(_: Place) -> list[str]:
    with db.transaction() as connection:
        there = partitions.existing(connection)
    old, new = {name for name in there if "2020" in name}, {name for name in there if "2026_06" in name}
    return [*_unended(), *sorted(old), *([] if len(new) == len(partitions.PARTITIONED) else ["new months went"])]


def _files(place: Place) -> None:
    with (place.directory / "tutors.csv").open("w") as file:
        csv.writer(file).writerows([("tutor_id", "joined_at"), *((f"t{number}", "2026-01-05") for number in range(50))])


def _ingest(place: Place) -> None:
    ingest_files(db.transaction, [place.directory / "tutors.csv"], Terms("Acme", NOW, ZoneInfo("UTC")))


def _ingest_again(place: Place, _: int) -> None:
    try:
        _ingest(place)
    except OperationalError:
        return


def _each_tutor_once(_: Place) -> list[str]:
    with db.transaction() as connection:
        row = connection.execute(text("select count(*) as rows, count(distinct external_id) as ids from tutors")).one()
    return [] if (row.rows, row.ids) == (50, 50) else [f"{row.rows} rows of {row.ids} tutors, not of 50"]


RING = (Failpoint.BEFORE_RING, Failpoint.AFTER_RING)
SCENARIOS = {
    "a job": Scenario(
        (*tuple(Failpoint)[:6], Failpoint.BEFORE_ACK, Failpoint.AFTER_ACK),
        _send(probes.leave_mark, "a"),
        _worker,
        go_on,
        _books("a"),
    ),
    "a job in pieces": Scenario(
        (Failpoint.BEFORE_PIECE, Failpoint.AFTER_PIECE),
        _send(probes.count_piece_by_piece, "a", PIECES, 0.0),
        _worker,
        go_on,
        _books(*(f"a {piece}" for piece in range(PIECES))),
    ),
    "a producer": Scenario(RING, _nothing, _send(probes.leave_mark, "a"), go_on, _books("a")),
    "a job that sends another": Scenario(
        RING, _send(probes.leave_mark_and_send, "a"), _worker, go_on, _books("a", "a followed")
    ),
    "a scheduler": Scenario(
        (Failpoint.BEFORE_SLOT, Failpoint.AFTER_SLOT, *RING), _know_the_schedule, _tick, _tick_again, _one_slot
    ),
    "a publisher": Scenario(
        (Failpoint.BEFORE_RENAME, Failpoint.AFTER_RENAME, Failpoint.BEFORE_LINK, Failpoint.AFTER_LINK),
        _nothing,
        _publish_unless_another_does,
        _publish_again,
        _whole_models,
        _named_and_not_whole,
    ),
    "a cleanup": Scenario(
        (Failpoint.BEFORE_DROP, Failpoint.AFTER_DROP), _old_partitions, _clean, go_on, _none_old_all_new
    ),
    "an ingest": Scenario(
        (Failpoint.BEFORE_INGEST_COMMIT, Failpoint.AFTER_INGEST_COMMIT),
        _files,
        _ingest,
        _ingest_again,
        _each_tutor_once,
    ),
}
