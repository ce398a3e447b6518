"""What happens around every message: measured first, watched by the keeper, ended with its parent."""

import ctypes
import os
import platform
import signal
import sys
import threading
import time

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware
from dramatiq.worker import Worker

from tutormax import __version__, log, metrics, settings
from tutormax.jobs.execution import Answer, Outcome, given_answer
from tutormax.jobs.keeper import keeper
from tutormax.metrics_server import serve_metrics

_log = log.get(__name__)

# A running job may end by itself for this long after a worker is told to stop; then it is asked to.
GRACE_SECONDS = 3.0
PR_SET_PDEATHSIG = 1


class Metrics(Middleware):
    """Counts and times every attempt; first in the list, so that it sees what all others decided."""

    def __init__(self) -> None:
        self._local = threading.local()

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        """Answer /metrics from this process."""
        limits = settings.current()
        port = serve_metrics(limits.metrics_host, limits.metrics_ports)
        metrics.WORKER_INFO.labels(__version__, platform.python_version(), str(os.getpid())).set(1)
        _log.info("worker process answers /metrics", host=limits.metrics_host, port=port)

    def after_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Let every series that this process will ever have begin at zero."""
        metrics.WORKER_THREADS.set(worker.worker_threads)
        consumed = set(worker.consumers)
        for queue in consumed:
            metrics.WORKER_QUEUE_INFO.labels(queue).set(1)
            metrics.MESSAGE_WAIT.labels(queue)
            metrics.MESSAGES_MALFORMED.labels(queue)
        for actor in broker.actors.values():
            if actor.queue_name in consumed:
                self._begin(actor.queue_name, actor.actor_name)

    @staticmethod
    def _begin(queue: str, actor: str) -> None:
        for outcome in Outcome:
            metrics.MESSAGES.labels(queue, actor, outcome)
        for metric in (
            metrics.MESSAGE_ERRORS,
            metrics.MESSAGE_RETRIES,
            metrics.MESSAGE_REJECTS,
            metrics.MESSAGES_INPROGRESS,
            metrics.MESSAGE_DURATION,
        ):
            metric.labels(queue, actor)

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Note the start."""
        self._local.started = time.perf_counter()
        metrics.MESSAGES_INPROGRESS.labels(message.queue_name, message.actor_name).inc()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Count the outcome that the ledger was given."""
        names = (message.queue_name, message.actor_name)
        metrics.MESSAGES_INPROGRESS.labels(*names).dec()
        answer = given_answer()
        if exception is not None or answer is None:
            answer = Answer(Outcome.LOST, exception=type(exception).__name__)
        metrics.MESSAGES.labels(*names, answer.outcome).inc()
        if answer.outcome is Outcome.SKIPPED:
            return
        elapsed = time.perf_counter() - self._local.started
        metrics.MESSAGE_DURATION.labels(*names).observe(elapsed, {"message_id": message.message_id})
        if answer.wait_seconds is not None:
            metrics.MESSAGE_WAIT.labels(message.queue_name).observe(max(0.0, answer.wait_seconds))
        self._count_failures(names, answer)

    @staticmethod
    def _count_failures(names: tuple[str, str], answer: Answer) -> None:
        if answer.exception is not None:
            metrics.MESSAGE_ERRORS.labels(*names).inc()
            metrics.MESSAGE_EXCEPTIONS.labels(names[1], metrics.exception_label(answer.exception)).inc()
        if answer.outcome is Outcome.RETRY:
            metrics.MESSAGE_RETRIES.labels(*names).inc()
        if answer.outcome is Outcome.DEAD:
            metrics.MESSAGE_REJECTS.labels(*names).inc()


class Lifecycle(Middleware):
    """A worker process logs as configured, hands its jobs back when told to stop, and dies with its parent."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        """Set up logging, and do not outlive the master: orphans would go on consuming."""
        limits = settings.current()
        log.configure(json=limits.log_json, level=limits.log_level)
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Ask running jobs to stop, those that do not end by themselves in a moment."""
        keeper().shut_down(grace_seconds=GRACE_SECONDS)


def standard() -> list[Middleware]:
    """Return the middleware of every worker, metrics first."""
    return [Metrics(), Lifecycle()]
