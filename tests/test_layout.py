"""The package stays easy to find one's way in: few modules in a folder, and none that is long."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cmr_async

PACKAGE = Path(cmr_async.__file__).parent
MODULES = [path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts]
#: A file for each group of the API or of the command line, however many there are.
ONE_FILE_A_GROUP = {"cli/commands", "resources"}


def test_no_folder_has_more_than_14_modules() -> None:
    folders = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in MODULES)
    assert {name: count for name, count in folders.items() if count > 14 and name not in ONE_FILE_A_GROUP} == {}
    assert len(folders) > 20


def test_no_module_has_more_than_450_lines() -> None:
    lines = {path.relative_to(PACKAGE).as_posix(): len(path.read_bytes().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > 450} == {}
