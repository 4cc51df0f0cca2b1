"""Results and journals as files: CSV, JSON lines, and one HTML page.

`ResultWriter` writes a `ResultRow` for each outcome of a run; `ReportPage` is the page about outcomes, or about the
entries of a journal.
"""

from .page import ReportPage
from .rows import ResultRow, ResultWriter

__all__ = ["ReportPage", "ResultRow", "ResultWriter"]
