"""Views for notebooks: pure functions from numbers to figures, one view a file, and explorers."""

from widgets.compare_explorer import CompareExplorer
from widgets.denoising_explorer import DenoisingExplorer
from widgets.distribution_explorer import DistributionExplorer
from widgets.exports import Exports
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
from widgets.map_explorer import MapExplorer
from widgets.photos_explorer import PhotosExplorer
from widgets.results_page import results_page
from widgets.retrieval_explorer import RetrievalExplorer
from widgets.tidy_explorer import TidyExplorer
from widgets.training_explorer import TrainingExplorer

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
