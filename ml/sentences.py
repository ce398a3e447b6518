"""Every feature as a plain sentence, with its value or without one."""

import math
from collections.abc import Callable, Mapping
from string import Formatter

# Tutors younger than this have no usual week yet.
USUAL_AFTER_DAYS = 28


Form = Callable[[float], str]

FORMS: Mapping[str, Form] = {
    "%": lambda number: f"{100 * number:.0f} %",
    "more": lambda number: f"{abs(100 * number):.0f} % {'more' if number >= 0 else 'fewer'}",
    "points": lambda number: f"{abs(100 * number):.0f} points {'higher' if number >= 0 else 'lower'}",
    "stars": lambda number: f"{abs(number):.1f} stars {'higher' if number >= 0 else 'lower'}",
    "slower": lambda number: f"{math.exp(min(abs(number), 20)):.1f} times {'slower' if number >= 0 else 'faster'}",
    "ago": lambda number: "today" if number < 1 else f"{_counted(math.floor(number), 'day')} ago",
    ".1f": lambda number: f"{number:.1f}",
}


def sentence(name: str, row: Mapping[str, float]) -> str:
    """Return what one feature says of a tutor, given all of the tutor's features by name."""
    value = row[name]
    before, form, after, unknown = _PARTS[name]
    if not math.isfinite(value) or (name in YES_OR_NO and not value):
        return unknown
    text = f"{before}{form(value)}{after}{_usual(name, row)}"
    return text[0].upper() + text[1:]


def _usual(name: str, row: Mapping[str, float]) -> str:
    days = COMPARED.get(name)
    tenure, sessions = row["tenure_days"], row["sessions_90d"]
    # Not so of NaN either.
    if days is None or not tenure >= USUAL_AFTER_DAYS or not math.isfinite(sessions):
        return ""
    return f", usually {round(sessions / min(tenure, 90) * days)}"


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number or 'no'} {noun}s"


COMPARED = {"sessions_7d": 7, "sessions_14d": 14, "upcoming_sessions_7d": 7}
YES_OR_NO = {"is_new_tutor", "teaches_stem", "teaches_test_prep"}

