"""Where tasks tell when they began: a list in the Redis that all engines share."""

import os
from functools import lru_cache
from typing import Any

import redis

LIST = "benchmark:began"


@lru_cache
def client() -> redis.Redis:
    """Return this process's connection."""
    return redis.Redis.from_url(os.environ["REDIS_URL"])


def told(at: float) -> None:
    """Tell when a task began."""
    client().rpush(LIST, str(at))


def heard() -> float:
    """Wait for a task to begin; return when it did."""
    answer: Any = client().blpop([LIST], timeout=30)
    return float(answer[1])
