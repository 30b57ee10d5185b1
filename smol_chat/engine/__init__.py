"""Engines: what turns messages into tokens."""
