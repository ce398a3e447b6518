"""Which server carries doorbells: told by the scheme of its URL."""

from typing import TYPE_CHECKING

from tutormax.broker.carrier import ANSWER_SECONDS, Carrier
from tutormax.broker.consumer import DoorbellConsumer
from tutormax.broker.redis_lists import RedisConsumer, RedisLists

if TYPE_CHECKING:
    from tutormax.broker import DoorbellBroker


def open_carrier(url: str, *, answer_seconds: float = ANSWER_SECONDS, name: str = "tutormax") -> Carrier:
    """Return a connection that is made on first use and waits for answers so long and no longer."""
    if is_rabbitmq(url):
        # Here, because whoever uses Redis needs no client of RabbitMQ in memory.
        from tutormax.broker.rabbitmq import RabbitmqQueues  # noqa: PLC0415

        return RabbitmqQueues(url, answer_seconds=answer_seconds, name=name)
    return RedisLists(url, answer_seconds=answer_seconds, name=name)


def consumer_on(broker: "DoorbellBroker", queue: str, *, limit: int) -> DoorbellConsumer:
    """Return what consumes a queue of the broker's server."""
    if is_rabbitmq(broker.url):
        from tutormax.broker.rabbitmq_consumer import RabbitmqConsumer  # noqa: PLC0415  # as above

        return RabbitmqConsumer(broker, queue, limit=limit)
    return RedisConsumer(broker, queue, limit=limit)


def is_rabbitmq(url: str) -> bool:
    """Tell whether a broker's URL names RabbitMQ."""
    return url.startswith(("amqp://", "amqps://"))
