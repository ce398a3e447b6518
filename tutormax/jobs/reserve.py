"""Leases in reserve: taken for threads that will ask for them in a moment, and given back where none comes."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from tutormax import db, settings
from tutormax.attempt import Attempt
from tutormax.jobs import lease as leases
from tutormax.jobs.batcher import Batcher
from tutormax.jobs.lease import Lease, LeaseLostError

TAKE_SECONDS = 0.5
GIVE_BACK_SECONDS = 1.0


class Reserve:
    """What is in reserve; `take` asks the ledger for leases, and may hang with it."""

    def __init__(self, take: Callable[[Sequence[UUID]], Sequence[Lease | None]]) -> None:
        self._take = take
        self._held: dict[UUID, tuple[Lease, float]] = {}
        self._taking: Batcher[tuple[Sequence[UUID], Future[None]]] = Batcher("reserve", self._fill, most=1)
        # From the asking until its answer has been seen to, also where who asked has gone on meanwhile.
        self._filling = False

    def pop(self, job_id: UUID) -> Lease | None:
        """Return the lease of a job, once; None where there is none, or it has lain here for too long."""
        lease, taken_at = self._held.pop(job_id, (None, 0.0))
        if lease is not None and time.monotonic() - taken_at > settings.current().job_lease_seconds / 2:
            _release([lease])
            return None
        return lease

    def fill(self, job_ids: Sequence[UUID], *, seconds: float = TAKE_SECONDS) -> None:
        """Take the leases that can be had at once.

        While the database does not answer, who wants them waits so long and no longer: a consumer has its rounds to do.
        """
        if self._filling:
            return
        filled: Future[None] = Future()
        self._filling = True
        self._taking.hand((job_ids, filled))
        try:
            filled.result(seconds)
        except TimeoutError:
            filled.cancel()

    def give_back(self, job_ids: Sequence[UUID]) -> None:
        """Release what is held for threads that will not come; what cannot be released runs out."""
        held = [self._held.pop(job_id, None) for job_id in job_ids]
        unused = [each[0] for each in held if each is not None]
        if unused:
            with suppress(TimeoutError):
                Attempt("give-back", lambda: _release(unused)).result(GIVE_BACK_SECONDS)

    def _fill(self, asked: Sequence[tuple[Sequence[UUID], Future[None]]]) -> None:
        for job_ids, filled in asked:
            try:
                awaited = self._keep(self._taken(job_ids), filled)
            finally:
                # Before who waits goes on: it may want more at once.
                self._filling = False
            if awaited:
                filled.set_result(None)

    def _taken(self, job_ids: Sequence[UUID]) -> list[Lease]:
        # Who gets none asks by itself, and hears what is wrong.
        with suppress(SQLAlchemyError):
            return [lease for lease in self._take(job_ids) if lease is not None]
        return []

    def _keep(self, taken: Sequence[Lease], filled: Future[None]) -> bool:
        """Hold what was taken if somebody waits for it still; return whether."""
        awaited = filled.set_running_or_notify_cancel()
        if awaited:
            self._held.update((lease.job_id, (lease, time.monotonic())) for lease in taken)
        else:
            # Too late: their threads have asked by themselves, and were told that there is nothing to take.
            _release(taken)
        return awaited


def _release(taken: Sequence[Lease]) -> None:
    for lease in taken:
        with suppress(SQLAlchemyError, LeaseLostError), db.transaction() as connection:
            leases.release(connection, lease)
