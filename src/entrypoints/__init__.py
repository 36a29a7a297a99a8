"""Delivery and wiring: where requests, commands and settings come in."""
