"""The daemon: APScheduler wakes the tick and the relay, whatever the clock and the servers do, until told to stop."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Thread

from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from schedules.tick import Entry, Result, tick
from tutormax import db, jobs, log, metrics, metrics_server, schema, tracing
from tutormax.broker import Queue
from tutormax.catalogue import Process, registry
from tutormax.jobs import relay
from tutormax.jobs.ring import Reason
from tutormax.metrics_server import Page
from tutormax.notify import Watchdog
from tutormax.probes import Stores
from tutormax.registration import Registration
from tutormax.settings import Settings
from tutormax.stopping import Signals, Stop

_log = log.get(__name__)

TICK_INTERVAL = timedelta(seconds=1)
HANGING_SECONDS = 10.0
# A task that hangs on a server that went silent is left behind: whatever it was doing is a transaction.
STOP_SECONDS = 2.0
# A loop that has not gone round for this long hangs.
STALLED_SECONDS = 30.0


class Beat(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """Due an interval after the last look, by whatever the clock then says.

    APScheduler's own interval counts every beat that a clock passed over when it was set ahead, one by one.
    """

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return when to fire next: at once, then an interval from now."""
        return now if previous_fire_time is None else now + self.interval


class Steadily:
    """A task that is run again and again; a fault is told when it begins and when it is over, not every second."""

    def __init__(self, name: str, task: Callable[[], object], *, hanging_seconds: float = HANGING_SECONDS) -> None:
        self.name = name
        self._task = task
        self._hanging_seconds = hanging_seconds
        self._started_at: float | None = None
        self._failing_since: float | None = None

    def __call__(self) -> None:
        """Run once, whatever happens."""
        self._started_at = started_at = time.monotonic()
        try:
            self._task()
        except Exception as error:  # noqa: BLE001  # whatever it is, the next run is the answer
            self._fails(str(error) or repr(error), type(error).__name__, since=started_at)
        else:
            self._works()
        finally:
            self._started_at = None

    def look(self) -> None:
        """Tell of a run that does not end."""
        started_at = self._started_at
        if started_at is not None and time.monotonic() - started_at > self._hanging_seconds:
            self._fails("a server does not answer", "Hanging", since=started_at)

    def failing(self) -> str | None:
        """Say for how long it has not ended well, if the last run did not."""
        since = self._failing_since
        return None if since is None else f"{self.name} fails for {time.monotonic() - since:.0f} s"

    def _fails(self, error: str, error_type: str, *, since: float) -> None:
        if self._failing_since is None:
            self._failing_since = since
            _log.warning("task fails, trying on", task=self.name, error=error.splitlines()[0], error_type=error_type)

    def _works(self) -> None:
        metrics.SCHEDULER_LAST_SUCCESS.labels(self.name).set_to_current_time()
        if self._failing_since is not None:
            seconds = round(time.monotonic() - self._failing_since, 1)
            _log.info("task works again", task=self.name, after_seconds=seconds)
            self._failing_since = None


