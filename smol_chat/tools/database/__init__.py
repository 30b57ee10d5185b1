"""Databases of the workspace: each statement runs in a process of its own that can be killed."""
