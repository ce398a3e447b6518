"""The links follow the champion, and are put right by whoever finds them behind."""

from pathlib import Path

from ml import links


def test_the_links_name_the_champion_and_the_one_before(tmp_path: Path) -> None:
    for version in ("20261120_020000", "20261121_020000"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "name").write_text(version)

    assert links.align(tmp_path, "20261121_020000", "20261120_020000")

    assert (tmp_path / links.LATEST / "name").read_text() == "20261121_020000"
    assert (tmp_path / links.PREVIOUS / "name").read_text() == "20261120_020000"


def test_links_that_are_right_are_left_alone(tmp_path: Path) -> None:
    links.align(tmp_path, "20261121_020000", None)

    assert not links.align(tmp_path, "20261121_020000", None)
    assert [entry.name for entry in tmp_path.iterdir()] == [links.LATEST]


def test_the_leavings_of_a_move_cut_short_do_not_stop_the_next(tmp_path: Path) -> None:
    links.align(tmp_path, "20261120_020000", None)
    links.aside(tmp_path / links.LATEST).symlink_to("20261119_020000")

    links.align(tmp_path, "20261121_020000", None)

    assert links.target(tmp_path) == "20261121_020000"
    assert [entry.name for entry in tmp_path.iterdir()] == [links.LATEST]


def test_a_file_that_holds_the_version_serves_where_there_are_no_links(tmp_path: Path) -> None:
    (tmp_path / links.LATEST).write_text("20261121_020000\n")

    assert links.target(tmp_path) == "20261121_020000"
    assert links.target(tmp_path, links.PREVIOUS) is None
