"""TutorMax: the background system of a tutoring marketplace."""

__version__ = "0.1.0"
