"""Every metric, one declaration each.

A process keeps its own registry and answers on its own port; nothing is shared through files. Names, labels and units
are those of the operator's dashboards, so a rename here is a change for whoever runs TutorMax.
"""

from tutormax.catalogue import Bounded, Kind, Process, counter, exported, gauge, histogram, planned

WORKER = (Process.WORKER,)
SCHEDULER = (Process.SCHEDULER,)
ENQUEUING = (Process.WORKER, Process.SCHEDULER)
ALL = tuple(Process)

# From a scoring of milliseconds to a nightly training.
RUN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
# From an idle worker's wake-up to a queue that nobody serves.
WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
# Around the promise of an hour, which must be a bucket of its own.
INSIGHT_BUCKETS = (60, 300, 600, 900, 1200, 1800, 2400, 3000, 3600, 5400, 7200, 14400, 86400)

# What happens around every message.
MESSAGES = counter(
    "dramatiq_messages_total",
    "Attempts finished, by outcome: success, retry, dead, cancelled, released, lost; skipped: nothing was to be done.",
    ("queue_name", "actor_name", "outcome"),
    by=WORKER,
)
MESSAGE_ERRORS = counter(
    "dramatiq_message_errors_total", "Attempts that raised.", ("queue_name", "actor_name"), by=WORKER
)
MESSAGE_RETRIES = counter(
    "dramatiq_message_retries_total", "Attempts that will be repeated.", ("queue_name", "actor_name"), by=WORKER
)
MESSAGE_REJECTS = counter(
    "dramatiq_message_rejects_total", "Jobs moved to the dead letters.", ("queue_name", "actor_name"), by=WORKER
)
MESSAGES_INPROGRESS = gauge(
    "dramatiq_messages_inprogress", "Attempts running in this process.", ("queue_name", "actor_name"), by=WORKER
)
MESSAGE_DURATION = histogram(
    "dramatiq_message_duration_seconds",
    "Run time of one attempt; exemplars carry trace_id and job_id.",
    ("queue_name", "actor_name"),
    by=WORKER,
    buckets=RUN_BUCKETS,
)
MESSAGE_WAIT = histogram(
    "dramatiq_message_wait_seconds",
    "From due to started, deliberate delay not counted.",
    ("queue_name",),
    by=WORKER,
    buckets=WAIT_BUCKETS,
)
MESSAGES_LATE = counter(
    "dramatiq_messages_late_total", "Attempts started later than the queue's target wait.", ("queue_name",), by=WORKER
)
MESSAGES_ENQUEUED = counter(
    "dramatiq_messages_enqueued_total",
    "Doorbells pushed: for a new job, a retry, a delayed or requeued job, a recovery, or again for one that was lost.",
    ("queue_name", "actor_name", "reason"),
    by=ENQUEUING,
)
MESSAGE_EXCEPTIONS = counter(
    "dramatiq_message_exceptions_total",
    "Attempts that raised, by exception class; 20 classes of a process have names, the rest are other.",
    ("actor_name", "exception"),
    by=WORKER,
)
MESSAGES_MALFORMED = counter(
    "tutormax_messages_malformed_total",
    "Messages put aside because they are no doorbells.",
    ("queue_name",),
    by=WORKER,
)
TENANT_MESSAGES = counter(
    "tutormax_tenant_messages_total",
    "Attempts by organization: its id, none, or other beyond the first 50 of a process.",
    ("tenant", "outcome"),
    by=WORKER,
)

JOBS_HELD_BACK = counter(
    "tutormax_jobs_held_back_total",
    "Starts put off by a limit: actor_running, actor_pace, organization_running, organization_pace.",
    ("queue_name", "actor_name", "limit"),
    by=WORKER,
)
BREAKER_CALLS = counter(
    "tutormax_breaker_calls_total",
    "Calls of what is outside: answered, failed, or refused because it had failed too often.",
    ("breaker", "outcome"),
    by=WORKER,
)

# The worker process.
WORKER_THREADS = gauge("dramatiq_worker_threads", "Worker threads of this process.", by=WORKER)
WORKER_QUEUE_INFO = gauge(
    "dramatiq_worker_queue_info", "1 for each queue this process consumes.", ("queue_name",), by=WORKER
)
WORKER_LAST_POLL = gauge(
    "dramatiq_worker_last_poll_timestamp_seconds",
    "When the consumer that is furthest behind last went round its loop.",
    by=WORKER,
)
WORKER_INFO = gauge("dramatiq_worker_info", "Build and process facts.", ("version", "python", "pid"), by=WORKER)

