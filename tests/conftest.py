"""What holds for every test."""

from __future__ import annotations

import signal

# A test run in the background of a shell has the interrupt ignored, and so would every program the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
