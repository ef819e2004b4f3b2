"""Watch codes form: train the hash network, change something, train again."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets as ipw
import numpy as np
import pandas as pd

from uhscm_core import Study, TrainingConfig, TrainingStep, semantic_similarity
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.analysis.validation import (
    EVALUATED_BY_CONCEPTS,
    EVALUATED_BY_LABELS,
    LAM,
    Validation,
    bit_balance,
    distance_histograms,
    output_histogram,
)
from uhscm_core.health import share_sentence
from uhscm_core.recipe import MIXING, RECIPES
from uhscm_core.runs import Run, read_runs
from uhscm_core.support.checks import instance, position
from uhscm_core.support.devices import resolve_device
from widgets.background import trainer as trainers
from widgets.background.snapshot import Snapshot, take_snapshot
from widgets.background.trainer import Trainer
from widgets.explorers.desk import Desk
from widgets.explorers.explorer import Explorer, checked
from widgets.kit.choice import Choice
from widgets.kit.curves import Curves, curves_of
from widgets.kit.gallery import Gallery
from widgets.kit.histogram import Histogram
from widgets.kit.layout import columns
from widgets.kit.selection import Selection
from widgets.kit.stage import growing
from widgets.kit.text_box import TextBox
from widgets.kit.words import duration
from widgets.panels.health import HealthPanel
from widgets.panels.run_table import RunTable
from widgets.panels.training_settings import TrainingSettings

__all__ = ["TrainingExplorer"]

_HINTS = {
    "total": "weighted sum",
    "similarity": "codes like S",
    "contrastive": "similar vs. the rest",
    "quantization": "near ±1",
    "balance": "on for half",
    "independence": "no bit repeats",
    EVALUATED_BY_CONCEPTS: "chooses the best",
    EVALUATED_BY_LABELS: "evaluation only",
}
_TOPS = {EVALUATED_BY_CONCEPTS: 1.0, EVALUATED_BY_LABELS: 1.0}  # and quantization: L
_LOCKED = "A run's settings cannot change while it is running: stop it, or fork it and change one."
_NONE = "none"
_PUMP_SECONDS = 0.25
_RESULTS_SECONDS = 1.0
_PANELS: weakref.WeakValueDictionary[Path, TrainingExplorer] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class State:
    """What is set and looked at.

    Attributes:
        runs: the folder's name of the runs on these images, concepts and mining settings.
        settings: of the next run, by name.
        colour, grey: names of the runs that are compared; empty for none.
    """

    runs: str
    settings: tuple[tuple[str, Any], ...]
    colour: str = ""
    grey: str = ""


class TrainingExplorer(Explorer[State]):
    """Train the hash network and watch its codes form.

        from widgets import TrainingExplorer
        explorer = TrainingExplorer(study)
        explorer

    Start, pause, resume, stop and keep the best; fork a run with one setting changed, and compare
    two. The network learns without labels; where there are any they evaluate it and decide
    nothing. The work is done in the background: a cell that is run again finds the run that is
    still running, and a run is on disk after the session has ended. `explorer.study` has the
    network of the run in colour.
    """

    state_type = State

    def __init__(self, study: Study | Desk, selection: Selection | None = None) -> None:
        super().__init__(study, selection)
        self._folder: Path | None = None
        self._of: Study | None = None
        self._lock = threading.RLock()
        self._newest = True
        self._parent = ""
        self._pump_thread: threading.Thread | None = None
        self._stored: list[Run] = []
        self._histories: dict[str, tuple[TrainingStep, ...]] = {}
        self._form_shown: object = None
        self._quiet = False
        self.settings = TrainingSettings()
        self.template = TextBox("prompt", leaving=True, layout={"width": "330px"})
        self.template.on_submit(self._reprompt)

        self.curves = Curves(self._hints(()))
        self.balance = Histogram(title="Bits: share of images where each is 1", most=1.0, line=0.5)
        self.outputs = Histogram(title="Outputs z, before the sign", low=-1.0, high=1.0)
        self.distances = Histogram(title="Hamming distances of pairs")
        images = self._study.dataset.images
        self.query = Gallery(images, [], edge=60, height=82)
        self.results = Gallery(images, [], edge=60, height=94)
        self.results.selection.observe(self._clicked, "focus")
        self.run_table = RunTable(self._picked, self._runs_changed, self.status.fail)
        self.table = self.run_table.table

        self.buttons = {
            "start": self._button("Start", "play", self.start, "primary"),
            "pause": self._button("Pause", "pause", self.pause),
            "resume": self._button("Resume", "forward", self.resume),
            "stop": self._button("Stop, keep the best", "stop", self.stop),
            "defaults": self._button("Defaults", "undo", self.settings.reset),
            "paper": self._button("The paper's recipe", "book", self.settings.as_in_the_paper),
            "fork": self._button("Fork the run in colour", "code-fork", self.fork),
            "other": self._button("Another query", "random", self._pin_another),
        }
        self.estimate = ipw.Label("")
        self.share = ipw.HTML()
        self.note = ipw.Label("")
        self.note.add_class("uhscm-note")
        self.health = HealthPanel(self._change_what_helps)
        self.colour = Choice("run in color", [_NONE], layout={"flex": "1 1 0"})
        self.grey = Choice("run in gray", [_NONE], layout={"flex": "1 1 0"})
        for dropdown in (self.colour, self.grey):
            dropdown.observe(self._compared, "value")
        for control in self.settings.controls.values():
            control.observe(lambda _: self._typed(), "value")
        self._ask = self._way_to("Retrieve", "Ask with this run", self._put_in_view)

        b = self.buttons
        wrapped = {"flex_flow": "row wrap"}
        pinned = ipw.HBox(
            [
                ipw.VBox([self.query, b["other"]], layout={"width": "134px"}),
                ipw.VBox([self.results], layout={"flex": "1 1 0"}),
            ]
        )
        growing(self.curves)
        tabs = ipw.Tab(
            [
                self.curves,
                ipw.VBox([self.balance, self.outputs, self.distances]),
                self.run_table,
            ],
            titles=["Curves", "Codes", "Runs"],
        )
        work = [b["start"], b["pause"], b["resume"], b["stop"], self._ask]
        self._lay_out(
            ipw.HBox([*work, self._undo, self._redo, self._csv, self.estimate], layout=wrapped),
            self.share,
            self.note,
            self.health,
            columns(
                [
                    self.template,
                    ipw.HBox([b["defaults"], b["paper"]], layout=wrapped),
                    self.settings,
                    ipw.HBox([self.colour, self.grey]),
                    b["fork"],
                    pinned,
                ],
                [tabs],
                (42, 54),
            ),
        )
        self._refresh()

    # -- what a person does, and what a notebook calls -------------------------------------------

    @property
    def trainer(self) -> Trainer | None:
        """The run of this session that was started last, running or ended."""
        return None if self._folder is None else trainers.trainer_of(self._folder)

    @property
    def study(self) -> Study:
        """The study with the network of the run in colour: the best of it, or else the last."""
        run = self._run(self.colour.value)
        if run is None:
            return self._study
        if self.trainer is not None and self.trainer.run.folder == run.folder:
            return self.trainer.result()
        network = run.network(self._study.vlp.embed_dim)
        return self._study.with_(network=network, history=self._history(run))

    @study.setter
    def study(self, study: Study) -> None:
        wanted = checked(study)
        self._open("opening another study", lambda _: wanted, each=True)

    @property
    def _study(self) -> Study:
        """The study whose runs these are."""
        return self._shown_study or self.desk.study

    def start(self, **settings: Any) -> None:
        """Start a run with the settings in view; it runs in the background.

        Args:
            settings: changes to them first, such as ``epochs=10``.

        Raises:
            RuntimeError: one is running.
            TypeError, ValueError: settings that are unknown or out of range.
        """
        self._must_be_newest()
        self._refuse_a_second()
        if self._reprompt(self.template.value):  # typed without Enter
            self._worker.wait()
        if self.template.error:
            raise ValueError(self.template.error)
        with self._all_at_once():
            self.settings.set(**settings)
        wanted = self.settings.run()
        self._start_run(grey=self._parent or self._last_name(), parent=self._parent, **wanted)
        self._parent = ""
        self._say_fork()

    def pause(self) -> None:
        """Pause after the current batch."""
        if self.trainer is not None and self.trainer.active:
            self.trainer.pause()

    def resume(self) -> None:
        """Continue after a pause, or continue the run in colour where it ended."""
        self._must_be_newest()
        if self.trainer is not None and self.trainer.active:
            self.trainer.resume()
            return
        run = self._run(self.colour.value)
        if run is None:
            raise ValueError("no run in colour to take up")
        grey = self.grey.value if self.grey.value != _NONE else ""
        self._start_run(run=run, grey=grey)

    def stop(self) -> None:
        """End the run after the current batch; its best weights are kept."""
        if self.trainer is not None:
            self.trainer.stop()

    def fork(self, name: str = "", **changes: Any) -> None:
        """Put a run's settings in view, so that the next start differs in what is changed.

        Args:
            name: of the run; empty for the one in colour, or else the one in grey.
            changes: to its settings.

        Raises:
            ValueError: no such run.
        """
        self._refuse_a_second()
        instance("name", name, str, "of a run")
        run = self._run(name or self.colour.value) or (None if name else self._run(self.grey.value))
        if run is None:
            raise ValueError(f"name: no run {name!r} to fork" if name else "no run to fork yet")
        if run.is_damaged:
            raise ValueError(f"run {run.name} is damaged and cannot be forked: {run.message}")
        self._parent = run.name
        with self._all_at_once():
            self.settings.show(run)
            self.settings.set(**changes)

    def wait(self) -> None:
        """Until the run has ended and is shown; for notebooks without a front end, and tests."""
        while (pump := self._pump_thread) is not None and pump.is_alive():
            pump.join(0.2)
        super().wait()

    def close(self) -> None:
        """Close the explorer; a run that is running continues, and is kept."""
        if self.comm is not None:
            self._newest = False
            if self._folder is not None and _PANELS.get(self._folder) is self:
                del _PANELS[self._folder]
        super().close()

    def pin(self, image: int) -> None:
        """Show the neighbours of another image.

        Raises:
            TypeError, IndexError: no image of the dataset.
        """
        n = len(self._study.dataset)
        self._pinned = position("image", image, n, "images of the dataset")
        if self.trainer is not None:
            self.trainer.pinned = self._pinned
        if self.trainer is None or self.trainer.state != "running":
            self._look_again()

    def to_frame(self) -> pd.DataFrame:
        """The steps of the run in colour, a row each."""
        run = self._run(self.colour.value)
        rows = []
        for step in self._history(run) if run is not None else ():
            row = dataclasses.asdict(step)
            metrics = row.pop("metrics") or {}
            rows.append({**row, **metrics})
        return pd.DataFrame(rows)

    # -- runs ------------------------------------------------------------------------------------

    def _adopt(self, study: Study) -> None:
        folder = runs_folder(study)
        templates = _in_one_line(study.concepts.templates)
        self.template.show(templates)
        if self._of is not None and self._of.dataset is study.dataset and folder == self._folder:
            return  # another network of the same runs
        if self._folder is not None and _PANELS.get(self._folder) is self:
            del _PANELS[self._folder]
        self._of, self._folder, self._parent = study, folder, ""
        self.validation = Validation.of(study)
        self.curves.summary = self.validation.description()
        self._pinned = int(self.validation.ids[0])
        self._histories = {}
        for gallery in (self.query, self.results):
            gallery.show([], images=study.dataset.images)
        self._take_over(folder)

    def _begin(self, before: State | None) -> State:
        running = self.trainer is not None and self.trainer.active
        if before is not None and before.runs == self._runs_name and not running:
            return before
        return self._in_view()

    @property
    def _runs_name(self) -> str:
        return "" if self._folder is None else self._folder.name

    def _in_view(self) -> State:
        """The state that the controls show."""
        names = (self.colour.value, self.grey.value)
        colour, grey = ("" if name == _NONE else name for name in names)
        return State(self._runs_name, tuple(self.settings.values.items()), colour, grey)

    def _show(self) -> None:
        view = self.state
        if view.settings != self._form_shown:
            self._form_shown = view.settings
            if dict(view.settings) != self.settings.values:
                with self._all_at_once():
                    self.settings.set(**dict(view.settings))
        chosen = self._in_view()
        if (view.colour, view.grey) != (chosen.colour, chosen.grey):
            self._choose_runs(view.colour, view.grey)
            self._look_again()
        self._draw()

    def _take_over(self, folder: Path) -> None:
        """Show what there is on disk, or the run that an earlier cell has started."""
        earlier = _PANELS.get(folder)
        if earlier is not None:
            earlier._retire()
        _PANELS[folder] = self
        self._newest = True
        self._stored = runs = read_runs(folder)
        if self.trainer is not None and (self.trainer.active or self.trainer.steps):
            self._pinned = self.trainer.pinned
            mine = self.trainer.run
            self.settings.show(mine)
            names = [run.name for run in runs if run.name != mine.name]
            self._list_runs(mine.name, mine.parent or (names[-1] if names else ""))
            self._follow_run(self.trainer)
        else:
            whole = [run for run in runs if not run.is_damaged]
            if whole:
                self.settings.show(whole[-1])
            self._list_runs("", whole[-1].name if whole else "")
        self._settings_changed()
        self._look_for_faults()

    def _retire(self) -> None:
        self._newest = False
        for button in self.buttons.values():
            button.disabled = True
        self.settings.lock("This panel is shown by a newer cell.")
        self.status.say("This panel is shown by the cell that was run last.")

    def _must_be_newest(self) -> None:
        if not self._newest:
            raise RuntimeError("this panel is shown by the cell that was run last")

    def _refuse_a_second(self) -> None:
        if self.trainer is not None and self.trainer.active:
            raise RuntimeError(f"run {self.trainer.run.name} is running; stop it first")

    def _start_run(self, grey: str, **what: Any) -> None:
        folder = runs_folder(self._study)
        trainer = trainers.start(self._study, folder, self.validation, self._pinned, **what)
        self._histories.pop(trainer.run.name, None)
        self.estimate.value = ""
        self._list_runs(trainer.run.name, grey)
        self.desk.change(self.name, lambda moment: self._with_state(moment, self._in_view()))
        self._follow_run(trainer)

    def _follow_run(self, trainer: Trainer) -> None:
        self._pump_thread = threading.Thread(target=self._pump, args=(trainer,), daemon=True)
        self._pump_thread.start()

    def _pump(self, trainer: Trainer) -> None:
        """Show what is new about four times a second, until the run has ended."""
        while self._newest and trainer is self.trainer:
            active = trainer.active  # asked first, so that the last of it is shown too
            self._safely(self._draw)
            if not active:
                if trainer.run.message:
                    self.status.fail(f"Run {trainer.run.name} ended: {trainer.run.message}")
                self._look_for_faults()
                return
            trainer.wait(_PUMP_SECONDS)

    def _runs(self) -> list[Run]:
        """All runs, the session's own as it is now."""
        runs = self._stored
        if self.trainer is None:
            return runs
        mine = self.trainer.run
        if not (self.trainer.active or mine.exists):
            return [run for run in runs if run.folder != mine.folder]
        status = self.trainer.state if self.trainer.active else mine.status
        mine = dataclasses.replace(mine, status=status, seconds=round(self.trainer.seconds, 1))
        others = [run for run in runs if run.folder != mine.folder]
        return sorted([*others, mine], key=lambda run: (len(run.name), run.name))

    def _run(self, name: str) -> Run | None:
        return next((run for run in self._runs() if run.name == name), None)

    def _last_name(self) -> str:
        runs = self._runs()
        return runs[-1].name if runs else ""

    def _history(self, run: Run) -> Sequence[TrainingStep]:
        if self.trainer is not None and self.trainer.run.folder == run.folder:
            return tuple(self.trainer.steps)
        if run.name not in self._histories:
            self._histories[run.name] = run.history()
        return self._histories[run.name]

    def _list_runs(self, colour: str, grey: str) -> None:
        self._stored = read_runs(runs_folder(self._study))
        self._choose_runs(colour, grey, [_NONE, *(run.name for run in self._runs())])
        self._drawn.clear()

    def _choose_runs(self, colour: str, grey: str, names: Sequence[str] = ()) -> None:
        """Put two runs in view at once; with `names`, of these."""
        for dropdown, value in ((self.colour, colour), (self.grey, grey)):
            dropdown.unobserve(self._compared, "value")
            if names:
                dropdown.options = names
            dropdown.value = value if value in dropdown.options else _NONE
            dropdown.observe(self._compared, "value")

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def _judged_by_labels(self) -> bool:
        labels = self._study.dataset.labels
        return labels is not None and bool(labels.any())

    def _draw(self) -> None:
        with self._lock:
            trainer = self.trainer
            shown = self._run(self.colour.value)
            live = trainer is not None and shown is not None and trainer.run.folder == shown.folder
            self._draw_curves(shown)
            if live and trainer is not None and trainer.snapshot is not None:
                self._draw_snapshot(trainer.snapshot, shown)
            elif shown is None:
                self._draw_snapshot(None, None)
            self._draw_table()
            self._draw_buttons(shown)
            self._draw_sentence(shown)

    @property
    def _n_train(self) -> int:
        return len(self._study.dataset.splits["train"])

    def _draw_curves(self, shown: Run | None) -> None:
        both = {"now": shown, "before": self._run(self.grey.value)}
        hints = self._hints([run for run in both.values() if run is not None])
        bits = max((run.bits for run in both.values() if run is not None), default=0)
        if self._drawn.get("hints") != (hints, bits):
            self._drawn = {"hints": (hints, bits)}
            self.curves.set_hints(hints, {**_TOPS, "quantization": float(bits)})
        curves = {}
        for which, run in both.items():
            steps = () if run is None else self._history(run)
            key = (None if run is None else run.name, len(steps))
            if self._drawn.get(which) == key:
                continue
            self._drawn[which] = key
            config = (run.config if run is not None else TrainingConfig()).complete()
            curves[which] = curves_of(steps, self._n_train, config.batch_size, config.epochs)
        if not curves:
            return
        names = [
            f"run {self.colour.value}" if self.colour.value != _NONE else "",
            f"run {self.grey.value}, earlier" if self.grey.value != _NONE else "",
        ]
        until = float(shown.config.complete().epochs) if shown is not None else 0.0
        self.curves.show(**curves, names=names, until=until)

    def _hints(self, runs: Sequence[Run]) -> dict[str, str]:
        """Return a hint for each chart: the terms that the recipes of some runs have, and mAP."""
        recipes = [run.config.recipe for run in runs] or [TrainingConfig().recipe]
        mixing, on_concepts = (any((r in MIXING) == m for r in recipes) for m in (True, False))
        left_out = [] if mixing else ["balance", "independence"]
        left_out += [] if on_concepts else ["contrastive"]
        left_out += [] if self._judged_by_labels else [EVALUATED_BY_LABELS]
        return {name: hint for name, hint in _HINTS.items() if name not in left_out}

    def _draw_snapshot(self, snapshot: Snapshot | None, run: Run | None) -> None:
        key = (None if run is None else run.name, snapshot)
        if self._drawn.get("snapshot") == key:
            if snapshot is not None:
                self._draw_results(snapshot)
            return
        self._drawn["snapshot"] = key
        if snapshot is None or run is None:
            for chart in (self.balance, self.outputs, self.distances):
                chart.show([], series=[], summary="")
            self.results.show([], summary="The pinned query's nearest images appear with a run")
            return
        z, bits = snapshot.outputs, run.bits
        balance = bit_balance(z)
        idle = int(((balance < 0.05) | (balance > 0.95)).sum())
        self.balance.show(
            balance,
            high=float(bits - 1),  # bits are counted from 0, as everywhere
            whole=True,
            unit="bit",
            summary=f"{idle} of {bits} bits say nearly the same of every image",
        )
        near = float((z.abs() > 0.9).float().mean())
        self.outputs.show(
            output_histogram(z), summary=f"{near:.0%} of the outputs lie within 0.1 of ±1"
        )
        s = self.validation.similarity
        similar, others, n_alike, n_others = distance_histograms(z[: len(s)], s, LAM)
        means = [float((np.arange(bits + 1) * h).sum()) for h in (similar, others)]
        far = f"{means[0]:.1f} bits apart" if n_alike else "none"
        self.distances.show(
            similar,
            others,
            series=[f"similar: S ≥ {LAM:g} ({n_alike:,} pairs)", f"not ({n_others:,} pairs)"],
            high=float(bits),
            whole=True,
            unit="bits",
            summary=f"Pairs that are similar: {far} on average; the others: {means[1]:.1f}",
        )
        self._draw_results(snapshot)

    def _draw_results(self, snapshot: Snapshot) -> None:
        study, pinned = self._study, snapshot.pinned
        if self._drawn.get("pinned") != pinned:
            self._drawn["pinned"] = pinned
            said = "\n".join(study.dataset.labels_of(pinned)) if self._judged_by_labels else ""
            self.query.show([pinned], captions=[said], summary="The pinned query")
        found = (pinned, snapshot.results.tolist(), snapshot.distances.tolist())
        if self._drawn.get("results") == found or not len(snapshot.results):
            return
        now, running = time.monotonic(), self.trainer is not None and self.trainer.active
        if running and now - self._drawn.get("results at", 0.0) < _RESULTS_SECONDS:
            return  # thumbnails are most of what is sent; the last ones are sent in any case
        self._drawn |= {"results": found, "results at": now}
        q = study.distribution
        similar = semantic_similarity(q[pinned][None], q[snapshot.results])[0].tolist()
        captions = [
            f"{d} bits, S {s:.2f}"
            for d, s in zip(snapshot.distances.tolist(), similar, strict=True)
        ]
        marks, tail = None, ""
        if study.dataset.labels is not None:
            mine = set(study.dataset.labels_of(pinned))
            marks = [bool(mine & set(study.dataset.labels_of(int(i)))) for i in snapshot.results]
            tail = f"; {sum(marks)} of {len(marks)} share a label (no label was trained on)"
        self.results.show(
            snapshot.results,
            captions=captions,
            marks=marks,
            summary=f"Its nearest among {len(self.validation.ids):,} validation images{tail}; "
            "click one to pin it",
        )

    def _draw_table(self) -> None:
        runs = self._runs()
        histories = {run.name: self._history(run) for run in runs}
        marks = {self.grey.value: "○", self.colour.value: "●"}
        key = ([(r.name, r.status, len(histories[r.name]) // 50) for r in runs], marks)
        if self._drawn.get("table") == key:
            return
        self._drawn["table"] = key
        self.run_table.show(runs, histories, marks, by_labels=self._judged_by_labels)

    def _draw_buttons(self, shown: Run | None) -> None:
        trainer = self.trainer
        active = trainer is not None and trainer.active
        paused = trainer is not None and trainer.pausing
        ended = ("finished", "new", "damaged")
        resumable = not active and shown is not None and shown.status not in ended
        self._ask.disabled = shown is None or shown.status == "new"
        wanted = {
            "start": active,
            "pause": not active or paused,
            "resume": not (active and paused) and not resumable,
            "stop": not active,
            "defaults": active,
            "paper": active,
            "fork": active or not self._runs(),
        }
        for name, disabled in wanted.items():
            self.buttons[name].disabled = disabled or not self._newest
        self.settings.lock(_LOCKED if active else "")

    def _draw_sentence(self, shown: Run | None) -> None:
        if not self._newest:
            return
        if shown is None:
            grey = self._run(self.grey.value)
            if grey is None:
                said = "No run yet: press Start. "
            else:
                said = f"Run {grey.name} of earlier in grey ({self._state_of(grey)}). Press Start. "
            self.status.say(said.strip())
            return
        steps = self._history(shown)
        parts = [f"Run {shown.name} {self._state_of(shown)}"]
        epochs = shown.config.complete().epochs
        if not shown.is_damaged and epochs == 0:
            parts.append("no epoch asked for, so nothing was learned: these are the first weights")
        if steps:
            last = steps[-1]
            parts.append(f"epoch {last.epoch} of {epochs}, total {last.total:.3f}")
        validated = [step for step in steps if step.metrics]
        if validated:
            best = max(validated, key=lambda s: (s.metrics or {})[EVALUATED_BY_CONCEPTS])
            at = (best.metrics or {})[EVALUATED_BY_CONCEPTS]
            parts.append(f"best mAP by concepts {at:.3f} after epoch {best.epoch}")
        if steps:
            rate = float(np.median([step.images_per_second for step in steps[-30:]]))
            parts.append(f"{rate:,.0f} images a second on {shown.device or shown.config.device}")
        trainer = self.trainer
        spoken = ""
        if trainer is not None and trainer.active and trainer.run.folder == shown.folder:
            spoken = parts[0]  # not each epoch
            left = trainer.seconds_left
            if left is not None:
                parts.append(f"about {duration(left)} left")
        notes = [shown.message] if shown.is_damaged else []
        if trainer is not None and trainer.run.folder == shown.folder and trainer.collapse:
            notes.append(
                f"the codes have collapsed: of the validation images, {trainer.collapse}; try "
                f"another learning_rate, center, or more epochs"
            )
        self.status.say("; ".join(parts), notes, spoken)

    def _state_of(self, run: Run) -> str:
        if run.status not in ("running", "paused", "preparing", "new"):
            return run.status
        trainer = self.trainer
        if trainer is not None and trainer.run.folder == run.folder and trainer.active:
            if trainer.state == "running" and trainer.pausing:
                return "pausing"
            if trainer.state == "paused" and trainer.paused_after is not None:
                return f"paused (after {1000 * trainer.paused_after:.0f} ms)"
            return trainer.state
        return "running in another process" if run.is_running() else "interrupted"

    # -- gestures --------------------------------------------------------------------------------

    def _button(
        self, text: str, icon: str, action: Callable[[], None], style: str = ""
    ) -> ipw.Button:
        button = ipw.Button(description=text, icon=icon, button_style=style)
        button.layout.width = "auto"

        def clicked(_: object) -> None:
            self._safely(action)
            if self._newest:
                self._safely(self._draw)

        button.on_click(clicked)
        return button

    def _safely(self, action: Callable[[], None]) -> None:
        """A callback's exceptions are not seen: say them."""
        try:
            action()
        except Exception as error:
            self.status.fail(str(error) or type(error).__name__)

    @contextlib.contextmanager
    def _all_at_once(self) -> Iterator[None]:
        """Take several settings as one change."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._typed()

    def _typed(self) -> None:
        """A control of a setting has another value."""
        if not self._quiet and not self.settings.taking:
            self._safely(self._settings_changed)

    def _settings_changed(self) -> None:
        self._say_fork()
        try:
            self.settings.run()
        except ValueError:
            pass  # which the estimate says
        else:
            self._change("changing settings", self._take_form)
        if self.trainer is not None and self.trainer.active:
            self.estimate.value = ""
            return
        self._worker.submit("estimating", self._estimate)

    def _take_form(self, view: State) -> State:
        self._form_shown = settings = tuple(self.settings.values.items())
        return dataclasses.replace(view, settings=settings)

    def _reprompt(self, text: str) -> bool:
        """Take over the prompt templates; return whether they are others."""
        self.template.error = ""
        wanted = _templates(text, self._study.concepts.templates)
        if wanted == self._study.concepts.templates:
            return False

        def make(study: Study) -> Study:
            changed = study.with_(template=wanted)
            _ = changed.mined
            return changed

        self._open("encoding prompts", make, at=self.template)
        return True

    def _put_in_view(self) -> None:
        """Make the run in colour the network of the study in view."""
        trained = self.study
        if trained.network is None:
            raise ValueError("no run in colour to ask with: choose one, or press Start")
        self.desk.change(self.name, lambda moment: moment.with_study(trained))

    def _say_fork(self) -> None:
        fork = self._run(self._parent)
        run = fork or self._run(self.colour.value)
        if run is None or run.is_damaged:
            self.note.value = ""
            return
        now, before = self.settings.values, run.settings
        other = now["recipe"] != before["recipe"]
        changed = [
            f"{name} {before[name]} → {value}"
            for name, value in now.items()
            if str(before[name]) != str(value)
            and not (other and str(value) == str(RECIPES[now["recipe"]].get(name)))
        ]
        if fork is not None:
            said = f"Fork of {run.name}: {', '.join(changed) or 'change one setting'}"
        elif changed:
            said = f"The next run differs from run {run.name} in color: {', '.join(changed)}"
        else:
            said = f"The settings are those of run {run.name} in color"
        self.note.value = said

    def _change_what_helps(self, change: Mapping[str, Any]) -> None:
        """Make the change of a finding, in the form or in the study."""
        of_training = {n: value for n, value in change.items() if n in self.settings.controls}
        if of_training:
            with self._all_at_once():
                self.settings.set(**of_training)
        of_study = {n: value for n, value in change.items() if n not in of_training}
        if of_study:

            def make(study: Study) -> Study:
                changed = study.with_(**of_study)
                _ = changed.mined
                return changed

            self._open("changing the study", make)

    def _look_for_faults(self) -> None:
        """Show what `Study.health` finds, of the run in colour if there is one."""

        def job() -> None:
            trainer = self.trainer
            if trainer is None or not trainer.active:
                self.health.show(self.study.health())

        self._worker.submit("looking for faults", job)

    def _said_of_share(self, config: TrainingConfig) -> str:
        """Return what decides how far codes lean on the features, where the recipe has them."""
        if not config.mixes:
            return ""
        given = config.complete().feature_share
        sentence = share_sentence(self._study, None if given == "auto" else float(given))
        return f'<div style="line-height:1.4">{sentence[0].upper()}{sentence[1:]}.</div>'

    def _estimate(self) -> None:
        try:
            wanted = self.settings.run()
        except ValueError as error:
            self.estimate.value = f"Not yet: {error}"
            return
        n, config, backbone = self._n_train, wanted["config"], wanted["backbone"]
        self.share.value = self._said_of_share(config)
        if self.trainer is not None and self.trainer.active:
            return
        if backbone == "features":
            seconds = trainers.estimate(self._study, wanted["bits"], config)
        else:
            similar = [
                r for r in self._runs() if r.backbone == backbone and len(self._history(r)) > 2
            ]
            if not similar:
                self.estimate.value = "How long it takes is known once it runs."
                return
            rates = [step.images_per_second for step in self._history(similar[-1])]
            seconds = n * config.complete().epochs / float(np.median(rates))
        self.estimate.value = f"About {duration(seconds)} on {resolve_device(config.device)}"

    def _compared(self, _: dict[str, Any]) -> None:
        self._safely(self._draw)
        self._say_fork()
        self._look_again()
        self._look_for_faults()
        chosen = self._in_view()
        self._change(
            "comparing runs",
            lambda view: dataclasses.replace(view, colour=chosen.colour, grey=chosen.grey),
        )

    def _look_again(self) -> None:
        """Of a run that is not running: compute what its codes are."""

        def job() -> None:
            run = self._run(self.colour.value)
            trainer = self.trainer
            if run is None or run.is_damaged:
                return
            step = 0
            if (
                trainer is not None
                and trainer.run.folder == run.folder
                and trainer.network is not None
            ):
                if trainer.state == "running" and trainer.active:
                    return
                network = trainer.network if trainer.active else trainer.result().network
            else:
                network = run.network(self._study.vlp.embed_dim)
            snapshot = None
            if network is not None:
                snapshot = take_snapshot(self._study, self.validation, network, self._pinned, step)
            with self._lock:
                if (
                    trainer is not None
                    and trainer.run.folder == run.folder
                    and snapshot is not None
                ):
                    trainer.snapshot = snapshot
                self._draw_snapshot(snapshot, run)

        self._worker.submit("looking", job)

    def _picked(self, name: str) -> None:
        """A row of the table: in colour, and what was in colour goes to grey."""
        under_way = self.trainer is not None and self.trainer.active
        if under_way:
            self.grey.value = name if name != self.colour.value else self.grey.value
        elif name != self.colour.value:
            self._choose_runs(name, self.colour.value)
            self._compared({})

    def _runs_changed(self) -> None:
        """Runs were named or deleted."""
        self._histories.clear()
        names = (self.colour.value, self.grey.value)
        self._list_runs(*("" if name == _NONE else name for name in names))
        self._compared({})

    def _clicked(self, change: dict[str, Any]) -> None:
        image = change["new"]
        if image is not None:
            self.results.selection.focus = None
            self._safely(lambda: self.pin(image))

    def _pin_another(self) -> None:
        ids = self.validation.ids
        self.pin(int(np.random.default_rng(time.time_ns()).choice(ids)))


def _in_one_line(templates: Sequence[str]) -> str:
    return "; ".join(templates)


def _templates(typed: str, before: tuple[str, ...]) -> tuple[str, ...]:
    """Return the prompt templates that a line holds: several are separated by semicolons."""
    if typed == _in_one_line(before):
        return before
    parts = tuple(part.strip() for part in typed.split(";"))
    return parts if all("{}" in part for part in parts) else (typed.strip(),)
