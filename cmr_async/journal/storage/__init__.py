"""Where a journal is kept: the file or server, its tables, and the SQL of every change of an order."""
