"""Where a training starts: ImageNet, the bundled model, a file, an earlier run, or nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from shelflens.errors import ModelError
from shelflens_train.backbones import embedding_network
from shelflens_train.config import AUTO, saved_config
from shelflens_train.from_tflite import load_tflite, start_file
from shelflens_train.spec import BackboneSpec

_PATIENCE = 20.0
"""Seconds."""


def starting_network(spec: BackboneSpec, weights: str) -> keras.Model:
    """The embedding network with its start weights, at the size it is used at.

    Args:
        spec: What to build.
        weights: As `--weights`: "imagenet", "bundled", "none", a file or a run folder.

    Raises:
        FileNotFoundError: no such file or run folder.
        ModelError: the weights cannot be had or do not fit.
    """
    if weights == "none":
        return embedding_network(spec, side=spec.size)
    if file := start_file(weights):
        network = embedding_network(spec, side=spec.size)
        load_tflite(file, network, backbone=spec.card_name)
        return network
    path = Path(weights)
    if weights != "imagenet" and path.is_dir():
        network = embedding_network(spec, side=spec.size)
        _copy_run(path, network, spec)
        return network
    if weights != "imagenet" and not path.exists():
        raise FileNotFoundError(2, "no such weights file or run folder", str(path))
    if spec.name == "mobilenet_v2_pruned":
        raise ModelError(
            f"weights {weights!r}: {spec.name} has no ImageNet weights; expected an int8 .tflite "
            "of it, a run folder, or none"
        )
    try:
        with _impatient():
            return embedding_network(spec, weights=weights, side=spec.size)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        hint = (
            "; without a network give --weights FILE"
            if weights == "imagenet"
            else f"; expected no-top weights of {spec.name} with alpha {spec.alpha}"
        )
        raise ModelError(f"weights {weights!r}: {reason}{hint}") from error


def start_of(spec: BackboneSpec, weights: str) -> tuple[str, keras.Model]:
    """The start that `--weights` asks for by name, and its network; see `starting_network`.

    "auto" is "bundled", or "imagenet" for another backbone or more dimensions than that has.
    """
    if weights != AUTO:
        return weights, starting_network(spec, weights)
    try:
        return "bundled", starting_network(spec, "bundled")
    except ModelError:
        return "imagenet", starting_network(spec, "imagenet")


def brings_head(weights: str) -> bool:
    """Whether the start weights come with a head worth keeping."""
    return bool(start_file(weights)) or (Path(weights) / "model.keras").exists()


@contextmanager
def _impatient() -> Iterator[None]:
    """Give up a download that gets no byte for a while, as behind a firewall."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _copy_run(run: Path, network: keras.Model, spec: BackboneSpec) -> None:
    source = run / "model.keras"
    if not source.exists():
        raise FileNotFoundError(2, "no model.keras in the run folder", str(run))
    before = saved_config(run).spec
    for key, option in (("name", "backbone"), ("alpha", "alpha"), ("minimalistic", "minimalistic")):
        had, asked = getattr(before, key), getattr(spec, key)
        if had != asked:
            raise ModelError(
                f"{run}: was trained with {option} {had}, asked for {asked}; "
                f"give --{option} as the run has it"
            )
    old = keras.models.load_model(source, compile=False)
    # Paired by position: Keras puts the input size into the backbone's name.
    for layer, trained in zip(network.layers, old.layers, strict=True):
        if layer.name != "embedding" or before.dim == spec.dim:
            layer.set_weights(trained.get_weights())
