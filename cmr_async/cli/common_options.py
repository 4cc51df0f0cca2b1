"""The options that every command takes, before or behind its name: how it talks, and which account it works for."""

from __future__ import annotations

import logging
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from .streams import note, voice


def _quietly(value: bool) -> None:
    voice.quiet |= value


def _verbosely(value: bool) -> None:
    if value:
        voice.verbose = True
        logging.basicConfig(format="%(message)s")
        logging.getLogger("cmr_async").setLevel(logging.DEBUG)


def _as_json(value: bool) -> None:
    voice.json |= value


def _in_plain_http(context: typer.Context, value: bool) -> None:
    if value:
        _set(context, "CMR_PLAIN_HTTP", "1")


def _base_url(context: typer.Context, value: str | None) -> None:
    if value is not None:
        _set(context, "CMR_BASE_URL", value)


def _set(context: typer.Context, name: str, value: str) -> None:
    from .profiles import forget_profile, set_for_command  # noqa: PLC0415 - `cmr --help` needs none of it

    context.find_root().call_on_close(forget_profile)
    set_for_command(name, value)


def _profile(context: typer.Context, value: str | None) -> None:
    from ..errors import ConfigurationError  # noqa: PLC0415 - `cmr --help` needs none of it
    from .profiles import config_path, forget_profile, use_profile  # noqa: PLC0415

    if value is None and (context.parent is not None or not config_path().is_file()):
        return  # before the command, `cmr` has used the profile that is used by default
    context.find_root().call_on_close(forget_profile)
    try:
        before = use_profile(value)
    except ConfigurationError as error:
        raise typer.BadParameter(error.message, param_hint="--profile") from None
    if value is not None and before:
        note(f"{', '.join(before)} of the environment: used before the profile {value}.")


def _options(
    _quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", callback=_quietly, expose_value=False, help="Say nothing but results and problems."
        ),
    ] = False,
    _verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            callback=_verbosely,
            expose_value=False,
            help="Show each request, and where an unforeseen error comes from.",
        ),
    ] = False,
    _base: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            metavar="URL",
            is_eager=True,
            callback=_base_url,
            expose_value=False,
            help="The API's base URL, before CMR_BASE_URL.",
        ),
    ] = None,
    _named: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            envvar="CMR_PROFILE",
            is_eager=True,
            callback=_profile,
            expose_value=False,
            help="Settings of this profile, where the environment has none.",
        ),
    ] = None,
    _plain_http: Annotated[
        bool,
        typer.Option(
            "--plain-http",
            callback=_in_plain_http,
            expose_value=False,
            help="Allow http:// to other hosts: the key can be read on the way.",
        ),
    ] = False,
) -> None:
    """Hold the options."""


def _json_option(
    _json: Annotated[
        bool,
        typer.Option("--json", callback=_as_json, expose_value=False, help="Print results as JSON, one object a line."),
    ] = False,
) -> None:
    """Hold the option."""


@cache
def common_options(*, json: bool) -> tuple[Any, ...]:
    """Return the options, made by typer like those of any command; `json`: with `--json`."""
    holders = (_json_option, _options) if json else (_options,)
    made = []
    for holder in holders:
        app = typer.Typer(add_completion=False)
        app.command()(holder)
        made += get_command(app).params
    return tuple(made)
