"""Print the lower bounds of pyproject.toml as constraints for pip, for `make test-lowest`."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

_PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest(requirements: Iterable[str]) -> list[str]:
    """Return `name==version` for each of `requirements` that has a lower bound."""
    form = r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)"  # a constraint names no extras
    bounds = (re.fullmatch(form, requirement) for requirement in requirements)
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


if __name__ == "__main__":
    project = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    bounds = lowest([*project["dependencies"], *extras["dev"], *extras["docs"]])
    print("\n".join(dict.fromkeys(bounds)))  # some are in both extras
