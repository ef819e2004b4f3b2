"""What a run was trained on besides images and model: concepts, template, and the mining."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhscm_core.concepts import ConceptSet
from uhscm_core.support.fields import Types, check_fields

if TYPE_CHECKING:
    from uhscm_core.study import Study

__all__ = ["MiningSettings"]

_FIELDS: dict[str, Types] = {
    "names": list,
    "templates": list,
    "tau": (int, float),
    "min_share": (int, float),
    "max_share": (int, float, type(None)),
}
_LISTED = 3  # names of a list of concepts that are said


@dataclass(frozen=True)
class MiningSettings:
    """The concepts of a study and how it mines them; equal ones give equal kept concepts.

    Attributes:
        concepts, tau, min_share, max_share: of `Study`.
    """

    concepts: ConceptSet
    tau: float
    min_share: float
    max_share: float | None

    @classmethod
    def of(cls, study: Study) -> MiningSettings:
        """Return those of a study."""
        return cls(study.concepts, study.tau, study.min_share, study.max_share)

    @classmethod
    def read(cls, values: object, where: str | Path) -> MiningSettings:
        """Read what `values` has made, in a file.

        Raises:
            ValueError: it is nothing that `values` makes.
        """
        check_fields(where, values, _FIELDS)
        given: dict[str, Any] = dict(values)  # type: ignore[call-overload]
        try:
            concepts = ConceptSet(tuple(given.pop("names")), tuple(given.pop("templates")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error
        return cls(concepts, **given)

    @property
    def values(self) -> dict[str, Any]:
        """As values of JSON."""
        mined_by = {name: getattr(self, name) for name in ("tau", "min_share", "max_share")}
        return {**dataclasses.asdict(self.concepts), **mined_by}

    def in_study(self, study: Study) -> Study:
        """Return the study of the same images and model that is mined like this.

        Raises:
            ValueError: it has no features of these concepts, see `Study.from_features`.
        """
        if self == MiningSettings.of(study):
            return study
        mined_by = {name: getattr(self, name) for name in ("tau", "min_share", "max_share")}
        return study.with_(concepts=self.concepts, **mined_by)

    def unlike(self, other: MiningSettings) -> str:
        """Return in words what these are where they differ from others; empty where nowhere."""
        said = []
        if self.concepts.templates != other.concepts.templates:
            said.append(f"template “{'; '.join(self.concepts.templates)}”")
        if self.concepts.names != other.concepts.names:
            names = self.concepts.names
            more = ", ..." if len(names) > _LISTED else ""
            said.append(f"{len(names)} concepts ({', '.join(names[:_LISTED])}{more})")
        said += [
            f"{name} {'none' if value is None else f'{value:g}'}"
            for name in ("tau", "min_share", "max_share")
            if (value := getattr(self, name)) != getattr(other, name)
        ]
        return ", ".join(said)
