"""The 58 features: name, group, unit, window, meaning, and what a missing value says.

The columns of `sql/features.sql` are these names in this order. A window of W days is (as_of - W, as_of].
"""

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What a feature speaks about; reasons are summed by group."""

    ENGAGEMENT_DECLINE = "engagement_decline"
    PERFORMANCE_TREND = "performance_trend"
    RESCHEDULE_PATTERN = "reschedule_pattern"
    FIRST_SESSION_QUALITY = "first_session_quality"
    NO_SHOW_RISK = "no_show_risk"
    TENURE_RISK = "tenure_risk"
    AVAILABILITY_REDUCTION = "availability_reduction"


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the model; `window_days` is how far it looks, `null_means` is NEVER where it always has a value."""

    name: str
    group: Group
    unit: str
    window_days: int | None
    meaning: str
    null_means: str


NEVER = "never"

_NO_SESSION_14 = "no completed session with a score in 14 days"
_NO_SESSION_30 = "no completed session that says so in 30 days"
_NOTHING_ANSWERED = "no message answered"
_NO_FEEDBACK = "no feedback"
_NO_FIRST = "no rated first session in 90 days"
_NO_SUBJECTS = "no subject stated"

_ENGAGEMENT = (
    ("sessions_7d", "sessions", 7, "Sessions completed in 7 days.", NEVER),
    ("sessions_14d", "sessions", 14, "Sessions completed in 14 days.", NEVER),
    ("sessions_30d", "sessions", 30, "Sessions completed in 30 days.", NEVER),
    ("sessions_90d", "sessions", 90, "Sessions completed in 90 days.", NEVER),
    (
        "sessions_trend_7_30",
        "ratio",
        30,
        "Sessions a day in 7 days, over sessions a day in 30 days; both only since joining.",
        "no session completed in 30 days",
    ),
    (
        "sessions_trend_30_90",
        "ratio",
        90,
        "Sessions a day in 30 days, over sessions a day in 90 days since joining.",
        "joined less than 45 days ago, or no session completed in 90 days",
    ),
    (
        "activity_vs_baseline_14d",
        "ratio",
        14,
        "Sessions a week in 14 days since joining, over the sessions a week stated when joining.",
        "no sessions a week stated",
    ),
    (
        "days_since_last_session",
        "days",
        90,
        "Days since the last completed session began; since joining, if there was none in 90 days.",
        NEVER,
    ),
    ("active_days_14d", "days", 14, "Days (UTC) of 14 on which a completed session began.", NEVER),
    ("logins_7d", "logins", 7, "Logins in 7 days.", NEVER),
    ("logins_30d", "logins", 30, "Logins in 30 days.", NEVER),
    (
        "login_trend_7_30",
        "ratio",
        30,
        "Logins a day in 7 days, over logins a day in 30 days; both only since joining.",
        "no login in 30 days",
    ),
    ("days_since_last_login", "days", 90, "Days since the last login.", "no login in 90 days"),
    (
        "response_min_p50_14d",
        "minutes",
        14,
        "Minutes in which half of the messages of 14 days were answered.",
        f"{_NOTHING_ANSWERED} in 14 days",
    ),
    (
        "response_min_p95_30d",
        "minutes",
        30,
        "Minutes in which 95 % of the messages of 30 days were answered.",
        f"{_NOTHING_ANSWERED} in 30 days",
    ),
    (
        "response_trend_7_30",
        "log minutes",
        30,
        "Mean logarithm of the minutes to an answer, half a minute at least: of 7 days, less that of 30 days.",
        f"{_NOTHING_ANSWERED} in 7 days",
    ),
    ("engagement_avg_14d", "score", 14, "Mean engagement score of the sessions completed in 14 days.", _NO_SESSION_14),
    (
        "engagement_trend_14_60",
        "score",
        60,
        "Mean engagement score of 14 days, less that of the 46 days before.",
        f"{_NO_SESSION_14}, or none in the 46 days before",
    ),
)

_PERFORMANCE = (
    ("rating_avg_14d", "stars", 14, "Mean rating given in 14 days.", f"{_NO_FEEDBACK} in 14 days"),
    ("rating_avg_30d", "stars", 30, "Mean rating given in 30 days.", f"{_NO_FEEDBACK} in 30 days"),
    ("rating_avg_90d", "stars", 90, "Mean rating given in 90 days.", f"{_NO_FEEDBACK} in 90 days"),
    (
        "rating_trend_30_90",
        "stars",
        90,
        "Mean rating given in 30 days, less that of the 60 days before.",
        f"{_NO_FEEDBACK} in 30 days, or none in the 60 days before",
    ),
    ("rating_count_30d", "ratings", 30, "Ratings given in 30 days.", NEVER),
    (
        "rating_low_share_60d",
        "share",
        60,
        "Share of the ratings of 60 days that are below 3.",
        f"{_NO_FEEDBACK} in 60 days",
    ),
    ("rating_std_90d", "stars", 90, "Standard deviation of the ratings of 90 days.", "fewer than 3 ratings in 90 days"),
    (
        "objectives_met_rate_30d",
        "share",
        30,
        "Share of the sessions completed in 30 days whose objectives were met.",
        _NO_SESSION_30,
    ),
    (
        "late_start_rate_30d",
        "share",
        30,
        "Share of the sessions completed in 30 days that began more than 5 minutes late.",
        _NO_SESSION_30,
    ),
    (
        "technical_issue_rate_30d",
        "share",
        30,
        "Share of the sessions completed in 30 days that had technical issues.",
        _NO_SESSION_30,
    ),
    ("trainings_completed_90d", "trainings", 90, "Trainings completed in 90 days.", NEVER),
)

