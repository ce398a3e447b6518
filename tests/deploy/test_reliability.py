"""What deploy/reliability.md says of a storm is what was kept of it."""

from tests.faults import published

FEWEST_JOBS = 100_000


def test_the_page_says_what_the_kept_verdict_says() -> None:
    page = published.PAGE.read_text(encoding="utf-8")

    assert published.BEGIN + published.rendered(published.kept()) + published.END in page


def test_what_is_published_was_a_whole_storm_in_which_nothing_was_wrong() -> None:
    verdict = published.kept()

    if verdict is not None:
        assert verdict.violations == []
        assert verdict.counts.accepted >= FEWEST_JOBS
        assert (verdict.terms.plant, verdict.terms.gentle) == (None, False)
