"""Order files: CSV, JSON, JSONL and XLSX into orders, each with its position in the file and its faults."""
