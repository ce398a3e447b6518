"""An operator at a shell: commands, long-running processes, and nothing of ours imported."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90.0


class Operator:
    """Works in one data directory, with embedded servers that start when somebody needs them."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        named = ("DATABASE_URL", "REDIS_URL", "DRAMATIQ_BROKER_URL", "POSTGRES_HOST")
        outside = {name: value for name, value in os.environ.items() if name not in named}
        self.environment = outside | {"TUTORMAX_DATA_DIR": str(data_dir), "TUTORMAX_JOB_LEASE_SECONDS": "3"} | settings

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m ...` to its end."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def read(self, *arguments: str) -> Any:
        """Run a command with --json; return what it printed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return json.loads(done.stdout)

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Keep `python -m ...` running; end it by SIGTERM, and by SIGKILL when it does not hear."""
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                kill(process)

    def eventually(self, arguments: tuple[str, ...], holds: Any) -> Any:
        """Repeat a command until what it prints holds; return that."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            said = self.read(*arguments)
            if holds(said):
                return said
            assert time.monotonic() < end, (arguments, said)
            time.sleep(0.3)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started, without a word."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
