"""The oracle: what is true of the books when nothing was lost and nothing happened twice."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from ml import artefact, links
from ml.artefact import ArtefactError
from schedules.slots import EPOCH
from tests.faults.storm import actors, scheduler
from tests.faults.storm.books import MUST_DIE, Books, Script
from tests.faults.storm.cluster import Cluster
from tests.faults.storm.producer import OPERATOR
from tutormax import settings
from tutormax.populations import Population

SHOWN = 5
# Attempts that fail leave these by the script, or by the faults.
EXPECTED_ERRORS = frozenset(
    {"ScriptedError", "HopelessError", "OperationalError", "InterfaceError", "InternalError", "DBAPIError"}
)
DONE, DEAD, CANCELLED = "done", "dead", "cancelled"


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that may never be, by the number of its invariant."""

    invariant: str
    what: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What the oracle counted."""

    accepted: int
    ambiguous: int
    lost: int
    doubled: int
    slots: int
    slots_missing: int
    slots_doubled: int
    slots_expired: int
    recoveries: int
    quarantined: int
    models: int


class Ledger:
    """The jobs, their effects and their leases as the database holds them."""

    def __init__(self, connection: Connection) -> None:
        self.effects: dict[UUID, Counter[int]] = {}
        self.fences: dict[UUID, list[tuple[int, int]]] = {}
        for row in connection.execute(text("select job_id, part, fence from effects order by at")):
            self.effects.setdefault(row.job_id, Counter())[row.part] += 1
            self.fences.setdefault(row.job_id, []).append((row.part, row.fence))
        self.jobs: dict[UUID, Row[Any]] = {
            row.job_id: row
            for row in connection.execute(
                text(
                    "select job_id, actor, state, attempts, recoveries, fence, error_type, slot, requested_by from jobs"
                )
            )
        }


def parts_of(script: Script) -> frozenset[int]:
    """Return the parts of which each must be there once."""
    if script in MUST_DIE or script is Script.LIGHT:
        return frozenset()
    return frozenset(range(actors.PIECES)) if script is Script.PIECES else frozenset({0})


def judge(cluster: Cluster, books: Books) -> tuple[list[Violation], Counts]:
    """Return everything that is wrong, and what was counted."""
    # One snapshot: the schedulers go on meanwhile.
    with cluster.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        ledger = Ledger(connection)
        wrong = [*_every_accepted(ledger, books), *_no_ambiguous_twice(ledger, books), *_no_ghosts(ledger)]
        wrong += [*_keyed(connection, books), *_fenced(connection, ledger), *_within_limits(ledger)]
        wrong += _audited(connection, ledger, books)
        slots = _Slots(connection)
        wrong += slots.wrong(ledger)
        models = connection.execute(text("select count(*) from models")).scalar_one()
        wrong += whole_models(connection, cluster.models, every=True)
    wrong += _quiet(cluster)
    wrong += list(unexpected_lines(cluster.directory.glob("*.log")))
    recoveries = sum(row.recoveries for row in ledger.jobs.values())
    counts = Counts(
        accepted=len(books.accepted) + len(books.keyed),
        ambiguous=len(books.ambiguous),
        lost=sum("lost" in one.what for one in wrong),
        doubled=sum("times" in one.what for one in wrong if one.invariant in {"I1", "I2"}),
        slots=slots.sent,
        slots_missing=len(slots.missing),
        slots_doubled=len(slots.doubled),
        slots_expired=sum(row.error_type == "Expired" for row in ledger.jobs.values()),
        recoveries=recoveries,
        quarantined=sum(row.error_type == "Quarantined" for row in ledger.jobs.values()),
        models=models,
    )
    return wrong, counts


def _every_accepted(ledger: Ledger, books: Books) -> Iterator[Violation]:
    for job_id, script in books.accepted.items():
        row = ledger.jobs.get(job_id)
        if row is None:
            yield Violation("I1", f"{script} {job_id} lost: it was accepted and there is no such job")
            continue
        yield from _ended_well(ledger, row, script)
        if script is Script.SENDING and row.state == DONE:
            child = actors.child_of(job_id)
            if child not in ledger.jobs:
                yield Violation("I1", f"{child} lost: {job_id} is done and what it sent is not there")
            else:
                yield from _ended_well(ledger, ledger.jobs[child], Script.PLAIN)


def _ended_well(ledger: Ledger, row: Row[Any], script: Script) -> Iterator[Violation]:
    wanted, found = parts_of(script), ledger.effects.get(row.job_id, Counter())
    end = DEAD if script in MUST_DIE else DONE
    if row.state != end:
        yield Violation("I1", f"{script} {row.job_id} lost: it is {row.state} ({row.error_type}), not {end}")
    yield from (
        Violation("I1", f"{script} {row.job_id} had effect {part} {times} times")
        for part, times in found.items()
        if times != 1 or part not in wanted
    )
    if row.state == DONE and (missing := wanted - found.keys()):
        yield Violation("I1", f"{script} {row.job_id} lost effects {sorted(missing)}: it is done without them")


def _no_ambiguous_twice(ledger: Ledger, books: Books) -> Iterator[Violation]:
    for job_id, script in books.ambiguous.items():
        row = ledger.jobs.get(job_id)
        # The commit happened, or it did not; if it did, all that holds for an accepted one holds.
        if row is not None and script is not Script.KEYED:
            yield from (Violation("I2", one.what) for one in _ended_well(ledger, row, script))


def _no_ghosts(ledger: Ledger) -> list[Violation]:
    return [
        Violation("I2", f"{job_id} has effects and is no job") for job_id in ledger.effects if job_id not in ledger.jobs
    ]


def _keyed(connection: Connection, books: Books) -> list[Violation]:
    statement = text("select job_id, max(extract(epoch from started_at))::float as newest from effects group by job_id")
    newest = {row.job_id: row.newest for row in connection.execute(statement)}
    return [
        Violation("I1", f"keyed {job_id} lost: asked for at {asked_at:.3f}, and no run began after that")
        for job_id, asked_at in books.keyed
        if newest.get(job_id, 0.0) < asked_at
    ]


def _fenced(connection: Connection, ledger: Ledger) -> list[Violation]:
    wrong = doubled_grants(connection)
    for job_id, fences in ledger.fences.items():
        row = ledger.jobs.get(job_id)
        if row is None:
            continue
        if row.actor not in {"pieces", "keyed"} and any(fence != row.fence for _, fence in fences):
            wrong.append(Violation("I3", f"{job_id} has an effect of fence {fences}, and ended under {row.fence}"))
        in_order = [fence for _, fence in sorted(fences)]
        if row.actor == "pieces" and in_order != sorted(in_order):
            wrong.append(Violation("I3", f"{job_id} has pieces of fences {fences}: an old owner wrote after a new one"))
    return wrong


def doubled_grants(connection: Connection) -> list[Violation]:
    """Tell of a fence that was granted twice, or went back."""
    statement = text(
        "select job_id, fence, count(*) as times from grants group by job_id, fence having count(*) > 1 limit 5"
    )
    back = text(
        "select job_id, fence from (select job_id, fence, lag(fence) over (partition by job_id order by at) as before"
        " from grants) as ordered where fence <= before limit 5"
    )
    return [
        *(
            Violation("I4", f"{row.job_id}: fence {row.fence} granted {row.times} times")
            for row in connection.execute(statement)
        ),
        *(Violation("I3", f"{row.job_id}: fence {row.fence} after a higher one") for row in connection.execute(back)),
    ]


def _audited(connection: Connection, ledger: Ledger, books: Books) -> Iterator[Violation]:
    """Tell of what an operator did that did not happen, or of which the audit log has not one row with who and why."""
    statement = text("select action, who, subject, reason, at from audit_log where who = :who")
    told = Counter(
        (row.action, row.subject, row.reason) for row in connection.execute(statement, {"who": OPERATOR}) if row.at
    )
    wanted = Counter(("job cancel", str(job_id), reason) for job_id, reason in books.withdrawn.items())
    for action, subject, reason in (told - wanted) + (wanted - told):
        yield Violation("I10", f"{action} of {subject} ({reason}): done and told differ")
    for job_id in books.withdrawn:
        row = ledger.jobs.get(job_id)
        if row is None or row.state != CANCELLED or ledger.effects.get(job_id):
            yield Violation("I10", f"{job_id} was cancelled, and is {row and row.state}")


def _within_limits(ledger: Ledger) -> list[Violation]:
    most_recoveries = settings.current().job_max_recoveries
    most_attempts = {"stumbling": 9}
    retries = settings.current().max_task_retries
    return [
        Violation("I6", f"{row.actor} {row.job_id}: {row.attempts} attempts, {row.recoveries} recoveries")
        for row in ledger.jobs.values()
        if row.attempts > most_attempts.get(row.actor, retries + 1) or row.recoveries > most_recoveries
    ]


class _Slots:
    """The slots that were sent, against those that there are on the clock."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(text("select name, slot, job_id from schedule_slots")).all()
        known = connection.execute(text("select name, registered_at from schedules"))
        since: dict[str, datetime] = {row.name: row.registered_at for row in known}
        now = connection.execute(text("select clock_timestamp()")).scalar_one()
        sent = Counter((row.name, row.slot) for row in rows)
        self.sent = len(rows)
        self.jobs = {row.job_id for row in rows}
        fresh = text("select job_id from jobs where created_at > clock_timestamp() - interval '10 seconds'")
        self.young = set(connection.execute(fresh).scalars())
        self.doubled = [slot for slot, times in sent.items() if times > 1]
        self.missing = [
            (name, slot)
            for seconds in scheduler.CAUGHT_UP_SECONDS
            for name in [f"every_{seconds}"]
            for slot in _on_the_clock(seconds, since.get(name), now)
            if (name, slot) not in sent
        ]

    def wrong(self, ledger: Ledger) -> list[Violation]:
        """Tell of slots that are missing or doubled, and of slots without exactly their one job."""
        of_slots = {row.job_id for row in ledger.jobs.values() if (row.requested_by or "").startswith("schedule:")}
        return [
            *(Violation("I5", f"slot {slot} of {name} is missing") for name, slot in self.missing),
            *(Violation("I5", f"slot {slot} was sent twice") for slot in self.doubled),
            *(Violation("I5", f"{job_id} has a job or a slot, not both") for job_id in of_slots ^ self.jobs),
            *(
                one
                for job_id in (of_slots & self.jobs) - self.young
                for one in _slot_ended_well(ledger, ledger.jobs[job_id])
            ),
        ]


