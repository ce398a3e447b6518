"""The acceptance drill of operations: real processes, a real Prometheus and Alertmanager, and real faults."""
