"""One training from end to end, in a process of its own: `python -m ml.training_run`, asked on standard input.

It reads the data, learns, judges and publishes, and leaves the database's `models` to whoever started it. The session
of its lock is its own, so that however it ends, the next training may begin.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from sqlalchemy import Engine, text

from ml import artefact, candidate, device, drift, evidence, history, packing, papers, registry
from ml.artefact import ArtefactError
from ml.candidate import Candidate, Terms
from ml.contests import Champion
from ml.dataset import training_dataset
from ml.features.build import microseconds
from ml.gate import Measured
from ml.model import ChurnModel
from ml.oracle import ceiling
from ml.registry import Registered
from ml.training import Lesson, Training
from ml.training_told import Outcome, Request, Told
from tutormax import db, log, queries, settings
from tutormax.errors import PermanentError
from tutormax.populations import Population

_log = log.get(__name__)

SQL = Path(__file__).parent / "sql"
STATEMENT_SECONDS = 600.0
PR_SET_PDEATHSIG = 1

# Of the work, as progress shows it: reading features, then learning, then all that follows.
FEATURES_DONE = 60
HORIZONS_DONE = 95
ALL_DONE = 100

Progress = Callable[[int, str], None]


ALREADY_RUNNING = "already_running"


def run(engine: Engine, request: Request, progress: Progress) -> Outcome:
    """Train, judge and publish one model, unless a training is running already."""
    with _alone(engine) as alone:
        if not alone:
            return Outcome(ALREADY_RUNNING, "another training is running")
        directory = Path(request.root) / request.population
        outcome = _trained(engine, request, directory, progress)
        history.append(directory, _remembered(request, outcome))
        _forget(engine, request.population, directory, outcome)
        return outcome


def _forget(engine: Engine, population: Population, directory: Path, outcome: Outcome) -> None:
    with engine.connect() as connection:
        needed = registry.needed(connection, population)
    gone = artefact.forget(directory, {*needed, *filter(None, [outcome.version])})
    if gone:
        _log.info("files of old models removed", population=population, versions=gone)


def _trained(engine: Engine, request: Request, directory: Path, progress: Progress) -> Outcome:
    device.require(request.device)
    progress(0, "reading features")
    dataset = training_dataset(
        engine,
        population=request.population,
        as_of=request.as_of,
        history_days=request.history_days,
        progress=lambda done, total: progress(FEATURES_DONE * done // total, "reading features"),
    )
    with engine.connect() as connection:
        serving = registry.champion(connection, request.population)
    made = candidate.make(
        dataset,
        None if serving is None else _champion(serving, directory),
        _terms(request),
        lambda done, total, note: progress(FEATURES_DONE + (HORIZONS_DONE - FEATURES_DONE) * done // total, note),
        further=lambda model, lesson: _further(engine, request, serving, model, lesson),
    )
    if isinstance(made, Training):
        lacking = "; ".join(f"{horizon} days: {why}" for horizon, why in made.skipped.items())
        return Outcome(made.status, lacking, len(dataset))
    met = None if serving is None else serving.model_id
    return replace(_published(made, directory, request), rows=len(dataset), met=met)


def _further(
    engine: Engine, request: Request, serving: Registered | None, model: ChurnModel, lesson: Lesson
) -> dict[str, Measured]:
    """Return what the gate asks beyond the data set: how fresh the facts are, and whether the model knows too much."""
    found: dict[str, Measured] = {}
    with engine.connect() as connection:
        # The first model of a population has floors to pass, and nobody to leave in place.
        if serving is not None:
            asked = {"synthetic": request.population.synthetic, "as_of": request.as_of}
            newest = connection.execute(queries.load("newest_raw_row", SQL), asked).scalar_one()
            found |= evidence.of_freshness(newest, request.as_of, request.fresh_minutes)
        if request.population is Population.SYNTHETIC:
            since = lesson.as_of[lesson.validation].min()
            found |= ceiling.of_worlds(connection, model, since=since, known_at=request.as_of, seed=request.seed)
        connection.rollback()
    return found


def _published(made: Candidate, directory: Path, request: Request) -> Outcome:
    artefact.sweep(directory)
    written = papers.papers(made.findings, request.trained_at, list(history.read(directory)))
    published = artefact.publish(directory, request.trained_at, {**made.files, **written}, made.facts)
    return Outcome(
        status="trained",
        reason=made.judgement.reason,
        version=published.version,
        manifest_sha256=published.manifest_sha256,
        feature_version=str(made.facts["feature_version"]),
        decision=made.judgement.decision,
        metrics=made.metrics,
    )


def _champion(serving: Registered, directory: Path) -> Champion | None:
    """Return the model to beat; None if this code cannot ask it any more."""
    try:
        found = artefact.read(directory, serving.version, serving.manifest_sha256)
        model = packing.unpack(found, packing.VALIDATED)
    except ArtefactError as error:
        # To be replaced, not obeyed: a model that nobody can load keeps no other from serving.
        _log.warning("champion cannot be met", model_id=serving.model_id, error=str(error))
        return None
    unseen: Any = found.manifest["unseen_from"]
    return Champion(
        model_id=serving.model_id,
        model=model,
        unseen_from={int(horizon): np.datetime64(instant, "us") for horizon, instant in unseen.items()},
        null_shares=packing.null_shares(found),
        as_of=microseconds(serving.as_of),
        reference=drift.of_artefact(found),
    )


def _terms(request: Request) -> Terms:
    return Terms(
        population=request.population,
        as_of=microseconds(request.as_of),
        seed=request.seed,
        threads=request.threads,
        least_rows=request.least_rows,
        test_share=request.test_share,
        device=request.device,
    )


def _remembered(request: Request, outcome: Outcome) -> dict[str, Any]:
    return {
        "trained_at": request.trained_at.isoformat(),
        "as_of": request.as_of.isoformat(),
        "population": request.population,
        **msgspec.to_builtins(outcome),
    }


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield bool(connection.execute(text("select pg_try_advisory_lock(hashtext('tutormax training'))")).scalar_one())
        # A lock of the session: the pool must not hand it on.
        connection.invalidate()


def main() -> int:
    """Answer one request; every line on standard output is a Told."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - of use nowhere else

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Whoever stops a whole control group tells us as well; when we end is up to the one who asked.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # What libraries print must not get between the lines.
    told = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def tell(line: Told) -> None:
        told.write(msgspec.json.encode(line) + b"\n")

    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    limits = settings.current()
    log.configure(json=limits.log_json, level=limits.log_level)
    engine = db.connect(
        str(limits.external_database_url), application="tutormax training", statement_timeout_seconds=STATEMENT_SECONDS
    )
    try:
        tell(Told(outcome=run(engine, request, lambda done, note: tell(Told(done=done, note=note)))))
    except Exception as error:  # noqa: BLE001 - the one who asked raises it again
        _log.exception("training failed")
        tell(Told(error=f"{type(error).__name__}: {error}", permanent=isinstance(error, PermanentError)))
        return 1
    return 0


def _end_with(asker: BinaryIO) -> None:
    # The asker keeps its end open for as long as it wants an answer.
    asker.read()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    # At once: a thread still waits on standard input, and an interpreter ending in order would wait for it or abort.
    os._exit(main())
