"""Profiles: what the environment does not say, and never a key where others can read it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmr_async.cli.profiles import config_path, forget_profile, load_key, use_profile
from cmr_async.errors import ConfigurationError


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A file of profiles, made by the test."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CMR_CONFIG", str(path))
    before = os.umask(0o022)  # on some systems groups may write new files
    yield path
    os.umask(before)
    forget_profile()


def test_the_file_is_in_the_folder_for_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMR_CONFIG")
    assert config_path().parts[-2:] == ("cmr", "config.toml")


def test_a_profile_stands_in_for_what_the_environment_does_not_say(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('[profiles.test]\nbase_url = "http://127.0.0.1:1"\nkey_header = "x-key"\nuser_id = "U"\n')
    monkeypatch.setenv("CMR_KEY_HEADER", "x-mine")
    assert use_profile("test") == ("CMR_KEY_HEADER",)
    assert [os.environ[name] for name in ("CMR_BASE_URL", "CMR_KEY_HEADER", "CMR_USER_ID")] == [
        "http://127.0.0.1:1",
        "x-mine",
        "U",
    ]
    forget_profile()
    assert "CMR_BASE_URL" not in os.environ
    assert os.environ["CMR_KEY_HEADER"] == "x-mine"


def test_without_a_name_the_default_profile_is_used_and_a_named_one_takes_its_place(config: Path) -> None:
    config.write_text(
        'default_profile = "one"\n[profiles.one]\nbase_url = "http://one"\npace = "p"\n[profiles.two]\n'
        'base_url = "http://two"\n'
    )
    assert use_profile(None) == ()
    assert (os.environ["CMR_BASE_URL"], os.environ["CMR_PACE"]) == ("http://one", "p")
    assert use_profile("two") == ()
    assert (os.environ["CMR_BASE_URL"], os.environ.get("CMR_PACE")) == ("http://two", None)


def test_without_a_file_or_a_default_nothing_changes(config: Path) -> None:
    assert use_profile(None) == ()
    config.write_text("[profiles.one]\n")
    assert use_profile(None) == ()
    assert load_key() is None


@pytest.mark.parametrize("kind", ["key", "key_file", "key_env", "key_command"])
def test_the_key_comes_from_where_the_profile_says_when_it_is_needed(
    kind: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = config.parent / "secret"
    secret.write_text("the-key\n")
    monkeypatch.setenv("MY_KEY", "the-key")
    command = shlex.join([sys.executable, "-c", "print('the-key')"])
    where = {"key": "the-key", "key_file": "secret", "key_env": "MY_KEY", "key_command": command}[kind]
    config.write_text(f"[profiles.live]\n{kind} = '''{where}'''\n")
    config.chmod(0o600)
    use_profile("live")
    assert "CMR_API_KEY" not in os.environ
    assert load_key() == "the-key"
    forget_profile()
    assert "CMR_API_KEY" not in os.environ


def test_the_key_of_the_environment_comes_first(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("[profiles.live]\nkey_command = 'false'\n")
    monkeypatch.setenv("CMR_API_KEY", "mine")
    assert use_profile("live") == ("CMR_API_KEY",)
    assert load_key() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="no permissions to look at")
def test_a_key_that_others_can_read_is_refused(config: Path) -> None:
    config.write_text('[profiles.live]\nkey = "the-key"\n')
    config.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"holds a key and others can read it: chmod 600 ") as refused:
        use_profile("live")
    assert "the-key" not in str(refused.value)


@pytest.mark.skipif(os.name != "posix", reason="no permissions to look at")
def test_a_file_that_others_can_write_is_refused(config: Path) -> None:
    config.write_text('[profiles.live]\nkey_command = "anything"\n')
    config.chmod(0o664)
    with pytest.raises(ConfigurationError, match=r"can be written by others: chmod 600 "):
        use_profile("live")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profiles = 3", "there is no profile 'live' in .*; the profiles are: none"),
        ("[profiles.live", "is no TOML"),
        ("[profiles.other]", "there is no profile 'live' in .*; the profiles are: other"),
        ("[profiles]\nlive = 3", "write the profile as a table: "),
        ('[profiles.live]\nurl = "x"', "profile live: 'url' is not known; the settings are key, "),
        ("[profiles.live]\nbase_url = 3", "profile live: base_url must be text"),
        ('[profiles.live]\nkey_env = "A"\nkey_file = "b"', "give one of key_file and key_env"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(text: str, said: str, config: Path) -> None:
    config.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        use_profile("live")


def test_a_folder_is_no_file_of_profiles(config: Path) -> None:
    config.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        use_profile("live")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('key_env = "NOT_SET"', "the environment variable NOT_SET, which is not set: there is no key"),
        ('key_file = "missing"', "from the file .*missing: there is no key"),
        ('key_command = "false"', "from what key_command prints: there is no key"),
        ('key_command = "no-such-program"', "key_command cannot be run: FileNotFoundError"),
        ('key_command = "\'"', "key_command cannot be run: ValueError"),
    ],
)
def test_a_key_that_cannot_be_had_is_an_error(setting: str, said: str, config: Path) -> None:
    config.write_text(f"[profiles.live]\n{setting}\n")
    use_profile("live")
    with pytest.raises(ConfigurationError, match=said):
        load_key()
