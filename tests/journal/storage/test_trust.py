"""The file of a SQLite journal: what is refused, and that each refusal says what to do."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal
from cmr_async.journal.storage import trust
from tests.fakes import Clock
from tests.journal.arrange import ACCEPTED, NOT_SENT, PLANNED, a_request, claimed, stored, vanish

Change = Callable[[Path], object]


def _has_marks(folder: Path) -> bool:
    try:
        os.setxattr(folder, "user.cmr_async.test", b"1")
    except (AttributeError, OSError):
        return False
    return True


needs_marks = pytest.mark.skipif(not _has_marks(Path(__file__).parent), reason="no extended attributes here")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="files have no owner and mode there")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A closed journal with one order that was accepted, and one that was not sent."""
    path = tmp_path / "run.db"
    async with Journal(path) as journal:
        await journal.add([a_request("A"), a_request("B", domain="b.com")])
        await journal.record(await claimed(journal, "A"), ACCEPTED, order_id="O1")
        await journal.record(await claimed(journal, "B"), NOT_SENT)
    return path


def overwrite(path: Path, content: bytes = b"") -> bytes:
    """Write into a file that is there, and return what was in it."""
    before = path.read_bytes()
    path.write_bytes(content)
    return before


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def delete(path: Path) -> None:
    path.unlink()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def renamed(path: Path) -> Path:
    return path.rename(path.with_name("moved.db"))


async def refusal(path: Path) -> str:
    """What opening says."""
    with pytest.raises(JournalError) as caught:
        await Journal(path).start()
    assert caught.value.message.startswith(f"The journal {path} ")
    return caught.value.message.removeprefix(f"The journal {path} ")


def meta(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        (text,) = connection.execute("SELECT value FROM cmr_meta WHERE name = 'file'").fetchone()
    known: dict[str, Any] = orjson.loads(text)
    return known


def say(path: Path, **changed: object) -> None:
    """Let the journal say something else about its file."""
    text = orjson.dumps(meta(path) | changed).decode()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE cmr_meta SET value = ? WHERE name = 'file'", (text,))


async def test_a_journal_is_opened_again_and_leaves_no_other_file(path: Path) -> None:
    async with Journal(path) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED
        assert await journal.doubts() == []
    assert [entry.name for entry in path.parent.iterdir()] == ["run.db"]


async def test_a_journal_may_be_moved(path: Path) -> None:
    async with Journal(renamed(path)) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED


async def test_a_journal_stays_the_same_when_the_working_directory_changes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    async with Journal("run.db") as journal:
        monkeypatch.chdir("/")
        await claimed(journal, "B")


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@needs_posix
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.rename(path.with_name("a.db")) and path.symlink_to("a.db"), "is a symbolic link. Name the "),
        (lambda path: path.with_name("b.db").hardlink_to(path), "has a second name (a hard link), under which SQLite "),
        (lambda path: path.chmod(0o620), "can be written by other users. Make sure that nobody did, then: chmod 600 "),
        (lambda path: path.chmod(0o602), "can be written by other users. Make sure that nobody did, then: chmod 600 "),
        (lambda path: path.unlink() or path.mkdir(), "cannot be used: it is a folder."),
        (become_a_pipe, "is no ordinary file. Choose another one."),
    ],
    ids=["symbolic link", "hard link", "group", "others", "folder", "pipe"],
)
async def test_a_file_that_others_could_change_is_refused(path: Path, change: Change, said: str) -> None:
    change(path)
    assert (await refusal(path)).startswith(said)


@needs_posix
@pytest.mark.parametrize("ending", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.symlink_to("planted"), "is a symbolic link."),
        (lambda path: path.touch() or path.chmod(0o666), "can be written by other users."),
        (lambda path: path.mkdir(), "is a folder."),
    ],
    ids=["link", "writable by others", "folder"],
)
async def test_what_others_put_beside_the_file_is_not_believed(
    path: Path, ending: str, change: Change, said: str
) -> None:
    change(path.with_name(f"run.db{ending}"))
    assert (await refusal(path)).startswith(f"cannot be trusted: run.db{ending} beside it {said}")


async def test_what_was_beside_the_file_and_has_gone_since_is_no_reason_to_refuse(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "lexists", lambda _: True)
    async with Journal(path) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED


