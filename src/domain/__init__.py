"""What Holdwater knows about orders, stock and time, in plain Python: no framework, no clock, no I/O."""
