"""Health: whether a process lives, whether it is ready, and whether the whole does what it is for."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

import orjson

from tutormax import db, queries, schema
from tutormax.attempt import Attempt
from tutormax.catalogue import Process
from tutormax.probes import Stores
from tutormax.registration import this_host

ANSWER_SECONDS = 3.0
LEDGER_SECONDS = 15.0
MOST_SCHEDULES = 1000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what was found where that is worth a word."""

    name: str
    well: bool
    said: str = ""


def of_address(address: str) -> list[Check]:
    """Ask one process, given as host:port, whether it lives and is ready."""
    return [_asked(address, path) for path in ("/livez", "/readyz")]


def lives(address: str) -> tuple[bool, object]:
    """Ask one process, given as host:port, whether it lives; tell what it said."""
    asked = _asked(address, "/livez")
    return asked.well, asked.said


def of_kind(kind: Process) -> list[Check]:
    """Ask every registered process of one kind; at least one must be up."""
    seen = _look()
    return [seen] if isinstance(seen, Check) else list(_processes(seen, kind))


def of_everything(exporter: str) -> list[Check]:
    """Look at stores, schema, exporter, every registered process, and whether every schedule is in time."""
    with closing(Stores()) as asked:
        _, answers = asked.ready()
    stores = [Check(name, answer == "ok", "" if answer == "ok" else answer) for name, answer in answers.items()]
    seen = _look()
    if isinstance(seen, Check):
        return [*stores, seen, *of_address(exporter)]
    kinds = (Process.WORKER, Process.SCHEDULER)
    processes = [check for kind in kinds for check in _processes(seen, kind)]
    return [*stores, Check("ledger", well=True), *processes, *_schedules(seen, time.time()), *of_address(exporter)]


@dataclass(frozen=True, slots=True)
class _Seen:
    processes: Sequence[Row]
    schedules: Sequence[Row]


def _look() -> _Seen | Check:
    """Return what the ledger knows, or what is wrong with it."""
    try:
        return Attempt("postgresql", _read).result(LEDGER_SECONDS)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what is wrong
        return Check("ledger", well=False, said=str(error).splitlines()[0] if str(error) else type(error).__name__)


def _read() -> _Seen:
    with db.transaction() as connection:
        schema.check(connection)
        return _Seen(
            [
                dict(row)
                for row in connection.execute(queries.load("exporter/processes"), {"host": this_host()}).mappings()
            ],
            [
                dict(row)
                for row in connection.execute(queries.load("exporter/schedules"), {"most": MOST_SCHEDULES}).mappings()
            ],
        )


def _processes(seen: _Seen, kind: Process) -> Iterator[Check]:
    # Newest first: one that has the address of another took its place.
    newest = {row["address"] or id(row): row for row in reversed(seen.processes)}.values()
    there = [row for row in newest if row["kind"] == kind]
    if not any(row["state"] == "up" for row in there):
        yield Check(kind, well=False, said="none is up")
    for row in there:
        yield from _process(row)


def _process(row: Row) -> Iterator[Check]:
    name = f"{row['kind']} {row['service']}"
    if row["state"] == "up" and row["address"] is not None:
        for check in of_address(row["address"]):
            yield Check(f"{name} {check.name}", check.well, check.said)
    else:
        at = row["address"] or "that cannot be asked from here"
        yield Check(f"{name} {at}", well=row["state"] != "lost", said=row["state"])


def _schedules(seen: _Seen, now: float) -> Iterator[Check]:
    rows = seen.schedules
    late = [row for row in rows if not row["paused"] and row["deadline"] is not None and row["deadline"] < now]
    yield Check("schedules", well=not late, said=f"{len(rows) - len(late)} of {len(rows)} in time")
    for row in late:
        yield Check(
            f"schedule {row['name']}", well=False, said=f"its deadline was {now - row['deadline']:.0f} seconds ago"
        )


def _asked(address: str, path: str) -> Check:
    connection = HTTPConnection(address, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = _words(orjson.loads(answer.read() or b"{}"))
    except (OSError, HTTPException, ValueError) as error:
        return Check(f"{address}{path}", well=False, said=str(error) or type(error).__name__)
    finally:
        connection.close()
    return Check(f"{address}{path}", well=answer.status == HTTPStatus.OK, said=said)


def _words(facts: Any) -> str:
    if not isinstance(facts, dict):
        return str(facts)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if value not in ("ok", []))
