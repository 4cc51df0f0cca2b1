"""An order before it is sent: what is wrong with it, the names it asks for, what it costs, and its bytes."""
