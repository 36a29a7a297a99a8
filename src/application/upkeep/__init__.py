"""What the service does for itself, from time to time."""
