"""Orders: what a customer asked for, at which price, and how far it has come."""
