"""Tests of grafana/src."""
