"""Grafana's dashboards and how they are provisioned; `grafana/src` writes them."""
