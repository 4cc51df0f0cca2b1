"""Results and journals as files: CSV, JSON lines, and one HTML page."""
