"""The transcript: a conversation as lines on the screen."""
