"""The programs in `examples/` run as they are, without a key, and print what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

#: What each program prints, as a pattern for each line.
PRINTED = {
    "blocking_threads.py": [
        *(rf"acme-{number}\.com: Order created and queued for processing" for number in range(5)),
        "requests refused for their pace: 0",
    ],
    "faults_in_tests.py": [
        "refused once with 429: accepted, requests: 2, purchases: 1",
        "a gateway's error page after the order was placed: OutcomeUnknownError, requests: 1, purchases: 1",
        "connection reset before the order was processed: OutcomeUnknownError, requests: 1, purchases: 0",
        "half an answer: OutcomeUnknownError, requests: 1, purchases: 1",
    ],
    "orders_from_csv.py": ["40 of 40 orders accepted, 40 drafts made"],
    "reconcile.py": [
        "submit: acme-1 unknown after 1 requests",
        "submit: acme-1 unknown after 0 requests",
        r"reconcile: acme-1 placed - .*example\.com.*",
        "purchases: 1",
    ],
    "resumed_run.py": [
        "first run: 4 accepted",
        "second run: 4 skipped, 6 accepted",
        "most purchases of one domain: 1",
    ],
    "spreadsheet_to_mailboxes.py": [
        *(rf"accepted\t\w+\t\w+\t{domain}\.com\t2\t-" for domain in "ab"),
        *[r"active\t\w+\t-\t[ab]\.com"] * 2,
        r"bought: a\.com b\.com",
        # each once, in whatever order, the one whose first delivery failed too
        r"ready: (?=.*ada@a\.com)(?=.*hi@a\.com)(?=.*ada@b\.com)(?=.*hi@b\.com)(\S+ ){4}- .* of \S+@[ab]\.com failed",
        r"paid: 43\.76 of 1000, left: 956\.24",
    ],
    "web_service.py": [
        r'example\.com 200 \{"ordered": true\}',
        r'not_a_domain 400 \{"error": "domains\[0\]\.domain: is no domain name: .*"\}',
    ],
    "webhook_receiver.py": [
        "200 taken",
        "200 duplicate",
        "401 too_old",
        "401 wrong_signature",
        r"the journal keeps: \{'event': 'mailbox.created', 'eventId': 'E1', 'data': \{'email': 'ada@example.com'\}\}",
        "ready: ada@example.com",
    ],
}


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_runs_as_it_is_and_prints_its_result(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(PRINTED[name]), done.stdout
    for line, pattern in zip(lines, PRINTED[name], strict=True):
        assert re.fullmatch(pattern, line), done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_uses_public_names_only(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 60
    public = {"cmr_async.errors", "cmr_async.simulator", "cmr_async.webhooks"}
    assert set(re.findall(r"cmr_async\.[\w.]+(?= import)", source)) <= public
