"""``python -m tinygrad_xent``: the same as the command ``tinygrad-xent``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
