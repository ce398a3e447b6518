"""The load: jobs of every script at a steady pace, entered into the sender's own books."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.faults.storm import actors
from tests.faults.storm.books import Books, Script
from tutormax import db, jobs
from tutormax.broker import Queue
from tutormax.db import Begin
from tutormax.following import UnknownJobError
from tutormax.jobs import Request, operations

# Of a hundred jobs so many follow each script.
MIX = {
    Script.PLAIN: 51,
    Script.LIGHT: 20,
    Script.SLOW: 10,
    Script.STUMBLING: 5,
    Script.HOPELESS: 2,
    Script.SENDING: 4,
    Script.PIECES: 3,
    Script.LATER: 3,
    Script.KEYED: 2,
}
MOST_AT_ONCE = 20
KEYS = 5
# One job among so many is cancelled by hand.
WITHDRAWN_EVERY, WITHDRAWN_TRIES, OPERATOR = 200, 300, "the storm's operator"
AWAY_SECONDS = 0.2
# More than so many that wait are the workers' affair, not the storm's.
MOST_WAITING = 3000
LOOK_SECONDS = 0.5
# A system that takes the load no faster than this has failed.
PATIENCE, PATIENCE_SECONDS = 3, 60.0


@dataclass(slots=True)
class Producer:
    """Sends a number of jobs within some seconds, as far as the system takes them."""

    seed: int
    jobs: int
    seconds: float
    waiting: Callable[[], int]
    books: Books = field(default_factory=Books)
    begin: Begin = db.transaction
    sent: int = 0
    stopped: bool = False

    @property
    def lists(self) -> Sequence[str]:
        """The Redis keys where doorbells wait."""
        return [f"tutormax:doorbells:{queue}" for queue in (Queue.DEFAULT, Queue.PREDICTION, Queue.EVALUATION)]

    def share(self) -> float:
        """Return how much of the load is accepted."""
        return len(self.books.accepted) / self.jobs

    def given_up(self) -> bool:
        """Tell whether no more is sent."""
        return self.stopped

    def run(self) -> None:
        """Send until enough is accepted."""
        chance = random.Random(self.seed)  # noqa: S311 - nothing secret
        started, looked = time.monotonic(), 0.0
        pace = self.jobs / self.seconds
        end = started + PATIENCE * self.seconds + PATIENCE_SECONDS
        while len(self.books.accepted) < self.jobs and (now := time.monotonic()) < end:
            if now - looked > LOOK_SECONDS:
                looked = now
                if self._too_many_wait():
                    time.sleep(LOOK_SECONDS)
                    continue
            ahead = len(self.books.accepted) / pace - (time.monotonic() - started)
            if ahead > 0:
                time.sleep(min(ahead, 1.0))
            self._send(self._drawn(chance, chance.randint(1, MOST_AT_ONCE)))
            if len(self.books.accepted) >= WITHDRAWN_EVERY * (len(self.books.withdrawn) + 1):
                self._withdraw()
        self.stopped = True

    def _too_many_wait(self) -> bool:
        try:
            return self.waiting() > MOST_WAITING
        except SQLAlchemyError:
            return False

    def burst(self) -> int:
        """Send many jobs at once."""
        number = min(2000, self.jobs // 20)
        chance = random.Random(self.seed + len(self.books.accepted))  # noqa: S311 - nothing secret
        self._send([(UUID(int=chance.getrandbits(128), version=4), Script.PLAIN, 0.0) for _ in range(number)])
        return number

    def poison(self) -> None:
        """Send a job that kills whoever works on it."""
        chance = random.Random(self.seed - len(self.books.accepted))  # noqa: S311 - nothing secret
        self._send([(UUID(int=chance.getrandbits(128), version=4), Script.POISON, 0.0)])

    def _withdraw(self) -> None:
        """Send a job for later and cancel it as an operator does, however often that must be tried."""
        job_id = UUID(int=random.Random(f"{self.seed} {len(self.books.withdrawn)}").getrandbits(128), version=4)  # noqa: S311
        reason = f"nobody wants {job_id}"
        later = replace(actors.plain.request(), job_id=job_id, run_at=datetime.now(UTC) + timedelta(hours=1))
        try:
            with self.begin() as connection:
                jobs.insert(connection, [later])
        except SQLAlchemyError:
            # It may be there all the same, and would wait for an hour.
            time.sleep(AWAY_SECONDS)
        for _ in range(WITHDRAWN_TRIES):
            try:
                with self.begin() as connection:
                    operations.cancel(connection, job_id, who=OPERATOR, reason=reason)
            except UnknownJobError:
                return
            except SQLAlchemyError:
                time.sleep(AWAY_SECONDS)
            else:
                self.books.withdrawn[job_id] = reason
                return

    @staticmethod
    def _drawn(chance: random.Random, count: int) -> list[tuple[UUID, Script, float]]:
        scripts = chance.choices(list(MIX), list(MIX.values()), k=count)
        return [(UUID(int=chance.getrandbits(128), version=4), script, chance.random()) for script in scripts]

    def _send(self, drawn: Sequence[tuple[UUID, Script, float]]) -> None:
        named = [(job_id, script) for job_id, script, _ in drawn]
        requests = [request_of(*one) for one in drawn]
        asked_at = 0.0
        try:
            with self.begin() as connection:
                ids = jobs.insert(connection, requests)
                asked_at = connection.execute(text("select extract(epoch from clock_timestamp())")).scalar_one()
        except SQLAlchemyError:
            self.books.doubt(named)
            time.sleep(AWAY_SECONDS)
            return
        self.books.accept(one for one in named if one[1] is not Script.KEYED)
        # Of several with one key there may be one job: its id came back, and its effect is every asker's.
        known = {job_id for job_id, script in named if script is not Script.KEYED}
        with self.books.lock:
            self.books.keyed += [(job_id, float(asked_at)) for job_id in ids if job_id not in known]


def request_of(job_id: UUID, script: Script, strength: float) -> Request:
    """Return the job of a script."""
    match script:
        case Script.LIGHT:
            made = actors.light.request()
        case Script.SLOW:
            made = actors.slow.request(0.05 + 0.25 * strength)
        case Script.STUMBLING:
            made = actors.stumbling.request(1 + int(2 * strength))
        case Script.HOPELESS:
            made = actors.hopeless.request()
        case Script.SENDING:
            made = actors.sending.request()
        case Script.PIECES:
            made = actors.pieces.request(0.05 + 0.1 * strength)
        case Script.LATER:
            made = replace(actors.plain.request(), run_at=datetime.now(UTC) + timedelta(seconds=5 * strength))
        case Script.KEYED:
            made = replace(actors.keyed.request(), key=f"key {int(KEYS * strength)}")
        case Script.POISON:
            made = actors.poison.request()
        case _:
            made = actors.plain.request()
    return replace(made, job_id=job_id)
