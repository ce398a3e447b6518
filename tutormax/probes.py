"""Probes: whether the stores answer, asked so that one that hangs holds nobody up."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from functools import cached_property

from sqlalchemy import Engine

from tutormax import broker, db, schema, servers
from tutormax.attempt import Attempt
from tutormax.broker import Carrier

ANSWER_SECONDS = 1.0


class Stores:
    """PostgreSQL and the broker, asked both at once."""

    def __init__(self) -> None:
        self._attempts = (Attempt("postgresql", self._ask_database), Attempt("broker", self._ask_broker))

    def ready(self) -> tuple[bool, Mapping[str, str]]:
        """Tell whether both answer within a second, and what is wrong with the one that does not."""
        end = time.monotonic() + ANSWER_SECONDS
        begun = [(attempt, attempt.start()) for attempt in self._attempts]
        answers = {attempt.name: _answer(attempt, call, end - time.monotonic()) for attempt, call in begun}
        return all(answer == "ok" for answer in answers.values()), answers

    def close(self) -> None:
        """Close what was opened."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
        if "_carrier" in self.__dict__:
            self._carrier.close()

    # Connections of their own: a pool that the work has used up must not make a process look ill.
    @cached_property
    def _engine(self) -> Engine:
        return db.connect(servers.endpoints().database_url, application="tutormax probe", statement_timeout_seconds=1)

    @cached_property
    def _carrier(self) -> Carrier:
        url = servers.endpoints().broker_url
        return broker.open_carrier(url, answer_seconds=ANSWER_SECONDS, name="tutormax-probe")

    def _ask_database(self) -> None:
        with self._engine.connect() as connection:
            schema.check(connection)

    def _ask_broker(self) -> None:
        self._carrier.ping()


def _answer(attempt: Attempt[None], begun: Future[None], seconds: float) -> str:
    try:
        attempt.result(seconds, begun)
    except Exception as error:  # noqa: BLE001  # whatever it is, the store is not ready
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return "ok"
