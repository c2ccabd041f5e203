"""Fine-tuning in two phases, resumable after every epoch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from shelflens_train.backbones import embedding_network, freeze_backbone
from shelflens_train.batches import training_batches
from shelflens_train.batchnorm_folding import FoldedNetwork, PlainNetwork
from shelflens_train.bundled import BundledModel
from shelflens_train.config import TrainConfig
from shelflens_train.devices import is_chief, on_this_process
from shelflens_train.distill import OWN_START, distillation
from shelflens_train.epoch_monitor import EpochMonitor, Learner
from shelflens_train.initialization import initialize
from shelflens_train.objective import training_loss
from shelflens_train.phases import Phase, phases, spans
from shelflens_train.photo_bank import PhotoBank
from shelflens_train.proxies import classifier
from shelflens_train.spec import BackboneSpec
from shelflens_train.split import Split
from shelflens_train.start_weights import brings_head
from shelflens_train.state import State, StateFolder
from shelflens_train.weight_averaging import interpolate


def fit(
    embedder: keras.Model,
    split: Split,
    config: TrainConfig,
    run: Path,
    *,
    bundled: BundledModel,
    teacher: keras.Model | None = None,
) -> State:
    """Train the embedder in place, from where the run folder says it stands.

    Head first with the backbone frozen, then everything at a learning rate that warms up and
    follows a cosine down to nothing. After each epoch recall@1 is measured through `Catalog`,
    and the state is saved.

    Args:
        embedder: The embedding network with its start weights; afterwards it holds those of the
            epoch that is kept (see `standard_error`).
        split: What to train and validate on.
        config: The options.
        run: The run folder.
        bundled: What the epochs are held against.
        teacher: As `teacher_network` makes it.

    Returns:
        The final state.
    """
    folder = StateFolder(run)
    state = folder.read() or State()
    # Some room to zoom in before pixels are invented.
    bank = PhotoBank(round(config.size * 7 / 6), budget=config.cache_bytes)
    if line := bank.too_small_for(len(split.train) + len(split.auxiliary)):
        print(line)
    if not state.epoch:
        proxies = _initial_proxies(embedder, split, config, bank)
    learner = _learner(embedder, config.spec)
    model = _classifier(learner, split, config, teacher)
    if not state.epoch:
        model.get_layer("proxies").kernel.assign(proxies)
        if is_chief():
            folder.write_start(embedder)
    if teacher and config.teacher == OWN_START:
        # A run that is resumed gets them back with the other weights, below.
        teacher.set_weights(embedder.get_weights())
    judged = PhotoBank(config.size, budget=config.cache_bytes // 2)
    steps = len(training_batches(config, split, bank, epoch=0))
    monitor = EpochMonitor(
        embedder, learner, split, judged, state, folder, config=config, steps=steps
    )
    if state.bundled < 0 and is_chief():
        monitor.judge_bundled(bundled)
    for phase in phases(config):
        first = max(phase.start, state.epoch)
        if first >= phase.stop:
            continue
        freeze_backbone(learner.model, frozen=phase.name == "head")
        loss = training_loss(config, categories=len(split.categories))
        compile_phase(model, phase, steps, loss=loss, clip=config.clip)
        _restore(folder, state, model, new_phase=first == phase.start)
        for start, stop in spans(first, phase.stop, config.side):
            batches = training_batches(config, split, bank, epoch=start)
            monitor.begin(phase)
            model.fit(
                batches,
                initial_epoch=start,
                epochs=stop,
                verbose=0,
                shuffle=False,  # they come shuffled; a resumed run has them in the same order
                callbacks=[monitor, *_tensorboard(run)],
            )
    if is_chief():
        _keep_best(folder, state, embedder, start_share=config.start_share)
    return state


def _initial_proxies(
    embedder: keras.Model, split: Split, config: TrainConfig, bank: PhotoBank
) -> NDArray[np.float32]:
    """Give the embedder its first head, and the mean embeddings of what the proxies stand for."""
    small = PhotoBank(config.side(config.all_epochs), budget=0, source=bank)
    with on_this_process():
        network = embedding_network(config.spec)  # at any input size
        network.set_weights(embedder.get_weights())
        new_head = config.weights != "none" and not brings_head(config.weights)
        proxies = initialize(network, split, small, new_head=new_head)
    embedder.set_weights(network.get_weights())
    return proxies


def _learner(embedder: keras.Model, spec: BackboneSpec) -> Learner:
    """The network in its layout for training, at any input size."""
    fresh = embedding_network(spec)
    layout = PlainNetwork if spec.trains_statistics else FoldedNetwork
    return layout(embedder, fresh)


def _classifier(
    learner: Learner, split: Split, config: TrainConfig, teacher: keras.Model | None
) -> keras.Model:
    """The network that is trained: one proxy per class, then one per category."""
    return classifier(
        learner.model,
        len(split.classes) + len(split.categories),
        dims=config.dims,
        seed=config.seed,
        outputs_embedding=config.pair_loss != "none",
        distillation=distillation(teacher, config.dims, config.teacher_weight),
    )


def compile_phase(model: keras.Model, phase: Phase, steps: int, *, loss: Any, clip: float) -> None:
    """Give the network the optimizer of a phase.

    Args:
        model: As `classifier` makes it.
        phase: Its learning rate warms up, then follows a cosine down to nothing.
        steps: Batches per epoch.
        loss: One for each output.
        clip: Largest norm of a gradient step.
    """
    warm = round(phase.warmup * steps)
    total = steps * (phase.stop - phase.start)
    schedule = keras.optimizers.schedules.CosineDecay(
        phase.learning_rate / 100 if warm else phase.learning_rate,
        max(1, total - warm),
        warmup_target=phase.learning_rate if warm else None,
        warmup_steps=warm,
    )
    optimizer = keras.optimizers.Adam(schedule, global_clipnorm=clip)
    model.compile(optimizer, loss=loss, jit_compile=_jit())
    model.optimizer.build(model.trainable_variables)


def _jit() -> bool | str:
    # XLA for CPU trains MobileNet slower than TensorFlow's own kernels.
    if keras.backend.backend() != "tensorflow":
        return "auto"
    import tensorflow as tf

    return "auto" if tf.config.list_physical_devices("GPU") else False


def _restore(folder: StateFolder, state: State, model: keras.Model, *, new_phase: bool) -> None:
    """Go on with the last weights, and within a phase with its optimizer."""
    if not new_phase:
        folder.load_last(state, model)
    elif state.weights:
        optimizer, model.optimizer = model.optimizer, None
        folder.load_last(state, model)
        model.optimizer = optimizer


def _keep_best(
    folder: StateFolder, state: State, embedder: keras.Model, *, start_share: float
) -> None:
    """Give the network the weights of the epoch that is kept, with a share of the start's."""
    if not start_share:
        folder.load_best(state, embedder)
        return
    folder.load_start(embedder)
    start = embedder.get_weights()
    folder.load_best(state, embedder)
    embedder.set_weights(interpolate(start, embedder.get_weights(), start_share))


def _tensorboard(run: Path) -> list[keras.callbacks.Callback]:
    # Keras writes the log through TensorFlow.
    if importlib.util.find_spec("tensorflow") is None or not is_chief():
        return []
    return [keras.callbacks.TensorBoard(run / "log", write_graph=False, profile_batch=0)]
