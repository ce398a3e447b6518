"""The error family: what running again can mend, and what it cannot."""


class TutorMaxError(Exception):
    """Anything TutorMax itself finds wrong; the text holds the value and what would have been right."""


class PermanentError(TutorMaxError):
    """Running again cannot help: the job is dead at once."""


class TransientError(TutorMaxError):
    """Running again may help: the job is retried."""


class NotNowError(TransientError):
    """What the job needs is known to be away, so nothing was tried: the job waits, and the attempt does not count."""

    retry_after_seconds = 60.0
