"""The keeper: one thread a process that renews the leases of its running jobs and tells them when to stop."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import orjson
from dramatiq.threading import raise_thread_exception
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, log, queries, settings
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


class Watched:
    """One running job, what is to be told to it, and when."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.deadline = time.monotonic() + job.time_limit_seconds
        self.told_at = -REPEAT_SECONDS
        self.reported: dict[str, Any] | None = None


class Keeper(threading.Thread):
    """Renews, tells, and is the only one that reaches into a job's thread."""

    def __init__(self) -> None:
        super().__init__(name="tutormax-keeper", daemon=True)
        self._watched: dict[UUID, Watched] = {}
        self._lock = threading.Lock()
        self._shutdown_at: float | None = None

    @contextmanager
    def watch(self, job: Job) -> Iterator[None]:
        """Keep a job's lease while the block runs."""
        with self._lock:
            self._watched[job.id] = Watched(job)
        try:
            yield
        finally:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        # Once this lock is had, nobody reaches into the thread any more; what was on its way may arrive just here.
        try:
            with self._lock:
                self._watched.pop(job.id, None)
        except Interruption:
            self._forget(job)
            raise

    def overdue_seconds(self) -> float:
        """Return for how long some job has run on after it was told that its time is over; what does so is stuck."""
        now = time.monotonic()
        return max((now - watched.deadline for watched in list(self._watched.values())), default=0.0)

    def shut_down(self, *, grace_seconds: float) -> None:
        """Let running jobs end by themselves for a moment, then ask them to stop."""
        self._shutdown_at = time.monotonic() + grace_seconds

    def run(self) -> None:
        """Beat for as long as the process lives."""
        renewed_at = 0.0
        while True:
            time.sleep(BEAT_SECONDS)
            now = time.monotonic()
            self._tell_the_late(now)
            if self._watched and now - renewed_at >= min(settings.current().job_lease_seconds / 3, 1.0):
                renewed_at = now
                self.renew(now)

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
            if one.job.id not in rows:
                self._tell(one, ReplacedInterruption, now)
            elif rows[one.job.id]:
                self._tell(one, CancelInterruption, now)

    @staticmethod
    def _renewed(connection: Connection, watched: list[Watched]) -> dict[UUID, bool]:
        held = [
            {"job_id": str(one.job.id), "fence": one.job.lease.fence, "progress": one.job.progress} for one in watched
        ]
        rows = connection.execute(
            queries.load("renew_leases"),
            {"held": orjson.dumps(held).decode(), "seconds": settings.current().job_lease_seconds},
        )
        return {row.job_id: row.cancel_requested for row in rows}

    def _tell(self, watched: Watched, why: type[Interruption], now: float) -> None:
        with self._lock:
            if self._watched.get(watched.job.id) is not watched or now - watched.told_at < REPEAT_SECONDS:
                return
            watched.told_at = now
            raise_thread_exception(watched.job.thread, why)  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
        with suppress(Exception):  # the connection may be closing at this very moment
            watched.job.interrupt(why)


def _started() -> Keeper:
    made = Keeper()
    made.start()
    return made


# This process's keeper, started on first use: threads do not survive a fork.
keeper = PerProcess(_started)
