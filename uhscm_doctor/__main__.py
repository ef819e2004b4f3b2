"""Run the doctor at the command line; the exit status is 1 if something is bad."""

from __future__ import annotations

import argparse
import io
import sys

from uhscm_doctor import cache
from uhscm_doctor.report import doctor


def main() -> int:
    """Print the report and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m uhscm_doctor",
        description="Check this installation and say how to fix what is wrong.",
    )
    parser.add_argument(
        "--clean",
        action="store_true",
        help="remove the files that killed writes left in the cache folder",
    )
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ must not stop the report
    if options.clean:
        removed = cache.clean()
        size = cache.as_size(sum(part.size for part in removed))
        print(f"Removed {len(removed)} unfinished files, {size}.\n")
    report = doctor()
    print(report)
    return not report.healthy


if __name__ == "__main__":
    sys.exit(main())
