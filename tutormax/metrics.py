"""Every metric, one declaration each.

A process keeps its own registry and answers on its own port; nothing is shared through files. Names, labels and units
are those of the operator's dashboards, so a rename here is a change for whoever runs TutorMax.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# From a scoring of milliseconds to a nightly training.
RUN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
# From an idle worker's wake-up to a queue that nobody serves.
WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

# What happens around every message.
MESSAGES = Counter(
    "dramatiq_messages_total",
    "Attempts finished, by outcome.",
    ("queue_name", "actor_name", "outcome"),
    registry=REGISTRY,
)
MESSAGE_ERRORS = Counter(
    "dramatiq_message_errors_total", "Attempts that raised.", ("queue_name", "actor_name"), registry=REGISTRY
)
MESSAGE_RETRIES = Counter(
    "dramatiq_message_retries_total", "Attempts that will be repeated.", ("queue_name", "actor_name"), registry=REGISTRY
)
MESSAGE_REJECTS = Counter(
    "dramatiq_message_rejects_total", "Jobs moved to the dead letters.", ("queue_name", "actor_name"), registry=REGISTRY
)
MESSAGES_INPROGRESS = Gauge(
    "dramatiq_messages_inprogress",
    "Attempts running in this process.",
    ("queue_name", "actor_name"),
    registry=REGISTRY,
)
MESSAGE_DURATION = Histogram(
    "dramatiq_message_duration_seconds",
    "Run time of one attempt.",
    ("queue_name", "actor_name"),
    buckets=RUN_BUCKETS,
    registry=REGISTRY,
)
MESSAGE_WAIT = Histogram(
    "dramatiq_message_wait_seconds",
    "From due to started, deliberate delay not counted.",
    ("queue_name",),
    buckets=WAIT_BUCKETS,
    registry=REGISTRY,
)
MESSAGES_ENQUEUED = Counter(
    "dramatiq_messages_enqueued_total",
    "Doorbells pushed by this process.",
    ("queue_name", "actor_name", "reason"),
    registry=REGISTRY,
)
MESSAGE_EXCEPTIONS = Counter(
    "dramatiq_message_exceptions_total",
    "Attempts that raised, by exception class.",
    ("actor_name", "exception"),
    registry=REGISTRY,
)
MESSAGES_MALFORMED = Counter(
    "tutormax_messages_malformed_total",
    "Messages put aside because they are no doorbells.",
    ("queue_name",),
    registry=REGISTRY,
)

# The worker process.
WORKER_THREADS = Gauge("dramatiq_worker_threads", "Worker threads of this process.", registry=REGISTRY)
WORKER_QUEUE_INFO = Gauge(
    "dramatiq_worker_queue_info", "1 for each queue this process consumes.", ("queue_name",), registry=REGISTRY
)
WORKER_LAST_POLL = Gauge(
    "dramatiq_worker_last_poll_timestamp_seconds", "When a consumer last came round its loop.", registry=REGISTRY
)
WORKER_INFO = Gauge("dramatiq_worker_info", "Build and process facts.", ("version", "python", "pid"), registry=REGISTRY)

# The scheduler process.
SCHEDULER_HEARTBEAT = Gauge(
    "tutormax_scheduler_heartbeat_timestamp_seconds", "Last loop of this scheduler.", registry=REGISTRY
)
SCHEDULER_LAG = Histogram(
    "tutormax_scheduler_lag_seconds",
    "Actual minus planned emission time.",
    buckets=WAIT_BUCKETS,
    registry=REGISTRY,
)
SCHEDULE_EMISSIONS = Counter(
    "tutormax_schedule_emissions_total", "Emissions, by result.", ("schedule", "result"), registry=REGISTRY
)

# The stages.
PREDICTIONS = Counter("tutormax_predictions_total", "Predictions written.", ("model", "risk_level"), registry=REGISTRY)
LABEL_OVERFLOW = Counter(
    "tutormax_metrics_label_overflow_total", "Label values folded into other.", ("metric",), registry=REGISTRY
)

EXCEPTIONS_NAMED = 20
_exceptions: set[str] = set()


def exception_label(name: str) -> str:
    """Return an exception's class name as a label; beyond the first twenty of a process they are `other`."""
    if name in _exceptions or len(_exceptions) < EXCEPTIONS_NAMED:
        _exceptions.add(name)
        return name
    LABEL_OVERFLOW.labels("dramatiq_message_exceptions_total").inc()
    return "other"
