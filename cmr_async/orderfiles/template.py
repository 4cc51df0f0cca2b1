"""A small order file to start from, in each format."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from importlib import import_module

import orjson

from ..errors import OrderFileError
from .table.header import COLUMNS

_USER = "USER-ID-FROM-THE-API"
_SUBSCRIPTION = "SUBSCRIPTION-ID-FROM-THE-API"
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
_MAILBOX_ROWS: tuple[dict[str, str], ...] = (
    {
        "user_id": _USER, "reference": "mailboxes-1", "domain": "example-outreach.com", "username": "mary.major",
        "first_name": "Mary", "last_name": "Major", "on_warmup": "false", "billing_cycle": "MONTHLY",
        "subscription_id": _SUBSCRIPTION,
    },
    {
        "user_id": _USER, "reference": "mailboxes-1", "domain": "example-outreach.com", "username": "richard.roe",
        "first_name": "Richard", "last_name": "Roe",
    },
    {
        "user_id": _USER, "reference": "mailboxes-2", "domain": "example-hello.com", "username": "mary",
        "first_name": "Mary", "last_name": "Major", "billing_cycle": "MONTHLY", "auto_renew": "false",
        "domain_id": "DOMAIN-ID-FROM-THE-API",
    },
)  # fmt: skip


class TemplateFormat(StrEnum):
    """What a template is written in."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"


def template(format: TemplateFormat, *, mailboxes: bool = False) -> bytes:  # noqa: A002 - the option's name
    """Return the template as a file.

    The two kinds of orders have a template each: orders of mailboxes name ids that exist at the API, so that a
    simulator, which knows no such ids, would refuse them beside the others.

    Args:
        format: What it is written in.
        mailboxes: Show orders of mailboxes for domains that are there, instead of orders of domains.

    Raises:
        OrderFileError: A spreadsheet needs the extra `xlsx`.
    """
    if format in {TemplateFormat.CSV, TemplateFormat.XLSX}:
        rows = _MAILBOX_ROWS if mailboxes else _ROWS
        return _spreadsheet(rows) if format is TemplateFormat.XLSX else _table(rows)
    reference, body = ("mailboxes-1", _MAILBOX_BODY) if mailboxes else ("order-1", _BODY)
    document = {"user_id": _USER, "reference": reference, "order": body}
    if format is TemplateFormat.JSONL:
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
    return orjson.dumps([document], option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _spreadsheet(rows: tuple[dict[str, str], ...]) -> bytes:
    try:
        openpyxl = import_module("openpyxl")  # an extra, and slow to import
    except ModuleNotFoundError:
        raise OrderFileError('Spreadsheets need an extra: pip install "cmr-async[xlsx]"') from None
    book = openpyxl.Workbook()
    for row in (COLUMNS, *([row.get(name) for name in COLUMNS] for row in rows)):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _table(rows: tuple[dict[str, str], ...]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


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

_MAILBOX_BODY = {
    "subscriptionId": _SUBSCRIPTION,
    "mailboxes": {
        "example-outreach.com": [
            {"username": "mary.major", "firstName": "Mary", "lastName": "Major", "onWarmup": False},
            {"username": "richard.roe", "firstName": "Richard", "lastName": "Roe"},
        ]
    },
    "billingCycle": "MONTHLY",
    "confirm": False,
}
