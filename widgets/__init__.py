"""Views for notebooks: pure functions from numbers to figures, views, and explorers."""

from widgets.explorers.compare import CompareExplorer
from widgets.explorers.denoising import DenoisingExplorer
from widgets.explorers.distribution import DistributionExplorer
from widgets.explorers.exports import Exports
from widgets.explorers.map import MapExplorer
from widgets.explorers.photos import PhotosExplorer
from widgets.explorers.retrieval import RetrievalExplorer
from widgets.explorers.tidy import TidyExplorer
from widgets.explorers.training import TrainingExplorer
from widgets.explorers.workbench import Workbench
from widgets.figures.code_bars import code_bars_figure
from widgets.figures.comparison import comparison_figure
from widgets.figures.concept_bars import concept_bars_figure
from widgets.figures.heatmap import similarity_figure
from widgets.figures.image_row import image_row, image_row_html
from widgets.figures.loss_curves import loss_figure
from widgets.figures.plane import plane_figure
from widgets.figures.votes import votes_figure
from widgets.kit.bars import Bars
from widgets.kit.gallery import Gallery
from widgets.kit.grid import Grid
from widgets.kit.map_view import MapView
from widgets.kit.selection import Selection
from widgets.results_page import results_page

__all__ = [
    "Bars",
    "CompareExplorer",
    "DenoisingExplorer",
    "DistributionExplorer",
    "Exports",
    "Gallery",
    "Grid",
    "MapExplorer",
    "MapView",
    "PhotosExplorer",
    "RetrievalExplorer",
    "Selection",
    "TidyExplorer",
    "TrainingExplorer",
    "Workbench",
    "code_bars_figure",
    "comparison_figure",
    "concept_bars_figure",
    "image_row",
    "image_row_html",
    "loss_figure",
    "plane_figure",
    "results_page",
    "similarity_figure",
    "votes_figure",
]
