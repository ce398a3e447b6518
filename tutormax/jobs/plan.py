"""How jobs of one actor are run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tutormax.jobs import limits as limiting
from tutormax.jobs.arguments import Arguments


@dataclass(frozen=True, slots=True)
class Plan:
    """Which function does them, how it reads their arguments, and how long, how often and beside whom it may run."""

    function: Callable[..., Any]
    arguments: Arguments
    time_limit_seconds: float
    max_retries: int | None
    limit: limiting.Limiter = limiting.unlimited
