"""Leases in reserve: taken for threads that will ask for them in a moment, and given back where none comes."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from tutormax import db
from tutormax.attempt import Attempt
from tutormax.jobs import lease as leases
from tutormax.jobs.batcher import Batcher
from tutormax.jobs.lease import Lease, LeaseLostError

TAKE_SECONDS = 0.5
GIVE_BACK_SECONDS = 1.0


class _Wanted:
    """Jobs whose leases somebody wants, and whether he still waits for them."""

    def __init__(self, job_ids: Sequence[UUID]) -> None:
        self.job_ids = job_ids
        self.answered = threading.Event()
        self.lock = threading.Lock()
        self.given_up = False


class Reserve:
    """What is in reserve; `take` asks the ledger for leases, and may hang with it."""

    def __init__(self, take: Callable[[Sequence[UUID]], Sequence[Lease | None]]) -> None:
        self._take = take
        self._held: dict[UUID, Lease] = {}
        self._taking: Batcher[_Wanted] = Batcher("reserve", self._fill, most=1)
        self._hangs = False

    def pop(self, job_id: UUID) -> Lease | None:
        """Return the lease of a job, once; None where there is none."""
        return self._held.pop(job_id, None)

    def fill(self, job_ids: Sequence[UUID], *, seconds: float = TAKE_SECONDS) -> None:
        """Take the leases that can be had at once.

        While the database does not answer, who wants them waits so long and no longer: a consumer has its rounds to do.
        """
        if self._hangs:
            return
        wanted = _Wanted(job_ids)
        self._hangs = True
        self._taking.hand(wanted)
        if not wanted.answered.wait(seconds):
            with wanted.lock:
                wanted.given_up = not wanted.answered.is_set()

    def give_back(self, job_ids: Sequence[UUID]) -> None:
        """Release what is held for threads that will not come; what cannot be released runs out."""
        unused = [lease for job_id in job_ids if (lease := self.pop(job_id)) is not None]
        if unused:
            with suppress(TimeoutError):
                Attempt("give-back", lambda: _release(unused)).result(GIVE_BACK_SECONDS)

    def _fill(self, asked: Sequence[_Wanted]) -> None:
        for wanted in asked:
            try:
                # Who gets none asks by itself, and hears what is wrong.
                with suppress(SQLAlchemyError):
                    self._answer(wanted, [lease for lease in self._take(wanted.job_ids) if lease is not None])
            finally:
                self._hangs = False
                wanted.answered.set()

    def _answer(self, wanted: _Wanted, taken: Sequence[Lease]) -> None:
        with wanted.lock:
            if not wanted.given_up:
                self._held.update((lease.job_id, lease) for lease in taken)
                wanted.answered.set()
                return
        # Their threads have asked by themselves, and were told that there is nothing to take.
        _release(taken)


def _release(taken: Sequence[Lease]) -> None:
    for lease in taken:
        with suppress(SQLAlchemyError, LeaseLostError), db.transaction() as connection:
            leases.release(connection, lease)
