"""The probes as a newer version has them: one actor more; `dramatiq tests.jobs.newer_probes` serves them."""

import time

from sqlalchemy import text

from tests.jobs import probes
from tutormax.jobs import Job, actor

__all__ = ["leave_mark_anew", "probes"]


@actor(queue=probes.QUEUE, time_limit=30)
def leave_mark_anew(job: Job, mark: str, seconds: float) -> None:
    """Leave a mark in a way that older workers do not know."""
    job.connection.execute(
        text("insert into effects (mark, fence) values (:mark, :fence)"), {"mark": mark, "fence": job.lease.fence}
    )
    time.sleep(seconds)
