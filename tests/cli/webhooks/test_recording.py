"""A recording holds deliveries as they came, for its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from cmr_async.cli.webhooks.recording import Recorder, Recording, read_recording
from cmr_async.errors import ConfigurationError
from tests.cli.webhooks.deliveries import CREATED


def test_deliveries_are_added_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.jsonl"
    with Recorder(path) as recorder:
        recorder.add(CREATED, {"cmr-x-signature": "s", "cmr-x-timestamp": "5"}, time=5.5)
    with Recorder(path) as recorder:
        recorder.add(b'{"name": "\xc3\xa9"}', {}, time=6.0)
    assert orjson.loads(path.read_text().splitlines()[0]) == {
        "time": 5.5,
        "headers": {"cmr-x-signature": "s", "cmr-x-timestamp": "5"},
        "body": CREATED.decode(),
    }
    assert read_recording(path) == Recording(bodies=(CREATED, b'{"name": "\xc3\xa9"}'), cut_lines=())


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.jsonl"
    path.write_text('{"time": 5, "bo')
    path.chmod(0o600)
    with Recorder(path) as recorder:
        recorder.add(CREATED, {}, time=6.0)
        recorder.add(b"{}", {}, time=7.0)
    with path.open("ab") as file:
        file.write(b'{"time": 8.0, "body": "\xc3')
    assert read_recording(path) == Recording(bodies=(CREATED, b"{}"), cut_lines=(1, 4))


def test_a_line_without_an_end_is_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deliveries.jsonl"
    path.write_text('{"body": "{}"}\n' + "x" * 50)
    monkeypatch.setattr("cmr_async.cli.webhooks.recording._LONGEST_LINE", 40)
    with pytest.raises(ConfigurationError, match="line 2: this is no delivery"):
        read_recording(path)


@pytest.mark.parametrize("text", ["name,domain\n", "\n\n", '{"body": "{'])
def test_a_file_without_a_delivery_is_no_recording(text: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"orders\.csv, line 1: this is no delivery"):
        read_recording(path)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.jsonl"
    with Recorder(path):
        assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others can read it, and it is to hold passwords: chmod 600"):
        Recorder(path)


def test_it_goes_through_no_link_and_into_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ConfigurationError, match="it is a symbolic link"):
        Recorder(tmp_path / "link")
    with pytest.raises(ConfigurationError, match="it is no ordinary file"):
        Recorder(tmp_path)


@pytest.mark.parametrize("line", ["[]", "5", "{}", '{"body": 5}', "null"])
def test_what_is_no_recording_is_refused_with_its_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "deliveries.jsonl"
    path.write_text(f'{{"body": "{{}}"}}\n{line}\n')
    with pytest.raises(ConfigurationError, match=r"deliveries\.jsonl, line 2: this is no delivery that"):
        read_recording(path)


def test_a_recording_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.jsonl cannot be read: "):
        read_recording(tmp_path / "none.jsonl")
