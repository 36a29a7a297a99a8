"""Use cases of devices and readings."""
