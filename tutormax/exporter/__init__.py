"""The exporter: broker and PostgreSQL as metrics, read when they are asked for, and a list of targets for Prometheus.

Any number of exporters may run; each tells the same, so whoever sums up takes the maximum over them.
"""
