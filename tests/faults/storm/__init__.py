"""Storms: a load of jobs, faults of every kind while it runs, and books that are kept by those who sent the jobs."""
