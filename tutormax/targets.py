"""What the queues promise: how long a due job may wait, and how much work one process is for."""

from collections.abc import Mapping
from dataclasses import dataclass

from tutormax.broker import Queue


@dataclass(frozen=True, slots=True)
class Target:
    """The promise of one queue; a tier says how near the queue is to a person who waits."""

    tier: str
    wait_seconds: float
    messages_per_process: int


TARGETS: Mapping[str, Target] = {
    # A manager looks at a tutor whose picture has just changed.
    Queue.PREDICTION: Target("interactive", 10, 50),
    Queue.DEFAULT: Target("interactive", 10, 50),
    # Four of them and a retry fit into the hour within which an insight is promised.
    Queue.EVALUATION: Target("periodic", 60, 4),
    Queue.DATA_GENERATION: Target("periodic", 60, 4),
    # One thread, and a night for it.
    Queue.TRAINING: Target("batch", 600, 1),
}

# For a queue that only tests or a newer release know.
UNNAMED = Target("unnamed", 60, 10)


def target_of(queue: str) -> Target:
    """Return the promise of a queue."""
    return TARGETS.get(queue, UNNAMED)
