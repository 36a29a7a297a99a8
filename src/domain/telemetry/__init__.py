"""Devices, their series of readings, and what makes a reading acceptable."""