@needs_posix
async def test_the_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert await refusal(path) == (
        f"belongs to another user (id {os.getuid()}). Work as that user, or use another journal."
    )


async def test_an_emptied_file_is_refused(path: Path) -> None:
    overwrite(path)
    assert (await refusal(path)).startswith("is an empty file: what it held is lost, or it never was one.")
    assert overwrite(path) == b""


async def test_a_journal_that_another_process_makes_at_the_same_time_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Journal(tmp_path / "other.db"):
        pass
    rename = trust._rename_to_new

    def be_slower(draft: str, target: str) -> None:
        monkeypatch.setattr(trust, "_rename_to_new", rename)
        renamed(tmp_path / "other.db").rename(target)
        rename(draft, target)

    monkeypatch.setattr(trust, "_rename_to_new", be_slower)
    async with Journal(tmp_path / "run.db") as journal:
        assert await journal.doubts() == []
    assert names(tmp_path) == ["run.db"]


@pytest.mark.parametrize("there", ["renameat2", "renamex_np", "neither"])
@pytest.mark.parametrize("works", [True, False])
def test_a_new_name_replaces_nothing_on_any_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, *, works: bool
) -> None:
    def rename(*arguments: Any) -> int:
        source, target = (Path(os.fsdecode(each)) for each in arguments if isinstance(each, bytes))
        if works and not target.exists():
            source.rename(target)
            return 0
        ctypes.set_errno(errno.EEXIST if works else errno.EINVAL)
        return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(**{there: rename}))
    ctypes.set_errno(0)
    draft, target = tmp_path / "draft", tmp_path / "run.db"
    draft.write_text("new")
    trust._rename_to_new(str(draft), str(target))
    assert target.read_text() == "new"
    draft.unlink(missing_ok=True)
    draft.write_text("newer")
    with pytest.raises(FileExistsError):
        trust._rename_to_new(str(draft), str(target))
    assert target.read_text() == "new"


