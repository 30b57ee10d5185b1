"""Models on this machine: which there are, and which are known by name."""
