"""One training from end to end, in a process of its own: `python -m ml.training_run`, asked on standard input.

It reads the data, learns, judges and publishes, and leaves the database's `models` to whoever started it. The session
of its lock is its own, so that however it ends, the next training may begin.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from ml import artefact, device, history, registry
from ml.dataset import Dataset, training_dataset
from ml.training_told import Outcome, Request, Told
from tutormax import db, log, settings
from tutormax.errors import PermanentError
from tutormax.populations import Population

_log = log.get(__name__)

STATEMENT_SECONDS = 600.0
PR_SET_PDEATHSIG = 1

# Of the work, as progress shows it: reading features, then learning, then all that follows.
FEATURES_DONE = 60
HORIZONS_DONE = 95
ALL_DONE = 100

Progress = Callable[[int, str], None]
# What learns, judges and publishes; its progress is of so many.
Challenge = Callable[[Engine, Request, Dataset, Path, Callable[[int, int, str], None]], Outcome]

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
    """Remove the files of old models; a training that is finished does not fail because that cannot be done now."""
    try:
        with engine.connect() as connection:
            needed = registry.needed(connection, population)
        gone = artefact.forget(directory, {*needed, *filter(None, [outcome.version])})
    except (OSError, SQLAlchemyError) as error:
        _log.warning("files of old models not removed, the next training tries again", error=str(error).splitlines()[0])
        return
    if gone:
        _log.info("files of old models removed", population=population, versions=gone)


def _trained(engine: Engine, request: Request, directory: Path, progress: Progress) -> Outcome:
    device.require(request.device)
    progress(0, "reading features")
    with ThreadPoolExecutor(1, thread_name_prefix="imports") as pool:
        challenger = pool.submit(_challenger)
        dataset = training_dataset(
            engine,
            population=request.population,
            as_of=request.as_of,
            history_days=request.history_days,
            progress=lambda done, total: progress(FEATURES_DONE * done // total, "reading features"),
        )
        challenge = challenger.result()

    def learnt(done: int, total: int, note: str) -> None:
        progress(FEATURES_DONE + (HORIZONS_DONE - FEATURES_DONE) * done // total, note)

    return challenge(engine, request, dataset, directory, learnt)


def _challenger() -> Challenge:
    # Seconds of imports, which pass while PostgreSQL reads.
    from ml.challenger import challenge  # noqa: PLC0415

    return challenge


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
