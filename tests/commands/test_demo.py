"""`make demo` where nothing is named: servers, workers and training of its own, beside whatever else there is."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED_ELSEWHERE = ("DATABASE_URL", "POSTGRES_", "REDIS_URL", "RABBITMQ_URL", "DRAMATIQ_", "TUTORMAX_", "WORKER_")
# Several times what it takes; a demo itself waits a quarter of an hour for each stage.
LONGEST_SECONDS = 60


def test_a_newcomer_sees_a_marketplace_judged_learned_from_and_scored(tmp_path: Path) -> None:
    nothing_named = {name: value for name, value in os.environ.items() if not name.startswith(NAMED_ELSEWHERE)}
    command = [sys.executable, "-m", "tutormax", "demo", "--tutors", "60", "--days", "60", "--seed", "7"]

    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=nothing_named | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )

    shown = run.stdout
    assert run.returncode == 0, run.stderr
    for said in ("generate the marketplace", "judge every tutor", "train and validate a model", "score every tutor"):
        assert said in shown
    assert "Tutors most likely to leave" in shown
    assert (tmp_path / ".tutormax" / "postgres").is_dir()
