"""The churn model, from features to reasons: knows rows and numbers, never queues."""
