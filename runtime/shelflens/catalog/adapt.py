"""Adapting an embedding to a shop when its catalog is built, without training.

Each enrolled image is seen through a few random views, as a camera in a shop might give it. How the
embeddings of one image's views scatter tells which directions say more about the photo than about
the product. A gentle power of that scatter makes these count for less (within-class covariance
normalisation: Hatch, Kajarekar and Stolcke, Interspeech 2006, who take the power -1/2).

`views` gives pixels to embed, `adaptation_matrix` the matrix that rows and queries are multiplied
by, of which `Adaptation` keeps what a file holds, and `left_out_recall` says whether it helps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shelflens.catalog.adaptation import Adaptation

VIEWS = 8
POWER = 0.25
RIDGE = 0.1
"""Share of the mean variance added in every direction."""

SAME_PHOTO = 0.995
"""Cosine similarity from which an image is a copy of another one, and says nothing of it."""

_BLOCK = 100
"""Left-out images asked at a time: their scores of 100,000 rows take 40 MB."""

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


def views(image: Pixels, *, count: int = VIEWS, seed: int = 0) -> Pixels:
    """Random views of one enrolled image; the same ones whenever they are asked for.

    Each is turned by up to 25 degrees (one in four by up to 90), shows 0.6 to 1 of the image's
    sides or the image at 0.6 to 1 of the frame with the colour of its edge around it, and differs
    in light, contrast, colour temperature and sharpness.

    Args:
        image: uint8 [s, s, 3], as `load_image` gives it.
        count: How many.
        seed: Another seed gives other views.

    Returns:
        uint8 [count, s, s, 3].
    """
    return np.stack([_view(image, np.random.default_rng([seed, index])) for index in range(count)])


def _view(image: Pixels, generator: np.random.Generator) -> Pixels:
    side = len(image)
    limit = 90 if generator.random() < 0.25 else 25
    angle = math.radians(generator.uniform(-limit, limit))
    smaller = generator.random() < 0.5
    scale = 1 / generator.uniform(0.6, 1.0) if smaller else generator.uniform(0.6, 1.0)
    room = abs(1 - scale) / 2
    middle = (0.5 + generator.uniform(-room, room, 2)) * side
    # Output pixel -> input pixel, about the middle of the output.
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    centre = (side - 1) / 2
    matrix = (
        *(cos, sin, middle[0] - centre * (cos + sin)),
        *(-sin, cos, middle[1] - centre * (cos - sin)),
    )
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    colour = tuple(int(value) for value in np.median(edge, axis=0))
    view = Image.fromarray(image).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=colour
    )
    if generator.random() < 0.5:
        view = view.filter(ImageFilter.GaussianBlur(generator.uniform(0.2, 1.5) * side / 224))
    contrast, brightness = generator.uniform(0.75, 1.25), generator.uniform(0.7, 1.3)
    warmth = generator.uniform(-0.08, 0.08)
    factor = brightness * np.array([1 + warmth, 1, 1 - warmth])
    # What becomes of each value of each channel: looked up, not computed for every pixel.
    values = contrast * np.arange(256) + (1 - contrast) * np.asarray(view).mean()
    lit = np.clip(factor[:, np.newaxis] * values, 0, 255).astype(np.uint8)
    made: Pixels = np.asarray(view.point(lit.reshape(-1).tolist()))
    return made


def adaptation_matrix(
    embeddings: Floats, *, power: float = POWER, ridge: float = RIDGE
) -> NDArray[np.float64]:
    """The matrix that makes directions count less in which an image's views scatter.

    A scatter of few images says little about d directions: it is drawn towards the same scatter in
    every direction by the share d / (d + degrees of freedom).

    Args:
        embeddings: float32 [n, v, d], of v views of each of n enrolled images, rows of length 1.
        power: Of the inverse scatter; 0 changes nothing, 0.5 is WCCN.
        ridge: Share of the mean variance that is added in every direction.

    Returns:
        float64 [d, d], symmetric, with mean eigenvalue 1; the identity for n = 0 or v < 2.
    """
    images, count, dim = embeddings.shape
    freedom = images * (count - 1)
    if freedom <= 0:
        return np.eye(dim)
    wide = embeddings.astype(np.float64)
    apart = (wide - wide.mean(axis=1, keepdims=True)).reshape(-1, dim)
    return matrix_of_scatter(apart, freedom, power=power, ridge=ridge)


def matrix_of_scatter(
    apart: NDArray[np.float64], freedom: int, *, power: float = POWER, ridge: float = RIDGE
) -> NDArray[np.float64]:
    """`adaptation_matrix` from images less the mean of their group, float64 [n, d].

    Args:
        apart: The deviations.
        freedom: Degrees of freedom, above 0: images less groups.
        power: As there.
        ridge: As there.
    """
    dim = apart.shape[1]
    scatter = apart.T @ apart / freedom
    mean = float(np.trace(scatter)) / dim
    if mean <= 0:
        return np.eye(dim)
    trust = freedom / (dim + freedom)
    strength, axes = np.linalg.eigh(trust * scatter / mean + (1 - trust + ridge) * np.eye(dim))
    factor = strength**-power
    matrix: NDArray[np.float64] = (axes * (factor / factor.mean())) @ axes.T
    return matrix


@dataclass(frozen=True)
class LeftOut:
    """How many left-out images found their product, without and with adapting."""

    asked: int
    """Images of products with another one that is no copy of it."""
    without: int
    adapted: int
    changed: int
    """Of those asked, how many found it in one way only."""

    @property
    def decides(self) -> bool:
        """Whether the ways differ by more than two standard errors (McNemar's test, 1947)."""
        return abs(self.adapted - self.without) > 2 * math.sqrt(self.changed)


def left_out_recall(
    images: Floats, products: Sequence[str], adaptation: Adaptation, *, max_queries: int = 1000
) -> LeftOut:
    """How often a left-out image finds its product, without and with adapting.

    Each image of a product with several is asked in turn, its own row and copies of it left out. It
    is for the shop to decide by: where adapting does not help, the catalog is better built without.

    Args:
        images: float32 [n, d], embeddings of the enrolled images, rows of length 1.
        products: Product of each image.
        adaptation: Applied to rows and queries.
        max_queries: So many are asked at most, spread over the images; none where no product has
            two images.
    """
    names, numbers = np.unique(np.asarray(products), return_inverse=True)
    several = np.flatnonzero(np.bincount(numbers, minlength=len(names))[numbers] > 1)
    chosen = several[:: max(1, -(-len(several) // max_queries))]
    turned = adaptation.applied(images)
    found, alone = np.zeros((2, len(chosen)), np.bool_), np.zeros(len(chosen), np.bool_)
    for start in range(0, len(chosen), _BLOCK):
        asked = chosen[start : start + _BLOCK]
        scores = images[asked] @ images.T
        own = numbers[asked, np.newaxis] == numbers
        copies = own & (scores >= SAME_PHOTO)
        copies[np.arange(len(asked)), asked] = True
        for way in range(2):
            if way:
                scores = turned[asked] @ turned.T
            scores[copies] = -np.inf
            right = numbers[scores.argmax(axis=1)] == numbers[asked]
            found[way, start : start + len(asked)] = right
        alone[start : start + len(asked)] = ~(own & ~copies).any(axis=1)
    without, adapted = found[:, ~alone]
    return LeftOut(
        int((~alone).sum()), int(without.sum()), int(adapted.sum()), int((without != adapted).sum())
    )
