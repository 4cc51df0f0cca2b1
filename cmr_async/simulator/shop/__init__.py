"""What the simulator remembers and decides: users, orders, money, what becomes of orders, and faults to come."""
