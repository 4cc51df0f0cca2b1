"""Files of JSON and JSON lines: their text, what is wrong with it, and the orders in it."""