# The scheduler process.
SCHEDULER_HEARTBEAT = gauge(
    "tutormax_scheduler_heartbeat_timestamp_seconds", "Last loop of this scheduler.", by=SCHEDULER
)
SCHEDULER_LAST_SUCCESS = gauge(
    "tutormax_scheduler_last_success_timestamp_seconds",
    "When a task of this scheduler, tick or relay, last ended well; its start, before the first time.",
    ("task",),
    by=SCHEDULER,
)
SCHEDULER_LAG = histogram(
    "tutormax_scheduler_lag_seconds", "Actual minus planned emission time.", by=SCHEDULER, buckets=WAIT_BUCKETS
)
SCHEDULE_EMISSIONS = counter(
    "tutormax_schedule_emissions_total", "Emissions, by result: ok, error.", ("schedule", "result"), by=SCHEDULER
)

# The queues, read from the ledger and from the broker.
QUEUE_MESSAGES = exported(
    "dramatiq_queue_messages",
    "Jobs by state: ready, in_flight, delayed (due later) and dead.",
    ("queue_name", "state"),
)
QUEUE_OLDEST_AGE = exported(
    "dramatiq_queue_oldest_message_age_seconds",
    "How long the oldest job has been due (ready), has been running (in_flight) or dead; 0 when there is none.",
    ("queue_name", "state"),
)
QUEUE_DOORBELLS = exported("tutormax_queue_doorbells", "Doorbells that wait in the broker.", ("queue_name",))
QUEUE_INFO = exported("tutormax_queue_info", "1 for each configured queue.", ("queue_name", "tier"))
QUEUE_TARGET_WAIT = exported(
    "tutormax_queue_target_wait_seconds", "How long a due job of the queue may wait.", ("queue_name",)
)
QUEUE_TARGET_LOAD = exported(
    "tutormax_queue_target_messages_per_process", "Running and ready jobs that one process is for.", ("queue_name",)
)
BROKER_UP = exported("dramatiq_broker_up", "1 if the last read of the broker worked.")
BROKER_READ_DURATION = exported("dramatiq_broker_read_duration_seconds", "Time of the last read of the broker.")
DATABASE_UP = exported("tutormax_database_up", "1 if the last read of PostgreSQL worked.")
DATABASE_READ_DURATION = exported("tutormax_database_read_duration_seconds", "Time of the last read of PostgreSQL.")
WORKER_PROCESSES = exported(
    "dramatiq_worker_processes",
    "Registered worker processes: up, draining, or lost, which is silent without having stopped.",
    ("service", "state"),
)
PROCESSES_WITHOUT_METRICS = exported(
    "tutormax_processes_without_metrics",
    "Registered processes that nobody can scrape: no metrics port was free, or it is one of another host's loopback.",
    ("service",),
)
CANARY_LAST_SUCCESS = exported(
    "tutormax_canary_last_success_timestamp_seconds",
    "When the last end-to-end canary of a queue finished.",
    ("queue_name",),
)
CANARY_LATENCY = histogram(
    "tutormax_canary_latency_seconds",
    "From a canary's row in the ledger to the end of its work.",
    ("queue_name",),
    by=WORKER,
    buckets=WAIT_BUCKETS,
)
DEAD_LETTER_ACTIONS = exported(
    "tutormax_dead_letter_actions_total",
    "What operators did with jobs: cancel, requeue, drop; from the audit log.",
    ("action",),
    kind=Kind.COUNTER,
)

BREAKER_OPEN = exported(
    "tutormax_breaker_open", "1 while something outside is left alone because it failed too often.", ("breaker",)
)

# The timetable, read from the ledger.
SCHEDULE_PAUSED = exported("tutormax_schedule_paused", "1 while a schedule is paused.", ("schedule",))
SCHEDULE_NEXT_FIRE = exported("tutormax_schedule_next_fire_timestamp_seconds", "Next planned emission.", ("schedule",))
SCHEDULE_LAST_FIRE = exported("tutormax_schedule_last_fire_timestamp_seconds", "Last emission.", ("schedule",))
SCHEDULE_LAST_START = exported(
    "tutormax_schedule_last_start_timestamp_seconds", "Last start by a worker.", ("schedule",)
)
SCHEDULE_UNSTARTED = exported(
    "tutormax_schedule_unstarted", "1 while the newest slot's job waits and no worker has begun it.", ("schedule",)
)
SCHEDULE_LAST_SUCCESS = exported(
    "tutormax_schedule_last_success_timestamp_seconds",
    "Last successful completion, whether the timetable or an operator had asked.",
    ("schedule",),
)
SCHEDULE_DEADLINE = exported(
    "tutormax_schedule_deadline_timestamp_seconds",
    "Time by which the next success must exist: the first slot after the last success, and what a run may take.",
    ("schedule",),
)
SCHEDULE_LAST_DURATION = exported(
    "tutormax_schedule_last_duration_seconds", "Run time of the last successful run.", ("schedule",)
)
SCHEDULE_FAILURES = exported(
    "tutormax_schedule_consecutive_failures", "Runs that died or expired since the last success.", ("schedule",)
)

