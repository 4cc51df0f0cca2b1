"""Text from outside as it is shown."""

import pytest

from cmr_async.core.printable import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nCRITICAL: b", "a\\nCRITICAL: b"),
        ("a\r\tb\x00c\x7f", "a\\r\\tb\\x00c\\x7f"),
        ("a\x9b31mb\x85c", "a\\x9b31mb\\x85c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("a\u202eb\u2066c\u200fd", "a\\u202eb\\u2066c\\u200fd"),
        ("a\u200bb\ufeffc\U000e0041d", "a\\u200bb\\ufeffc\\U000e0041d"),
        ("a\ud800b", "a\\ud800b"),
        ("a\xa0b\u3000c", "a\\xa0b\\u3000c"),
    ],
)
def test_what_controls_a_terminal_or_forges_a_line_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable_lines(text.replace("\n", " ")) == shown.replace("\\n", " ")


def test_what_can_be_read_is_left_alone() -> None:
    text = 'Zürich, 東京: 50 % of "it\'s" <b>&amp;</b> \\n 😀'
    assert printable(text) is text


def test_a_text_that_is_much_too_long_is_cut() -> None:
    assert printable("a" * 20_003) == "a" * 20_000 + "... (3 more characters)"


def test_lines_that_are_kept_are_indented() -> None:
    assert printable_lines("one\ncmr: two\n   three\x1b[0m\rfour") == "one\n  cmr: two\n  three\\x1b[0m\\rfour"
