"""Fine-tuning in two phases, resumable after every epoch."""

from __future__ import annotations

import importlib.util
import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from shelflens.progress import Progress, clock
from shelflens_train import evaluate
from shelflens_train.config import TrainConfig
from shelflens_train.data import Batches, PhotoBank, Split
from shelflens_train.devices import is_chief
from shelflens_train.losses import (
    arc_softmax,
    cosine_softmax,
    multi_similarity,
    proxy_anchor,
    supervised_contrastive,
)
from shelflens_train.model import (
    brings_head,
    classifier,
    embedding_model,
    features_of,
    freeze_backbone,
    set_head,
)
from shelflens_train.state import State, StateFolder
from shelflens_train.teacher import OWN_START, lesson
from shelflens_train.twin import Plain, Twin

# Photos of each product in the gallery that judges an epoch; the final figures use all of them.
_GALLERY = 3


@dataclass(frozen=True)
class Phase:
    """Some epochs with the same layers trained."""

    name: str
    start: int
    stop: int
    rate: float
    warmup: float


def fit(
    embedder: keras.Model,
    split: Split,
    config: TrainConfig,
    run: Path,
    *,
    teacher: keras.Model | None = None,
) -> State:
    """Train the embedder in place, from where the run folder says it stands.

    Head first with the backbone frozen, then everything at a lower rate that warms up and
    follows a cosine down to nothing. After each epoch recall@1 is measured through `Catalog`,
    and the state is saved.

    Args:
        embedder: The embedding network with its start weights; afterwards it holds those of the
            epoch that is kept (see `standard_error`).
        split: What to train and validate on.
        config: The knobs.
        run: The run folder.
        teacher: As `teacher_network` makes it.

    Returns:
        The final state.
    """
    folder = StateFolder(run)
    state = folder.read() or State()
    # Some room to zoom in before pixels are invented.
    bank = PhotoBank(round(config.size * 7 / 6), budget=int(config.cache_gb * 1e9))
    fresh = embedding_model(config, weights=None, side=None)
    learner = Plain(embedder, fresh) if config.weights == "none" else Twin(embedder, fresh)
    # One proxy a class, then one a kind.
    told_apart = len(split.classes) + len(split.kinds)
    model = classifier(
        learner.model,
        told_apart,
        prefixes=config.lengths,
        seed=config.seed,
        pairs=config.pairs != "none",
        lesson=lesson(teacher, config),
    )
    if not state.epoch:
        _start(learner.model, model, split, bank, config)
        learner.write_back()
        if is_chief():
            folder.write_start(embedder)
    if teacher and config.teacher == OWN_START:
        # A run that is resumed gets them back with the other weights, below.
        teacher.set_weights(embedder.get_weights())
    judge = Judge(embedder, learner, split, state, folder, config)
    for phase in phases(config):
        first = max(phase.start, state.epoch)
        if first >= phase.stop:
            continue
        freeze_backbone(learner.model, frozen=phase.name == "head")
        steps = len(Batches(split, bank, config, epoch=first))
        _compile(model, phase, steps, config, kinds=len(split.kinds))
        if first > phase.start:
            folder.load_last(state, model)
        elif state.weights:
            # A new phase starts with the weights of the last and a fresh optimizer.
            _carry_over(folder, state, model)
        for start, stop in _spans(first, phase.stop, config):
            batches = Batches(split, bank, config, epoch=start)
            judge.begin(phase, len(batches))
            model.fit(
                batches,
                initial_epoch=start,
                epochs=stop,
                verbose=0,
                callbacks=[judge, *_tensorboard(run)],
            )
    if config.keep:
        folder.load_start(embedder)
        before = embedder.get_weights()
    folder.load_best(state, embedder)
    if config.keep:
        embedder.set_weights(mixed(before, embedder.get_weights(), config.keep))
    return state


