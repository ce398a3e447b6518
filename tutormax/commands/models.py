"""`python -m tutormax models`: which churn models there are, how good, which serves, and how that is changed."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection, or_, select

from tutormax import db, emissions, following, jobs
from tutormax.commands.output import complaints, console, instant, number, print_json, styled, table, who
from tutormax.commands.ready import ready
from tutormax.errors import PermanentError
from tutormax.jobs import Request
from tutormax.options import count, seconds
from tutormax.populations import Population
from tutormax.tables import models

QUEUE = "default"
TIMED_OUT = 124
STATUS_STYLES = {"champion": "bold green", "retired": "dim", "rejected": "red"}
VERDICT_STYLES = {"passed": "green", "failed": "bold red", "not judged": "dim"}
SHOWN = ("auc", "early_warning_auc", "average_precision", "log_loss", "skill", "brier", "calibration_error")


class NoSuchModelError(PermanentError):
    """No model has this name, or several have."""


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the command and its verbs."""
    verbs = commands.add_parser("models", help="list, show, compare, promote, rollback").add_subparsers(
        dest="verb", required=True
    )
    listing = verbs.add_parser("list", help="every model, newest first")
    listing.add_argument("--population", choices=list(Population))
    listing.add_argument("--limit", type=count, default=20)
    listing.set_defaults(run=_list)
    showing = verbs.add_parser("show", help="one model: its record and the gate's verdicts")
    showing.add_argument("model", help="synthetic/20261121_020000, or the version alone")
    showing.set_defaults(run=_show)
    comparing = verbs.add_parser("compare", help="two models side by side, on their own validation weeks")
    comparing.add_argument("model")
    comparing.add_argument("other", nargs="?", help="the population's champion unless named")
    comparing.set_defaults(run=_compare)
    promoting = verbs.add_parser("promote", help="let a model serve, whatever the gate said")
    promoting.add_argument("model")
    promoting.set_defaults(run=_promote)
    back = verbs.add_parser("rollback", help="let the champion before this one serve again, and reject this one")
    back.add_argument("--population", choices=list(Population), default=Population.SYNTHETIC)
    back.set_defaults(run=_roll_back)
    for verb in (promoting, back):
        verb.add_argument("--reason", required=True, help="why; kept in the audit log")
        verb.add_argument("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="how long to wait (60)")
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true")


def find(connection: Connection, name: str) -> Mapping[str, Any]:
    """Return a model's row by its whole name or by its version; raise NoSuchModelError."""
    named = or_(models.c.model_id == name, *(models.c.model_id == f"{population}/{name}" for population in Population))
    rows = connection.execute(select(models).where(named)).mappings().all()
    if len(rows) != 1:
        meant = ", ".join(row["model_id"] for row in rows)
        raise NoSuchModelError(
            f"{name!r} names {meant}: say which" if rows else f"there is no model {name!r}; see models list"
        )
    return dict(rows[0])


def _list(options: Namespace) -> int:
    ready()
    statement = select(models).order_by(models.c.trained_at.desc(), models.c.model_id.desc()).limit(options.limit)
    if options.population:
        statement = statement.where(models.c.population == options.population)
    with db.transaction() as connection:
        rows = [dict(row) for row in connection.execute(statement).mappings()]
    if options.json:
        print_json(rows)
        return 0
    made = table(
        "Models, newest first", "model", "status", "data until", "AUC 30 d", "skill", "why", right=["AUC 30 d", "skill"]
    )
    for row in rows:
        record = _records(row).get("30", {})
        made.add_row(
            row["model_id"],
            styled(row["status"], STATUS_STYLES[row["status"]]),
            instant(row["as_of"]),
            number(record.get("auc"), 3),
            number(record.get("skill"), 3),
            escape((row["reason"] or "")[:70]),
        )
    console.print(made if rows else "No models yet: python -m tutormax.enqueue train_models --wait")
    return 0


def _show(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        row = find(connection, options.model)
    if options.json:
        print_json(row)
        return 0
    console.print(f"[bold]{row['model_id']}[/] is {row['status']}: {escape(str(row['reason']))}")
    console.print(f"Data until {instant(row['as_of'])} UTC, features {row['feature_version']}")
    console.print(_record_table([row]))
    checks = table("\nThe gate", "check", "value", "must be", "verdict", right=["value"])
    for check in row["metrics"].get("gate", {}).get("checks", ()):
        verdict = styled(check["verdict"], VERDICT_STYLES[check["verdict"]])
        checks.add_row(check["name"], number(check["value"], 4), check["bound"], verdict)
    console.print(checks)
    return 0


def _compare(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        one = find(connection, options.model)
        other = find(connection, options.other) if options.other else _champion(connection, one["population"])
    rows = [one, other]
    if options.json:
        print_json([{"model_id": row["model_id"], "status": row["status"], "records": _records(row)} for row in rows])
        return 0
    console.print(_record_table(rows))
    return 0


def _champion(connection: Connection, population: str) -> Mapping[str, Any]:
    statement = select(models).where(models.c.population == population, models.c.status == "champion")
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise NoSuchModelError(f"no model serves the {population} population: name both")
    return dict(row)


def _record_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = [row["model_id"] for row in rows]
    made = table("\nOn weeks that it had not seen", "horizon", "measure", *names, right=names)
    records = [_records(row) for row in rows]
    for horizon in ("1", "7", "30", "90"):
        for position, measure in enumerate(SHOWN):
            values = (number(record.get(horizon, {}).get(measure), 4) for record in records)
            made.add_row("" if position else f"{horizon} days", measure.replace("_", " "), *values)
    return made


def _records(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    horizons = row["metrics"].get("horizons", {})
    return {horizon: record.get("quality", {}).get("challenger", {}) for horizon, record in horizons.items()}


def _promote(options: Namespace) -> int:
    ready()
    with db.transaction() as connection:
        model = find(connection, options.model)["model_id"]
    return _changed(options, "promote_model", {"model_id": model})


def _roll_back(options: Namespace) -> int:
    ready()
    return _changed(options, "roll_back_model", {"population": options.population})


def _changed(options: Namespace, actor: str, args: Mapping[str, str]) -> int:
    # A worker does it: only where models are served can one be proved to load before it takes over.
    # What nobody waits for any more must not change models hours later.
    args = {**args, "who": who(), "reason": options.reason}
    with db.transaction() as connection:
        expires_at = emissions.clock(connection) + timedelta(seconds=options.timeout)
        request = Request(actor, QUEUE, args, priority=2, expires_at=expires_at, requested_by=who())
        [job] = jobs.insert(connection, [request])
    ended = following.follow(job, timeout_seconds=options.timeout, tell=lambda _: None)
    if not ended.ended:
        waited = f"job {job} is {ended.state} after {options.timeout:g} s"
        complaints.print(f"{actor}: {waited}: does a worker of the {QUEUE} queue run?", soft_wrap=True)
        return TIMED_OUT
    if ended.state != "done":
        complaints.print(f"{actor}: {ended.error_type}: {escape(str(ended.error))}", soft_wrap=True)
        return 1
    serves = (ended.result or {})["model_id"]
    if options.json:
        print_json({"job_id": str(job), "serves": serves})
    else:
        console.print(f"{serves} serves from now on.")
    return 0
