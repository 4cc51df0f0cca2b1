"""The last lines of a run: what happened, what that means, and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from ...core.printable import printable
from ...errors import AuthenticationError, InsufficientBalanceError, PermissionDeniedError
from ...journal.states import StepState
from ...preflight.plan import Plan
from ...report.run_report import DOMAINS_NAMED, RunReport
from ..exit_codes import ExitCode
from ..streams import complain, counted, emit, note, program, voice

_REASONS_SHOWN = 5
_USERS_NAMED = 10
_SKIPPED = "what the journal {} has settled is skipped"
_RETRY = "correct their rows, or send them as they are with --retry-rejected"


def show_summary(
    report: RunReport,
    plan: Plan,
    *,
    source: str,
    confirm: bool,
    simulator: bool,
    output: Path | None,
    page: Path | None = None,
    journal: str | None = None,
    processed: bool = False,
    code: ExitCode,
) -> None:
    """Print the last lines of a run, as notes if all went well.

    Args:
        report: What the run left.
        plan: What was shown before it.
        source: Name of the file or journal that the orders came from.
        confirm: The orders were to be paid.
        simulator: They went to a simulator inside this command.
        output: Where the results are; `None`: nowhere.
        page: Where the report is; `None`: nowhere.
        journal: Name of the run's journal; `None`: it had none.
        processed: The run processed drafts.
        code: The exit code of the command.
    """
    summary = report.summary
    lines = _counts(report, plan, confirm=confirm, processed=processed)
    lines += _incomplete(report)
    lines += _stopped(report)
    for reason, count in report.reasons.most_common(_REASONS_SHOWN):
        lines.append(f"  {count:,} x {printable(reason)}")
    lines += _advice(report, plan, journal, processed=processed)
    if output is not None:
        lines.append(f"Results: {output}")
    if page is not None:
        lines.append(f"Report: {page}")
    if journal is not None and (report.left_alone or summary.accepted + summary.skipped < plan.orders + plan.invalid):
        if _sends_more(report, plan):
            lines.append(f"To go on, run the same command again: {_SKIPPED.format(journal)}.")
        lines += _first_left(report, plan)
    elif not processed:
        lines += _next(report, plan, source=source, confirm=confirm, simulator=simulator, output=output)
        if confirm and not simulator and journal is None and summary.accepted == plan.orders:
            lines.append("Do not send the file again.")
    if voice.json:
        emit("summary", _values(report, plan, journal=journal, code=code))
    show = note if code is ExitCode.ACCEPTED else complain
    for line in ["", *lines]:
        show(line)


def _sends_more(report: RunReport, plan: Plan) -> bool:
    """Return whether the same command would send something: not what was refused, is in doubt, or was found absent."""
    summary = report.summary
    left = plan.orders - summary.total + summary.not_sent - report.absent + plan.invalid
    return left > 0 or report.stopped is not None


def _refused_before(report: RunReport, plan: Plan) -> int | None:
    """Return how many of the orders that were left alone were refused, the others being sent; `None`: not known."""
    refused = plan.settled.get(StepState.REJECTED.value, 0)
    return refused if refused + plan.settled.get(StepState.SENT.value, 0) == report.left_alone else None


def _values(report: RunReport, plan: Plan, *, journal: str | None, code: ExitCode) -> dict[str, Any]:
    summary = report.summary
    counts = ("accepted", "rejected", "unknown", "not_sent", "skipped")
    return {
        "orders": plan.orders,
        **{name: getattr(summary, name) for name in counts},
        "not_started": plan.orders - summary.total,
        "left_out": plan.invalid,
        "stopped": report.stopped,
        "interrupted": report.interrupted,
        "causes": dict(report.reasons.most_common()),
        "journal": journal,
        "exit_code": int(code),
    }


def _counts(report: RunReport, plan: Plan, *, confirm: bool, processed: bool) -> list[str]:
    summary = report.summary
    if processed:
        lines = [f"{summary.accepted:,} of {counted(plan.orders, 'draft')} processed."]
    else:
        what = "paid order" if confirm else "draft"
        lines = [f"{counted(summary.accepted, what)} accepted of {counted(plan.orders, 'order')}."]
    refused = _refused_before(report, plan)
    parts = [
        (summary.rejected, "refused: by our reading nothing was bought"),
        (summary.unknown, "UNKNOWN: may or may not have been placed"),
        (summary.not_sent - report.absent, "not sent: safe to send again"),
        (report.absent, "not placed, by the evidence that was found"),
        (summary.skipped - report.left_alone - report.placed, "skipped: accepted in an earlier run"),
        (report.placed, "skipped: found placed after an earlier run"),
        (refused or 0, "skipped: refused in an earlier run"),
        (0 if refused is None else report.left_alone - refused, "skipped: being sent by another run"),
        (
            report.left_alone if refused is None else 0,
            "skipped: refused in an earlier run, or being sent by another one",
        ),
        (plan.orders - summary.total, "not started"),
        (plan.invalid, "left out because of faults"),
    ]
    lines += [f"  {count:,} {text}." for count, text in parts if count]
    return lines


def _incomplete(report: RunReport) -> list[str]:
    """Say what the journal does not know, and which domains the API did not take although it accepted their orders."""
    lines = []
    if report.unrecorded:
        lines.append(
            f"{counted(report.unrecorded, 'order')} could not be written into the journal, which will show them as "
            'unknown: keep the lines above that begin with "not written down".'
        )
    if voice.unprinted:
        lines.append(
            "Standard output could not be written, and no journal has the orders: keep the lines above that begin with "
            '"not printed", and do not send these orders again.'
        )
    if not report.incomplete:
        return lines
    more = ", ..." if len(report.unavailable) == DOMAINS_NAMED else ""
    without = "without some of its domains" if report.incomplete == 1 else "without some of their domains"
    names = printable(", ".join(report.unavailable))
    told = f"{counted(report.incomplete, 'order')} accepted {without}: {names}{more}. The API calls them unavailable."
    return [*lines, told]


def _advice(report: RunReport, plan: Plan, journal: str | None, *, processed: bool) -> list[str]:
    lines = []
    if AuthenticationError in report.errors:
        lines.append(
            "The API does not take this key: check CMR_API_KEY against the Partner Dashboard (Settings, "
            "Integrations), and CMR_KEY_HEADER if you set it. A sandbox key works with the sandbox only."
        )
    if InsufficientBalanceError in report.errors:
        lines.append("The wallet is too low: top it up in the Partner Dashboard.")
    if PermissionDeniedError in report.errors:
        lines.append("403: not for this user, or not in this state. The user id must be one that the API returned.")
    if report.summary.held_users:
        users = printable(", ".join(report.summary.held_users[:_USERS_NAMED]))
        more = ", ..." if len(report.summary.held_users) > _USERS_NAMED else ""
        lines.append(f"Further orders were held back of {users}{more}; those of other users were not.")
    if report.foreign_answers:
        lines.append(
            f"{counted(report.foreign_answers, 'answer')} did not look like the API's own: check CMR_BASE_URL, and "
            "what stands between this machine and the API."
        )
    place = None if journal is None else shlex.quote(journal)
    step = " --step process" if processed else ""
    if report.left_alone and place is not None and _refused_before(report, plan) != 0:
        again = f"`{program()} orders resubmit {place} --all-rejected{step}` plans them again" if processed else _RETRY
        lines.append(f"Orders that were refused are left as they are: {again}.")
    if report.absent and place is not None:
        lines.append(
            f"What was found absent can be sent: `{program()} orders resubmit {place} --all-absent{step}`, then the "
            "same command again."
        )
    if report.summary.unknown and place is not None:
        lines.append(f"The unknown orders are left alone: run `{program()} orders reconcile {place}`.")
    elif report.summary.unknown:
        lines.append("Do not send the unknown orders again: look them up in the Partner Dashboard first.")
    return lines


def _stopped(report: RunReport) -> list[str]:
    """Say why the run stopped early, unless it was Ctrl-C, or key or wallet, about which there is advice."""
    stopped = report.stopped or ""
    advised = {AuthenticationError: "(401)", InsufficientBalanceError: "(402)"}
    if (
        not stopped
        or report.interrupted
        or any(error in report.errors and status in stopped for error, status in advised.items())
    ):
        return []
    return [f"The run stopped early: {printable(stopped.rstrip('.'))}."]


def _first_left(report: RunReport, plan: Plan) -> list[str]:
    if report.next_row and report.summary.total < plan.orders:
        return [f"The first order that was not started begins at row {report.next_row:,}."]
    return []


def _next(
    report: RunReport, plan: Plan, *, source: str, confirm: bool, simulator: bool, output: Path | None
) -> list[str]:
    summary = report.summary
    if summary.accepted + summary.skipped < plan.orders + plan.invalid:
        settled = summary.accepted + summary.unknown
        lines = []
        if settled:
            where = f" ({output} lists them)" if output else ""
            lines.append(
                f"To go on, take the accepted and unknown orders{where} out of {printable(source)} first: "
                "sent again, they would be ordered twice."
            )
        else:
            lines.append("Nothing was ordered: correct the cause and run the same command again.")
        return lines + _first_left(report, plan)
    if simulator:
        return [
            "This was the simulator: no account, no money. What to try next:",
            f"  {program()} orders template > my.csv             a file to start from",
            f"  {program()} orders submit my.csv --simulator     try it, with the users of the simulator or your own",
            f"  {program()} orders submit my.csv --dry-run       check it, send nothing",
            f"  {program()} orders submit my.csv                 drafts (set CMR_API_KEY): they cost nothing",
            f"  {program()} orders submit my.csv --confirm       paid orders; asks first",
        ]
    if not confirm:
        return ["Drafts are not charged until they are processed. How long they live is not documented."]
    if report.incomplete or not summary.accepted:
        return []
    return ["Accepted means queued: the rest usually takes 10 to 90 seconds by the help centre, and can still fail."]
