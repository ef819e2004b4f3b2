"""The arguments of all commands; nothing here imports torch."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import metadata
from typing import Any, NoReturn

import shtab

from uhscm_cli.commands import COMMANDS
from uhscm_cli.saying import printable

__all__ = ["make_parser"]

_DESCRIPTION = """\
Hash codes for images, learned without labels (UHSCM).

A study is a folder that goes from command to command: it remembers the images,
the model, the concepts and the trained network. A first session:

  uhscm encode my/photos study     read the photos, once
  uhscm mine study                 find the concepts that they show
  uhscm train study --bits 64      learn codes, in seconds
  uhscm index study                put the codes of all photos into an index
  uhscm search study query.jpg     ask by a photo
  uhscm search study "a dog"       ask by words

"uhscm COMMAND --help" explains each."""

_EPILOG = """\
exit status: 0; 1 if an input is wrong; 2 for wrong usage; 130 if interrupted.
completion in the shell: eval "$(uhscm completion bash)", also zsh and tcsh."""


# What can be a file or a folder.
_FILES = (
    *("study", "source", "add", "files", "folder", "query", "root", "labels"),
    *("model", "pretrained", "concepts", "published"),
)
_KINDS = {  # what argparse calls a value -> what it is
    "int": "a whole number",
    "float": "a number",
    "_numbers": "whole numbers such as 32,64",
}


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuse what this command does not know with the usage of this command."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        for kind, expected in _KINDS.items():
            message = message.replace(f"invalid {kind} value:", f"expected {expected}, got")
        super().error(printable(message))  # it may quote what the user typed


def _called(actions: Iterable[argparse.Action]) -> dict[str, str]:
    """Return what the command calls its arguments: options, and positions by their placeholders."""
    return {
        action.dest: action.option_strings[-1] if action.option_strings else str(action.metavar)
        for action in actions
        if action.option_strings or action.metavar
    } | {"path": "FILE"}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of `uhscm`; the options it reads have ``run`` and ``lines``."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="uhscm", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw)
    version = metadata.version("uhscm-explorer")
    parser.add_argument("--version", action="version", version=f"uhscm {version}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for command in COMMANDS:
        help_ = command.__doc__ or ""
        short, _, long = help_.partition("\n")
        name = command.__name__.rpartition(".")[2]
        own = commands.add_parser(
            name, help=short.rstrip("."), description=f"{short}\n{long}", formatter_class=raw
        )
        command.add_arguments(own)
        everywhere = own.add_argument_group("everywhere")
        everywhere.add_argument(
            "--json", action="store_true", help="print one JSON object instead of text"
        )
        everywhere.add_argument(
            "--quiet", action="store_true", help="no progress and no notes, only errors"
        )
        everywhere.add_argument(
            "--debug", action="store_true", help="show the traceback of an error, and all warnings"
        )
        own.set_defaults(
            run=command.run,
            lines=command.lines,
            whole=parser,
            own=own,
            called=_called(own._actions),
        )
        for action in own._actions:
            if action.dest in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # that is shtab's way
    return parser
