"""Run one command: its answer goes to standard output, and everything else to standard error."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from uhscm_cli.parser import make_parser
from uhscm_cli.saying import as_options, plain, printable, sentence_of, shows_bars

__all__ = ["main"]

INTERRUPTED = 130  # as shells say it: 128 + SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Returns:
        The exit status: 0; 1 if an input is wrong or something failed; 2 for wrong usage; 130 if
        interrupted. A reader that closes its end of the pipe early, such as ``head``, is no error.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that is not UTF-8 must not stop the answer
            stream.reconfigure(errors="backslashreplace")
    options = Namespace(debug=False, called={})
    try:
        parser = make_parser()
        options, rest = parser.parse_known_args(arguments, options)
        if rest:  # said with the usage of the command, which argparse leaves out
            said = f"unrecognized arguments: {' '.join(rest)}"
            getattr(options, "own", parser).error(said)
        if options.command is None:
            parser.print_help(sys.stderr)
            return 2
        for name, option in options.called.items():
            values = getattr(options, name, None)
            if any(isinstance(v, str) and not v.strip() for v in _several(values)):
                less = ", or leave it out" if option.startswith("-") else ""
                raise ValueError(f"{option} is blank: give it a value{less}")
        options.bars = shows_bars(options)
        with (
            open(os.devnull, "w") as nowhere,  # noqa: PTH123
            contextlib.redirect_stdout(nowhere if options.quiet else sys.stderr),
            _said(options),
        ):
            answer = options.run(options)
        status: int = answer.pop("exit status", 0)
        _answer(options, answer)
    except SystemExit as stop:  # argparse has said it
        status = int(stop.code or 0)
    except KeyboardInterrupt:
        print(
            "\ninterrupted: what was encoded or trained is kept; the same command continues there",
            file=sys.stderr,
        )
        status = INTERRUPTED
    except BrokenPipeError:
        status = 0
    except Exception as error:
        if options.debug:
            raise
        print(f"uhscm: {sentence_of(error, options.called)}", file=sys.stderr)
        status = 1
    return _flushed(status)


def _several(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def _answer(options: Namespace, answer: dict[str, Any]) -> None:
    if options.json:
        print(json.dumps(plain(answer), indent=2, allow_nan=False))
        return
    for line in options.lines(answer):
        print(line)


def _flushed(status: int) -> int:
    """Write out what is left; a closed pipe must not raise again when Python ends."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up(sys.stdout)
    except OSError as error:  # such as a full disk
        _give_up(sys.stdout)
        print(f"uhscm: the answer could not be written: {sentence_of(error)}", file=sys.stderr)
        return 1
    return status


def _give_up(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def _said(options: Namespace) -> Iterator[None]:
    """Show what the library says as lines; warnings of other libraries only with --debug."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        ours = category.__module__.startswith("uhscm_core")
        if options.debug or (ours and not options.quiet):
            print(f"note: {as_options(printable(str(message)), options.called)}", file=sys.stderr)

    logger = logging.getLogger("uhscm_core")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    before, logger.propagate = logger.propagate, False  # else another library's handler says it too
    logger.addHandler(logging.NullHandler() if options.quiet else handler)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.handlers.pop()
            logger.propagate = before
