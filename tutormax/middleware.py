"""What happens around a worker: measured first, seen by others, watched by the keeper, ended with its parent."""

import ctypes
import signal
import sys
from collections.abc import Callable
from types import FrameType

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware
from dramatiq.worker import Worker

from tutormax import failpoints, log, settings, tracing
from tutormax.broker import DoorbellBroker
from tutormax.failpoints import Failpoint
from tutormax.instrumentation import Instrumentation
from tutormax.jobs.clerk import clerk
from tutormax.jobs.keeper import keeper
from tutormax.presence import Presence

# A running job may end by itself for this long after a worker is told to stop; then it is asked to.
GRACE_SECONDS = 3.0
PR_SET_PDEATHSIG = 1


class Lifecycle(Middleware):
    """A worker process logs as configured, hands its jobs back when told to stop, and dies with its parent."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        """Set up logging, hear SIGTERM once, and do not outlive the master: orphans would go on consuming."""
        signal.signal(signal.SIGTERM, once(signal.getsignal(signal.SIGTERM)))
        keeper().own_process()
        limits = settings.current()
        log.configure(json=limits.log_json, level=limits.log_level)
        # In this process: the thread that sends spans does not survive a fork.
        tracing.configure(limits.tracing_endpoint, limits.service or "tutormax-worker")
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def after_worker_boot(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Take leases beforehand where no other queue's job can get in before."""
        if isinstance(broker, DoorbellBroker):
            broker.leases_beforehand = len(worker.consumers) == 1

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Ask running jobs to stop, those that do not end by themselves in a moment."""
        keeper().shut_down(grace_seconds=GRACE_SECONDS)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: Worker) -> None:
        """Write what has ended, and send its spans: a worker process ends without what Python does at its exit."""
        clerk().flush()
        tracing.flush()

    def before_ack(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Be where a doorbell is answered and not yet given back."""
        failpoints.reach(Failpoint.BEFORE_ACK)

    def after_ack(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Be where a doorbell is given back."""
        failpoints.reach(Failpoint.AFTER_ACK)


def once(handler: Callable[[int, FrameType | None], object] | int | None) -> Callable[[int, FrameType | None], object]:
    """Return a handler that hears the first signal only.

    Who stops a whole control group tells us, and the master tells us again; to Dramatiq the second is an order to die
    at once. Who means that sends SIGKILL.
    """

    def hear(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        if callable(handler):
            handler(number, frame)

    return hear


def standard() -> list[Middleware]:
    """Return the middleware of every worker, metrics first."""
    return [Instrumentation(), Presence(), Lifecycle()]
