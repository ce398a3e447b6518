"""What `python -m tutormax` can do, one module a command."""
