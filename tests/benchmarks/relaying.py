"""The relay, as the scheduler runs it, but no slots: without it a retry would wait forever."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tutormax import db, settings
from tutormax.broker.carrier import BrokerAwayError
from tutormax.jobs import relay


@contextmanager
def relaying(queues: Iterable[str]) -> Iterator[None]:
    """Ring for what is due on some queues, by the settings, until the block ends."""
    over, limits = threading.Event(), settings.current()

    def relays() -> None:
        while not over.wait(limits.relay_interval_seconds):
            try:
                with db.transaction() as connection:
                    relay.ring_due(
                        connection, queues, window=limits.relay_window, ring_again_seconds=limits.ring_again_seconds
                    )
            except BrokerAwayError:
                continue

    thread = threading.Thread(target=relays, name="relay")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
