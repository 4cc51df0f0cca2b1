"""The disk that forgets: what a power cut may leave of what was not synced, and what it must."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

pytest.importorskip("apsw", reason="there is no wheel of it for this interpreter")

from tests.world.disk import SECTOR, Disk, Remains, connect


def left(disk: Disk, files: dict[str, bytes], name: str = "file") -> set[bytes | None]:
    """What many power cuts at the end of the log leave of a file; `None`: no file."""
    remains = Remains(files)
    for op in disk.log:
        remains.follow(op)
    return {remains.cut(Random(seed)).get(name) for seed in range(400)}


def test_what_was_synced_stays() -> None:
    disk = Disk({"file": b"before"})
    disk.write(disk.open("file")[0], 0, b"AFTER!")
    disk.sync(0)
    assert left(disk, {"file": b"before"}) == {b"AFTER!"}


def test_of_what_was_not_synced_any_write_may_stay() -> None:
    disk = Disk({"file": b"before"})
    file, _ = disk.open("file")
    disk.write(file, 0, b"AF")
    disk.write(file, 2, b"TER!")
    disk.truncate(file, 2)
    whole = {b"before", b"AFfore", b"AFTER!", b"beTER!", b"AF", b"be"}
    assert left(disk, {"file": b"before"}) == whole


def test_a_write_may_be_torn_at_sectors() -> None:
    disk = Disk({"file": bytes(2 * SECTOR)})
    disk.write(disk.open("file")[0], 0, b"1" * 2 * SECTOR)
    old, new = bytes(SECTOR), b"1" * SECTOR
    assert left(disk, {"file": bytes(2 * SECTOR)}) == {old + old, old + new, new + old, new + new}


def test_a_part_that_was_never_written_may_hold_anything() -> None:
    disk = Disk({"file": b""})
    disk.write(disk.open("file")[0], 0, b"1" * SECTOR)
    disk.write(disk.open("file")[0], SECTOR, b"2" * SECTOR)
    assert {b"\x00" * SECTOR + b"2" * SECTOR, b"\xa5" * SECTOR + b"2" * SECTOR} <= left(disk, {"file": b""})


def test_a_new_name_is_certain_only_after_a_sync_of_the_folder() -> None:
    disk = Disk({})
    file, _ = disk.open("file")
    disk.write(file, 0, b"synced")
    disk.sync(file)
    assert left(disk, {}) == {None, b"synced"}
    disk.sync_folder()
    assert left(disk, {}) == {b"synced"}


def test_a_deleted_file_may_come_back_until_its_folder_was_synced() -> None:
    disk = Disk({"file": b"old"})
    disk.delete("file", sync=False)
    assert "file" not in disk
    assert left(disk, {"file": b"old"}) == {None, b"old"}
    disk.delete("file", sync=True)
    assert left(disk, {"file": b"old"}) == {None}


def test_a_disk_without_power_takes_nothing_more() -> None:
    disk = Disk({"file": b"old"})
    disk.is_off = True
    disk.write(disk.open("file")[0], 0, b"new")
    assert disk.read("file") == b"old"
    assert disk.log == []


def test_sqlite_reads_what_it_wrote() -> None:
    disk = Disk({})
    with closing(connect(disk, "x.db")) as connection:
        connection.execute("CREATE TABLE names (name); INSERT INTO names VALUES ('ada')").fetchall()
    with closing(connect(Disk({"x.db": disk.read("x.db")}), "x.db")) as connection:
        assert connection.execute("SELECT name FROM names").fetchall() == [("ada",)]
