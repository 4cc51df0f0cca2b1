"""Results go to one stream and everything else to the other; nothing that happens to either ends a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson
import pytest

from cmr_async.cli import streams
from cmr_async.cli.streams import (
    Voice,
    complain,
    counted,
    emit,
    flush_output,
    is_terminal,
    note,
    output_is_lost,
    program,
    say,
)


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> Voice:
    voice = Voice()
    monkeypatch.setattr(streams, "voice", voice)
    return voice


def test_numbers_have_their_nouns() -> None:
    assert (counted(1, "order"), counted(2, "order"), counted(1000, "mailbox", "mailboxes")) == (
        "1 order",
        "2 orders",
        "1,000 mailboxes",
    )


def test_notes_and_problems_stay_out_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    say("a result")
    note("a note")
    complain("a problem")
    assert capsys.readouterr() == ("a result\n", "a note\na problem\n")


def test_a_quiet_command_says_results_and_problems(voice: Voice, capsys: pytest.CaptureFixture[str]) -> None:
    voice.quiet = True
    test_notes = ("a result", "a note", "a problem")
    for tell, text in zip((say, note, complain), test_notes, strict=True):
        tell(text)
    assert capsys.readouterr() == ("a result\n", "a problem\n")


def test_json_is_an_object_a_line_with_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    emit("order", {"row": 2, "message": "two\nlines"})
    (line,) = capsys.readouterr().out.splitlines()
    assert orjson.loads(line) == {"type": "order", "row": 2, "message": "two\nlines"}


def test_json_is_no_table_on_a_terminal(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert is_terminal()
    voice.json = True
    assert not is_terminal()


@pytest.mark.parametrize(("tell", "name"), [(say, "stdout"), (complain, "stderr")])
def test_a_line_that_nobody_reads_any_more_goes_nowhere(
    tell: object, name: str, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(tell)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:  # noqa: PTH123 - a descriptor has no path
        monkeypatch.setattr(sys, name, stream)
        tell("lost")
        tell("lost, too")
        assert os.path.samestat(os.fstat(writing), Path(os.devnull).stat())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_once_and_ends_nothing(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        monkeypatch.setattr(sys, "stdout", full)
        say("lost")
        say("lost, too")
    assert capsys.readouterr().err == "cmr: standard output cannot be written any more: No space left on device.\n"
    assert output_is_lost()
    voice.reset()
    assert not output_is_lost()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_lines_that_are_nowhere_else_are_kept_on_standard_error(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        monkeypatch.setattr(sys, "stdout", full)
        say("elsewhere, too")
        voice.only_printed = True
        say("accepted\tORDERID")
        emit("order", {"row": 2})
    assert capsys.readouterr().err.splitlines()[1:] == [
        "not printed\taccepted\tORDERID",
        'not printed\t{"type":"order","row":2}',
    ]
    assert voice.unprinted == 2


def test_a_reader_that_went_away_lost_nothing_it_wanted(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:  # noqa: PTH123 - a descriptor has no path
        monkeypatch.setattr(sys, "stdout", stream)
        stream.write("waits to be written")
        flush_output()
        assert isinstance(voice.lost, BrokenPipeError)
        flush_output()
    assert not output_is_lost()
    assert capsys.readouterr().err == ""


class Screen:
    """Standard error on a terminal of 40 columns."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Show everything at once."""


def test_on_a_terminal_lines_are_folded_between_words_and_commands_stay_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    complain("  The unknown orders are left alone: run `cmr orders reconcile a/path/that/is/long.journal.db --wait`.")
    note("ORDERIDORDERIDORDERIDORDERIDORDERIDORDERIDORDERID")
    note("  cost       about $40.76 when it is paid at once")
    assert screen.text.splitlines() == [
        "  The unknown orders are left alone: run",
        "    `cmr orders reconcile a/path/that/is/long.journal.db --wait`.",
        "ORDERIDORDERIDORDERIDORDERIDORDERIDORDERIDORDERID",
        "  cost       about $40.76 when it is",
        "             paid at once",
    ]


@pytest.mark.parametrize(
    ("settings", "typed", "found", "called"),
    [
        ({"CMR_PROGRAM": ".nox/demo/bin/cmr"}, "/bin/cmr", "/bin/cmr", ".nox/demo/bin/cmr"),
        ({"UV_RUN_RECURSION_DEPTH": "1"}, "/bin/cmr", "/bin/cmr", "uv run cmr"),
        ({}, "/bin/cmr", "/bin/cmr", "cmr"),
        ({}, "my env/bin/cmr", "/bin/cmr", "'my env/bin/cmr'"),
        ({}, "my env/bin/cmr", None, "'my env/bin/cmr'"),
        ({}, "/lib/cmr_async/__main__.py", None, f"{sys.executable} -m cmr_async"),
    ],
)
def test_a_command_to_copy_begins_as_this_one_did(
    settings: dict[str, str], typed: str, found: str | None, called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CMR_PROGRAM", "UV_RUN_RECURSION_DEPTH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [typed])
    monkeypatch.setattr("shutil.which", lambda _: found)
    assert program() == called
