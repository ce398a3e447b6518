"""`make evaluate-model`: a model of the reference marketplace, held to what could be known of it."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from tests.benchmarks.measure import machine
from tests.model import report
from tests.model.exam import Sat, sit
from tests.model.marks import Mark, of_accuracy, of_interactions, of_leak, of_soundness
from tests.model.report import Report
from tests.model.scale import Scale
from tutormax import db, log, schema, servers

KEPT = Path("output/model-evaluations")
STATEMENT_SECONDS = 600
REFERENCE = Scale()


def main(arguments: Sequence[str]) -> None:
    """Sit the exam twice: in the reference marketplace, and in one where causes work together."""
    chosen = _parser().parse_args(arguments)
    log.configure(json=False, level="ERROR")
    scale = Scale(tutors=chosen.tutors, seed=chosen.seed, history_days=chosen.days)
    facts = machine()
    sat, marks = _reference(scale)
    if chosen.interactions:
        marks += _interactions(replace(scale, interactions=True, horizons=(30,)))
    found = Report(facts, scale, marks, report.records(sat, scale), sat.judgement)
    report.show(found)
    sys.stdout.write(f"kept in {report.keep(found, KEPT)}\n")


def _reference(scale: Scale) -> tuple[Sat, list[Mark]]:
    with tempfile.TemporaryDirectory() as directory, servers.embedded(Path(directory)) as served:
        engine = _engine(served)
        sat = sit(engine, scale, _told())
        with engine.begin() as connection:
            marks = of_accuracy(sat, scale) + of_soundness(connection, sat) + of_leak(connection, sat, scale)
        engine.dispose()
    return sat, marks


def _interactions(scale: Scale) -> list[Mark]:
    with tempfile.TemporaryDirectory() as directory, servers.embedded(Path(directory)) as served:
        engine = _engine(served)
        marks = of_interactions(sit(engine, scale, _told("with interactions: ")))
        engine.dispose()
    return marks


def _engine(served: servers.Endpoints) -> Engine:
    os.environ.update(DATABASE_URL=served.database_url, REDIS_URL=served.broker_url)
    engine = db.connect(served.database_url, application="tutormax exam", statement_timeout_seconds=STATEMENT_SECONDS)
    with engine.begin() as connection:
        schema.upgrade(connection)
    return engine


class _told:  # noqa: N801 - reads as the function it is
    """Says how far an exam is, and how long it has taken."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._began = time.perf_counter()

    def __call__(self, note: str) -> None:
        sys.stderr.write(f"{time.perf_counter() - self._began:7.1f} s  {self._prefix}{note}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--tutors", type=int, default=REFERENCE.tutors, help="default 1500")
    parser.add_argument("--seed", type=int, default=REFERENCE.seed, help="of the marketplace; default 7")
    parser.add_argument(
        "--days", type=int, default=REFERENCE.history_days, help="of snapshots to learn from; default 210"
    )
    parser.add_argument("--no-interactions", dest="interactions", action="store_false", help="half the time")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
