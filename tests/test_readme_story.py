"""The commands of the README, typed in the order in which it prints them: each domain is bought once."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cmr_async.cli.app import app
from tests.money.ledger import KEY, USER, Ledger

README = Path(__file__).parents[1] / "README.md"
PATH = "/the/path"
OF_TEMPLATE = ("example-outreach.com", "example-hello.com")
MORE = ("more-one.com", "more-two.com")


def commands() -> list[list[str]]:
    """The lines of the README's section about the command line that a shell would run."""
    section = README.read_text(encoding="utf-8").partition("\n## Command line\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [words for block in blocks for line in block.splitlines() if (words := shlex.split(line, comments=True))]


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one line as a shell would, and say yes where it asks."""
    match words:
        case ["export", setting]:
            name = setting.partition("=")[0]
            monkeypatch.setenv(name, {"CMR_API_KEY": KEY}[name])
        case ["cmr", *arguments]:
            target = arguments[-1] if ">" in arguments else None
            arguments = arguments[:-2] if target else arguments
            pays = "--confirm" in arguments and "--simulator" not in arguments
            result = CliRunner().invoke(app, [*arguments, *["--yes"] * pays])
            assert result.exit_code == 0, (words, result.output)
            if target is not None:
                Path(target).write_text(result.stdout)
        case _:
            assert words[:2] == ["pip", "install"]


@pytest.mark.usefixtures("quick_pace")
def test_the_commands_of_the_readme_buy_each_domain_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("more.csv").write_text("user_id,domain\n" + "".join(f"{USER},{name}\n" for name in MORE))
    typed = commands()
    assert sum("--confirm" in words and "--simulator" not in words for words in typed) >= 2
    with Ledger() as api:
        api.users.add("USER-ID-FROM-THE-API")
        api.process_path = PATH
        monkeypatch.setenv("CMR_BASE_URL", api.base_url)
        for words in typed:
            run(words, monkeypatch)
    assert api.bought == Counter([*OF_TEMPLATE, *MORE])
    assert api.drafts == {}
    assert api.posts == {"/orders/json": 4, PATH: 2}
