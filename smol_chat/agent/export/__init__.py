"""Conversations as files: to read, to import again, to train on."""
