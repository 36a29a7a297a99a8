"""What follows from events: messages on their way, and what becomes of them."""
