"""Processes run as their files state them.

What stands in the files is changed in three things only: paths of the machine it is for, hosts of its network, and
ports, which processes in containers have each for themselves.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.deploy.formats import ROOT, Process
from tests.deploy.stores import Stores
from tests.faults.harness import free_port

BIN = Path(sys.executable).parent


@dataclass(slots=True)
class Running:
    """A process that runs as its file says."""

    stated: Process
    port: int
    process: "subprocess.Popen[bytes]"
    notified: socket.socket
    log: Path
    heard: list[str] = field(default_factory=list)

    def hear(self) -> list[str]:
        """Return all that systemd was told until now."""
        while True:
            try:
                self.heard.append(self.notified.recv(4096).decode())
            except BlockingIOError:
                return self.heard


def environment(stated: Process, stores: Stores, folder: Path, port: int) -> Mapping[str, str]:
    """Return the environment of a process as its file states it, moved to this machine."""
    kept = ("PATH", "LANG", "SSL_CERT_FILE")
    places = {
        "/run/secrets/tutormax": str(stores.secrets),
        "/run/credentials": str(stores.secrets),
        "/run/secrets": str(stores.secrets),
        "/var/lib/tutormax": str(folder),
        "/tmp": str(folder),  # noqa: S108 - read, and replaced
    }
    somewhere = re.compile("|".join(places))
    said = {name: somewhere.sub(lambda found: places[found[0]], value) for name, value in stated.environment.items()}
    if not said.get("DATABASE_URL") and "DATABASE_URL_FILE" not in said:
        # These two take the addresses from the platform.
        said |= {"DATABASE_URL": stores.secret("database_url"), "REDIS_URL": stores.secret("broker_url")}
    ports = {"TUTORMAX_METRICS_PORTS": str(port), "TUTORMAX_EXPORTER_PORT": str(port)}
    at_home = {"TUTORMAX_METRICS_HOST": "127.0.0.1", "WORKER_MODEL_SAVE_PATH": str(folder / "models")}
    return {name: os.environ[name] for name in kept if name in os.environ} | at_home | said | ports


@contextmanager
def started(stated: Process, stores: Stores, folder: Path) -> Iterator[Running]:
    """Run one process, its output in a file; nothing of it is left when the block ends."""
    port = free_port()
    told = environment(stated, stores, folder, port)
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    address = str(folder / f"{stated.name}.notify")
    notified.bind(address)
    if stated.watchdog_seconds is not None:
        microseconds = str(round(stated.watchdog_seconds * 1e6))
        told = {**told, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": microseconds}
    log = folder / f"{stated.name}.log"
    with log.open("wb") as output:
        command = [str(BIN / stated.argv[0]), *stated.argv[1:]]
        process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=output, stderr=output, start_new_session=True)
    try:
        yield Running(stated, port, process, notified, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        notified.close()


def is_well(running: Running) -> bool:
    """Ask a process what its own file asks it."""
    assert running.process.poll() is None, running.log.read_text()[-2000:]
    stated = running.stated
    if stated.watchdog_seconds is not None:
        return "READY=1" in running.hear()
    # Where a file asks nothing, what Kubernetes asks.
    if not all(_answers_ok(running.port, path) for path in stated.probes or ("/livez", "/readyz")):
        return False
    if stated.health is None:
        return True
    moved = [str(running.port) if before == "--port" else word for before, word in pairwise(("", *stated.health))]
    return subprocess.run([BIN / moved[0], *moved[1:]], cwd=ROOT, capture_output=True, check=False).returncode == 0


def _answers_ok(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def stop(running: Running) -> float:
    """Stop a process as its format does; return the seconds that it took."""
    began = time.monotonic()
    if running.stated.format == "systemd":
        # The whole control group, and SIGCONT to wake whoever was stopped.
        os.killpg(running.process.pid, signal.SIGTERM)
        os.killpg(running.process.pid, signal.SIGCONT)
    else:
        running.process.terminate()
    code = running.process.wait(running.stated.stop_seconds or 45)
    assert code == 0, running.log.read_text()[-2000:]
    return time.monotonic() - began


def run(stated: Process, stores: Stores, folder: Path, *argv: str) -> str:
    """Run a command to its end in the environment of a process."""
    told = environment(stated, stores, folder, free_port())
    ended = subprocess.run(
        [str(BIN / argv[0]), *argv[1:]], cwd=ROOT, env=told, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
