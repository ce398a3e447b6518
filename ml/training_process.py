"""Training in a child process: watched, told of, and ended with whoever asked for it.

A time limit or a cancellation interrupts Python, not the native code of a training; the child can be ended in any case.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ml.training_told import Outcome, Request, Told
from tutormax import settings
from tutormax.errors import PermanentError, TransientError

# How long an interruption waits for us to come round.
BEAT_SECONDS = 0.2
END_SECONDS = 5.0
CODE = Path(__file__).resolve().parent.parent

COMMAND = (sys.executable, "-m", "ml.training_run")


class TrainingFailedError(TransientError):
    """The child process failed in a way that another try may not."""


class TrainingRefusedError(PermanentError):
    """The child process failed in a way that another try would repeat."""


def run(
    request: Request,
    *,
    database_url: str,
    progress: Callable[[int, str], None],
    command: Sequence[str] = COMMAND,
) -> Outcome:
    """Train in a child process and return what came of it; raising anything here ends the child."""
    child = subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(database_url),
        # A group of its own: it is ended with all that it may have started.
        start_new_session=True,
    )
    try:
        assert child.stdin is not None  # noqa: S101 - it was asked for
        # One that is gone already is told of below.
        with suppress(BrokenPipeError):
            child.stdin.write(msgspec.json.encode(request) + b"\n")
            child.stdin.flush()
        return _answer(child, progress)
    finally:
        _end(child)


def _answer(child: subprocess.Popen[bytes], progress: Callable[[int, str], None]) -> Outcome:
    outcome = None
    for line in _lines(child):
        told = msgspec.json.decode(line, type=Told)
        if told.error is not None:
            raise (TrainingRefusedError if told.permanent else TrainingFailedError)(told.error)
        if told.done is not None:
            progress(told.done, told.note or "")
        outcome = told.outcome or outcome
    if outcome is None:
        raise TrainingFailedError(f"the training process ended without a result: {_ending(child)}")
    return outcome


def _lines(child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert child.stdout is not None  # noqa: S101 - it was asked for
    descriptor = child.stdout.fileno()
    waiting = b""
    while True:
        readable, _, _ = select.select([descriptor], [], [], BEAT_SECONDS)
        if not readable:
            continue
        read = os.read(descriptor, 65536)
        if not read:
            return
        *lines, waiting = (waiting + read).split(b"\n")
        yield from lines


def _ending(child: subprocess.Popen[bytes]) -> str:
    code = child.wait(END_SECONDS)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in filter(None, (child.stdin, child.stdout)):
        # Of what one that is gone was still to be told; why it went is being told.
        with suppress(BrokenPipeError):
            pipe.close()


def _environment(database_url: str) -> Mapping[str, str]:
    found = os.environ.get("PYTHONPATH")
    # Named by its value from here on, and a value and a file at once would be refused.
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL_FILE"}
    return inherited | {
        "DATABASE_URL": database_url,
        # Where servers are embedded, only that one is named.
        "TUTORMAX_DATA_DIR": str(settings.current().data_dir.absolute()),
        "PYTHONPATH": f"{CODE}{os.pathsep}{found}" if found else str(CODE),
        # The horizons are learnt side by side; libraries that add threads of their own would only wait for each other.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
