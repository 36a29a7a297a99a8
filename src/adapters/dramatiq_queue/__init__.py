"""Wakes over Dramatiq: one queue, with Redis or RabbitMQ as its broker."""
