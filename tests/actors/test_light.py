"""Every process knows the actors; only those that predict or train carry what that takes."""

import subprocess
import sys

HEAVY = ("xgboost", "sklearn", "scipy", "shap", "matplotlib")


def test_knowing_the_actors_takes_no_library_that_learns() -> None:
    code = f"import sys, actors, schedules.daemon, tutormax.enqueue; print(*(set({HEAVY}) & set(sys.modules)))"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert told.stdout.split() == []