def _start(
    embedder: keras.Model, model: keras.Model, split: Split, bank: PhotoBank, config: TrainConfig
) -> None:
    """Give head and proxies a start that knows what the start weights know."""
    items = [*split.train, *split.general]
    small = PhotoBank(config.side(config.head_epochs + config.epochs), budget=0, source=bank)
    features = evaluate.embed(features_of(embedder), items, small)
    if config.weights != "none" and not brings_head(config):
        set_head(embedder, features)
    head = embedder.get_layer("embedding")
    kernel, bias = head.get_weights()
    vectors = features @ kernel + bias
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    number = {name: place for place, name in enumerate(split.classes)}
    kind = {name: len(number) + place for place, name in enumerate(split.kinds)}
    sums = np.zeros((len(number) + len(kind), kernel.shape[1]), np.float32)
    np.add.at(sums, [number[item.product] for item in items], vectors)
    of_kind = [place for place, item in enumerate(items) if item.product in split.kind]
    np.add.at(sums, [kind[split.kind[items[place].product]] for place in of_kind], vectors[of_kind])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    model.get_layer("proxies").kernel.assign(sums.T)


def mixed(start: list[Any], end: list[Any], keep: float) -> list[Any]:
    """Weights between those of a start and an end: `keep` of the start (WiSE-FT, see `config`)."""
    return [keep * a + (1 - keep) * b for a, b in zip(start, end, strict=True)]


def standard_error(recall: float, queries: int) -> float:
    """By how much a recall@1 of so many queries is wrong by chance.

    Of epochs that differ by less the last is kept, which was trained for longest and at the lowest
    rate (the one-standard-error rule of Breiman et al., "Classification and Regression Trees",
    1984): the best of dozens on a few held-out photos is the luckiest. One query more of each kind
    is counted, so that no recall is certain.
    """
    share = (max(recall, 0.0) * queries + 1) / (queries + 2)
    return math.sqrt(share * (1 - share) / max(queries, 1))


def phases(config: TrainConfig) -> list[Phase]:
    """The two phases as spans of epochs."""
    head = config.head_epochs
    return [
        Phase("head", 0, head, config.head_rate, 0.0),
        Phase("all", head, head + config.epochs, config.rate, config.warmup),
    ]


def _spans(first: int, stop: int, config: TrainConfig) -> list[tuple[int, int]]:
    """These epochs, parted where the size of the pictures changes."""
    cuts = [
        epoch for epoch in range(first + 1, stop) if config.side(epoch) != config.side(epoch - 1)
    ]
    return list(zip([first, *cuts], [*cuts, stop], strict=True))


def _compile(
    model: keras.Model, phase: Phase, steps: int, config: TrainConfig, *, kinds: int
) -> None:
    warm = round(phase.warmup * steps)
    total = steps * (phase.stop - phase.start)
    schedule = keras.optimizers.schedules.CosineDecay(
        phase.rate / 100 if warm else phase.rate,
        max(1, total - warm),
        warmup_target=phase.rate if warm else None,
        warmup_steps=warm,
    )
    model.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=config.clip),
        loss=_losses(config, kinds),
        jit_compile=_jit(),
    )
    model.optimizer.build(model.trainable_variables)


def _losses(config: TrainConfig, kinds: int) -> Any:
    """One loss for each output of the network."""
    proxies = partial(_loss, config=config, kinds=kinds)
    return proxies if config.pairs == "none" else [proxies, partial(_pair_loss, config=config)]


def _pair_loss(labels: Any, embeddings: Any, *, config: TrainConfig) -> Any:
    """The weighted loss over pairs, at every prefix of the embedding: int32 [b, 2], [b, d]."""
    multiple = config.pairs == "multi-similarity"
    loss: Any = multi_similarity if multiple else supervised_contrastive
    parts = [
        loss(ops.normalize(embeddings[:, :length], axis=1), labels[:, 0])
        for length in config.lengths
    ]
    return config.pairs_weight * sum(parts) / len(parts)


