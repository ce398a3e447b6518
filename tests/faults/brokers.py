"""The kinds of broker that the tests run against: a Valkey of the wheel, or Debian's RabbitMQ."""

from tests.faults.harness import Broker, Redis
from tests.faults.rabbitmq import RabbitMQ


def started_broker(kind: str) -> Broker:
    """Return a broker of the test's own."""
    return RabbitMQ() if kind == "rabbitmq" else Redis()
