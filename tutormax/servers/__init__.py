"""The PostgreSQL and the Redis of this process: those that were named, or embedded ones started on demand."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutormax.servers.link import Link, attach
from tutormax.servers.program import ServerStartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tutormax.settings import Settings

__all__ = ["Endpoints", "ServerStartError", "embedded", "endpoints", "is_embedded"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the two servers answer: a SQLAlchemy URL and a redis-py URL."""

    database_url: str
    redis_url: str


class _Held:
    """What this process holds on to until it exits; a forked child inherits the hold."""

    link: Link | None = None
    lock = threading.Lock()


def _unlock_in_child() -> None:
    # Another thread may have held it at the moment of the fork, and does not exist in the child.
    _Held.lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock_in_child)


def endpoints() -> Endpoints:
    """Return where this process finds its servers, starting embedded ones where none is named in the settings."""
    # Here, because the supervisor imports this package too and is up sooner without pydantic.
    from tutormax import settings  # noqa: PLC0415

    return endpoints_for(settings.current())


def endpoints_for(settings: Settings) -> Endpoints:
    """Return the servers that given settings name, and embedded ones for those they do not name."""
    database_url = settings.external_database_url
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    missing = {"postgres": database_url, "valkey": redis_url}
    needed = [name for name, url in missing.items() if url is None]
    served = _hold(settings.data_dir, needed).urls if needed else {}
    return Endpoints(database_url or served["postgres"], redis_url or served["valkey"])


def is_embedded(settings: Settings) -> bool:
    """Tell whether the database is one of ours, so that we may migrate it without being asked."""
    return settings.external_database_url is None


@contextmanager
def embedded(data_dir: Path) -> Iterator[Endpoints]:
    """Hold on to the embedded servers of one directory; the last one to leave waits until they have stopped."""
    link = attach(data_dir, ["postgres", "valkey"])
    try:
        yield Endpoints(link.urls["postgres"], link.urls["valkey"])
    finally:
        link.leave()


def _hold(data_dir: Path, needed: list[str]) -> Link:
    with _Held.lock:
        # Looked at on every call: after a crash of the supervisor the next caller brings the servers back.
        if _Held.link is None or not _Held.link.alive() or not _Held.link.serves(data_dir, needed):
            if _Held.link is not None:
                _Held.link.close()
            _Held.link = attach(data_dir, needed)
        return _Held.link
