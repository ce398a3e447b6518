"""The page of measured numbers says what was measured."""

from tests.benchmarks import published


def test_the_page_says_what_is_kept() -> None:
    page = published.PAGE.read_text(encoding="utf-8")

    assert published.BEGIN + published.rendered(published.kept()) + published.END in page


def test_every_figure_was_measured_more_than_once_or_says_so() -> None:
    for result in published.kept():
        for figure in result["figures"]:
            low, high = figure["spread"]
            assert low <= figure["value"] <= high
            assert figure["runs"] >= 1
