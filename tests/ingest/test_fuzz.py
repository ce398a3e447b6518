"""Whatever a file holds, it is taken in or refused: never an error of another kind, never half of it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.scale import examples
from tests.ingest.files import VALID, Desk, as_csv
from tutormax.ingest import Kind, UnreadableFileError

TABLES = {
    Kind.TUTORS: "tutors",
    Kind.SESSIONS: "sessions",
    Kind.FEEDBACK: "student_feedback",
    Kind.EVENTS: "tutor_events",
}
ODD = ("", "0", "-1", "6", "1e999", "nan", "[]", "{}", "t1", "2026-06-01T10:00:00", "2099-01-01T00:00:00Z")
odd_values = st.one_of(st.sampled_from(ODD), st.text(max_size=6))
odd_bytes = st.sampled_from([b'"', b"\n", b"\r", b",", b"\0", b"\xff", b'""', b",,", b"\xef\xbb\xbf", b"\\.\n"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[Kind, bytes]:
    """Draw a file of one kind: good rows in which some values are odd, and some bytes where they do not belong."""
    kind = draw(st.sampled_from(list(TABLES)))
    columns = sorted(VALID[kind])
    rows = [
        VALID[kind] | draw(st.dictionaries(st.sampled_from(columns), odd_values, max_size=2))
        for _ in range(draw(st.integers(1, 5)))
    ]
    content = as_csv(rows)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(content)))
        content = content[:place] + draw(odd_bytes) + content[place:]
    return kind, content


# The rows that the fixture takes in are there for every example; what an example adds is rolled back.
@settings(max_examples=examples(60, 1000), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tables(), st.sampled_from([0.0, 0.5, 1.0]))
def test_any_file_is_taken_in_or_refused(staffed: Desk, table: tuple[Kind, bytes], most_refused: float) -> None:
    kind, content = table
    before = len(staffed.rows(TABLES[kind]))
    with staffed.connection.begin_nested() as savepoint:
        try:
            (report,) = staffed.take_in(staffed.write("rows.csv", content), kind=kind, most_refused=most_refused)
        except UnreadableFileError:
            assert len(staffed.rows(TABLES[kind])) == before
        else:
            taken = report.read - report.refused if report.taken_in else 0
            assert report.inserted + report.updated + report.unchanged == taken
            assert len(staffed.rows(TABLES[kind])) == before + report.inserted
        savepoint.rollback()
