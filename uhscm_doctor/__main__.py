"""Run the doctor at the command line; the exit status is 1 if something is bad."""

from __future__ import annotations

import argparse
import io
import math
import sys
from pathlib import Path

from uhscm_doctor import cache, prune
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
        help="remove what killed writes left in the cache folder and FOLDERS, and outdated files",
    )
    parser.add_argument(
        "--older-than",
        type=_amount,
        metavar="DAYS",
        help="remove cached files that were not used for so many days; runs and weights stay",
    )
    parser.add_argument(
        "--larger-than",
        type=_amount,
        metavar="GB",
        help="remove the cached files that were not used for longest until they take at most this",
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, help="further folders to look at, such as saved studies"
    )
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✓ must not stop the report
    if options.clean:
        removed = cache.clean(options.folders)
        size = cache.as_size(sum(part.size for part in removed))
        print(f"Removed {len(removed)} unfinished or damaged files, {size}.\n")
        _report_removed("outdated", prune.remove_outdated())
    if options.older_than is not None or options.larger_than is not None:
        _report_removed("cached", prune.prune(options.older_than, options.larger_than))
    report = doctor()
    report.extend(cache.leftovers(options.folders) if options.folders else ())
    print(report)
    return not report.healthy


def _amount(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value


def _report_removed(kind: str, removed: list[cache.Part]) -> None:
    size = cache.as_size(sum(part.size for part in removed))
    print(f"Removed {len(removed)} {kind} files, {size}.\n")


if __name__ == "__main__":
    sys.exit(main())
