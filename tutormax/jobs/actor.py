"""The actor decorator: Dramatiq's look over a row in the ledger."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from uuid import UUID

import dramatiq
from sqlalchemy import Connection

from tutormax import db
from tutormax.errors import PermanentError
from tutormax.jobs import execution
from tutormax.jobs.arguments import Arguments
from tutormax.jobs.job import Job
from tutormax.jobs.limits import Limiter, make_sure_of_room, unlimited
from tutormax.jobs.plan import Plan
from tutormax.jobs.requests import Request, insert

P = ParamSpec("P")
R = TypeVar("R")

_declared: dict[str, "JobActor[Any, Any]"] = {}


class NoBrokerError(PermanentError):
    """Actors were declared before there was a broker to serve them."""


def minutes(count: float) -> float:
    """Return minutes as seconds."""
    return count * 60


class JobActor(Generic[P, R]):
    """An actor whose messages are jobs of the ledger."""

    def __init__(
        self,
        function: Callable[Concatenate[Job, P], R],
        *,
        queue: str,
        time_limit: float,
        priority: int,
        max_retries: int | None,
        limit: Limiter = unlimited,
    ) -> None:
        self.function = function
        self.actor_name = function.__name__
        self.queue_name = str(queue)
        self.priority = priority
        self.time_limit_seconds = time_limit
        self.limit = limit
        self.arguments = Arguments(function)
        self._plan = Plan(function, self.arguments, time_limit, max_retries, limit)
        self.__doc__ = function.__doc__

    def answer(self, job_id: str) -> None:
        """Answer one doorbell: run the job that it names, if there is something to run, until the ledger knows."""
        execution.run(self._plan, UUID(job_id))

    def begin(self, job_id: str) -> None:
        """Answer one doorbell as a worker does: go on while the ledger is told."""
        execution.begin(self._plan, UUID(job_id))

    def request(self, *args: P.args, **kwargs: P.kwargs) -> Request:
        """Return a checked request for one job; raise InvalidArgumentsError."""
        return Request(
            actor=self.actor_name,
            queue=self.queue_name,
            args=self.arguments.pack(*args, **kwargs),
            priority=self.priority,
        )

    def send(
        self,
        *args: Any,
        connection: Connection | None = None,
        run_at: datetime | None = None,
        key: str | None = None,
        priority: int | None = None,
        expires_at: datetime | None = None,
        requested_by: str = "tutormax",
        **kwargs: Any,
    ) -> UUID:
        """Insert a job and return its id.

        Without a connection it has a transaction of its own and is rung at once; with one it belongs to the caller's
        transaction and is rung after its commit. Of two jobs with one key that have not ended there is one.
        Raises InvalidArgumentsError or QueueFullError before anything is written.
        """
        request = replace(
            self.request(*args, **kwargs),
            run_at=run_at,
            key=key,
            priority=self.priority if priority is None else priority,
            expires_at=expires_at,
            requested_by=requested_by,
        )
        with db.transaction() if connection is None else nullcontext(connection) as given:
            make_sure_of_room(given, [request])
            return insert(given, [request])[0]


def actor(
    *,
    queue: str,
    time_limit: float,
    priority: int = 0,
    max_retries: int | None = None,
    limit: Limiter = unlimited,
) -> Callable[[Callable[Concatenate[Job, P], R]], JobActor[P, R]]:
    """Declare an actor: a function of a job, and of arguments that are names of rows and scalars.

    time_limit is in seconds; a higher priority runs first; max_retries is WORKER_MAX_TASK_RETRIES unless given; limit
    says how many may run at once and start in a minute.
    """
    if dramatiq.broker.global_broker is None:
        raise NoBrokerError("no broker yet: call tutormax.broker.install() before importing actors")

    def declare(function: Callable[Concatenate[Job, P], R]) -> JobActor[P, R]:
        made = JobActor(
            function, queue=queue, time_limit=time_limit, priority=priority, max_retries=max_retries, limit=limit
        )
        # Dramatiq serves low numbers first, the ledger high ones.
        dramatiq.actor(actor_name=made.actor_name, queue_name=made.queue_name, priority=-priority)(made.begin)
        _declared[made.actor_name] = made
        return made

    return declare


def declared() -> dict[str, JobActor[Any, Any]]:
    """Return every actor declared in this process, by name."""
    return dict(_declared)
