"""Doorbells: telling the workers that a job is due, as fast as possible and without any promise.

A doorbell that is lost costs latency and nothing else: the relay rings again for every job that is due.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol
from uuid import UUID

from tutormax import failpoints, log
from tutormax.failpoints import Failpoint
from tutormax.room import Room

_log = log.get(__name__)


class Reason(StrEnum):
    """Why a doorbell is rung."""

    NEW = "new"
    DELAYED = "delayed"
    RETRY = "retry"
    REQUEUE = "requeue"
    RECOVERY = "recovery"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Doorbell:
    """The message that one job is due."""

    job_id: UUID
    actor: str
    queue: str
    priority: int = 0
    reason: Reason = Reason.NEW


class Bell(Protocol):
    """What carries doorbells: the broker."""

    def ring(self, doorbells: Sequence[Doorbell]) -> None:
        """Carry some doorbells; raise whatever the broker raises when it cannot."""

    def waiting(self, queue: str) -> int:
        """Return how many doorbells a queue holds."""


class _Installed:
    bell: Bell | None = None
    silent: bool = False
    room = Room()


def use(bell: Bell | None) -> None:
    """Ring with this from now on; None leaves all ringing to the relay."""
    _Installed.bell = bell
    _Installed.room = Room()


def ring(doorbells: Sequence[Doorbell]) -> bool:
    """Ring for some jobs; return whether the broker took it. A broker that is away is logged once, not raised."""
    if _Installed.bell is None:
        return False
    try:
        failpoints.reach(Failpoint.BEFORE_RING)
        _Installed.bell.ring(doorbells)
        failpoints.reach(Failpoint.AFTER_RING)
    except Exception as error:  # noqa: BLE001 - whatever a broker raises, the job is safe in the ledger
        if not _Installed.silent:
            _log.warning("doorbell lost, the relay will ring again", error=str(error), jobs=len(doorbells))
        _Installed.silent = True
        return False
    _Installed.silent = False
    return True


def ring_within(doorbells: Sequence[Doorbell], window: int) -> bool:
    """Ring for new jobs while a queue holds fewer doorbells than a window; the relay rings for the rest, in turn."""
    chosen = []
    for queue, number in Counter(doorbell.queue for doorbell in doorbells).items():
        mine = [doorbell for doorbell in doorbells if doorbell.queue == queue]
        chosen += mine[: _Installed.room.take(queue, number, partial(_room, queue, window))]
    return ring(chosen) if chosen else False


def _room(queue: str, window: int) -> int:
    try:
        return window - waiting(queue)
    except Exception:  # noqa: BLE001 - one doorbell then finds out what is the matter, and says so
        return 1


def waiting(queue: str) -> int:
    """Return how many doorbells a queue holds; raises what the broker raises when it is away."""
    return 0 if _Installed.bell is None else _Installed.bell.waiting(queue)
