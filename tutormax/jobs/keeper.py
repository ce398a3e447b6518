"""The keeper: one thread a process that renews the leases of its running jobs and tells them when to stop.

What cannot be told, it ends: a job in a call that no exception reaches is given up in the ledger and the worker's
process with it; a call that lets no thread run, the keeper's included, is ended by a timer outside the interpreter.
"""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import orjson
from dramatiq.threading import raise_thread_exception
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, log, queries, settings
from tutormax.jobs.clerk import clerk
from tutormax.jobs.job import (
    CancelInterruption,
    DeadlineInterruption,
    Interruption,
    Job,
    ReplacedInterruption,
    ShutdownInterruption,
)
from tutormax.per_process import PerProcess

# dramatiq tells of every exception it raises in a thread; ours are told by the job that stops.
logging.getLogger("dramatiq.threading").setLevel(logging.ERROR)

_log = log.get(__name__)

BEAT_SECONDS = 0.25
# An actor that swallowed an interruption hears it again.
REPEAT_SECONDS = 5.0
# A worker that shuts down waits so long for a job that was told to stop; others of the process, too, when one is stuck.
STOP_SECONDS = 4.0
FLUSH_SECONDS = 1.0

GiveUp = Callable[[type[Interruption]], object]
# A job under a fence.
Held = tuple[UUID, int]


class Watched:
    """One running job, what is to be told to it, and when."""

    def __init__(self, job: Job, give_up: GiveUp) -> None:
        self.job = job
        self.give_up = give_up
        self.deadline = time.monotonic() + job.time_limit_seconds
        self.told_at = -REPEAT_SECONDS
        self.reported: dict[str, Any] | None = None


class Keeper(threading.Thread):
    """Renews, tells, and is the only one that reaches into a job's thread."""

    def __init__(self) -> None:
        super().__init__(name="tutormax-keeper", daemon=True)
        # Each attempt by itself: a job that was taken over may be run twice in one process, for a while.
        self._watched: dict[Held, Watched] = {}
        self._lock = threading.Lock()
        self._renewed_at = 0.0
        self._shutdown_at: float | None = None
        self._owns_process = False

    @contextmanager
    def watch(self, job: Job, give_up: GiveUp) -> Iterator[None]:
        """Keep a job's lease while the block runs; one that cannot be stopped is given up before its process ends."""
        with self._lock:
            self._watched[_held(job)] = Watched(job, give_up)
        try:
            yield
        finally:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        # Once this lock is had, nobody reaches into the thread any more; what was on its way may arrive just here.
        try:
            with self._lock:
                self._watched.pop(_held(job), None)
        except Interruption:
            self._forget(job)
            raise

    def overdue_seconds(self) -> float:
        """Return for how long some job has run on after it was told that its time is over; what does so is stuck."""
        now = time.monotonic()
        return max((now - watched.deadline for watched in list(self._watched.values())), default=0.0)

    def own_process(self) -> None:
        """End the process when a job in it cannot be stopped: it is a worker, and somebody starts another."""
        self._owns_process = True
        # Now, not at the first beat: a job that is already waiting may hold the interpreter before there is one.
        self._wind_up()

    def shut_down(self, *, grace_seconds: float) -> None:
        """Let running jobs end by themselves for a moment, then ask them to stop."""
        self._shutdown_at = time.monotonic() + grace_seconds

    @property
    def shutting_down(self) -> bool:
        """Whether the process was told to stop."""
        return self._shutdown_at is not None

    def run(self) -> None:
        """Beat for as long as the process lives."""
        while True:
            time.sleep(BEAT_SECONDS)
            try:
                self._beat(time.monotonic())
            except Exception:  # noqa: BLE001 - whatever it is: without this thread no lease of the process is renewed
                _log.exception("the keeper missed a beat")

    def _beat(self, now: float) -> None:
        self._tell_the_late(now)
        if self._watched and now - self._renewed_at >= min(settings.current().job_lease_seconds / 3, 1.0):
            self._renewed_at = now
            self.renew(now)
        if self._owns_process:
            self._end_what_does_not_stop(now)

    def _end_what_does_not_stop(self, now: float) -> None:
        self._wind_up()
        limits = settings.current()
        watched = list(self._watched.values())
        stuck = any(now >= one.deadline + limits.stuck_seconds + limits.job_lease_seconds for one in watched)
        deaf = bool(watched) and self._shutdown_at is not None and now >= self._shutdown_at + STOP_SECONDS
        if stuck or deaf:
            self._end(watched, now)

    @staticmethod
    def _wind_up() -> None:
        # Wound up again at every beat, and it needs no interpreter. Without a beat no lease is renewed, so by then
        # others hold these jobs, and nothing that this process does will be committed.
        limits = settings.current()
        faulthandler.dump_traceback_later(limits.stuck_seconds + 2 * limits.job_lease_seconds, exit=True)

    def _end(self, watched: list[Watched], now: float) -> None:
        """End the process: every job of it is given up, those that ran into their time limit as having failed."""
        innocent = [one for one in watched if now < one.deadline]
        for one in innocent:
            self._tell(one, ShutdownInterruption, now)
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end and any(_held(one.job) in self._watched for one in innocent):
            time.sleep(BEAT_SECONDS)
            self.renew(now)
        for one in list(self._watched.values()):
            late = now >= one.deadline
            _log.error("job cannot be stopped, its process is ended", job_id=str(one.job.id), past_its_limit=late)
            one.give_up(DeadlineInterruption if late else ShutdownInterruption)
        # Others of this process may have ended just now.
        clerk().flush(FLUSH_SECONDS)
        os._exit(1)

    def _tell_the_late(self, now: float) -> None:
        for watched in list(self._watched.values()):
            if now >= watched.deadline:
                self._tell(watched, DeadlineInterruption, now)
            elif self._shutdown_at is not None and now >= self._shutdown_at:
                self._tell(watched, ShutdownInterruption, now)

    def renew(self, now: float) -> None:
        """Extend the leases of what runs; tell whoever has lost his, or is asked to stop."""
        watched = list(self._watched.values())
        try:
            with db.transaction() as connection:
                rows = self._renewed(connection, watched)
        except SQLAlchemyError as error:
            _log.warning("leases not renewed", error=str(error).splitlines()[0], jobs=len(watched))
            return
        for one in watched:
            if _held(one.job) not in rows:
                self._tell(one, ReplacedInterruption, now)
            elif rows[_held(one.job)]:
                self._tell(one, CancelInterruption, now)

    @staticmethod
    def _renewed(connection: Connection, watched: list[Watched]) -> dict[Held, bool]:
        held = [{"job_id": one.job.id, "fence": one.job.lease.fence, "progress": one.job.progress} for one in watched]
        bound = {"held": orjson.dumps(held).decode(), "seconds": settings.current().job_lease_seconds}
        rows = connection.execute(queries.load("renew_leases"), bound)
        return {(row.job_id, row.fence): row.cancel_requested for row in rows}

    def _tell(self, watched: Watched, why: type[Interruption], now: float) -> None:
        with self._lock:
            if _held(watched.job) not in self._watched or now - watched.told_at < REPEAT_SECONDS:
                return
            watched.told_at = now
            raise_thread_exception(watched.job.thread, why)  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
        with suppress(Exception):  # the connection may be closing at this very moment
            watched.job.interrupt(why)


def _held(job: Job) -> Held:
    return job.id, job.lease.fence


def _started() -> Keeper:
    made = Keeper()
    made.start()
    return made


# This process's keeper, started on first use: threads do not survive a fork.
keeper = PerProcess(_started)
