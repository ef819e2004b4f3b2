"""What a model reads of a text: its tokenizer cleans the text, and cuts it where it is too long.

Two names can be one text to a model, such as "cafe" with its accent written as one character or as
two, and a prompt can lose its end, so that "... castle" and "... rainbow" are one text. Both are
found out from token ids alone, so that they hold for every tokenizer of open_clip.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from uhscm_core.concepts import ConceptSet

__all__ = ["TokenReader"]

_SHOWN = 3  # texts quoted in one sentence
_READ, _CUT = 40, 120  # characters quoted of what is read, and of what is cut


class TokenReader:
    """Reads texts as a model does.

    Args:
        name: of the model, for messages.
        tokenizer: n texts -> (n, context length) token ids; one of open_clip's, which also take
            another ``context_length``, or any other, of which no cut can be known.
    """

    def __init__(self, name: str, tokenizer: Callable[..., Tensor]) -> None:
        self.name, self._tokenizer = name, tokenizer
        self.context_length = int(tokenizer([""]).shape[1])
        self._padding: int | None = None  # its token id; None for a tokenizer without a choice
        if getattr(tokenizer, "context_length", None) == self.context_length:
            empty = tokenizer([""], context_length=2 * self.context_length)[0]
            self._padding = int(empty.mode().values)

    def notes(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return a sentence on the texts that are cut, if there are any."""
        return self._notes(texts, self._tokenizer(list(texts))) if texts else ()

    def check(self, concepts: ConceptSet) -> tuple[str, ...]:
        """Check that the model can tell the concepts apart.

        Returns:
            What `notes` says of the prompts, with one sentence per template.

        Raises:
            ValueError: a template that leaves no room for the name, a name that the model does not
                read at all, or two names that are one text to it; the message names them.
        """
        notes: list[str] = []
        ids = []
        for template in concepts.templates:
            trials = [template.replace("{}", name) for name in ("cat", "dog", "")]
            one, two, none = self._tokenizer(trials)
            if torch.equal(one, two):
                raise ValueError(
                    f"the template {template!r} leaves no room for the concept: {self.name} reads "
                    f"{self.context_length} tokens; use a shorter one"
                )
            prompts = concepts.prompts(template)
            ids.append(self._tokenizer(prompts))
            unread = (ids[-1] == none).all(1).nonzero().flatten().tolist()
            if unread:
                raise ValueError(
                    f"the concept {concepts.names[unread[0]]!r} has no character that {self.name} "
                    f"reads; use another name"
                )
            notes += self._notes(prompts, ids[-1])
        pair = _equal_pair(torch.cat(ids, dim=1), concepts.names)
        if pair:
            raise ValueError(
                f"the concepts {pair[0]!r} and {pair[1]!r} are one text to {self.name}; leave one "
                f"of them out{''.join(f' ({note})' for note in notes)}"
            )
        return tuple(notes)

    def _notes(self, texts: Sequence[str], ids: Tensor) -> tuple[str, ...]:
        long = torch.nonzero(~self._fits(texts, ids)).flatten().tolist()
        if not long:
            return ()
        parts = [self._split(texts[i]) for i in long[:_SHOWN]]
        shown = [f"{_quoted(read)} | cut: {_quoted_cut(rest)}" for read, rest in parts]
        shown += ["..."] if len(long) > _SHOWN else []
        what = "the text is" if len(texts) == 1 else f"{len(long):,} of {len(texts):,} texts are"
        pair = _equal_pair(ids[long], [texts[i] for i in long])
        if pair:
            one, two = (_quoted(text) for text in pair)
            shown.append(f"{one} and {two} are one text to it")
        return (
            f"{what} longer than the {self.context_length} tokens that {self.name} reads: "
            f"{'; '.join(shown)}",
        )

    def _fits(self, texts: Sequence[str], ids: Tensor | None = None) -> Tensor:
        """(n,) whether a longer context would hold no more tokens of each text."""
        if self._padding is None:
            return torch.ones(len(texts), dtype=torch.bool)
        ids = self._tokenizer(list(texts)) if ids is None else ids
        more = self._tokenizer(list(texts), context_length=2 * self.context_length)
        return (ids != self._padding).sum(1) == (more != self._padding).sum(1)

    def _split(self, text: str) -> tuple[str, str]:
        """Split a text that is too long before the first word that is not read whole."""

        def fits(end: int) -> bool:
            return bool(self._fits([text[:end]])[0])

        words = list(re.finditer(r"\S+", text))
        # The last word never fits, or the text would.
        first = words[bisect_left(words[:-1], True, key=lambda word: not fits(word.end()))]
        start = first.start()
        if len(first.group()) > self.context_length:  # a script without spaces, read in part
            ends = range(start + 1, first.end())
            start += bisect_left(ends, True, key=lambda end: not fits(end))
        return text[:start].rstrip(), text[start:].rstrip()


def _equal_pair(ids: Tensor, names: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two names whose rows of token ids are equal."""
    seen: dict[tuple[int, ...], str] = {}
    for name, row in zip(names, ids.tolist(), strict=True):
        earlier = seen.setdefault(tuple(row), name)
        if earlier != name:
            return earlier, name
    return None


def _quoted(text: str) -> str:
    """Quote the end of a text."""
    return repr(text if len(text) <= _READ else f"...{text[3 - _READ :]}")


def _quoted_cut(text: str) -> str:
    """Quote the beginning of a text."""
    return repr(text if len(text) <= _CUT else f"{text[: _CUT - 3]}...")
