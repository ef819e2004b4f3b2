"""What one image is made of, before and after denoising."""

from __future__ import annotations

import ipywidgets as ipw
import torch

from uhscm_core import concept_scores
from uhscm_core.analysis.study_images import StudyImages
from widgets.kit.bars import Bars
from widgets.kit.stage import growing

__all__ = ["ImageConcepts"]


class ImageConcepts(ipw.VBox):
    """A bar per concept for the distribution over all candidates and over those that are kept."""

    def __init__(self) -> None:
        self.bars = Bars(height=172, digits=3)
        growing(self.bars)
        super().__init__([self.bars])

    def show(self, pictures: StudyImages, image: int) -> None:
        """Show an image, largest concepts first."""
        study = pictures.study
        scores = concept_scores(pictures.features[image][None], study.text_features)[0]
        before = torch.softmax(study.tau * len(scores) * scores, dim=0)  # (M,)
        kept = study.mined.kept
        after = torch.zeros(len(scores))
        after[kept] = pictures.distribution[image]
        order = torch.maximum(before, after).argsort(descending=True, stable=True)
        main = study.concepts.names[int(after.argmax())]
        self.bars.show(
            [study.concepts.names[j] for j in order],
            before[order].numpy(),
            after[order].numpy(),
            names=(f"over all {len(kept):,} candidates", f"over the {int(kept.sum()):,} kept"),
            kept=kept[order].numpy(),
            summary=f"{pictures.names[image]}: after denoising {after.max():.0%} {main}",
        )
