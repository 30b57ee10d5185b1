"""Run the command as `python -m smol_chat`."""

import sys

from smol_chat.cli import main

if __name__ == "__main__":
    sys.exit(main())
