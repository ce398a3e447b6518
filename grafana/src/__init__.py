"""Writes, checks and executes the dashboards of `grafana/dashboards`, and the objectives they show."""
