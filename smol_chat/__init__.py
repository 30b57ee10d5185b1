"""smol-chat: a desktop assistant in the terminal that runs a small tool-calling model on your own machine."""

__version__ = "0.1.0"