class Daemon:
    """Sends what is due and rings for what nobody came for."""

    def __init__(self, entries: Sequence[Entry], limits: Settings) -> None:
        self._entries = entries
        self._limits = limits
        self._ready = False
        self._beat_at = time.monotonic()
        self._tasks = (Steadily("tick", self._tick), Steadily("relay", self._relay))
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def run(self, stop: Stop) -> bool:
        """Work until told to stop; return whether both tasks had ended by then."""
        self._begin()
        relay_interval = timedelta(seconds=self._limits.relay_interval_seconds)
        for task, interval in zip(self._tasks, (TICK_INTERVAL, relay_interval), strict=True):
            self._scheduler.add_job(task, Beat(interval), id=task.name)
        # It would say every second that a task is still running; we say it once.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler.start()
        while not stop.wait(1):
            self._look_after(datetime.now(UTC))
        closing = Thread(target=self._scheduler.shutdown, daemon=True)
        closing.start()
        closing.join(STOP_SECONDS)
        return not closing.is_alive()

    def live(self) -> tuple[bool, object]:
        """Tell whether the loop goes round; no server that is away makes it look dead."""
        silence = time.monotonic() - self._beat_at
        return silence < STALLED_SECONDS, {"silent_seconds": round(silence, 1)}

    def failing(self) -> list[str]:
        """Say which tasks fail, and for how long. The loop goes round all the same: a restart would mend nothing."""
        return [said for task in self._tasks if (said := task.failing()) is not None]

    def _begin(self) -> None:
        """Let every series begin at zero, and what ages, now."""
        for task in self._tasks:
            metrics.SCHEDULER_LAST_SUCCESS.labels(task.name).set_to_current_time()
        for entry in self._entries:
            for result in Result:
                metrics.SCHEDULE_EMISSIONS.labels(entry.name, result)
        for actor in jobs.declared().values():
            for reason in Reason:
                metrics.MESSAGES_ENQUEUED.labels(actor.queue_name, actor.actor_name, reason)

    def _look_after(self, now: datetime) -> None:
        for task in self._tasks:
            task.look()
        for job in self._scheduler.get_jobs():
            wake_if_stranded(job, now)

    def _tick(self) -> None:
        try:
            self._prepare()
            tick(self._entries)
        finally:
            # Here and not in the scrape: it proves that the loop goes round.
            metrics.SCHEDULER_HEARTBEAT.set_to_current_time()
            self._beat_at = time.monotonic()

    def _relay(self) -> None:
        if not self._ready:
            return
        with db.transaction() as connection:
            relay.expire(connection)
        # Not with that: what has expired is cancelled also while the broker is away. Each queue by itself: who hears
        # a bell waits until the job's row is free, and not for long.
        for queue in Queue:
            with db.transaction() as connection:
                relay.ring_due(
                    connection,
                    [queue],
                    window=self._limits.relay_window,
                    ring_again_seconds=self._limits.ring_again_seconds,
                )

    def _prepare(self) -> None:
        # In the loop, so that a daemon may start before its database, or before that is migrated.
        if not self._ready:
            with db.transaction() as connection:
                schema.ready(connection)
            self._ready = True


def wake_if_stranded(job: Job, now: datetime) -> None:
    """Run a task now if it waits for a time that only a clock set back could have put so far ahead."""
    if job.next_run_time - now > 2 * job.trigger.interval:
        job.modify(next_run_time=now)


def serve(entries: Sequence[Entry], limits: Settings) -> None:
    """Be the scheduler process until SIGTERM or SIGINT."""
    stop = Signals()
    tracing.configure(limits.tracing_endpoint, limits.service or "tutormax-scheduler")
    daemon = Daemon(entries, limits)
    registration = Registration(
        Process.SCHEDULER,
        limits.service or Process.SCHEDULER.value,
        lambda: metrics_server.serve(
            limits.metrics_host, limits.metrics_ports, registry(Process.SCHEDULER), pages(daemon, Stores())
        ),
    )
    registration.start()
    watchdog = Watchdog(limits, daemon.live)
    watchdog.start()
    _log.info("scheduler started", schedules=len(entries), zone=limits.schedule_timezone)
    ended = daemon.run(stop)
    watchdog.stop()
    registration.stop()
    _log.info("scheduler stopped")
    if not ended:
        # The interpreter would wait for the task that hangs.
        os._exit(0)


def pages(daemon: Daemon, stores: Stores) -> dict[str, Page]:
    """Return what the process answers."""

    def ready(_: str) -> tuple[bool, object]:
        goes_round, facts = daemon.live()
        answers, said = stores.ready()
        failing = daemon.failing()
        return goes_round and answers and not failing, {"loop": facts, "failing": failing, **said}

    return {"/livez": lambda _: daemon.live(), "/readyz": ready}