# The stages.
INSIGHT_LATENCY = histogram(
    "tutormax_insight_latency_seconds",
    "From a session's end to the tutor's metrics, by stage: ingest (until we knew), evaluate (until it was judged), "
    "publish (until that was committed), total.",
    ("stage",),
    by=WORKER,
    buckets=INSIGHT_BUCKETS,
)
SESSIONS_INGESTED = counter(
    "tutormax_sessions_ingested_total", "Sessions accepted, by source: generation, ingest.", ("source",), by=WORKER
)
SESSIONS_REJECTED = counter(
    "tutormax_sessions_rejected_total",
    "Sessions refused by validation, with their own row or with their whole file.",
    ("reason",),
    by=WORKER,
)
PREDICTIONS = counter("tutormax_predictions_total", "Predictions written.", ("model", "risk_level"), by=WORKER)
PREDICTIONS_SUBSTITUTED = counter(
    "tutormax_predictions_substituted_total",
    "Predictions written by an earlier model or the rule, because the champion could not be loaded.",
    ("model",),
    by=WORKER,
)
TUTORS = exported(
    "tutormax_tutors",
    "Active tutors by 30-day tier and churn risk; none: not judged or not scored yet.",
    ("tier", "risk_level"),
)
MODEL_INFO = exported("tutormax_model_info", "1 for each model in service.", ("model", "version", "algorithm"))
MODEL_TRAINED = exported(
    "tutormax_model_trained_timestamp_seconds", "When the model in service was trained.", ("model",)
)
MODEL_AUC = exported(
    "tutormax_model_auc_ratio",
    "ROC AUC at 30 days: of the model in service on weeks that it had not seen (holdout), and of the newest week of "
    "predictions whose outcomes are all known (live).",
    ("model", "dataset"),
)
MODEL_BRIER = exported("tutormax_model_brier_score_ratio", "Brier score at 30 days.", ("model", "dataset"))
MODEL_FEATURE_PSI = exported(
    "tutormax_model_feature_psi",
    "Population stability index of a feature against the validation weeks; the 25 that moved furthest last night.",
    ("model", "feature"),
)
MODEL_SCORE_PSI = exported(
    "tutormax_model_score_psi",
    "Population stability index of the scores against the validation weeks, measured last night.",
    ("model",),
)

# The metrics themselves.
LABEL_OVERFLOW = counter(
    "tutormax_metrics_label_overflow_total", "Label values folded into other.", ("metric",), by=ALL
)
METRICS_FAULTS = counter(
    "tutormax_metrics_faults_total",
    "Errors inside the instrumentation, and readers that were hung up on; the work itself went on.",
    by=ALL,
)

# Named in the dashboards' plan, and without a source in the product today.
planned(
    "dramatiq_worker_delayed_messages",
    Kind.GAUGE,
    "Delayed messages held in a worker's memory.",
    ("queue_name",),
    waits_for="nothing: a delayed job is a row, dramatiq_queue_messages with state delayed; no worker holds any",
)
planned(
    "tutormax_queue_dead_message_ttl_seconds",
    Kind.GAUGE,
    "How long dead letters are kept.",
    ("queue_name",),
    waits_for="a retention of dead letters: they are kept until an operator decides on them",
)
planned(
    "tutormax_queue_paused",
    Kind.GAUGE,
    "1 while an operator has paused the queue.",
    ("queue_name",),
    waits_for="pausing a queue: schedules can be paused, queues cannot",
)
planned(
    "tutormax_scheduler_leader",
    Kind.GAUGE,
    "1 if this scheduler holds the lead.",
    waits_for="nothing: there is no leader, a due slot is a unique row and any number of schedulers may run",
)
planned(
    "tutormax_interventions",
    Kind.GAUGE,
    "Interventions open or closed.",
    ("type", "status"),
    waits_for="the table of interventions",
)
planned(
    "tutormax_interventions_overdue",
    Kind.GAUGE,
    "Interventions past their due time.",
    ("type",),
    waits_for="the table of interventions",
)
planned(
    "tutormax_emails_total",
    Kind.COUNTER,
    "Mails handed to the relay.",
    ("template", "result"),
    waits_for="notifications by mail",
)
planned(
    "http_requests_total",
    Kind.COUNTER,
    "HTTP requests by route template.",
    ("method", "route", "status"),
    waits_for="an API",
)
planned("http_request_duration_seconds", Kind.HISTOGRAM, "HTTP latency.", ("method", "route"), waits_for="an API")

exception_label = Bounded("dramatiq_message_exceptions_total", 20, LABEL_OVERFLOW)
tenant_label = Bounded("tutormax_tenant_messages_total", 50, LABEL_OVERFLOW)
