"""The text that a browser gets for each view: joined parts, each of them whole and of use."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from widgets import kit
from widgets.kit import view

STATIC = Path(view.__file__).with_name("static")
MODULES = [import_module(f"widgets.kit.{m.name}") for m in iter_modules(kit.__path__)]
VIEWS = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, view.View) and "_esm" in vars(value)
    },
    key=lambda shown: shown.__name__,
)
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)


def without_comments(text):
    """Leave out the comments that have lines of their own."""
    kept, inside = [], False
    for line in text.splitlines():
        words = line.strip()
        if inside:
            inside = not words.endswith("*/")
        elif words.startswith("/**") and "*/" not in words:
            inside = True
        elif not words.startswith("//") and not (words.startswith("/**") and words.endswith("*/")):
            kept.append(line)
    return "\n".join(kept)


SCRIPTS = {p.stem: without_comments(p.read_text(encoding="utf-8")) for p in STATIC.glob("*.js")}


def joined(shown):
    """The names of the files that a view is joined from."""
    return [name for name, text in SCRIPTS.items() if text in shown._esm]


def used(text):
    """The names that a script uses, comments at the end of its lines aside."""
    return set(re.findall(r"\w+", re.sub(r"/\*[^\n]*?\*/|//[^\n]*", "", text)))


@pytest.mark.parametrize("shown", VIEWS)
def test_a_view_gets_the_parts_it_uses_and_no_other(shown):
    names = joined(shown)
    declared = {name: set(DECLARED.findall(SCRIPTS[name])) for name in names}
    shared = {
        name: set(DECLARED.findall(text))
        for name, text in SCRIPTS.items()
        if "export default" not in text
    }
    for name in names:
        own = {each for part in names for each in declared[part]}
        for part, offered in shared.items():
            missing = (used(SCRIPTS[name]) & offered) - own
            assert part in names or not missing, f"{name}.js uses {missing} of {part}.js"
    for part in set(names) & set(shared) - {"dom"}:
        others = [name for name in names if name != part]
        assert any(used(SCRIPTS[name]) & declared[part] for name in others), f"{part}.js is no use"


@pytest.mark.parametrize("shown", VIEWS)
def test_no_name_is_declared_twice_in_what_is_joined(shown):
    found = DECLARED.findall(shown._esm)
    assert len(found) > 10
    assert sorted(found) == sorted(set(found))
    assert shown._esm.count("export default") == 1


def test_every_script_and_style_sheet_is_part_of_a_view():
    assert set().union(*map(joined, VIEWS)) == set(SCRIPTS)
    for path in STATIC.glob("*.css"):
        assert any(path.read_text(encoding="utf-8") in shown._css for shown in VIEWS), path.name


def test_no_style_sheet_asks_what_is_inside_an_element():
    # With ":has()" the browser styles all elements of an explorer again at each change of one.
    for path in STATIC.glob("*.css"):
        assert ":has(" not in path.read_text(encoding="utf-8"), path.name


def test_what_users_write_never_becomes_markup():
    for name, text in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), name


def test_parts_are_joined_in_order_after_what_all_views_need():
    script, style = view.static("canvas", "upload")
    expected = "\n".join(SCRIPTS[name] for name in ("dom", "canvas", "upload"))
    assert script.split() == expected.split()
    assert style.index(".uhscm {") < style.index(".uhscm.upload {")
    with pytest.raises(FileNotFoundError, match="canvass"):
        view.static("canvass", "upload")
