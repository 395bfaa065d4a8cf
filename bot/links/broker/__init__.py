"""Engines on other machines, over NATS JetStream."""
