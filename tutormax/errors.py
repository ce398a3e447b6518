"""The error family: what running again can mend, and what it cannot."""


class TutorMaxError(Exception):
    """Anything TutorMax itself finds wrong; the text holds the value and what would have been right."""


class PermanentError(TutorMaxError):
    """Running again cannot help: the job is dead at once."""


class TransientError(TutorMaxError):
    """Running again may help: the job is retried."""
