"""Tests of what carries doorbells."""
