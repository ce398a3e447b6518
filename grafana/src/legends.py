"""Colours of names that mean the same on every dashboard."""

from grafana.src.model import Color

OUTCOME_COLORS = {
    "success": Color.GOOD,
    "retry": Color.WARNING,
    "dead": Color.BAD,
}
STATE_COLORS = {
    "ready": Color.NEUTRAL,
    "in_flight": Color.GOOD,
    "delayed": Color.CAUTION,
    "dead": Color.BAD,
}
RISK_COLORS = {
    "low": Color.GOOD,
    "medium": Color.CAUTION,
    "high": Color.WARNING,
    "critical": Color.BAD,
}
TIER_COLORS = {
    "exemplary": Color.BEST,
    "strong": Color.GOOD,
    "developing": Color.NEUTRAL,
    "needs_attention": Color.WARNING,
    "at_risk": Color.BAD,
}
