"""What `python -m tutormax.enqueue` says: the actors, that a job was sent, how it goes, and what came of it."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tutormax import following, options
from tutormax.commands.output import complaints, console, print_json, table
from tutormax.following import Standing
from tutormax.jobs import JobActor, Request


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    MISUSED = 2
    TIMED_OUT = 124
    INTERRUPTED = 130


def complain(what: object, code: Exit) -> Exit:
    """Say on standard error what is wrong; return the code."""
    sys.stderr.write(f"{what}\n")
    return code


def list_actors(actors: Iterable[JobActor[Any, Any]], *, json: bool) -> Exit:
    """Print the actors, their queues and what they take."""
    ordered = sorted(actors, key=lambda actor: (actor.queue_name, actor.actor_name))
    if json:
        print_json([_actor_as_json(actor) for actor in ordered])
        return Exit.DONE
    made = table("Actors", "actor", "queue", "arguments", "what it does")
    for actor in ordered:
        made.add_row(actor.actor_name, actor.queue_name, _arguments_of(actor), escape(_sentence_of(actor)))
    console.print(made)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Sent:
    """A job that was sent, or that was there already under its key."""

    job_id: UUID
    request: Request
    new: bool
    json: bool

    def tell(self) -> Exit:
        """Say that it was sent."""
        if self.json:
            print_json(self._facts())
            return Exit.DONE
        due = "now" if self.request.run_at is None else f"at {self.request.run_at:%Y-%m-%d %H:%M:%S}Z"
        what = f"sent to {self.request.queue}, due {due}" if self.new else f"already there under key {self.request.key}"
        console.print(escape(f"{self.request.actor}: job {self.job_id} {what}"), soft_wrap=True)
        return Exit.DONE

    def wait(self, timeout_seconds: float) -> Exit:
        """Follow it to its end and say what came of it."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=complaints, transient=True) as progress:
            task = progress.add_task(self.request.actor, total=None)
            last = following.follow(
                self.job_id,
                timeout_seconds=timeout_seconds,
                tell=lambda seen: progress.update(task, **progress_of(seen)),
            )
        if self.json:
            print_json(self._facts() | _standing_as_json(last))
        return self._tell_end(last, timeout_seconds)

    def _tell_end(self, last: Standing, timeout_seconds: float) -> Exit:
        if not last.ended:
            return complain(
                f"{last.actor}: job {self.job_id} is {last.state} after {timeout_seconds:g} s and goes on",
                Exit.TIMED_OUT,
            )
        if last.state != "done":
            return complain(f"{last.actor}: {last.state}: {last.error_type}: {last.error}", Exit.FAILED)
        if not self.json:
            console.print(escape(f"{last.actor}: done in {_seconds(last):g} s"))
            console.print(_result_table(last))
        return Exit.DONE

    def _facts(self) -> dict[str, Any]:
        return {
            "job_id": str(self.job_id),
            "actor": self.request.actor,
            "queue": self.request.queue,
            "args": self.request.args,
            "run_at": self.request.run_at,
            "new": self.new,
        }


def progress_of(seen: Standing) -> dict[str, Any]:
    """Return how far a job has come as the fields of a progress bar."""
    told = seen.progress or {}
    return {
        "description": escape(f"{seen.actor}: {told.get('note') or _state_in_words(seen)}"),
        "completed": told.get("done", 0),
        "total": told.get("total"),
    }


def _state_in_words(seen: Standing) -> str:
    if seen.state != "pending":
        return seen.state
    if seen.available_at > datetime.now(UTC):
        failed = f"failed, {seen.error}; again" if seen.error else "due"
        return f"{failed} at {seen.available_at:%H:%M:%S}Z"
    return f"waits for a worker of {seen.queue}"


def _standing_as_json(last: Standing) -> dict[str, Any]:
    return {
        "state": last.state,
        "attempts": last.attempts,
        "seconds": _seconds(last),
        "progress": last.progress,
        "result": last.result,
        "error": last.error,
        "error_type": last.error_type,
    }


def _result_table(last: Standing) -> Table:
    made = Table(show_header=False, box=None, pad_edge=False)
    for name, value in (last.result or {}).items():
        made.add_row(escape(name), escape(str(value)))
    return made


def _seconds(last: Standing) -> float | None:
    if last.finished_at is None or last.started_at is None:
        return None
    return round((last.finished_at - last.started_at).total_seconds(), 3)


def _actor_as_json(actor: JobActor[Any, Any]) -> dict[str, Any]:
    return {
        "actor": actor.actor_name,
        "queue": actor.queue_name,
        "description": _sentence_of(actor),
        "time_limit_seconds": actor.time_limit_seconds,
        "arguments": [
            {
                "name": option.name,
                "option": option.flag,
                "type": option.kind.lower(),
                "required": option.required,
                "default": option.default,
            }
            for option in options.options(actor)
        ],
    }


def _arguments_of(actor: JobActor[Any, Any]) -> str:
    return "\n".join(
        escape(f"{option.flag} {option.kind}{' (required)' if option.required else ''}")
        + (f" ({option.shown_default})" if option.shown_default else "")
        for option in options.options(actor)
    )


def _sentence_of(actor: JobActor[Any, Any]) -> str:
    return (actor.__doc__ or "").strip().partition("\n")[0]
