"""Everything at a desk, by one command: it comes up, is well, does what it is asked for, and leaves nothing behind."""

import os
import signal
import socket
import time
from pathlib import Path

import psutil

from tests.acceptance.operator import PATIENCE_SECONDS, Operator


def free_ports(count: int) -> str:
    """Return a range of ports that are free now."""
    for first in range(20000, 30000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return f"{first}-{first + count - 1}"
    raise AssertionError("no ports are free")


def test_everything_comes_up_works_is_well_and_stops_within_seconds(tmp_path: Path) -> None:
    ports = free_ports(20)
    operator = Operator(
        tmp_path / "data",
        TUTORMAX_METRICS_PORTS=ports,
        TUTORMAX_EXPORTER_PORT=str(int(ports[:5]) + 19),
        WORKER_MODEL_SAVE_PATH=str(tmp_path / "models"),
    )
    with operator.running("tutormax", "up", "--no-generation") as up:
        end = time.monotonic() + PATIENCE_SECONDS
        while operator.run("tutormax", "health", "all").returncode != 0:
            assert time.monotonic() < end, operator.run("tutormax", "health", "all").stdout
            assert up.poll() is None
        judged = operator.run("tutormax.enqueue", "evaluate_tutor_performance", "--wait")
        listed = operator.run("tutormax", "jobs", "list")
        doctor = operator.read("tutormax", "doctor")
        started = psutil.Process(up.pid).children(recursive=True)
        os.kill(up.pid, signal.SIGTERM)
        up.wait(30)
        gone, left = psutil.wait_procs(started, timeout=15)

    assert judged.returncode == 0, judged.stderr
    for told in (judged.stderr, listed.stderr, str(doctor)):
        assert f"the embedded one of {tmp_path / 'data'}" in told
    assert [finding for finding in doctor if finding["level"] == "fault"] == []
    assert up.returncode == 0
    assert len(gone) >= 6
    assert left == []