def _slot_ended_well(ledger: Ledger, row: Row[Any]) -> Iterator[Violation]:
    if row.state == CANCELLED and row.error_type == "Expired":
        if ledger.effects.get(row.job_id):
            yield Violation("I5", f"{row.job_id} expired and has an effect")
        return
    yield from (Violation("I5", one.what) for one in _ended_well(ledger, row, Script.PLAIN))


def _on_the_clock(seconds: int, since: datetime | None, until: datetime) -> Iterator[datetime]:
    """Yield the multiples of an interval since 1970 that must have been sent, counted by ourselves."""
    if since is None:
        return
    number = int((since - EPOCH).total_seconds()) // seconds + 1
    # The newest one may be on its way.
    while (slot := EPOCH + timedelta(seconds=number * seconds)) < until.astimezone(UTC) - timedelta(seconds=seconds):
        yield slot
        number += 1


def whole_models(connection: Connection, directory: Path, *, every: bool = False) -> list[Violation]:
    """Tell of a model that is named and is not there whole."""
    statement = "select model_id, manifest_sha256 from models" + ("" if every else " where status = 'champion'")
    named = [(row.model_id.partition("/")[2], row.manifest_sha256) for row in connection.execute(text(statement))]
    linked = links.target(directory)
    wrong = []
    for version, sha256 in [*named, *([(linked, None)] if linked else [])]:
        try:
            artefact.read(directory, version, sha256)
        except ArtefactError as error:
            wrong.append(Violation("I7", f"{Population.SYNTHETIC}/{version}: {error}"))
    return wrong


