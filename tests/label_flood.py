"""`python -m tests.label_flood`: a process that meets thousands of errors and organizations, and what it exports."""

import sys

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker
from prometheus_client import generate_latest

from tutormax import metrics
from tutormax.catalogue import Process, registry
from tutormax.instrumentation import Instrumentation

VALUES = 3000

if __name__ == "__main__":
    counts, broker = Instrumentation(), StubBroker(middleware=[])
    for number in range(VALUES):
        message: dramatiq.Message[None] = dramatiq.Message("default", "flooded", args=(), kwargs={}, options={})
        counts.before_process_message(broker, MessageProxy(message))
        error = type(f"Error{number}", (Exception,), {})()
        counts.after_process_message(broker, MessageProxy(message), exception=error)
        metrics.TENANT_MESSAGES.labels(metrics.tenant_label(str(number)), "success").inc()
    sys.stdout.write(generate_latest(registry(Process.WORKER)).decode())
