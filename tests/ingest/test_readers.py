"""Files are read to the same rows whatever their format, with the lines where they stand."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.ingest.files import FORMATS
from tutormax.ingest.batch import Batch, FileRefusedError, UnreadableFileError, shown
from tutormax.ingest.csv_file import BLOCK_BYTES
from tutormax.ingest.reading import open_file

ROWS = [{"a": "1", "b": 'x "y", é'}, {"a": "2", "b": "two\nlines"}, {"a": "3", "b": "z"}]


def read(path: Path) -> list[Batch]:
    with closing(open_file(path)) as reader:
        return list(reader.batches(list))


def values(batches: list[Batch], name: str) -> list[str | None]:
    return [value for batch in batches for value in batch.columns[name].to_pylist()]


def lines(batches: list[Batch]) -> list[int]:
    return [int(line) for batch in batches for line in batch.lines]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    path.write_bytes(FORMATS[ending](ROWS))

    batches = read(path)

    assert values(batches, "a") == ["1", "2", "3"]
    assert values(batches, "b") == [row["b"] for row in ROWS]


def test_a_row_of_csv_stands_where_its_record_begins(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n')

    assert lines(read(path)) == [2, 5]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_fields_may_be_divided_in_three_ways(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"\ufeffa{delimiter}b\n1{delimiter}x\n", encoding="utf-8")

    assert values(read(path), "b") == ["x"]


def test_a_file_of_many_blocks_keeps_its_lines_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    long = "x" * 1000
    count = 2 * BLOCK_BYTES // 1000
    path.write_text("a,b\n" + "".join(f'{number},"{long}\n"\n' for number in range(count)), encoding="utf-8")

    batches = read(path)

    assert len(batches) > 2
    assert values(batches, "a") == [str(number) for number in range(count)]
    assert lines(batches) == list(range(2, 2 * count + 2, 2))


def test_an_unclosed_quote_in_a_large_file_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    count = BLOCK_BYTES // 100
    text = [f"{number},{'x' * 100}\n" for number in range(count)]
    text[7] = f'7,"{"x" * 100}\n'
    path.write_text("a,b\n" + "".join(text), encoding="utf-8")

    batches = read(path)

    assert [refusal.line for batch in batches for refusal in batch.refused] == [9]
    assert len(lines(batches)) == count - 1


def test_a_quote_amid_a_field_is_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b\n1,5" pipe\n2,"y"\n')

    assert values(read(path), "b") == ['5" pipe', "y"]


def test_a_line_that_is_too_long_refuses_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1," + b"x" * (3 * BLOCK_BYTES))

    with pytest.raises(FileRefusedError, match="line 2 is longer than"):
        read(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1\n', "is not JSON"),
        (b"[1]\n", "is not a JSON object"),
        (b'{"a": NaN}\n', "is not JSON"),
        (b'{"a": "\xff"}\n', "is not JSON"),
        (b'{"a": "\\ud800"}\n', "is not JSON"),
    ],
)
def test_a_broken_line_of_json_is_refused_alone(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": "good"}\n\n' + content + b'{"a": "too"}')

    batches = read(path)
    (refusal,) = (refusal for batch in batches for refusal in batch.refused)

    assert values(batches, "a") == ["good", "too"]
    assert lines(batches) == [1, 4]
    assert refusal.line == 3
    assert reason in refusal.reason


def test_a_key_that_only_later_objects_have_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    filler = b'{"a": "' + b"x" * 1000 + b'"}\n'
    path.write_bytes(filler * (BLOCK_BYTES // 1000) + b'{"a": "1", "b": "late"}\n')

    last = read(path)[-1]

    assert last.columns["b"].to_pylist()[-1] == "late"


def test_numbers_lists_and_objects_of_json_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 4.0}\n{"a": [1]}\n{"a": {"b": 1}}\n{"a": true}\n{"a": null}\n')

    (batch,) = read(path)

    assert values([batch], "a") == ["4", "[1]", '{"b":1}', "true", None]
    assert batch.nested["a"].tolist() == [False, True, True, False, False]


def test_typed_columns_of_parquet_are_read_as_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    micros = pa.array([1780308000000000], pa.timestamp("us"))
    table = pa.table(
        {
            "local": micros,
            "zoned": micros.cast(pa.timestamp("us", "America/New_York")),
            "number": pa.array([4.0]),
            "words": pa.array([["a", "b"]]),
            "bytes": pa.array([b"\xff"], pa.binary()),
            "dictionary": pa.array(["x"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, path)

    (batch,) = read(path)

    assert {name: batch.columns[name].to_pylist() for name in ("local", "zoned", "number", "words", "dictionary")} == {
        "local": ["2026-06-01 10:00:00.000000"],
        "zoned": ["2026-06-01 10:00:00.000000Z"],
        "number": ["4"],
        "words": ['["a","b"]'],
        "dictionary": ["x"],
    }
    assert [name for name, nested in batch.nested.items() if nested.any()] == ["words", "bytes"]
    assert np.array_equal(batch.lines, [1])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.csv", None, "no such file"),
        ("rows.xlsx", b"PK", "of no known format"),
        ("rows.csv", b"", "no header line"),
        ("rows.csv", b'"a,b\n', "no header line"),
        ("rows.csv", b"\xff\xfe,b\n1,2\n", "not UTF-8"),
        ("rows.csv", b"a,a\n1,2\n", "names a twice"),
        ("rows.parquet", b"PAR1 not really", "not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnreadableFileError, match=message):
        open_file(path)


def test_damaged_compression_refuses_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(FORMATS["csv.gz"](ROWS)[:-12])

    with pytest.raises(FileRefusedError, match="damaged"):
        open_file(path)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\0\n\u202eb", "a\\x00\\n\\u202eb"), (b"\xff", "\\xff"), ("x" * 100, "x" * 59 + "…"), (None, "")],
)
def test_a_value_is_shown_short_and_visible(value: str | bytes | None, text: str) -> None:
    assert shown(value) == text
