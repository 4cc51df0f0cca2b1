"""Files with rows, CSV and XLSX: their sheets, headers and cells, and the orders that the rows make."""
