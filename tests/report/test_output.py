"""Files that commands write: for their owner alone, never through a link, whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cmr_async.report.output import OutputFile, expect_writable, unwritable

LINKS = pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")


def written(path: Path, text: str = "new", *, overwrite: bool = False) -> None:
    with OutputFile(path, overwrite=overwrite) as file:
        file.write(text)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "out.csv"
    path.write_text("old")
    path.chmod(0o644)
    return path


@LINKS
def test_a_file_is_for_its_owner_alone(tmp_path: Path, old: Path) -> None:
    written(tmp_path / "new.csv")
    assert mode(tmp_path / "new.csv") == 0o600
    written(old, overwrite=True)
    assert (mode(old), old.read_text()) == (0o600, "new")


def test_a_name_that_is_taken_is_left_alone(old: Path) -> None:
    with pytest.raises(FileExistsError):
        OutputFile(old, overwrite=False)
    assert old.read_text() == "old"


@LINKS
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("target", ["there", "missing"])
def test_nothing_is_written_through_a_link(tmp_path: Path, target: str, overwrite: bool) -> None:
    (tmp_path / "there").write_text("old")
    link = tmp_path / "out.csv"
    link.symlink_to(target)
    with pytest.raises(OSError, match="it is a symbolic link"):
        OutputFile(link, overwrite=overwrite)
    assert (tmp_path / "there").read_text() == "old"
    assert not (tmp_path / "missing").exists()


@LINKS
def test_a_link_that_comes_at_the_last_moment_is_replaced_not_followed(old: Path, tmp_path: Path) -> None:
    with OutputFile(old, overwrite=True) as file:
        file.write("new")
        old.unlink()
        (tmp_path / "precious").write_text("precious")
        old.symlink_to("precious")
    assert not old.is_symlink()
    assert (old.read_text(), (tmp_path / "precious").read_text()) == ("new", "precious")


@LINKS
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv"):
        with pytest.raises(OSError, match="no ordinary file"):
            OutputFile(tmp_path / name, overwrite=True)


def test_what_was_there_stays_until_the_new_file_is_whole(old: Path) -> None:
    with OutputFile(old, overwrite=True) as file:
        file.write("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def test_a_failure_leaves_what_was_there(old: Path, tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        with OutputFile(path, overwrite=True) as file:
            file.write("half")
            raise RuntimeError

    for path in (old, tmp_path / "other.csv"):
        with pytest.raises(RuntimeError):
            fail(path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.csv": "old"}


def test_what_is_written_after_it_was_kept_is_added(old: Path) -> None:
    file = OutputFile(old, overwrite=True)
    for text in ("one,", "two,"):
        file.write(text)
        file.keep()
    assert old.read_text() == "one,two,"
    file.write("three")
    file.close()
    assert old.read_text() == "one,two,three"


def test_a_file_that_cannot_be_kept_leaves_what_was_there(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cmr_async.report.output.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        written(old, overwrite=True)
    assert {path.name: path.read_text() for path in old.parent.iterdir()} == {"out.csv": "old"}


def test_a_name_that_is_taken_while_the_file_is_opened_is_no_ones_to_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.csv"
    monkeypatch.setattr("cmr_async.report.output.expect_writable", lambda *_, **__: path.write_text("another's"))
    with pytest.raises(FileExistsError):
        OutputFile(path, overwrite=False)
    assert path.read_text() == "another's"


def test_text_that_utf_8_does_not_have_is_written_in_other_words(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", "caf\udce9")
    assert (tmp_path / "out.csv").read_bytes() == b"caf\\udce9"


def test_what_is_wrong_with_a_name_is_said_in_words(old: Path) -> None:
    with pytest.raises(FileExistsError) as taken:
        expect_writable(old, overwrite=False)
    assert unwritable(old, taken.value).message == f"{old} exists. Choose another name, or say --overwrite."
    expect_writable(old, overwrite=True)
    expect_writable(old.with_name("free.csv"), overwrite=False)
