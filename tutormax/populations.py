"""Populations: invented tutors and a customer's real ones, which no model ever mixes."""

from enum import StrEnum


class Population(StrEnum):
    """Whose tutors a model learns from and scores; `organizations.synthetic` decides which a tutor belongs to."""

    SYNTHETIC = "synthetic"
    CUSTOMER = "customer"

    @property
    def synthetic(self) -> bool:
        """Whether its organizations are marked synthetic."""
        return self is Population.SYNTHETIC
