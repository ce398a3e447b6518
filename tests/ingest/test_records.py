"""CSV records found in bulk are the ones found one by one, and those are what Python's csv module reads."""

import csv
import io
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tutormax.ingest.records import LONGEST_RECORD, scan, walk

COMMA = ord(",")
fields = st.text('ab,"\n é', max_size=5)
tables = st.lists(st.lists(fields, min_size=2, max_size=4), max_size=6)


@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_records_are_what_the_csv_module_wrote(rows: list[list[str]], ending: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=ending).writerows(rows)
    block = written.getvalue().encode()

    read = [[field.decode() for field in record.fields] for record in walk(block, COMMA, final=True)]
    records = scan(block, COMMA)

    assert read == rows
    assert records is not None
    assert records.fields.tolist() == [len(row) for row in rows]


@given(st.text('a,"\n\r', max_size=30))
def test_bulk_finds_the_same_records_or_none(text: str) -> None:
    block = text.encode() + b"\n"
    records = scan(block, COMMA)
    singly = list(walk(block, COMMA, final=True))

    if records is not None and records.used == len(block):
        found = zip(records.starts.tolist(), records.ends.tolist(), records.lines.tolist(), strict=True)
        assert [(record.start, record.end, record.line) for record in singly] == list(found)
        assert [len(record.fields) for record in singly] == records.fields.tolist()


@given(st.text('a,"\n', max_size=30))
def test_every_line_is_in_a_record_or_empty(text: str) -> None:
    block = text.encode() + b"\n"
    covered = b"".join(block[record.start : record.end] for record in walk(block, COMMA, final=True))

    assert covered.replace(b"\n", b"") == block.replace(b"\n", b"")


def test_an_open_quote_costs_its_line_only() -> None:
    block = b'1,a\n2,"b\n3,c\n'

    assert [(record.line, record.fields, record.reason is None) for record in walk(block, COMMA, final=True)] == [
        (0, (b"1", b"a"), True),
        (1, (b"2",), False),
        (2, (b"3", b"c"), True),
    ]


def test_a_record_that_may_go_on_waits_for_the_next_block() -> None:
    block = b'1,a\n2,"b\n'

    assert [record.fields for record in walk(block, COMMA, final=False)] == [(b"1", b"a")]


def test_a_quote_open_for_too_long_is_given_up() -> None:
    block = b'1,"a\n' + b"2,b\n" * (LONGEST_RECORD // 4)

    first, second = islice(walk(block, COMMA, final=False), 2)

    assert scan(block, COMMA) is None
    assert first.reason is not None
    assert second.fields == (b"2", b"b")
