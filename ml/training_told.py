"""What a training is asked and what it tells, as JSON lines between a worker and the process that trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.device import Device
from ml.gate import Decision
from tutormax.populations import Population


@dataclass(frozen=True, slots=True)
class Request:
    """What one training is to do; `trained_at` names its version."""

    population: Population
    as_of: datetime
    history_days: int
    trained_at: datetime
    root: str
    seed: int
    threads: int
    least_rows: int
    test_share: float
    fresh_minutes: int = 60
    device: Device = Device.CPU


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a training: its status, and if something was published, what and how it was judged."""

    status: str
    reason: str
    rows: int = 0
    version: str | None = None
    manifest_sha256: str | None = None
    feature_version: str | None = None
    decision: Decision | None = None
    met: str | None = None
    metrics: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One line on standard output: how far it is, or how it ended."""

    done: int | None = None
    note: str | None = None
    outcome: Outcome | None = None
    error: str | None = None
    permanent: bool = False
