"""The folder of a training run: what is in it, one reader and one writer.

Only this package knows the files of a run:

- ``config.json``: the settings, the network's shape and a digest of the training data;
- ``metrics.jsonl``: one line per step;
- ``checkpoint.safetensors``: weights, optimizer state and position, replaced as the run advances;
- ``weights.safetensors``: the weights after the last epoch;
- ``run.lock``: held by the process that trains here;
- ``label.json``: what the user calls the run;
- ``run.json`` and ``best.safetensors``: the description of a `Run` and its best weights. Only runs
  that belong to a study have them, in folders ``<home>/runs/<digest>/<number>``.
  Those on the same images are numbered through, whatever template and concepts each has had.
  Such a folder is also where the study is saved, so `Study.load` reads it.

`RunWriter` writes while `uhscm_core.train` trains; `read_history`, `read_network` and `Run` read. A
process that is killed leaves a folder that can be read and resumed: every file is replaced whole,
except that the last line of ``metrics.jsonl`` may be cut short, and then it is left out. No pickle
is written or read.

A folder's ``config.json`` gives the run an id, which every other file repeats: a file of another
run is found out. So is any other damage, by a digest of each file, and of each line of the log.
"""

from __future__ import annotations

from uhscm_core.runs.checkpoint import Checkpoint
from uhscm_core.runs.deleting import delete_run, delete_runs, oldest_beyond, run_size
from uhscm_core.runs.label import RunLabel, read_label, title_of, write_label
from uhscm_core.runs.mining_settings import MiningSettings
from uhscm_core.runs.reading import read_history, read_network
from uhscm_core.runs.run import Run
from uhscm_core.runs.run_list import RunReader, new_run, read_runs
from uhscm_core.runs.writer import RunWriter, holding

__all__ = [
    "Checkpoint",
    "MiningSettings",
    "Run",
    "RunLabel",
    "RunReader",
    "RunWriter",
    "delete_run",
    "delete_runs",
    "holding",
    "new_run",
    "oldest_beyond",
    "read_history",
    "read_label",
    "read_network",
    "read_runs",
    "run_size",
    "title_of",
    "write_label",
]
