"""Which models there are, which one serves a population, and how that changes: rows first, links after."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from ml import links
from ml.gate import Decision
from tutormax import db
from tutormax.errors import PermanentError, TransientError
from tutormax.populations import Population
from tutormax.tables import audit_log, models


class ModelStatus(StrEnum):
    """What a model is to its population."""

    CHAMPION = "champion"
    RETIRED = "retired"
    """It served until another took over; a roll-back may bring it back."""
    REJECTED = "rejected"
    """The gate did not promote it, or an operator went back from it; it serves only if somebody promotes it by name."""


class ChampionChangedError(TransientError):
    """Another model became champion while this one was being held against the one before it."""


class NoPreviousModelError(PermanentError):
    """There is no model to go back to."""


class UnknownModelError(PermanentError):
    """No model has this name, or it serves already."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One model's row; its version is the name of its directory."""

    population: Population
    version: str
    feature_version: str
    manifest_sha256: str
    as_of: datetime
    trained_at: datetime

    @property
    def model_id(self) -> str:
        """The name under which predictions refer to it: its path below the models' root."""
        return f"{self.population}/{self.version}"


def champion(connection: Connection, population: Population) -> Registered | None:
    """Return the model that serves a population."""
    return _newest(connection, population, ModelStatus.CHAMPION)


def named(connection: Connection, model_id: str) -> Registered | None:
    """Return the model of a name."""
    row = connection.execute(select(models).where(models.c.model_id == model_id)).one_or_none()
    return None if row is None else _registered(row)


def is_rejected(connection: Connection, model: Registered) -> bool:
    """Tell whether a model was refused by the gate or given up by an operator, as of now."""
    status = connection.execute(select(models.c.status).where(models.c.model_id == model.model_id)).scalar_one_or_none()
    return status == ModelStatus.REJECTED


def enter(
    connection: Connection,
    candidate: Registered,
    decision: Decision,
    *,
    reason: str,
    metrics: Mapping[str, Any],
    met: str | None,
    directory: Path,
) -> ModelStatus:
    """Record a trained model, as champion if the gate promotes it; the links follow the commit.

    `met` is the model id of the champion it was held against; raises ChampionChangedError if that is no longer so.
    """
    _one_at_a_time(connection, candidate.population)
    serving = champion(connection, candidate.population)
    if (serving.model_id if serving else None) != met:
        raise ChampionChangedError(f"{candidate.model_id} met {met}, but {serving} serves by now")
    status = ModelStatus.CHAMPION if decision is Decision.PROMOTE else ModelStatus.REJECTED
    if status is ModelStatus.CHAMPION and serving:
        _set_status(connection, serving, ModelStatus.RETIRED)
    connection.execute(
        insert(models).values(
            model_id=candidate.model_id,
            population=candidate.population,
            status=status,
            feature_version=candidate.feature_version,
            manifest_sha256=candidate.manifest_sha256,
            as_of=candidate.as_of,
            trained_at=candidate.trained_at,
            metrics=dict(metrics),
            reason=reason,
        )
    )
    if status is ModelStatus.CHAMPION:
        _links_follow(connection, candidate, directory)
    return status


def roll_back(connection: Connection, population: Population, *, who: str, reason: str, directory: Path) -> Registered:
    """Let the champion before this one serve again, with an audit row; raise NoPreviousModelError if there is none.

    The one that leaves is rejected for the reason given: no later roll-back comes back to it.
    """
    _one_at_a_time(connection, population)
    serving = champion(connection, population)
    before = serving and _newest(connection, population, ModelStatus.RETIRED, trained_before=serving.trained_at)
    if not serving or not before:
        raise NoPreviousModelError(f"{population} has no model before {serving and serving.model_id}")
    _take_over(connection, before, serving, directory)
    _reject(connection, serving, f"rolled back by {who}: {reason}")
    _audit(connection, "roll back model", before, serving, who=who, reason=reason)
    return before


def promote(connection: Connection, model_id: str, *, who: str, reason: str, directory: Path) -> Registered:
    """Let a named model serve its population, whatever the gate said, with an audit row; raise UnknownModelError.

    Whoever names an older one than serves goes back to it from all that served since: they are rejected, and no
    roll-back comes back to them.
    """
    population = _population(model_id)
    _one_at_a_time(connection, population)
    row = connection.execute(select(models).where(models.c.model_id == model_id)).one_or_none()
    if row is None or row.status == ModelStatus.CHAMPION:
        raise UnknownModelError(f"{model_id} {'serves already' if row else 'is not a model of ours'}")
    chosen, serving = _registered(row), champion(connection, population)
    _take_over(connection, chosen, serving, directory)
    if serving is not None and chosen.trained_at < serving.trained_at:
        _reject_after(connection, chosen, f"given up for {chosen.model_id} by {who}: {reason}")
    _audit(connection, "promote model", chosen, serving, who=who, reason=reason, was=row.status)
    return chosen


