"""A customer's export comes in, is judged and scored by workers with the scheduler running, whoever is killed."""

from datetime import UTC, datetime
from pathlib import Path

from tests.acceptance.export import TUTORS, write_export
from tests.acceptance.operator import Operator, kill

WORKER = ("dramatiq", "actors", "-p", "1", "-t", "2")


def test_an_export_is_taken_in_judged_and_scored_though_workers_are_killed(
    tmp_path: Path, broker_settings: dict[str, str]
) -> None:
    operator = Operator(tmp_path / "data", **broker_settings)
    files = write_export(tmp_path, datetime.now(UTC).replace(tzinfo=None))
    with operator.running("schedules"):
        taken = operator.run(
            "tutormax.ingest", "--organization", "Acme", "--timezone", "UTC", "--known-at", "event", *files
        )
        assert taken.returncode == 0, taken.stderr
        assert f"the embedded one of {tmp_path / 'data'}" in taken.stderr
        with operator.running(*WORKER) as killed:
            operator.eventually(("tutormax", "jobs", "list", "--state", "done"), bool)
            kill(killed)
        with operator.running(*WORKER):
            assert operator.run("tutormax.enqueue", "evaluate_tutor_performance", "--wait").returncode == 0
            assert operator.run("tutormax.enqueue", "batch_predict_churn", "--wait").returncode == 0
            operator.eventually(("tutormax", "jobs", "list", "--state", "running"), lambda rows: rows == [])

        tutors = operator.read("tutormax", "risk", "--organization", "Acme", "--limit", "100")
        most_at_risk = operator.read("tutormax", "tutor", tutors[0]["external_id"], "--organization", "Acme")

    assert {row["model_id"] for row in tutors} == {"rule"}
    assert len(tutors) == TUTORS
    assert tutors[0]["external_id"] == "t00"
    assert most_at_risk["scores"][0]["reasons"]
    assert [window["window_days"] for window in most_at_risk["performance"]] == [7, 30, 90]
    assert operator.read("tutormax", "jobs", "list", "--state", "dead") == []
