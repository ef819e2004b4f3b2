"""The doctor at the command line; the exit status is 1 when something is bad."""

from __future__ import annotations

import argparse
import io
import sys

from uhscm_doctor import cache
from uhscm_doctor.report import doctor


def main() -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m uhscm_doctor",
        description="Looks at this installation and says how to mend what it finds.",
    )
    parser.add_argument(
        "--clean", action="store_true", help="remove what killed writes left in the cache folder"
    )
    asked = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ is no reason to stop
    if asked.clean:
        removed = cache.clean()
        size = cache.as_size(sum(part.size for part in removed))
        print(f"Removed {len(removed)} unfinished files, {size}.\n")
    report = doctor()
    print(report)
    return not report.healthy


if __name__ == "__main__":
    sys.exit(main())