def needed(connection: Connection, population: Population) -> set[str]:
    """Return the versions that serve a population, or would after a roll-back."""
    serving = champion(connection, population)
    if serving is None:
        return set()
    before = _newest(connection, population, ModelStatus.RETIRED, trained_before=serving.trained_at)
    return {serving.version} | ({before.version} if before else set())


def champions_before(connection: Connection, serving: Registered, *, most: int) -> list[Registered]:
    """Return models that served before this one was trained, newest first."""
    statement = (
        select(models)
        .where(
            models.c.population == serving.population,
            models.c.status == ModelStatus.RETIRED,
            models.c.trained_at < serving.trained_at,
        )
        .order_by(models.c.trained_at.desc(), models.c.model_id.desc())
        .limit(most)
    )
    return [_registered(row) for row in connection.execute(statement)]


def align_links(connection: Connection, serving: Registered, directory: Path) -> bool:
    """Make the links name what serves and what served before it; return whether they were behind."""
    before = _newest(connection, serving.population, ModelStatus.RETIRED, trained_before=serving.trained_at)
    return links.align(directory, serving.version, before.version if before else None)


def _links_follow(connection: Connection, serving: Registered, directory: Path) -> None:
    before = _newest(connection, serving.population, ModelStatus.RETIRED, trained_before=serving.trained_at)
    db.after_commit(connection, partial(links.align, directory, serving.version, before.version if before else None))


def _newest(
    connection: Connection, population: Population, status: ModelStatus, *, trained_before: datetime | None = None
) -> Registered | None:
    statement = (
        select(models)
        .where(models.c.population == population, models.c.status == status)
        .order_by(models.c.trained_at.desc(), models.c.model_id.desc())
        .limit(1)
    )
    if trained_before is not None:
        statement = statement.where(models.c.trained_at < trained_before)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _registered(row)


def _registered(row: Row[Any]) -> Registered:
    return Registered(
        population=Population(row.population),
        version=row.model_id.partition("/")[2],
        feature_version=row.feature_version,
        manifest_sha256=row.manifest_sha256,
        as_of=row.as_of,
        trained_at=row.trained_at,
    )


def _population(model_id: str) -> Population:
    try:
        return Population(model_id.partition("/")[0])
    except ValueError:
        raise UnknownModelError(
            f"{model_id!r} is not a model's name; one looks like synthetic/20261121_020000"
        ) from None


def _take_over(connection: Connection, chosen: Registered, serving: Registered | None, directory: Path) -> None:
    if serving is not None:
        _set_status(connection, serving, ModelStatus.RETIRED)
    _set_status(connection, chosen, ModelStatus.CHAMPION)
    _links_follow(connection, chosen, directory)


def _audit(
    connection: Connection,
    action: str,
    chosen: Registered,
    serving: Registered | None,
    *,
    who: str,
    reason: str,
    **details: str,
) -> None:
    instead_of = None if serving is None else serving.model_id
    values = {"who": who, "action": action, "subject": chosen.model_id, "reason": reason}
    connection.execute(insert(audit_log).values(**values, details={"instead_of": instead_of, **details}))


def _set_status(connection: Connection, model: Registered, status: ModelStatus) -> None:
    connection.execute(update(models).where(models.c.model_id == model.model_id).values(status=status))


def _reject(connection: Connection, model: Registered, reason: str) -> None:
    rejected = {"status": ModelStatus.REJECTED, "reason": reason}
    connection.execute(update(models).where(models.c.model_id == model.model_id).values(rejected))


def _reject_after(connection: Connection, chosen: Registered, reason: str) -> None:
    since = (
        models.c.population == chosen.population,
        models.c.status == ModelStatus.RETIRED,
        models.c.trained_at > chosen.trained_at,
    )
    connection.execute(update(models).where(*since).values(status=ModelStatus.REJECTED, reason=reason))


def _one_at_a_time(connection: Connection, population: Population) -> None:
    connection.execute(
        text("select pg_advisory_xact_lock(hashtext('tutormax models'), hashtext(:population))"),
        {"population": population},
    )
