"""The PostgreSQL and the broker of this process: those that the settings name, or embedded ones started on demand."""

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

__all__ = [
    "Endpoints",
    "ServerStartError",
    "embedded",
    "endpoints",
    "endpoints_for",
    "is_embedded",
    "notice",
    "program",
]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the two servers answer: a SQLAlchemy URL, and the URL of what carries doorbells."""

    database_url: str
    broker_url: str


def endpoints() -> Endpoints:
    """Return where this process finds its servers; embedded ones are held until it exits."""
    # Here, because the supervisor imports this package too, and is up sooner without pydantic.
    from tutormax import settings  # noqa: PLC0415

    return endpoints_for(settings.current())


def endpoints_for(settings: Settings) -> Endpoints:
    """Return the servers that given settings name, and embedded ones for those that they do not."""
    urls = {"postgres": settings.external_database_url}
    urls["valkey"] = settings.external_broker_url
    named = {name: url for name, url in urls.items() if url is not None}
    needed = tuple(name for name in urls if name not in named)
    served = named | _held.urls(settings.data_dir, needed) if needed else named
    return Endpoints(served["postgres"], served["valkey"])


def is_embedded(settings: Settings) -> bool:
    """Tell whether the database is ours, so that it may be migrated without being asked."""
    return settings.external_database_url is None


def notice(settings: Settings) -> str:
    """Return what a command says before it acts on an embedded database: another may have been meant; else nothing."""
    if not is_embedded(settings):
        return ""
    return f"Nothing names a PostgreSQL: this is the embedded one of {settings.data_dir.absolute()}."


@contextmanager
def embedded(data_dir: Path) -> Iterator[Endpoints]:
    """Hold the embedded servers of one directory; whoever leaves last returns when they have stopped."""
    link = attach(data_dir, ("postgres", "valkey"))
    try:
        yield Endpoints(link.urls["postgres"], link.urls["valkey"])
    finally:
        link.leave()


def program(name: str) -> Path:
    """Return one of the programs that come with the embedded PostgreSQL; raise ServerStartError without it."""
    # Here, because the supervisor's other clients need none of it.
    from tutormax.servers.postgres import binaries  # noqa: PLC0415

    return binaries() / name


class _Held:
    """The links that this process keeps until it exits; a forked child inherits them."""

    def __init__(self) -> None:
        self.links: dict[tuple[Path, tuple[str, ...]], Link] = {}
        self.lock = threading.Lock()
        # Another thread may hold the lock while this one forks, and does not exist in the child.
        os.register_at_fork(after_in_child=self._unlock)

    def urls(self, data_dir: Path, needed: tuple[str, ...]) -> dict[str, str]:
        """Return where the needed servers answer, and hold them."""
        with self.lock:
            link = self.links.get((data_dir, needed))
            # Looked at every time: when the supervisor was killed, the next who asks brings the servers back.
            if link is not None and not link.alive():
                link.close()
                link = None
            self.links[data_dir, needed] = link = link or attach(data_dir, needed)
            return link.urls

    def _unlock(self) -> None:
        self.lock = threading.Lock()


_held = _Held()