def _quiet(cluster: Cluster) -> Iterator[Violation]:
    left = cluster.ask(
        "select count(*) from jobs where state in ('pending', 'running') and requested_by not like 'schedule:%'"
    )
    if left:
        yield Violation("I8", f"{left} jobs have not ended")
    client = cluster.client()
    for key in client.scan_iter("tutormax:doorbells:*"):
        if not key.endswith(b":malformed") and (length := client.llen(key)):
            yield Violation("I8", f"{key.decode()} still holds {length} doorbells")


def unexpected_lines(logs: Iterable[Path]) -> Iterator[Violation]:
    """Tell of tracebacks that neither the script nor the faults account for."""
    for log in logs:
        if log.name in {"postgres.log", "valkey.log", "supervisor.log"}:
            continue
        for line in log.read_text(errors="replace").splitlines():
            told = _parsed(line)
            if told is None and "Traceback" in line:
                yield Violation("I9", f"{log.name}: a traceback outside the log")
            elif told is not None and "exception" in told and told.get("error_type") not in EXPECTED_ERRORS:
                yield Violation("I9", f"{log.name}: {told.get('event')}: {str(told['exception'])[-200:]}")


def _parsed(line: str) -> Mapping[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def shown(violations: Sequence[Violation]) -> list[str]:
    """Return the first of each kind, and how many more there are."""
    lines = []
    for invariant, number in sorted(Counter(one.invariant for one in violations).items()):
        of_kind = [one.what for one in violations if one.invariant == invariant]
        lines += [f"{invariant}: {what}" for what in of_kind[:SHOWN]]
        lines += [f"{invariant}: and {number - SHOWN} more"] * (number > SHOWN)
    return lines