def _loss(labels: Any, cosines: Any, *, config: TrainConfig, kinds: int) -> Any:
    """Products at every prefix of the embedding, and kinds at the whole of it.

    Args:
        labels: int32 [b, 2], number of the class and of the kind, -1 for none.
        cosines: float32 [b, p, c + kinds].
        config: Margin, scale, weight of the kinds.
        kinds: How many.
    """
    product, kind = labels[:, 0], labels[:, 1]
    classes = cosines.shape[2] - kinds
    proxy_loss: Any = {"arcface": arc_softmax, "proxy-anchor": proxy_anchor}.get(
        config.loss, cosine_softmax
    )
    parts = [
        proxy_loss(cosines[:, place, :classes], product, margin=config.margin, scale=config.scale)
        for place in range(cosines.shape[1])
    ]
    loss = sum(parts) / len(parts)
    if not kinds:
        return loss
    known = ops.cast(kind >= 0, "float32")
    told = cosine_softmax(
        cosines[:, -1, classes:],
        ops.maximum(kind, 0),
        margin=0.0,
        scale=config.scale,
        weights=known,
    )
    return loss + config.kinds_weight * told


def _jit() -> bool | str:
    # XLA for CPU trains MobileNet 1.4 times slower than TensorFlow's own kernels (measured).
    if keras.backend.backend() != "tensorflow":
        return "auto"
    import tensorflow as tf

    return "auto" if tf.config.list_physical_devices("GPU") else False


def _carry_over(folder: StateFolder, state: State, model: keras.Model) -> None:
    optimizer, model.optimizer = model.optimizer, None
    folder.load_last(state, model)
    model.optimizer = optimizer


def _tensorboard(run: Path) -> list[keras.callbacks.Callback]:
    if importlib.util.find_spec("tensorflow") is None:  # Keras writes the log through it
        return []
    return [keras.callbacks.TensorBoard(run / "log", write_graph=False, profile_batch=0)]


class Judge(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows progress, measures recall@1 after each epoch, saves the state."""

    def __init__(
        self,
        embedder: keras.Model,
        learner: Plain | Twin,
        split: Split,
        state: State,
        folder: StateFolder,
        config: TrainConfig,
    ) -> None:
        super().__init__()
        self._batch = config.batch
        self._embedder, self._learner, self._split = embedder, learner, split
        self._bank = PhotoBank(config.size, budget=int(config.cache_gb * 1e9 / 2))
        self._state, self._folder = state, folder
        # Of products that are not asked for one photo is enough: judging takes time too.
        asked = {item.product for item in split.val}
        self._gallery = [
            *evaluate.some_of_each([one for one in split.train if one.product in asked], _GALLERY),
            *evaluate.some_of_each([one for one in split.train if one.product not in asked], 1),
        ]

    def begin(self, phase: Phase, steps: int) -> None:
        """A phase starts."""
        self._phase, self._steps = phase, steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock and the bar."""
        self._start = time.perf_counter()
        self._bar = Progress(f"epoch {epoch + 1}/{self._phase.stop}", self._steps * self._batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._bar.update((batch + 1) * self._batch, f"loss {(logs or {}).get('loss', 0):.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, print a line, save."""
        state, split = self._state, self._split
        trained = time.perf_counter() - self._start
        self._learner.write_back()
        found = evaluate.retrieve(
            evaluate.embed(self._embedder, self._gallery, self._bank),
            [item.product for item in self._gallery],
            evaluate.embed(self._embedder, split.val, self._bank),
            [item.product for item in split.val],
        )
        logs = {} if logs is None else logs
        logs["val_recall_at_1"] = found.recall
        state.epoch = epoch + 1
        state.seconds += time.perf_counter() - self._start
        state.history.append(
            {
                "epoch": epoch + 1,
                "phase": self._phase.name,
                "loss": float(logs["loss"]),
                "val_recall_at_1": found.recall,
                "photos_per_second": self._steps * self._batch / trained,
            }
        )
        if found.recall >= state.best - standard_error(state.best, len(split.val)):
            state.best_weights = ""
        state.best = max(state.best, found.recall)
        if is_chief():
            self._folder.write(state, self.model, self._embedder)
        print(
            f"epoch {epoch + 1} ({self._phase.name}): loss {logs['loss']:.3f}, "
            f"recall@1 {found.recall:.3f} (best {state.best:.3f}), "
            f"{self._steps * self._batch / trained:.1f} photos/s, {clock(state.seconds)} in all",
            flush=True,
        )
