"""A small order file to start from, in each format."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from importlib import import_module

import orjson

from ..errors import OrderFileError
from .header import COLUMNS

__all__ = ["TemplateFormat", "template"]

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


class TemplateFormat(StrEnum):
    """What a template is written in."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"


def template(format: TemplateFormat) -> bytes:  # noqa: A002 - the option's name
    """Return the template as a file.

    Raises:
        OrderFileError: A spreadsheet needs the extra `xlsx`.
    """
    return _spreadsheet() if format is TemplateFormat.XLSX else _text(format).encode()


def _spreadsheet() -> bytes:
    try:
        openpyxl = import_module("openpyxl")  # an extra, and slow to import
    except ModuleNotFoundError:
        raise OrderFileError('Spreadsheets need an extra: pip install "cmr-async[xlsx]"') from None
    book = openpyxl.Workbook()
    for row in (COLUMNS, *([row.get(name) for name in COLUMNS] for row in _ROWS)):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _text(format: TemplateFormat) -> str:  # noqa: A002 - as above
    if format is TemplateFormat.CSV:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_ROWS)
        return text.getvalue()
    document = {"user_id": _USER, "reference": "order-1", "order": _BODY}
    if format is TemplateFormat.JSONL:
        return orjson.dumps(document).decode() + "\n"
    return orjson.dumps([document], option=orjson.OPT_INDENT_2).decode() + "\n"


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
