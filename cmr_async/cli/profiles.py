"""Profiles: settings of an account in a TOML file, for what the environment does not say.

```toml
default_profile = "live"

[profiles.live]
key_command = "pass show cmr/live"   # or key_file, key_env, or key in a file that nobody else can read

[profiles.test]
key_env = "CMR_TEST_KEY"
base_url = "http://127.0.0.1:8025"
```

A setting of a profile takes the place of an environment variable that is not set, for the time of one command. The
key is fetched when a command needs it, not before.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from ..errors import ConfigurationError

#: Setting of a profile to the environment variable that comes before it.
_VARIABLES: Mapping[str, str] = {
    "base_url": "CMR_BASE_URL",
    "journal": "CMR_JOURNAL",
    "key_header": "CMR_KEY_HEADER",
    "pace": "CMR_PACE",
    "process_path": "CMR_PROCESS_PATH",
    "user_id": "CMR_USER_ID",
}
_KEYS = ("key", "key_file", "key_env", "key_command")
_KEY = "CMR_API_KEY"
#: Seconds that a command may take to print the key; somebody may have to unlock a safe.
_KEY_COMMAND_LIMIT = 120
#: What the environment held before this command.
_before: dict[str, str | None] = {}
#: Which of it a profile replaced.
_of_profile: set[str] = set()
_used: list[str] = []
_key_source: list[Callable[[], str]] = []


def config_path() -> Path:
    """Return where the profiles are: `CMR_CONFIG`, else `config.toml` in the user's folder for settings."""
    return Path(os.environ.get("CMR_CONFIG") or Path(typer.get_app_dir("cmr")) / "config.toml")


def set_for_command(name: str, value: str) -> None:
    """Set an environment variable until the command ends."""
    _before.setdefault(name, os.environ.get(name))
    _of_profile.discard(name)
    os.environ[name] = value


def forget_profile() -> None:
    """Put the environment back as it was before the command."""
    for name in list(_before):
        _put_back(name)
    _of_profile.clear()
    _used.clear()
    _key_source.clear()


def _put_back(name: str) -> None:
    value = _before.pop(name)
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def use_profile(name: str | None) -> tuple[str, ...]:
    """Let the settings of a profile stand in for environment variables that are not set.

    Args:
        name: The profile; `None`: the `default_profile` of the file, if there is one.

    Returns:
        The variables of the environment that come before settings of the profile.

    Raises:
        ConfigurationError: There is no such profile, or the file cannot be used.
    """
    path = config_path()
    if name is None and not path.is_file():
        return ()
    config = _read(path, wanted=name)
    name = name or config.get("default_profile")
    if name is None or name in _used:
        return ()
    profiles = config.get("profiles")
    if not isinstance(profiles, dict) or name not in profiles:
        known = ", ".join(sorted(profiles)) if isinstance(profiles, dict) else "none"
        raise ConfigurationError(f"there is no profile {name!r} in {path}; the profiles are: {known}.")
    profile = profiles[name]
    _check(profile, name, path)
    while _of_profile:  # of the profile that is used by default
        _put_back(_of_profile.pop())
    _used[:] = [name]
    kept = [
        variable
        for setting, variable in _VARIABLES.items()
        if setting in profile and variable not in _before and os.environ.get(variable)
    ]
    for setting, variable in _VARIABLES.items():
        if setting in profile and not os.environ.get(variable):
            set_for_command(variable, profile[setting])
            _of_profile.add(variable)
    if any(setting in profile for setting in _KEYS):
        if os.environ.get(_KEY):
            kept.append(_KEY)
        else:
            _key_source[:] = [lambda: _fetch_key(profile, name, path)]
    return tuple(kept)


def load_key() -> str | None:
    """Return the key of the environment, else that of the profile; `None`: there is none.

    Raises:
        ConfigurationError: The profile says where the key is, and it cannot be had.
    """
    if not os.environ.get(_KEY) and _key_source:
        set_for_command(_KEY, _key_source[0]())
    return os.environ.get(_KEY) or None


def _read(path: Path, *, wanted: str | None) -> dict[str, Any]:
    asked_for = "" if wanted is None else f"the profile {wanted!r} cannot be used: "
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(
            f"{asked_for}{path}, where the profiles are, cannot be read: {error.strerror}."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{asked_for}{path} is no TOML: {error}.") from None


def _check(profile: Any, name: str, path: Path) -> None:
    """Refuse a profile with settings that are not known, or that contradict each other."""
    if not isinstance(profile, dict):
        raise ConfigurationError(f"{path}: write the profile as a table: [profiles.{name}].")
    for setting, value in profile.items():
        if setting not in (*_VARIABLES, *_KEYS):
            known = ", ".join((*_KEYS, *_VARIABLES))
            raise ConfigurationError(f"{path}, profile {name}: {setting!r} is not known; the settings are {known}.")
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{path}, profile {name}: {setting} must be text.")
    if len(given := [setting for setting in _KEYS if setting in profile]) > 1:
        raise ConfigurationError(f"{path}, profile {name}: give one of {' and '.join(given)}.")
    mode = stat.S_IMODE(path.stat().st_mode) if os.name == "posix" else 0
    mend = f"chmod 600 {shlex.quote(str(path))}"
    if mode & 0o022:  # whoever writes it decides where the key goes, and what is run for it
        raise ConfigurationError(f"{path} can be written by others: {mend}")
    if "key" in profile and mode & 0o077:
        raise ConfigurationError(f"{path} holds a key and others can read it: {mend}")


def _fetch_key(profile: Mapping[str, str], name: str, path: Path) -> str:
    if "key" in profile:
        return profile["key"]
    if "key_env" in profile:
        key = os.environ.get(profile["key_env"], "")
        where = f"the environment variable {profile['key_env']}, which is not set"
    elif "key_file" in profile:
        file = path.parent / Path(profile["key_file"]).expanduser()
        where = f"the file {file}"
        try:
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            key = ""
    else:
        where, key = "what key_command prints", _ask_command(profile["key_command"])
    if not key:
        raise ConfigurationError(f"the profile {name} takes the key from {where}: there is no key.")
    return key


def _ask_command(command: str) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            shlex.split(command), stdout=subprocess.PIPE, text=True, timeout=_KEY_COMMAND_LIMIT, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"key_command cannot be run: {type(error).__name__}.") from None
    return ran.stdout.strip() if ran.returncode == 0 else ""
