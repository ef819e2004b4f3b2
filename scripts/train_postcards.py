"""Train the model that ships with the postcards, from scratch, in under an hour on two CPU cores.

    python scripts/train_postcards.py                       # writes uhscm_postcards/model/
    python scripts/train_postcards.py --out /tmp/m --steps 400

An open_clip model (ResNet image tower at 80 px, a text transformer of width 48 and context 16 on
open_clip's own tokenizer) learns from painted scenes and from true statements about them. Training
differs from that of plain CLIP in two ways:

- Many texts are true of many pictures in a batch, so there is no single right pair. The target of
  each softmax is spread over all true pairs: for a picture over the prompts of all words that are
  true of it, by their weight; for a text over all pictures that it is true of.
- Negatives: names of NUS-WIDE, COCO and four fifths of the common nouns that the world does not
  contain (the last fifth is held out, to test unknown names), words of random tokens, captions that
  claim something that is not there, and names in silly templates. The templates come from a grammar
  (``uhscm_postcards/wording.py``), which holds some of them out for evaluation.

The logit scale is fixed at 100, where CLIP's training ends, so that the paper's tau keeps its
meaning. The pixels of the scenes are in a temporary folder while it runs. No seed here is used
elsewhere.

There are two parts: first both towers; then a new text tower on the features of the finished image
tower, in which words that do not occur in training remain unknown. The schedule counts steps only:
on one machine the same seed gives the same weights to the bit (tried: 20 steps of each, twice).
The shipped weights came from the defaults, with the two parts started separately: they took 26 and
9 minutes on two busy cores, 16 and 7 minutes of processor time (``training.log`` next to the
weights). Afterwards run ``python scripts/ship_features.py``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# One thread: on two busy cores, two threads waited for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import open_clip
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

import uhscm_postcards
from scripts.postcards_evaluation import average_precision, share_absent, share_true
from uhscm_core.concepts import load_concepts
from uhscm_postcards.describe import LEXICON, caption, facts
from uhscm_postcards.paint import paint
from uhscm_postcards.scene import LABELS, make_scene
from uhscm_postcards.wording import NEUTRAL, UNKNOWN, sensible, silly

TRAIN_SEED, CHECK_SEED = 10_000_000, 20_000_000
ABSENT, STRANGE, SILLY = 90, 30, 60  # prompts of each kind per step, in addition to the lexicon
SIDE = 80
CONFIG = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": SIDE, "layers": [1, 2, 2, 1], "width": 16, "patch_size": None},
    "text_cfg": {
        "context_length": 16,
        "vocab_size": 49408,
        "width": 48,
        "heads": 4,
        "layers": 2,
    },
}
SCALE = 100.0
REFINED_ON = 8_000
STARTED = time.monotonic()


def _pixels(seeds: range) -> np.ndarray:
    rows = np.empty((len(seeds), SIDE, SIDE, 3), dtype=np.uint8)
    for row, seed in zip(rows, seeds, strict=True):
        image = Image.fromarray(paint(make_scene(seed)))
        row[:] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return rows


def painted(folder: Path, first: int, number: int) -> np.ndarray:
    """Paint `number` scenes from seed `first` on into a memory-mapped file."""
    pixels = np.lib.format.open_memmap(
        folder / f"{first}.npy", "w+", np.uint8, (number, SIDE, SIDE, 3)
    )
    chunks = [range(first + i, first + min(i + 250, number)) for i in range(0, number, 250)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for chunk, rows in zip(chunks, pool.map(_pixels, chunks), strict=True):
            pixels[chunk.start - first : chunk.stop - first] = rows
    return pixels


def absent_names() -> tuple[list[str], list[str]]:
    """Return names that the world does not contain: those to train on, and those held out."""
    common = [n for n in load_concepts("common").names if n not in LEXICON]
    benchmarks = [n for n in load_concepts("nuswide81+coco80").names if n not in LEXICON]
    held_out = [name for name in common[::5] if name not in benchmarks]
    known = dict.fromkeys(benchmarks + [n for n in common if n not in held_out])
    return list(known), held_out


FACTS = sorted({fact for fact, _ in LEXICON.values()})


class Texts:
    """The prompts and captions of a step, and which scenes they are true of."""

    def __init__(self, rng: np.random.Generator, unknown: float = 0.15) -> None:
        self.rng, self.unknown_share = rng, unknown
        self.words = list(LEXICON)
        self.absent, _ = absent_names()
        self.others = [name for name in self.absent if name not in NEUTRAL]
        self.tokenize = open_clip.get_tokenizer("ViT-B-32", context_length=16)
        self.unknown = self.tokenize([UNKNOWN])[0, 1]

    def prompts(self) -> Tensor:
        """Return (words + ABSENT + STRANGE + SILLY, 16) tokens, each name in a random template."""
        rng = self.rng
        names = [*self.words, *rng.choice(self.absent, ABSENT, replace=False)]
        names += [UNKNOWN] * STRANGE
        texts = [sensible(rng, self.unknown_share).replace("{}", name) for name in names]
        silly_names = rng.choice(self.words, SILLY)
        texts += [silly(rng, self.others).replace("{}", name) for name in silly_names]
        tokens = self.tokenize(texts)
        # A user may ask for any word of the vocabulary.
        drawn = torch.from_numpy(rng.integers(300, 49_000, tokens.shape))
        return torch.where(tokens == self.unknown, drawn, tokens)

    def captions(self, scenes: list, absence: Tensor) -> tuple[Tensor, Tensor]:
        """Write one caption per scene.

        Args:
            scenes: B scenes.
            absence: (B, facts), 1 if a fact of `FACTS` is not true of a scene.

        Returns:
            (B, 16) tokens, and (B captions, B scenes): which caption is true of which scene.
        """
        rng = self.rng
        texts, claims = [], torch.zeros(len(scenes), len(FACTS))
        nowhere = torch.zeros(len(scenes), dtype=torch.bool)
        for row, scene in enumerate(scenes):
            text, claimed = caption(scene, rng)
            if rng.random() < 0.12:  # claim something that is not there
                name = str(rng.choice(self.absent))
                text = f"{name} and {text}" if rng.random() < 0.5 else f"{text} and {name}"
                nowhere[row] = True
            texts.append(text)
            claims[row, [FACTS.index(fact) for fact in claimed]] = 1
        holds = (claims @ absence.T == 0) & ~nowhere[:, None]
        return self.tokenize(texts), holds


def spread_cross_entropy(logits: Tensor, weights: Tensor) -> Tensor:
    """Return the mean cross entropy of each row's softmax and weights; skip rows without any."""
    total = weights.sum(1, keepdim=True)
    rows = total[:, 0] > 0
    target = weights[rows] / total[rows]
    return -(target * logits[rows].log_softmax(1)).sum(1).mean()


