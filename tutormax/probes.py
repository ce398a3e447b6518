"""Probes: whether the stores answer, asked so that one that hangs holds nobody up."""

import time
from collections.abc import Mapping
from functools import cached_property

import redis
from sqlalchemy import Engine, text

from tutormax import db, servers
from tutormax.attempt import Attempt

ANSWER_SECONDS = 1.0


class Stores:
    """PostgreSQL and Redis, asked both at once."""

    def __init__(self) -> None:
        self._attempts = (Attempt("postgresql", self._ask_database), Attempt("redis", self._ask_redis))

    def ready(self) -> tuple[bool, Mapping[str, str]]:
        """Tell whether both answer within a second, and what is wrong with the one that does not."""
        end = time.monotonic() + ANSWER_SECONDS
        for attempt in self._attempts:
            attempt.start()
        answers = {attempt.name: _answer(attempt, end - time.monotonic()) for attempt in self._attempts}
        return all(answer == "ok" for answer in answers.values()), answers

    def close(self) -> None:
        """Close what was opened."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
        if "_client" in self.__dict__:
            self._client.close()

    # Connections of their own: a pool that the work has used up must not make a process look ill.
    @cached_property
    def _engine(self) -> Engine:
        return db.connect(servers.endpoints().database_url, application="tutormax probe", statement_timeout_seconds=1)

    @cached_property
    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(servers.endpoints().redis_url, socket_timeout=1, socket_connect_timeout=1)

    def _ask_database(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(text("select 1"))

    def _ask_redis(self) -> None:
        self._client.ping()


def _answer(attempt: Attempt[None], seconds: float) -> str:
    try:
        attempt.result(seconds)
    except Exception as error:  # noqa: BLE001  # whatever it is, the store is not ready
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return "ok"
