"""What follows from what was written, in the background."""
