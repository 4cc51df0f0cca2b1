"""Text that is nearly JSON: what is said of it, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.orderfiles.reading import faults

COMMA = "a comma stands before the end of a list or an object; take it away"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a": 1,}', f"{COMMA} "),
        ("[1,\n]", f"{COMMA} "),
        ("{'a': 1}", "single quotes; JSON takes double ones (character 2 of line 2)"),
        ("{\u201ca\u201d: 1}", 'typographic quotes; JSON takes the plain " (character 2 of line 2)'),
        ("[1, // one\n2]", "a comment, which JSON does not have; take it away (character 5 of line 2)"),
        ("# one\n{}", "a comment, which JSON does not have; take it away (character 1 of line 2)"),
        ("True", "True is Python's; JSON writes true (character 1 of line 2)"),
        ('["NaN", NaN]', "NaN is no number of JSON; write a number, or leave the field out (character 9 of line 2)"),
        ("[-Infinity]", "-Infinity is no number of JSON; write a number, or leave the field out (character 2 of "),
        ('{"a": 1 "b": 2}', "a comma is missing, or a quotation mark stands inside of a text (character 9 of line 2)"),
        ("{a: 1}", "the name of a field in double quotes is expected (character 2 of line 2)"),
        ('"a\nb"', 'a line break or tab inside of a text; write \\n or \\t, or close the text with " (character 3 of '),
        ("nope", "Expecting value at character 1 of line 2"),
    ],
)
def test_what_is_nearly_json_says_what_to_change(tmp_path: Path, value: str, expected: str) -> None:
    path = tmp_path / "a.json"
    path.write_text("[\n" + value + "\n]", encoding="utf-8")
    (fault,) = faults(path, user_id="U")
    assert fault.startswith(f"row 2: is not JSON: {expected}")
