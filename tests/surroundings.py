"""The environment of this process and its children, changed for a while, with all that was read of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from types import ModuleType

import pytest

from tutormax import db, servers, settings


@contextmanager
def environment(**changes: str) -> Iterator[None]:
    """Change the environment, and with it what this process has read of it, for a while."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    _forget()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        _forget()


def _forget() -> None:
    # To dispose of connections to embedded servers would start them.
    if "DATABASE_URL" in os.environ or not servers.is_embedded(settings.current()):
        db.dispose()
    settings.current.cache_clear()


def a_day_ahead(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """Let the clock that a module reads be a day ahead of the database's."""
    ahead(monkeypatch, module, timedelta(days=1))


def ahead(monkeypatch: pytest.MonkeyPatch, module: ModuleType, by: timedelta) -> None:
    """Let the clock that a module reads be ahead of the database's, or behind it by a negative span."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one, that can be stored
            return datetime.now(tz) + by

    # Who does not look at it has no such name.
    monkeypatch.setattr(module, "datetime", Wrong, raising=False)
