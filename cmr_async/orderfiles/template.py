"""A small order file to start from, in each format that people write by hand."""

from __future__ import annotations

import csv
import io

import orjson

from .header import COLUMNS

__all__ = ["template_text"]

_USER = "USER-ID-FROM-THE-API"
_ROWS: tuple[dict[str, str], ...] = (
    {
        "user_id": _USER, "reference": "order-1", "domain": "example-outreach.com", "years": "1",
        "forward_to": "example.com", "username": "jane.doe", "first_name": "Jane", "last_name": "Doe",
        "on_warmup": "false", "service_provider": "GOOGLE", "billing_cycle": "MONTHLY", "auto_renew": "false",
        "google_client_id": "CLIENT-ID.apps.googleusercontent.com", "google_app_name": "Outreach App",
    },
    {
        "user_id": _USER, "reference": "order-1", "domain": "example-outreach.com",
        "username": "john.doe", "first_name": "John", "last_name": "Doe",
    },
    {
        "user_id": _USER, "reference": "order-2", "domain": "example-hello.com", "years": "1",
        "username": "jane", "first_name": "Jane", "last_name": "Doe", "service_provider": "MICROSOFT",
        "billing_cycle": "MONTHLY", "auto_renew": "false",
        "microsoft_oauth_route": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    },
)  # fmt: skip


def template_text(format: str) -> str:  # noqa: A002 - the option's name
    """The template as text.

    Args:
        format: `csv`, `json` or `jsonl`.

    Raises:
        ValueError: There is no template of that format.
    """
    if format == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_ROWS)
        return text.getvalue()
    document = {"user_id": _USER, "reference": "order-1", "order": _BODY}
    if format == "jsonl":
        return orjson.dumps(document).decode() + "\n"
    if format == "json":
        return orjson.dumps([document], option=orjson.OPT_INDENT_2).decode() + "\n"
    raise ValueError(f"{format!r} is none of csv, json, jsonl")


_BODY = {
    "domains": [{"domain": "example-outreach.com", "years": 1, "forwardTo": "example.com"}],
    "mailboxes": {
        "example-outreach.com": [
            {"username": "jane.doe", "firstName": "Jane", "lastName": "Doe", "onWarmup": False},
            {"username": "john.doe", "firstName": "John", "lastName": "Doe"},
        ]
    },
    "billingCycle": "MONTHLY",
    "confirm": False,
    "serviceProvider": "GOOGLE",
    "google": {"clientId": "CLIENT-ID.apps.googleusercontent.com", "appName": "Outreach App"},
    "autoRenew": False,
}