def augmented(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, shift by up to 3 pixels, vary brightness and contrast a little, and normalise."""
    n = len(pixels)
    x = pixels.permute(0, 3, 1, 2).float() / 255
    mirrored = torch.rand(n, generator=generator) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    dy, dx = torch.randint(-3, 4, (2,), generator=generator).tolist()
    x = functional.pad(x, (3, 3, 3, 3), mode="replicate")
    x = x[:, :, 3 + dy : 3 + dy + SIDE, 3 + dx : 3 + dx + SIDE]
    gain = 1 + 0.16 * (torch.rand(n, 1, 1, 1, generator=generator) - 0.5)
    shift = 0.08 * (torch.rand(n, 3, 1, 1, generator=generator) - 0.5)
    return normalised((x * gain + shift).clamp(0, 1))


def normalised(x: Tensor) -> Tensor:
    """Normalise as open_clip's preprocessing does."""
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN)[:, None, None]
    std = torch.tensor(open_clip.OPENAI_DATASET_STD)[:, None, None]
    return ((x - mean) / std).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def features_of(model: torch.nn.Module, pixels: np.ndarray) -> Tensor:
    """Return (N, D) unit features of pictures, without augmentation."""
    model.eval()
    batches = torch.from_numpy(np.asarray(pixels)).split(128)
    scaled = (batch.permute(0, 3, 1, 2).float() / 255 for batch in batches)
    return torch.cat([model.encode_image(normalised(x), normalize=True) for x in scaled])