# One pair a feature: said of a value, and said where there is none (or, of yes-or-no features, where it is no).
SENTENCES: Mapping[str, tuple[str, str]] = {
    "sessions_7d": ("Taught {value:session} in the last 7 days", "Nothing is known of sessions in the last 7 days"),
    "sessions_14d": ("Taught {value:session} in the last 14 days", "Nothing is known of sessions in the last 14 days"),
    "sessions_30d": ("Taught {value:session} in the last 30 days", "Nothing is known of sessions in the last 30 days"),
    "sessions_90d": ("Taught {value:session} in the last 90 days", "Nothing is known of sessions in the last 90 days"),
    "sessions_trend_7_30": (
        "Taught {value:%} of the 30-day average in the last 7 days",
        "No session in the last 30 days",
    ),
    "sessions_trend_30_90": (
        "Taught {value:%} of the 90-day average in the last 30 days",
        "Too new, or too quiet for 90 days, to tell a trend in sessions",
    ),
    "activity_vs_baseline_14d": (
        "Teaches {value:%} of the weekly sessions agreed when joining",
        "No weekly number of sessions was agreed when joining",
    ),
    "days_since_last_session": ("Last taught {value:ago}", "Nothing is known of the last session"),
    "active_days_14d": ("Taught on {value:day} of the last 14", "Nothing is known of teaching days in the last 14"),
    "logins_7d": ("Had {value:login} in the last 7 days", "Nothing is known of logins in the last 7 days"),
    "logins_30d": ("Had {value:login} in the last 30 days", "Nothing is known of logins in the last 30 days"),
    "login_trend_7_30": (
        "Logged in {value:%} as often as on average over 30 days",
        "No login in the last 30 days",
    ),
    "days_since_last_login": ("Last logged in {value:ago}", "No login in the last 90 days"),
    "response_min_p50_14d": (
        "Half of the messages of the last 14 days were answered within {value:minute}",
        "No message answered in the last 14 days",
    ),
    "response_min_p95_30d": (
        "The slowest answers of the last 30 days took {value:minute}",
        "No message answered in the last 30 days",
    ),
    "response_trend_7_30": (
        "Answers messages {value:slower} than over the last 30 days",
        "No message answered in the last 7 days",
    ),
    "engagement_avg_14d": (
        "Engagement in the sessions of the last 14 days scored {value:%}",
        "No session with an engagement score in the last 14 days",
    ),
    "engagement_trend_14_60": (
        "Engagement in sessions is {value:points} than in the weeks before",
        "No engagement scores to compare with the weeks before",
    ),
    "rating_avg_14d": ("Rated {value:.1f} of 5 in the last 14 days", "No feedback in the last 14 days"),
    "rating_avg_30d": ("Rated {value:.1f} of 5 in the last 30 days", "No feedback in the last 30 days"),
    "rating_avg_90d": ("Rated {value:.1f} of 5 in the last 90 days", "No feedback in the last 90 days"),
    "rating_trend_30_90": (
        "Rated {value:stars} over the last 30 days than over the two months before",
        "No feedback to compare with earlier months",
    ),
    "rating_count_30d": (
        "Received {value:rating} in the last 30 days",
        "Nothing is known of ratings in the last 30 days",
    ),
    "rating_low_share_60d": (
        "{value:%} of the ratings of the last 60 days were below 3",
        "No feedback in the last 60 days",
    ),
    "rating_std_90d": (
        "Ratings of the last 90 days vary by {value:.1f} stars",
        "Fewer than three ratings in the last 90 days",
    ),
    "objectives_met_rate_30d": (
        "Met the learning objectives in {value:%} of the sessions of the last 30 days",
        "No session in the last 30 days says whether objectives were met",
    ),
    "late_start_rate_30d": (
        "Began {value:%} of the sessions of the last 30 days late",
        "No session in the last 30 days says whether it began late",
    ),
    "technical_issue_rate_30d": (
        "{value:%} of the sessions of the last 30 days had technical issues",
        "No session in the last 30 days says whether there were technical issues",
    ),
    "trainings_completed_90d": (
        "Completed {value:training} in the last 90 days",
        "Nothing is known of trainings in the last 90 days",
    ),
    "resched_tutor_7d": (
        "Rescheduled {value:session} in the last 7 days",
        "Nothing is known of reschedules in the last 7 days",
    ),
    "resched_tutor_30d": (
        "Rescheduled {value:session} in the last 30 days",
        "Nothing is known of reschedules in the last 30 days",
    ),
    "resched_rate_14d": (
        "Rescheduled {value:%} of what was scheduled in the last 14 days",
        "Nothing was scheduled in the last 14 days",
    ),
    "resched_trend_7_30": (
        "The share of sessions rescheduled is {value:points} this week than over the last 30 days",
        "Nothing was scheduled in the last 7 days",
    ),
    "resched_short_notice_30d": (
        "Rescheduled {value:session} at less than a day's notice in the last 30 days",
        "Nothing is known of short-notice reschedules in the last 30 days",
    ),
    "resched_student_30d": (
        "Students rescheduled {value:session} in the last 30 days",
        "Nothing is known of reschedules by students in the last 30 days",
    ),
    "days_since_last_resched": ("Last rescheduled a session {value:ago}", "No reschedule in the last 90 days"),
    "first_sessions_30d": (
        "Had {value:first session} with new students in the last 30 days",
        "Nothing is known of first sessions in the last 30 days",
    ),
    "first_failed_30d": (
        "{value:first session} went badly in the last 30 days",
        "Nothing is known of first sessions that went badly in the last 30 days",
    ),
    "first_success_rate_90d": (
        "{value:%} of the rated first sessions of the last 90 days went well",
        "No first session was rated in the last 90 days",
    ),
    "first_rating_avg_90d": (
        "First sessions of the last 90 days were rated {value:.1f} of 5",
        "No first session was rated in the last 90 days",
    ),
    "days_since_first_failed": (
        "A first session last went badly {value:ago}",
        "No first session went badly in the last 90 days",
    ),
    "noshow_14d": ("Missed {value:session} in the last 14 days", "Nothing is known of no-shows in the last 14 days"),
    "noshow_30d": ("Missed {value:session} in the last 30 days", "Nothing is known of no-shows in the last 30 days"),
    "noshow_rate_90d": (
        "Missed {value:%} of the sessions of the last 90 days",
        "Nothing was scheduled in the last 90 days",
    ),
    "noshow_monday_morning_90d": (
        "Missed {value:session} on Monday mornings in the last 90 days",
        "Nothing is known of Monday mornings in the last 90 days",
    ),
    "days_since_last_noshow": ("Last missed a session {value:ago}", "No session missed in the last 90 days"),
    "replacements_60d": (
        "Was replaced in {value:session} in the last 60 days",
        "Nothing is known of replacements in the last 60 days",
    ),
    "tenure_days": ("Joined {value:ago}", "Nothing is known of when the tutor joined"),
    "is_new_tutor": ("Joined less than 30 days ago", "Joined more than 30 days ago"),
    "lifetime_sessions": ("Taught {value:session} since joining", "Nothing is known of sessions since joining"),
    "baseline_sessions_per_week": (
        "Agreed to {value:session} a week when joining",
        "No weekly number of sessions was agreed when joining",
    ),
    "teaches_stem": ("Teaches mathematics or a science", "Is not known to teach mathematics or a science"),
    "teaches_test_prep": ("Teaches test preparation", "Is not known to teach test preparation"),
    "availability_hours_latest": (
        "Last offered {value:hour} a week",
        "No statement of available hours in the last 90 days",
    ),
    "availability_change_pct_4w": (
        "Last offered {value:more} hours than in the four weeks before",
        "No statements of available hours to compare",
    ),
    "upcoming_sessions_7d": (
        "Has {value:session} booked for the next 7 days",
        "Nothing is known of bookings for the next 7 days",
    ),
    "upcoming_vs_usual": (
        "Bookings for the next 7 days are {value:%} of the usual week",
        "No session in the last 30 days to compare bookings with",
    ),
    "students_lost_30d": (
        "Lost {value:student} who came until a month ago",
        "Nothing is known of students lost",
    ),
}


def _parts(known: str, unknown: str) -> tuple[str, Form, str, str]:
    """Return a pair taken apart once, for it is said of every tutor: the text around the value, and its form."""
    (before, field, spec, _), *rest = Formatter().parse(known)
    return before, _form(spec) if field else _nothing, "".join(text for text, *_ in rest), unknown


def _form(spec: str | None) -> Form:
    """Return one of FORMS, or how many there are of a noun."""
    noun = spec or ""
    return FORMS.get(noun, lambda number: _counted(round(number), noun))


def _nothing(_number: float) -> str:
    return ""


_PARTS = {name: _parts(*pair) for name, pair in SENTENCES.items()}
