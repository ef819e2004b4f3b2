"""Unsupervised hashing with semantic concept mining (UHSCM, arXiv 2209.11475).

The modules read as the paper does: concepts, encoder, vlp, mining, objective, network, training,
codes, index, metrics; `study.Study` is the whole method as one value.
"""

from uhscm_core.adding import add_images
from uhscm_core.analysis.duplicates import NearDuplicates, near_duplicates
from uhscm_core.analysis.outliers import Outliers, rank_outliers, rank_outliers_by_features
from uhscm_core.analysis.sketches import sketch
from uhscm_core.baselines import BASELINES, Baseline, fit_baseline
from uhscm_core.codes import bit_concepts, hamming_distance, pack_codes, unpack_codes
from uhscm_core.concepts import ConceptSet, load_concepts
from uhscm_core.datasets import ImageDataset, load_dataset
from uhscm_core.encoder import Encoder
from uhscm_core.experiments import Comparison, Experiment, RunResult
from uhscm_core.export import export_codes, export_index, export_run
from uhscm_core.health import HealthFinding
from uhscm_core.index import HammingIndex
from uhscm_core.metrics import (
    average_precisions,
    cosine_average_precisions,
    cosine_mean_average_precision,
    mean_average_precision,
    ndcg_at,
    precision_at,
    precision_recall_curve,
)
from uhscm_core.mining import (
    MinedConcepts,
    concept_scores,
    explain_similarity,
    mine_concepts,
    semantic_similarity,
    top_concepts,
)
from uhscm_core.network import HashNetwork
from uhscm_core.objective import LossTerms, uhscm_loss
from uhscm_core.onnx_export import export_onnx
from uhscm_core.paper import PaperTable, run_paper
from uhscm_core.results import Embedding
from uhscm_core.study import Study
from uhscm_core.support.notices import UHSCMWarning
from uhscm_core.training import TrainingConfig, TrainingStep, train
from uhscm_core.vlp import VLP, load_vlp

__all__ = [
    "BASELINES",
    "VLP",
    "Baseline",
    "Comparison",
    "ConceptSet",
    "Embedding",
    "Encoder",
    "Experiment",
    "HammingIndex",
    "HashNetwork",
    "HealthFinding",
    "ImageDataset",
    "LossTerms",
    "MinedConcepts",
    "NearDuplicates",
    "Outliers",
    "PaperTable",
    "RunResult",
    "Study",
    "TrainingConfig",
    "TrainingStep",
    "UHSCMWarning",
    "add_images",
    "average_precisions",
    "bit_concepts",
    "cosine_average_precisions",
    "concept_scores",
    "cosine_mean_average_precision",
    "explain_similarity",
    "export_codes",
    "export_index",
    "export_onnx",
    "export_run",
    "fit_baseline",
    "hamming_distance",
    "load_concepts",
    "load_dataset",
    "load_vlp",
    "mean_average_precision",
    "mine_concepts",
    "ndcg_at",
    "near_duplicates",
    "pack_codes",
    "precision_at",
    "precision_recall_curve",
    "rank_outliers",
    "rank_outliers_by_features",
    "run_paper",
    "semantic_similarity",
    "sketch",
    "top_concepts",
    "train",
    "uhscm_loss",
    "unpack_codes",
]
