"""What the exporter reads: the queues of the broker, and one read-only transaction of PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine

from tutormax import broker, db, queries, servers
from tutormax.broker import Carrier, Queue
from tutormax.registration import this_host
from tutormax.servers import Endpoints

# A statement that takes longer is given up; a whole transaction has half a dozen.
STATEMENT_SECONDS = 2.0
# The population is counted once a minute, whoever asks, and may take its time.
COUNTING_SECONDS = 30.0
MOST_SCHEDULES = 100
MOST_FEATURES = 25

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one transaction saw."""

    depths: Rows
    schedules: Rows
    processes: Rows
    models: Rows
    drift: Rows
    outcomes: Rows
    operator_actions: Rows
    breakers: Rows


class Stores:
    """Connections of the exporter's own, made on first use."""

    def endpoints(self) -> Endpoints:
        """Return where the stores are."""
        return servers.endpoints()

    @cached_property
    def engine(self) -> Engine:
        """Read-only, and quick to give up."""
        return self._connect(STATEMENT_SECONDS)

    @cached_property
    def patient_engine(self) -> Engine:
        """Read-only, for the one question that reads every tutor."""
        return self._connect(COUNTING_SECONDS)

    @cached_property
    def carrier(self) -> Carrier:
        """The broker, and quick to give up."""
        return broker.open_carrier(self.endpoints().broker_url, answer_seconds=1, name="tutormax-exporter")

    def close(self) -> None:
        """Close what was made."""
        for made in ("engine", "patient_engine"):
            if made in self.__dict__:
                self.__dict__[made].dispose()
        if "carrier" in self.__dict__:
            self.carrier.close()

    def _connect(self, seconds: float) -> Engine:
        return db.connect(
            self.endpoints().database_url,
            application="tutormax exporter",
            statement_timeout_seconds=seconds,
            read_only=True,
        )

    def doorbells(self) -> dict[str, int]:
        """Return how many doorbells wait on each queue."""
        return dict(self.carrier.waiting(list(Queue)))

    def ledger(self) -> Ledger:
        """Return everything that is read at every scrape."""
        with self.engine.connect() as connection:
            return Ledger(
                depths=_rows(connection, "queue_depths"),
                schedules=_rows(connection, "schedules", most=MOST_SCHEDULES + 1),
                processes=_rows(connection, "processes", host=this_host()),
                models=_rows(connection, "models"),
                drift=_rows(connection, "drift", most=MOST_FEATURES),
                outcomes=_rows(connection, "outcomes"),
                operator_actions=_rows(connection, "operator_actions"),
                breakers=_rows(connection, "breakers"),
            )

    def processes(self) -> Rows:
        """Return who is there."""
        with self.engine.connect() as connection:
            return _rows(connection, "processes", host=this_host())

    def tutors(self) -> Rows:
        """Return the tutors by tier and risk."""
        with self.patient_engine.connect() as connection:
            return _rows(connection, "tutors")


def _rows(connection: Connection, name: str, **bound: object) -> Rows:
    return [dict(row) for row in connection.execute(queries.load(f"exporter/{name}"), bound).mappings()]
