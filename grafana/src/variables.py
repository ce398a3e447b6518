"""What whoever looks at a dashboard can choose."""

from grafana.src.model import Variable

JOB = Variable("job", "Job", 'label_values(up{job=~"tutormax-.+"}, job)')
ANY_JOB = Variable("job", "Job", "label_values(up, job)")
INSTANCE = Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)')
SERVICE = Variable("service", "Service", 'label_values(dramatiq_worker_threads{job=~"$job"}, service)')
QUEUE = Variable("queue", "Queue", 'label_values(tutormax_queue_info{job=~"$job"}, queue_name)')
ACTOR = Variable(
    "actor", "Actor", 'label_values(dramatiq_messages_total{job=~"$job", queue_name=~"$queue"}, actor_name)'
)
SCHEDULE = Variable(
    "schedule", "Schedule", 'label_values(tutormax_schedule_deadline_timestamp_seconds{job=~"$job"}, schedule)'
)
OBJECTIVE = Variable("slo", "Objective", "label_values(slo:objective:ratio, slo)")
MODEL = Variable("model", "Model", 'label_values(tutormax_model_trained_timestamp_seconds{job=~"$job"}, model)')

WHERE = (JOB, INSTANCE)