def test_windows_itself_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "sys", SimpleNamespace(platform="win32"))
    (tmp_path / "draft").write_text("new")
    trust._rename_to_new(str(tmp_path / "draft"), str(tmp_path / "run.db"))
    assert names(tmp_path) == ["run.db"]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("CREATE TRIGGER t AFTER UPDATE ON cmr_steps BEGIN SELECT 1; END", "trigger t"),
        ("CREATE VIEW v AS SELECT 1", "view v"),
        ("CREATE TABLE cmr_steps_too (x)", "table cmr_steps_too"),
        ("CREATE TABLE CMR_STEPS_TOO (x)", "table CMR_STEPS_TOO"),
        ("CREATE INDEX i ON cmr_steps (position)", "index i"),
        ("CREATE VIRTUAL TABLE found USING fts5(x)", "table found"),
        ("CREATE UNIQUE INDEX i ON cmr_steps (position)", "index i"),
    ],
)
async def test_what_is_not_ours_in_it_is_refused(path: Path, sql: str, what: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
    assert (await refusal(path)).startswith(f"has a {what} in it, which is not ours and could change what is written.")


async def test_a_trigger_cannot_hide_behind_a_name_that_is_like_one_of_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER sqliteXtrigger AFTER UPDATE ON cmr_steps BEGIN SELECT 1; END")
    assert "has a trigger sqliteXtrigger in it" in await refusal(path)


async def test_plain_tables_of_others_are_allowed_because_a_receiver_of_webhooks_has_its_own(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE theirs (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, at REAL);
            CREATE INDEX theirs_by_time ON theirs (at);
            CREATE UNIQUE INDEX theirs_by_both ON theirs (name, at);
            INSERT INTO theirs (name, at) VALUES ('a', 1.0);
            ANALYZE;
            """
        )
    async with Journal(path) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([None, None], "is on a file system without working locks. Put it on a local disk."),
        ([OSError(errno.ENOLCK, "No locks available")], "cannot be locked: No locks available. It needs a local "),
    ],
    ids=["two have one lock", "no locks"],
)
async def test_a_file_system_without_locks_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[OSError | None], said: str
) -> None:
    monkeypatch.setattr(trust, "fcntl", locks(answers))
    assert (await refusal(path)).startswith(said)
    assert [entry.name for entry in path.parent.iterdir()] == ["run.db"]


@pytest.mark.parametrize("answers", [[OSError(errno.EINVAL, "Invalid argument")], [None, BlockingIOError()]])
async def test_locks_that_work_or_cannot_be_tried_are_no_reason_to_refuse(
    path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[OSError | None]
) -> None:
    monkeypatch.setattr(trust, "fcntl", locks(answers))
    async with Journal(path):
        pass


@pytest.mark.parametrize("there", [None, SimpleNamespace()])
async def test_where_locks_cannot_be_tried_they_are_not(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: object
) -> None:
    monkeypatch.setattr(trust, "fcntl", there)
    async with Journal(path):
        pass


def locks(answers: list[OSError | None]) -> SimpleNamespace:
    """A module `fcntl` whose calls answer this."""
    left = iter(answers)

    def fcntl(*_: object) -> None:
        if answer := next(left):
            raise answer

    return SimpleNamespace(F_OFD_SETLK=37, F_WRLCK=1, fcntl=fcntl)


def copy(path: Path) -> None:
    other = path.with_name("other.db")
    shutil.copy2(path, other)
    other.rename(path)


def take_the_mark(path: Path) -> None:
    os.removexattr(path, trust._MARK)


@pytest.mark.parametrize(
    "change",
    [
        copy,
        lambda path: say(path, inode=1),
        lambda path: say(path, born=1),
        pytest.param(take_the_mark, marks=needs_marks),
    ],
    ids=["copy", "another number", "the number of a deleted file", "without the mark"],
)
async def test_a_copy_is_refused(path: Path, change: Change) -> None:
    change(path)
    assert await refusal(path) == (
        "is not the file that it was written to, but a copy or a backup. Orders that were placed since may be missing "
        "in it, and would be bought again. Use the original. If there is none, see what this says: "
        f"`cmr journal adopt {path}`."
    )


@needs_marks
async def test_an_older_state_that_was_copied_over_the_file_is_refused(path: Path) -> None:
    backup = bytes_of(path)
    async with Journal(path) as journal:
        await journal.record(await claimed(journal, "B"), ACCEPTED)
    overwrite(path, backup)
    assert (await refusal(path)).startswith(
        "is in an older state: a backup of it, with 4 of at least 6 changes, was put back. Orders that were placed "
    )


@needs_marks
async def test_a_file_system_may_have_another_number_after_it_was_mounted_again(path: Path) -> None:
    say(path, device=1)
    async with Journal(path) as journal:
        assert await journal.doubts() == []


async def test_without_marks_the_number_of_the_file_system_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust.JournalFile, "_write_mark", lambda *_: False)
    path = tmp_path / "run.db"
    for _ in range(2):
        async with Journal(path) as journal:
            await journal.add([a_request()])
    assert meta(path)["marked"] is False
    say(path, device=1)
    assert "a copy or a backup" in await refusal(path)


@pytest.mark.parametrize("system", ["linux", "darwin"])
async def test_a_system_that_does_not_tell_when_a_file_was_made_is_served_too(
    path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    def no_library(_: object) -> None:
        raise OSError("no library")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    monkeypatch.setattr(trust, "sys", SimpleNamespace(platform=system))
    assert trust._born(path) is None
    assert trust._born(SimpleNamespace(stat=lambda: SimpleNamespace(st_birthtime=1.5))) == (  # type: ignore[arg-type]
        None if system == "linux" else 1_500_000_000
    )


async def test_a_kernel_that_does_not_tell_when_a_file_was_made_is_served_too(path: Path) -> None:
    assert trust._born(path.with_name("none.db")) is None


def replace(path: Path) -> None:
    copy(path)


def truncate(path: Path) -> None:
    os.truncate(path, 4096)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda path: path.unlink(),
            "was deleted while it was in use. An empty file is left in its place",
        ),
        (replace, "was replaced by another file while it was in use. Nothing more is sent."),
        (truncate, "is damaged. Keep the file"),
        (lambda path: os.truncate(path, 0), "was cut short while it was in use: what it held is lost. Nothing more "),
    ],
    ids=["deleted", "replaced", "cut short", "emptied"],
)
async def test_a_file_that_is_changed_while_it_is_in_use_gives_no_claim(path: Path, change: Change, said: str) -> None:
    journal = Journal(path)
    await journal.start()
    change(path)
    with pytest.raises(JournalError) as caught:
        await journal.claim("B")
    assert caught.value.message.startswith(f"The journal {path} {said}")
    await vanish(journal)


async def test_a_deleted_journal_is_not_begun_anew_unnoticed(path: Path) -> None:
    journal = Journal(path)
    await journal.start()
    delete(path)
    with pytest.raises(JournalError, match="An empty file is left in its place"):
        await journal.beat()
    await vanish(journal)
    assert (await refusal(path)).startswith("is an empty file")


@pytest.mark.parametrize("marked", [pytest.param(True, marks=needs_marks), False])
async def test_an_older_state_that_is_copied_over_the_file_in_use_gives_no_claim(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, marked: bool
) -> None:
    if not marked:
        monkeypatch.setattr(trust.JournalFile, "_read_mark", lambda _: None)
        say(path, marked=False)
    journal = Journal(path)
    await journal.start()
    backup = bytes_of(path)
    await journal.record(await claimed(journal, "B"), NOT_SENT)
    assert (await stored(journal, "B")).state is NOT_SENT
    overwrite(path, backup)
    with pytest.raises(JournalError, match="was overwritten with an older state while it was in use"):
        await journal.claim("B")
    await vanish(journal)


async def test_a_file_that_is_replaced_between_the_commit_and_its_mark_gives_no_claim(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    await journal.start()
    mark = trust.JournalFile.mark

    def replace_and_mark(file: trust.JournalFile, newest: int) -> None:
        copy(path)
        mark(file, newest)

    monkeypatch.setattr(trust.JournalFile, "mark", replace_and_mark)
    with pytest.raises(JournalError, match="was replaced by another file"):
        await journal.claim("B")
    await vanish(journal)


async def test_after_an_unclean_end_the_whole_file_is_read(path: Path, clock: Clock) -> None:
    journal = Journal(path, clock=clock)
    await journal.start()
    await vanish(journal)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE cmr_steps SET state = 'plannet' WHERE key = 'A'")
    said = await refusal(path)
    assert said.startswith("is damaged (CHECK constraint failed in cmr_steps). Nothing is sent. Keep the file: ")


async def test_a_transaction_that_was_cut_short_is_an_unclean_end(path: Path) -> None:
    file = trust.JournalFile(path, name="run.db")
    assert not file.was_left_open
    path.with_name("run.db-journal").write_bytes(b"")
    assert not file.was_left_open
    path.with_name("run.db-journal").write_bytes(b"half a page")
    assert file.was_left_open
    async with Journal(path) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED


async def test_a_strange_journal_may_be_looked_at_and_nothing_else(path: Path) -> None:
    copy(path)
    async with Journal(path, look=True) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED
        [doubt] = await journal.doubts()
        assert doubt == (f"The journal {path} is not the file that it was written to, but a copy or a backup.")
        for call in (journal.claim("B"), journal.add([a_request("C")]), journal.resubmit("B"), journal.beat()):
            with pytest.raises(JournalError, match="is not the file that it was written to"):
                await call
    assert "a copy or a backup" in await refusal(path)


async def test_a_strange_journal_may_be_taken_over(path: Path) -> None:
    copy(path)
    async with Journal(path, look=True) as journal:
        await journal.adopt()
        assert await journal.doubts() == []
        assert [(event.change, event.reason) for event in await journal.history("")] == [("adopted", "taken over")]
    async with Journal(path) as journal:
        assert (await stored(journal, "A")).state is ACCEPTED
        assert (await stored(journal, "B")).state is NOT_SENT


async def test_a_copy_of_a_journal_in_use_cannot_be_taken_over(path: Path) -> None:
    async with Journal(path):
        shutil.copy2(path, path.with_name("copy.db"))
        async with Journal(path.with_name("copy.db"), look=True) as copied:
            with pytest.raises(JournalError, match=r"is in use by another process \(id \d+ on .*\)\. Nothing was "):
                await copied.adopt()
            assert len(await copied.doubts()) == 1


async def test_a_journal_that_is_all_right_may_be_looked_at_as_ever(path: Path) -> None:
    async with Journal(path, look=True) as journal:
        assert await journal.doubts() == []
        await journal.record(await claimed(journal, "B"), ACCEPTED)
        assert (await journal.counts())[PLANNED] == 0
