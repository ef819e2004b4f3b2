"""Run ``python -m uhscm_cli`` where the command `uhscm` is not on the path."""

import sys

from uhscm_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