_RESCHEDULES = (
    ("resched_tutor_7d", "reschedules", 7, "Reschedules by the tutor in 7 days.", NEVER),
    ("resched_tutor_30d", "reschedules", 30, "Reschedules by the tutor in 30 days.", NEVER),
    (
        "resched_rate_14d",
        "share",
        14,
        "Reschedules by the tutor in 14 days, over these, completed sessions and no-shows together.",
        "nothing scheduled in 14 days",
    ),
    (
        "resched_trend_7_30",
        "share",
        30,
        "Reschedules over reschedules, completed sessions and no-shows: of 7 days, less that of 30 days.",
        "nothing scheduled in 7 days",
    ),
    (
        "resched_short_notice_30d",
        "reschedules",
        30,
        "Reschedules by the tutor in 30 days, less than 24 hours ahead.",
        NEVER,
    ),
    ("resched_student_30d", "reschedules", 30, "Reschedules by students in 30 days.", NEVER),
    ("days_since_last_resched", "days", 90, "Days since the tutor last rescheduled.", "no reschedule in 90 days"),
)

_FIRST_SESSIONS = (
    ("first_sessions_30d", "sessions", 30, "First sessions with a student completed in 30 days.", NEVER),
    (
        "first_failed_30d",
        "sessions",
        30,
        "First sessions rated in 30 days: below 3, or begun more than 10 minutes late.",
        NEVER,
    ),
    (
        "first_success_rate_90d",
        "share",
        90,
        "Share of the first sessions rated in 90 days that did not fail.",
        _NO_FIRST,
    ),
    ("first_rating_avg_90d", "stars", 90, "Mean rating of first sessions given in 90 days.", _NO_FIRST),
    (
        "days_since_first_failed",
        "days",
        90,
        "Days since a failed first session was last rated.",
        "no first session failed in 90 days",
    ),
)

_NO_SHOWS = (
    ("noshow_14d", "no-shows", 14, "Sessions of 14 days to which the tutor did not come.", NEVER),
    ("noshow_30d", "no-shows", 30, "Sessions of 30 days to which the tutor did not come.", NEVER),
    (
        "noshow_rate_90d",
        "share",
        90,
        "No-shows of 90 days, over these and completed sessions together.",
        "nothing scheduled in 90 days",
    ),
    ("noshow_monday_morning_90d", "no-shows", 90, "No-shows of 90 days on a Monday before 12:00 UTC.", NEVER),
    ("days_since_last_noshow", "days", 90, "Days since the last no-show.", "no no-show in 90 days"),
    ("replacements_60d", "sessions", 60, "Sessions of 60 days that another tutor took over.", NEVER),
)

_TENURE = (
    ("tenure_days", "days", None, "Days since joining.", NEVER),
    ("is_new_tutor", "yes or no", None, "Whether the tutor joined less than 30 days ago.", NEVER),
    ("lifetime_sessions", "sessions", None, "Sessions completed since joining.", NEVER),
    (
        "baseline_sessions_per_week",
        "sessions a week",
        None,
        "Sessions a week stated when joining.",
        "no sessions a week stated",
    ),
    ("teaches_stem", "yes or no", None, "Whether a subject taught is mathematics or a science.", _NO_SUBJECTS),
    ("teaches_test_prep", "yes or no", None, "Whether a subject taught is test preparation.", _NO_SUBJECTS),
)

_AVAILABILITY = (
    ("availability_hours_latest", "hours a week", 90, "Hours a week last offered.", "no hours stated in 90 days"),
    (
        "availability_change_pct_4w",
        "ratio",
        118,
        "Hours a week last offered, over the mean of those offered in the 4 weeks before, less one.",
        "no hours stated in 90 days, or none in the 4 weeks before",
    ),
    ("upcoming_sessions_7d", "sessions", 7, "Sessions booked for the next 7 days.", NEVER),
    (
        "upcoming_vs_usual",
        "ratio",
        30,
        "Sessions booked for the next 7 days, over the sessions a week of 30 days since joining.",
        "no session completed in 30 days",
    ),
    (
        "students_lost_30d",
        "students",
        60,
        "Students seen between 60 and 30 days ago, and not since.",
        NEVER,
    ),
)

_GROUPS = {
    Group.ENGAGEMENT_DECLINE: _ENGAGEMENT,
    Group.PERFORMANCE_TREND: _PERFORMANCE,
    Group.RESCHEDULE_PATTERN: _RESCHEDULES,
    Group.FIRST_SESSION_QUALITY: _FIRST_SESSIONS,
    Group.NO_SHOW_RISK: _NO_SHOWS,
    Group.TENURE_RISK: _TENURE,
    Group.AVAILABILITY_REDUCTION: _AVAILABILITY,
}

FEATURES: tuple[Feature, ...] = tuple(
    Feature(name, group, unit, window_days, meaning, null_means)
    for group, rows in _GROUPS.items()
    for name, unit, window_days, meaning, null_means in rows
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
