"""The paper's benchmarks as one table: protocol, runs and files."""

from uhscm_core.paper.running import METHODS, run_paper
from uhscm_core.paper.table import PaperRow, PaperTable

__all__ = ["METHODS", "PaperRow", "PaperTable", "run_paper"]
