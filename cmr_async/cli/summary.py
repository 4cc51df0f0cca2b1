"""The last lines of a run: what happened, what that means, and what to do next."""

from __future__ import annotations

from pathlib import Path

from ..errors import AuthenticationError, InsufficientBalanceError, PermissionDeniedError
from ..preflight.plan import Plan
from .display import counted, printable, say
from .run import RunReport

__all__ = ["show_summary"]

_REASONS_SHOWN = 5


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
) -> None:
    """Print the last lines of a run; `journal` is the name of its journal, `processed`: it processed drafts."""
    summary = report.summary
    if processed:
        lines = [f"The processing of {counted(summary.accepted, 'draft')} accepted of {counted(plan.orders, 'draft')}."]
    else:
        what = "paid order" if confirm else "draft"
        lines = [f"{counted(summary.accepted, what)} accepted of {counted(plan.orders, 'order')}."]
    parts = [
        (summary.rejected, "refused: by our reading nothing was bought"),
        (summary.unknown, "UNKNOWN: may or may not have been placed"),
        (summary.not_sent, "not sent: safe to send again"),
        (summary.skipped - report.left_alone, "skipped: accepted in an earlier run"),
        (report.left_alone, "skipped: refused in an earlier run, or being sent by another one"),
        (plan.orders - summary.total, "not started"),
        (plan.invalid, "left out because of faults"),
    ]
    lines += [f"  {count:,} {text}." for count, text in parts if count]
    if report.stopped and not report.interrupted:
        lines.append(f"The run stopped early: {printable(report.stopped.rstrip('.'))}.")
    for reason, count in report.reasons.most_common(_REASONS_SHOWN):
        lines.append(f"  {count:,} x {printable(reason)}")
    lines += _advice(report, journal, step=" --step process" if processed else "")
    if output is not None:
        lines.append(f"Results: {output}")
    if page is not None:
        lines.append(f"Report: {page}")
    if journal is not None and (report.left_alone or summary.accepted + summary.skipped < plan.orders + plan.invalid):
        lines.append(f"To go on, run the same command again: what the journal {journal} knows as accepted is skipped.")
        lines += _first_left(report, plan)
    elif not processed:
        lines += _next(report, plan, source=source, confirm=confirm, simulator=simulator, output=output)
        if confirm and not simulator and journal is None and summary.accepted == plan.orders:
            lines.append("Do not send the file again.")
    say("")
    for line in lines:
        say(line)


def _advice(report: RunReport, journal: str | None, *, step: str) -> list[str]:
    lines = []
    if AuthenticationError in report.errors:
        lines.append(
            "The API does not take this key: check CMR_API_KEY against the Partner Dashboard (Settings, "
            "Integrations). A sandbox key works with the sandbox only."
        )
    if InsufficientBalanceError in report.errors:
        lines.append("The wallet is too low: top it up in the Partner Dashboard.")
    if PermissionDeniedError in report.errors:
        lines.append("403: not for this user, or not in this state. The user id must be one that the API returned.")
    if report.left_alone and journal is not None:
        lines.append(f"Orders that were refused are planned again by name: `cmr orders resubmit {journal}{step}`.")
    if report.summary.unknown and journal is not None:
        lines.append(f"The unknown orders are left alone: run `cmr orders reconcile {journal}`.")
    elif report.summary.unknown:
        lines.append("Do not send the unknown orders again: look them up in the Partner Dashboard first.")
    return lines


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
            "  cmr orders template > my.csv             a file to start from",
            "  cmr orders submit my.csv --dry-run       check it, send nothing",
            "  cmr orders submit my.csv                 drafts (set CMR_API_KEY): they cost nothing",
            "  cmr orders submit my.csv --confirm       paid orders; asks first",
        ]
    if not confirm:
        return ["Drafts are not charged until they are processed. How long they live is not documented."]
    return ["Accepted means queued: the rest usually takes 10 to 90 seconds by the help centre, and can still fail."]
