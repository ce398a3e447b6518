"""What fills the panels: a little of everything that ever happens, good and bad."""

import csv
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, update

from actors.evaluation import evaluate_tutor_performance
from actors.prediction import batch_predict_churn
from tests.faults.harness import eventually
from tests.ops import drill_actors as drill
from tests.ops.desk import Desk
from tests.ops.observatory import Observatory
from tutormax import db
from tutormax.jobs import operations
from tutormax.jobs.operations import Selection
from tutormax.tables import models, prediction_cohorts, prediction_drift
from tutormax.windows import Window

ORGANIZATION = "Drill Tutoring"
SESSIONS = 6
STATE = "select state from jobs where job_id = :job"


def fill(desk: Desk, seen: Observatory, directory: Path) -> None:
    """Let a little of everything happen that panels show, and Prometheus see it."""
    _take_in_and_judge(desk, directory)
    _work_badly(desk)
    model = add_model(trained_at=datetime.now(UTC))
    add_monitoring(model)
    # Its files are nowhere: the attempt calls the store of models, and fails.
    batch_predict_churn.send()
    desk.do("insert into drill_broken values (true)")
    # The tutors are counted once a minute, and the broken schedule is overdue within seconds.
    eventually(lambda: seen.value("sum(max by (tier, risk_level) (tutormax_tutors))") == 1, seconds=120)
    overdue = 'time() - max(tutormax_schedule_deadline_timestamp_seconds{schedule="drill"})'
    eventually(lambda: (seen.value(overdue) or 0) > 0, seconds=60)


def _take_in_and_judge(desk: Desk, directory: Path) -> None:
    window = Window.latest(datetime.now(UTC))
    tutors = [{"tutor_id": "t1", "joined_at": _stamp(window.end - timedelta(days=100))}]
    sessions = [_session(number, window) for number in range(SESSIONS)]
    files = [_written(directory / "tutors.csv", tutors), _written(directory / "sessions.csv", sessions)]
    command = [sys.executable, "-m", "tutormax.ingest", "--organization", ORGANIZATION, "--known-at", "event"]
    subprocess.run([*command, "--max-refused-share", "0.5", *files], check=True, capture_output=True)
    # By the rule: the drill's models have no files.
    desk.do("update models set status = 'retired'")
    for actor in (evaluate_tutor_performance, batch_predict_churn):
        job = actor.send()
        eventually(lambda job=job: desk.ask(STATE, job=job) == "done", seconds=60)  # type: ignore[misc]  # no type for job


def _work_badly(desk: Desk) -> None:
    """Start late, try again, be put off, die, be requeued, and find in Redis what nobody of ours put there."""
    late = drill.drill_good.send(0, run_at=datetime.now(UTC) - timedelta(hours=1))
    repeated = [drill.drill_failing.send(number) for number in range(3)]
    put_off = [drill.drill_limited.send(number) for number in range(2)]
    dead = drill.drill_dying.send(0)
    desk.redis.client().rpush("tutormax:doorbells:default", b"rubbish")
    ended = "select bool_and(state in ('done', 'dead')) from jobs where job_id = any(:jobs)"
    eventually(lambda: desk.ask(ended, jobs=[late, *repeated, *put_off, dead]), seconds=60)
    with db.transaction() as connection:
        operations.requeue(connection, Selection(ids=[dead]), who="the drill")


def add_monitoring(model_id: str) -> None:
    """Measure a night as the monitoring does: drift of the score and of two features, and a week of outcomes."""
    now = datetime.now(UTC)
    night = {"model_id": model_id, "measured_at": now, "tutors": 200}
    moved = {"score": 0.02, "rating_30d": 0.04, "sessions_30d": 0.01}
    drift = [{**night, "subject": name, "psi": psi} for name, psi in moved.items()]
    week = {
        "population": "customer",
        "scorer": "model",
        "week": now - timedelta(weeks=8),
        "horizon_days": 30,
        "tutors": 200,
        "expected": 0.1,
        "actual": 0.1,
        "auc": 0.87,
        "log_loss": 0.3,
        "calibration_error": 0.01,
        "complete": True,
        "measured_at": now,
    }
    with db.transaction() as connection:
        connection.execute(insert(prediction_drift), drift)
        connection.execute(insert(prediction_cohorts).values(week))


def add_model(*, trained_at: datetime) -> str:
    """Let a model serve the customers' tutors; return its id."""
    model_id = f"customer/{trained_at:%Y%m%d_%H%M%S_%f}"
    measured = {"horizons": {"30": {"quality": {"challenger": {"auc": 0.9, "brier": 0.07}}}}}
    with db.transaction() as connection:
        connection.execute(update(models).values(status="retired"))
        connection.execute(
            insert(models).values(
                model_id=model_id,
                population="customer",
                status="champion",
                feature_version="1",
                manifest_sha256="0" * 64,
                as_of=trained_at,
                trained_at=trained_at,
                metrics=measured,
            )
        )
    return model_id


def _session(number: int, window: Window) -> dict[str, object]:
    # Each an hour long; all ended within the quarter hour that is judged, the last one as no calendar has it.
    start = window.end - timedelta(minutes=61 + number)
    return {
        "session_id": f"s{number}",
        "tutor_id": "t1",
        "student_id": f"p{number}",
        "session_number": 1 + number,
        "scheduled_start": "yesterday" if number == SESSIONS - 1 else _stamp(start),
        "actual_start": _stamp(start),
        "duration_minutes": 60,
        "status": "completed",
    }


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(path: Path, rows: Sequence[Mapping[str, object]]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)
