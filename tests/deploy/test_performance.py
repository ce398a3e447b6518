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


def test_the_readme_compares_engines_by_what_was_measured() -> None:
    page = published.README.read_text(encoding="utf-8")

    said = page.partition(published.BEGIN_ENGINES)[2].partition(published.END_ENGINES)[0]

    assert said == published.engines(published.kept())
