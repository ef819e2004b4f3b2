"""One module per command: what it asks for, what it does, and its answer as lines of text.

A module's docstring is the help of its command. ``add_arguments`` adds its options, ``run`` takes
them and returns one object of JSON, and ``lines`` turns that into text.
"""

from uhscm_cli.commands import (
    check,
    completion,
    doctor,
    encode,
    evaluate,
    experiment,
    export,
    index,
    mine,
    paper,
    search,
    train,
)

__all__ = ["COMMANDS"]

COMMANDS = (
    encode,
    mine,
    train,
    index,
    search,
    evaluate,
    experiment,
    paper,
    export,
    check,
    doctor,
    completion,
)
