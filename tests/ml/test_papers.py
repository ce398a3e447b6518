"""What every model is published with: a card with everything that is owed, and a page that needs nothing else."""

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ml import artefact, candidate, drift
from ml.candidate import Candidate, Terms
from ml.contests import CHALLENGER
from ml.dataset import Dataset
from ml.features.build import FeatureMatrix, Spine
from ml.features.catalogue import FEATURES, NAMES
from ml.papers import CARD, REPORT, papers
from ml.slices import slices
from tests.ml.invented import invent
from tests.ml.trained import AT
from tutormax.populations import Population

HISTORY = [
    {"trained_at": "2026-06-14T02:00:00+00:00", "status": "skipped_insufficient_data", "reason": "99 snapshots"},
    {"trained_at": "2026-06-15T02:00:00+00:00", "version": "20260615_020000", "decision": "keep", "reason": "worse"},
]


def nothing(*_: object) -> None:
    """Take no notice."""


@pytest.fixture(scope="module")
def made() -> Candidate:
    world = invent(tutors=150, weeks=30)
    dataset = Dataset(FeatureMatrix(Spine(world.tutor_ids, world.as_of), world.values), world.labels)
    terms = Terms(Population.SYNTHETIC, world.as_of.max(), seed=7, threads=2, least_rows=100, test_share=0.2)
    found = candidate.make(dataset, None, terms, nothing)
    assert isinstance(found, Candidate)
    return found


@pytest.fixture(scope="module")
def written(made: Candidate) -> dict[str, str]:
    return {name: content.decode() for name, content in papers(made.findings, AT, HISTORY).items()}


@pytest.mark.parametrize(
    "section",
    [
        "Purpose", "Not its purpose", "Data", "What is predicted", "Known failure modes", "How good it is", "Features",
        "Human oversight", "Contest and access", "Retention", "Version history",
    ],
)  # fmt: skip
def test_the_card_has_everything_that_is_owed(written: dict[str, str], section: str) -> None:
    assert f"\n## {section}\n" in written[CARD]


def test_the_card_names_every_feature_and_the_record_with_its_interval(
    made: Candidate, written: dict[str, str]
) -> None:
    auc = made.findings.records[30].auc
    low, high = made.findings.ranges[30].auc

    assert all(f"`{feature.name}`" in written[CARD] for feature in FEATURES)
    assert f"{auc:.3f} ({low:.3f} to {high:.3f})" in written[CARD]
    assert auc is not None
    assert low < auc < high


def test_the_card_remembers_the_trainings_before_newest_first(written: dict[str, str]) -> None:
    _, _, versions = written[CARD].partition("## Version history")

    assert re.findall(r"this one|20260615_020000|99 snapshots", versions) == [
        "this one",
        "20260615_020000",
        "99 snapshots",
    ]


class _Looked(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        self.sources += [str(value) for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_needs_nothing_beside_it(made: Candidate, written: dict[str, str]) -> None:
    looked = _Looked()

    looked.feed(written[REPORT])

    assert looked.open == []
    assert len(looked.sources) == 5
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in looked.sources)
    assert all(escape(check.name) in written[REPORT] for check in made.findings.judgement.checks)


def test_the_report_says_how_far_the_data_moved_from_the_champions(made: Candidate) -> None:
    moved = dict.fromkeys(drift.SUBJECTS, 0.01) | {"logins_30d": 0.931}

    page = papers(replace(made.findings, moved=moved, champion="synthetic/1"), AT, [])[REPORT].decode()

    assert '<td>logins 30d</td><td class="far">0.931</td>' in page


def test_a_reason_cannot_break_the_page(made: Candidate) -> None:
    judgement = replace(made.findings.judgement, reason="1 < 2 <script>")

    page = papers(replace(made.findings, judgement=judgement), AT, [])[REPORT].decode()

    assert "1 &lt; 2 &lt;script&gt;" in page


def test_a_slice_is_measured_on_its_own_rows() -> None:
    world = invent(tutors=50)
    values = world.values.copy()
    new = values[:, NAMES.index("tenure_days")] < 30

    found = {part.name: part for part in slices(values, world.labels[30], world.truth[30])}

    parts = [found[name] for name in ("joined less than 7 days ago", "joined 7 to 30 days ago") if name in found]
    assert sum(part.rows for part in parts) == new.sum()
    assert sum(part.churned for part in parts) == world.labels[30][new].sum()
    assert found["all"].rows == len(values)


def test_a_slice_with_hardly_a_churner_says_nothing_of_rank() -> None:
    world = invent(tutors=10, weeks=3)

    found = slices(world.values, np.zeros(30, dtype=np.int8), world.truth[30])

    assert {part.auc for part in found} == {None}
    assert found[0].actual == 0


def test_no_drift_against_itself_and_drift_where_a_feature_moved() -> None:
    world = invent(tutors=200)
    reference = drift.reference(world.values, world.truth[30])
    moved = world.values.copy()
    moved[:, NAMES.index("logins_7d")] *= 0.6
    moved[:, NAMES.index("rating_avg_14d")] = np.nan

    same = drift.indices(reference, world.values, world.truth[30])
    found = drift.indices(reference, moved, world.truth[30])

    assert max(same.values()) == 0
    assert {name for name, index in found.items() if index > drift.MOVED} == {"logins_7d", "rating_avg_14d"}
    assert found[drift.SCORE] == 0


def test_a_challenger_is_compared_with_what_its_champion_was_validated_on(made: Candidate, tmp_path: Path) -> None:
    published = artefact.publish(tmp_path, AT, made.files, made.facts)

    reference = drift.of_artefact(published)

    assert reference is not None
    anchor = made.findings.contests[30]
    assert max(drift.indices(reference, anchor.examples.values, anchor.predictions[CHALLENGER]).values()) == 0
