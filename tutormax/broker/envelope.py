"""A doorbell on the wire: Dramatiq's own message, checked against one shape before anything else looks at it."""

import time
from uuid import UUID

import dramatiq
import msgspec

from tutormax.jobs.ring import Doorbell

LARGEST_DOORBELL_BYTES = 4096


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """Dramatiq's own message, with one job id and no options that could steer a worker."""

    queue_name: str
    actor_name: str
    args: tuple[UUID]
    kwargs: dict[str, str]
    options: dict[str, str]
    message_id: str
    message_timestamp: int


def pack(doorbell: Doorbell) -> bytes:
    """Return a doorbell as bytes."""
    return msgspec.json.encode(
        Envelope(
            queue_name=doorbell.queue,
            actor_name=doorbell.actor,
            args=(doorbell.job_id,),
            kwargs={},
            options={},
            message_id=str(doorbell.job_id),
            message_timestamp=round(time.time() * 1000),
        )
    )


def unpack(raw: bytes, queue: str) -> dramatiq.Message[object]:
    """Return what arrived on a queue as a message; raise ValueError or RecursionError where it is no doorbell."""
    if len(raw) > LARGEST_DOORBELL_BYTES:
        raise ValueError(f"{len(raw)} bytes, at most {LARGEST_DOORBELL_BYTES} are a doorbell")
    envelope = msgspec.json.decode(raw, type=Envelope)
    if envelope.queue_name != queue:
        raise ValueError(f"it names queue {envelope.queue_name[:80]!r} and lay in {queue!r}")
    if envelope.kwargs or envelope.options:
        raise ValueError("a doorbell carries one job id, no keyword arguments and no options")
    return dramatiq.Message(
        queue_name=envelope.queue_name,
        actor_name=envelope.actor_name,
        args=(str(envelope.args[0]),),
        kwargs={},
        options={},
        message_id=envelope.message_id,
        message_timestamp=envelope.message_timestamp,
    )


def is_doorbell(raw: bytes, queue: str) -> bool:
    """Tell whether a message is a doorbell of a queue."""
    try:
        unpack(raw, queue)
    except (ValueError, RecursionError):
        return False
    return True