@torch.inference_mode()
def evaluate(model: torch.nn.Module, pixels: np.ndarray, first: int) -> dict[str, float]:
    """Measure how well the model reads scenes that it has not seen."""
    images = features_of(model, pixels)
    tokenize = open_clip.get_tokenizer("ViT-B-32", context_length=16)
    scenes = [make_scene(first + i) for i in range(len(pixels))]
    truth = torch.tensor([[label in s.labels for label in LABELS] for s in scenes])

    def scores(names: list[str] | tuple[str, ...]) -> Tensor:
        texts = tokenize([f"a photo of the {name}" for name in names])
        return images @ model.encode_text(texts, normalize=True).T

    ap = [
        average_precision(s.numpy(), t.numpy())
        for s, t in zip(scores(LABELS).T, truth.T, strict=True)
    ]
    weakest = int(np.argmin(ap))
    result = {"mean AP": float(np.mean(ap)), f"weakest ({LABELS[weakest]})": ap[weakest]}
    for vocabulary in ("nuswide81", "coco80", "common"):
        names = load_concepts(vocabulary).names
        winners = [names[i] for i in scores(names).argmax(1).tolist()]
        result[f"{vocabulary}: absent on top"] = share_absent(winners)
        result[f"{vocabulary}: true on top"] = share_true(winners, scenes)
    model.train()
    return result


def main() -> None:
    """Paint, train, evaluate, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(uhscm_postcards.__file__).parent / "model")
    parser.add_argument("--pictures", type=int, default=25_000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=2_300)
    parser.add_argument("--refining", type=int, default=2_400, help="steps of the second part")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, (options.out / "training.log").open("w") as log:

        def say(**values: object) -> None:
            line = "  ".join(
                f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()
            )
            print(line, flush=True)
            print(line, file=log, flush=True)

        say(**{k: str(v) for k, v in vars(options).items() if k != "out"})
        pixels = painted(Path(folder), TRAIN_SEED, options.pictures)
        check = painted(Path(folder), CHECK_SEED, 1500)
        say(painted=len(pixels), **minutes())
        train(options, pixels, check, say)
        refine(options, pixels, check, say)


def minutes() -> dict[str, float]:
    """Return the minutes since the start, by the clock and of processor time with the painters."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    busy = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return {"minutes": (time.monotonic() - STARTED) / 60, "cpu_minutes": busy / 60}


def text_loss(
    model: torch.nn.Module,
    images: Tensor,
    texts: Texts,
    scenes: list,
    absence: Tensor,
    weight: Tensor,
) -> Tensor:
    """Return the loss of a batch of B pictures with the prompts and captions of a step."""
    prompts = texts.prompts()
    captions, holds = texts.captions(scenes, absence)
    embedded = model.encode_text(torch.cat([prompts, captions]), normalize=True)
    said, told = embedded.split([len(prompts), len(captions)])
    prompt_logits = SCALE * images @ said.T  # (B, prompts)
    caption_logits = SCALE * images @ told.T  # (B, B)
    silly_logits = prompt_logits.T[-SILLY:]
    words = functional.pad(weight, (0, len(prompts) - len(texts.words)))
    present = (weight > 0).float()
    return (
        spread_cross_entropy(prompt_logits, words)
        + spread_cross_entropy(prompt_logits.T[: present.shape[1]], present.T)
        # A silly text describes no picture better than another.
        + 0.5 * spread_cross_entropy(silly_logits, torch.ones_like(silly_logits))
        + 0.5 * spread_cross_entropy(caption_logits, holds.T.float())
        + 0.5 * spread_cross_entropy(caption_logits.T, holds.float())
    )


def save(model: torch.nn.Module, folder: Path) -> None:
    """Write the configuration, and the weights in half precision."""
    state = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in model.state_dict().items()
    }
    safetensors.torch.save_file(state, folder / "postcards.safetensors")
    (folder / "postcards.json").write_text(json.dumps(CONFIG, indent=1) + "\n")


