"""The ledger: a job is a row in PostgreSQL, and the message that Redis carries is only its doorbell.

caller's transaction ── insert ── commit ── ring ──▶ worker
worker: lease (attempt + fence, database time) ▶ work ▶ effect and completion in one transaction, fenced
relay: rings again for every job that is due and not leased
"""

from tutormax.jobs.actor import JobActor, actor, declared, minutes
from tutormax.jobs.arguments import InvalidArgumentsError
from tutormax.jobs.job import Job
from tutormax.jobs.requests import Request, insert

__all__ = ["InvalidArgumentsError", "Job", "JobActor", "Request", "actor", "declared", "insert", "minutes"]
