"""Which faults strike, in which order: drawn from the seed, so that a storm can be had again."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice


class Kill(StrEnum):
    """Processes that die."""

    WORKER = "worker killed, master and child"
    WORKER_CHILD = "worker's child killed"
    WORKER_MASTER = "worker's master killed"
    SCHEDULER = "scheduler killed"
    PUBLISHER = "publisher of models killed"
    EXPORTER = "exporter killed"


class Fault(StrEnum):
    """Everything else that happens to a system; F is the catalogue's number."""

    WORKER_STOPPED = "worker told to stop"  # F2
    WORKER_STOPPED_TWICE = "worker told to stop twice"  # F2
    WORKER_FROZEN = "worker frozen for two leases"  # F3
    SCHEDULER_FROZEN = "scheduler frozen for two leases"  # F3
    REDIS_FLUSHED = "Redis flushed"  # F5
    REDIS_KILLED = "Redis killed, started with its disk"  # F5
    REDIS_LOST = "Redis killed, started empty"  # F5
    REDIS_FROZEN = "Redis frozen"  # F6
    REDIS_PAUSED = "Redis pauses its clients"  # F6
    REDIS_DISCONNECTS = "Redis disconnects its clients"  # F7
    REDIS_READ_ONLY = "Redis becomes a replica"  # F7
    REDIS_FULL = "Redis memory full"  # F8
    POSTGRES_CRASHED = "PostgreSQL crashed"  # F9
    POSTGRES_BACKEND_KILLED = "a backend of PostgreSQL killed"  # F9
    POSTGRES_TERMINATES = "PostgreSQL terminates every connection"  # F9
    POSTGRES_FROZEN = "PostgreSQL frozen"  # F9
    POSTGRES_LOCKED = "jobs locked"  # F9
    POSTGRES_READ_ONLY = "PostgreSQL read-only"  # F9
    REDIS_CUT = "network to Redis cut"  # F10
    REDIS_HOLE = "network to Redis swallows"  # F10
    REDIS_SLOW = "network to Redis slow"  # F10
    POSTGRES_CUT = "network to PostgreSQL cut"  # F10
    COMMIT_UNANSWERED = "the answer to a commit lost"  # F10
    RING_UNANSWERED = "the answer to a ring lost"  # F10
    POISON = "a job that kills its worker"  # F11
    MALFORMED = "200 malformed messages"  # F12
    BURST = "a burst of jobs"  # F17


WEIGHTS = {
    Kill.WORKER: 8,
    Kill.WORKER_CHILD: 4,
    Kill.WORKER_MASTER: 2,
    Kill.SCHEDULER: 4,
    Kill.PUBLISHER: 2,
    Kill.EXPORTER: 1,
}
# A system without a scheduler and models has only workers to kill.
OF_THE_WORKERS = (Kill.WORKER, Kill.WORKER_CHILD, Kill.WORKER_MASTER)
# In these Redis loses what it held.
FORGETTING = frozenset({Fault.REDIS_FLUSHED, Fault.REDIS_LOST})
OF_THE_LEDGER = frozenset({Fault.SCHEDULER_FROZEN, Fault.POSTGRES_LOCKED, Fault.COMMIT_UNANSWERED})


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: after which share of the load, at which of several like targets, for how long."""

    number: int
    share: float
    what: Kill | Fault
    target: int
    strength: float


def plan(
    seed: int, *, kills: int, faults: int, gentle: bool = False, stock: bool = False, share_of_load: float = 0.97
) -> list[Strike]:
    """Return the strikes of a storm, spread over its load; every fault comes before any comes twice.

    Gentle: Redis keeps what it held; stock: only what a system without a ledger can suffer.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    killed = [kill for kill in Kill if not stock or kill in OF_THE_WORKERS]
    left_out = (FORGETTING if gentle else frozenset()) | (OF_THE_LEDGER if stock else frozenset())
    in_turn = _in_turn(chance, [fault for fault in Fault if fault not in left_out])
    whats: list[Kill | Fault] = [
        *chance.choices(killed, [WEIGHTS[kill] for kill in killed], k=kills),
        *islice(in_turn, faults),
    ]
    chance.shuffle(whats)
    step = share_of_load / max(1, len(whats))
    return [
        Strike(number, step * (number + chance.random()), what, chance.randrange(1000), chance.random())
        for number, what in enumerate(whats)
    ]


def _in_turn(chance: random.Random, everything: Sequence[Fault]) -> Iterator[Fault]:
    while True:
        yield from chance.sample(everything, len(everything))
