"""Presence: how a worker process is seen and asked, at /metrics, /livez and /readyz, and in the list of processes."""

import os
import platform
import threading
import time
from collections.abc import Collection

import dramatiq
from dramatiq.middleware import Middleware
from dramatiq.worker import Worker

from tutormax import __version__, log, metrics, settings
from tutormax.broker import DoorbellBroker
from tutormax.catalogue import Process, registry
from tutormax.instrumentation import harmless
from tutormax.jobs.keeper import keeper
from tutormax.metrics_server import serve
from tutormax.notify import Watchdog
from tutormax.probes import Stores
from tutormax.registration import Registration

_log = log.get(__name__)

# A consumer that has not gone round for this long hangs; Redis being away does not stop its loop.
STALLED_SECONDS = 120.0


class Presence(Middleware):
    """Answers for the worker from its boot to its end."""

    def __init__(self) -> None:
        self._registration: Registration | None = None
        self._watchdog: Watchdog | None = None
        self._stores = Stores()

    @harmless
    def after_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Answer, and let Prometheus know where."""
        booted_at = time.monotonic()
        metrics.WORKER_INFO.labels(__version__, platform.python_version(), str(os.getpid())).set(1)
        metrics.WORKER_LAST_POLL.set_function(lambda: time.time() - silence_seconds(broker, worker, booted_at))
        limits = settings.current()
        pages = {
            "/livez": lambda _: live(broker, worker, booted_at),
            "/readyz": lambda _: self._ready(broker),
        }
        self._registration = Registration(
            Process.WORKER,
            limits.service or service_of(worker.consumers),
            lambda: serve(limits.metrics_host, limits.metrics_ports, registry(Process.WORKER), pages),
        )
        self._registration.start()
        self._watchdog = Watchdog(limits, lambda: live(broker, worker, booted_at))
        self._watchdog.start()

    @harmless
    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Say that no more work is taken."""
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._registration is not None:
            self._registration.drain()

    @harmless
    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Leave the list: a clean stop is no alarm."""
        if self._registration is not None:
            self._registration.stop()

    def _ready(self, broker: dramatiq.Broker) -> tuple[bool, object]:
        draining = self._registration is not None and self._registration.draining
        well, said = self._stores.ready()
        facts = {"actors": len(broker.actors), "draining": draining, **said}
        return well and bool(broker.actors) and not draining, facts


def service_of(queues: Collection[str]) -> str:
    """Return what a worker is called whom nobody named: its only queue, or that it is a worker."""
    return next(iter(queues)) if len(queues) == 1 else Process.WORKER.value


def silence_seconds(broker: dramatiq.Broker, worker: Worker, booted_at: float) -> float:
    """Return for how long the consumer that is furthest behind has not gone round its loop."""
    polled_at = broker.polled_at if isinstance(broker, DoorbellBroker) else {}
    return time.monotonic() - min((polled_at.get(queue, booted_at) for queue in worker.consumers), default=booted_at)


def live(broker: dramatiq.Broker, worker: Worker, booted_at: float) -> tuple[bool, object]:
    """Tell whether the worker's own threads do their rounds; no server that is away makes it look dead."""
    silence = silence_seconds(broker, worker, booted_at)
    threads: list[threading.Thread] = [*worker.workers, *worker.consumers.values(), keeper()]
    dead = [thread.name for thread in threads if not thread.is_alive()]
    overdue = max(0.0, keeper().overdue_seconds())
    facts = {"silent_seconds": round(silence, 1), "overdue_seconds": round(overdue, 1), "dead_threads": dead}
    return silence < STALLED_SECONDS and overdue < settings.current().stuck_seconds and not dead, facts
