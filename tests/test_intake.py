"""What a command took in is counted by a worker, once."""

from sqlalchemy import Connection, select

from actors.default import count_ingested_sessions
from tests.faults.harness import eventually
from tutormax import db, intake
from tutormax.catalogue import Process, registry
from tutormax.jobs import ring
from tutormax.tables import jobs


def counted() -> list[float]:
    worker = registry(Process.WORKER)
    return [
        worker.get_sample_value("tutormax_sessions_ingested_total", {"source": "ingest"}) or 0,
        worker.get_sample_value("tutormax_sessions_rejected_total", {"reason": "row"}) or 0,
        worker.get_sample_value("tutormax_sessions_rejected_total", {"reason": "file"}) or 0,
    ]


def test_the_core_knows_the_actor_by_its_right_name() -> None:
    assert (count_ingested_sessions.actor_name, count_ingested_sessions.queue_name) == (intake.ACTOR, intake.QUEUE)


def test_a_file_without_sessions_needs_no_counting(connection: Connection) -> None:
    intake.tell(connection)

    assert connection.execute(select(jobs)).all() == []


def test_a_worker_counts_what_was_told_once_it_is_committed(database: str) -> None:
    assert database
    ring.use(None)
    before = counted()
    with db.transaction() as connection:
        intake.tell(connection, accepted=5, refused_rows=2)
        intake.tell(connection, refused_with_file=9)

    with db.transaction() as connection:
        told = list(connection.execute(select(jobs.c.job_id)).scalars())
    for job in told * 2:
        count_ingested_sessions.answer(str(job))

    eventually(lambda: [now - then for now, then in zip(counted(), before, strict=True)] == [5, 2, 9])
