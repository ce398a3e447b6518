"""What a dashboard must keep to: the rules of Grafana's own linter under its names, and ours."""

from grafana.src.lint.run import lint

__all__ = ["lint"]