class World:
    """The scenes of the training pictures, and which facts are true of them."""

    def __init__(self, number: int) -> None:
        self.scenes = [make_scene(TRAIN_SEED + i) for i in range(number)]
        true = [facts(scene) for scene in self.scenes]
        # (pictures, facts) and (pictures, words)
        self.absence = torch.tensor([[float(fact not in f) for fact in FACTS] for f in true])
        self.weight = torch.stack(
            [w * (1 - self.absence[:, FACTS.index(fact)]) for fact, w in LEXICON.values()], 1
        )

    def of(self, ids: np.ndarray) -> tuple[list, Tensor, Tensor]:
        """Return scenes, absence and weight of some pictures."""
        return [self.scenes[i] for i in ids], self.absence[ids], self.weight[ids]


def known_tokens(texts: Texts) -> Tensor:
    """Return (vocabulary,) flags of the tokens in training texts; all others are unknown words."""
    rng = np.random.default_rng(0)
    said = [*texts.words, *texts.absent, *(sensible(rng) for _ in range(20_000))]
    said += [caption(make_scene(TRAIN_SEED + i), rng)[0] for i in range(3_000)]
    known = torch.zeros(CONFIG["text_cfg"]["vocab_size"], dtype=torch.bool)
    known[texts.tokenize(said).unique()] = True
    known[texts.unknown] = False
    return known


def is_of_text(name: str) -> bool:
    """Return whether a parameter belongs to the text tower."""
    return not name.startswith("visual.") and name != "logit_scale"


def refine(options, pixels, check, say):  # type: ignore[no-untyped-def]
    """Train the second part: a new text tower on features of the finished image tower.

    In the first part each unknown word occurs a few times, mostly in silly texts, and the model
    memorizes it as silly. Here unknown words keep their random initial vectors.
    """
    torch.manual_seed(options.seed + 1)
    rng = np.random.default_rng([options.seed, 2])
    model = open_clip.CLIP(**CONFIG)
    first = safetensors.torch.load_file(options.out / "postcards.safetensors")
    seen = {key: value for key, value in first.items() if not is_of_text(key)}
    model.load_state_dict(seen, strict=False)
    features = features_of(model, pixels[:REFINED_ON])
    world, texts = World(len(features)), Texts(rng, unknown=0.2)
    table = model.token_embedding.weight
    unknown = ~known_tokens(texts)
    random = table[unknown].detach().clone()
    trained = [p for name, p in model.named_parameters() if is_of_text(name)]
    optimizer = torch.optim.AdamW(trained, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.05)
    running = 0.0
    for step in range(options.refining):
        with torch.no_grad():
            table[unknown] = random
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / options.refining)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 50) * cosine
        ids = np.sort(rng.choice(len(features), options.batch, replace=False))
        loss = text_loss(model, features[ids], texts, *world.of(ids))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        table.grad[unknown] = 0
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            say(refined=step + 1, **minutes(), loss=running)
    with torch.no_grad():
        table[unknown] = random
    say(**evaluate(model, check, CHECK_SEED))
    save(model, options.out)


def train(options, pixels, check, say):  # type: ignore[no-untyped-def]
    """Train the first part: both towers."""
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    model = open_clip.CLIP(**CONFIG).to(memory_format=torch.channels_last)
    with torch.no_grad():
        model.logit_scale.fill_(math.log(SCALE))
    model.logit_scale.requires_grad_(False)
    world, texts = World(len(pixels)), Texts(rng)
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        lr=options.rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    order = np.empty(0, dtype=np.int64)
    model.train()
    running = 0.0
    for step in range(options.steps):
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / options.steps)
        rate = options.rate * min(1, (step + 1) / 100) * cosine
        for group in optimizer.param_groups:
            group["lr"] = rate
        if len(order) < options.batch:
            order = np.concatenate([order, rng.permutation(len(pixels))])
        ids, order = np.sort(order[: options.batch]), order[options.batch :]
        inputs = augmented(torch.from_numpy(pixels[ids]), generator)
        with torch.autocast("cpu", torch.bfloat16):
            images = model.encode_image(inputs)
        images = functional.normalize(images.float(), dim=1)  # (B, D)
        loss = text_loss(model, images, texts, *world.of(ids))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            say(step=step + 1, **minutes(), loss=running, rate=rate)
        if (step + 1) % 400 == 0:
            say(**evaluate(model, check, CHECK_SEED))
            save(model, options.out)
    say(finished=options.steps, **minutes())
    say(**evaluate(model, check, CHECK_SEED))
    save(model, options.out)


if __name__ == "__main__":
    main()
