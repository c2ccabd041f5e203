"""Metric-learning losses as pure functions on `keras.ops`.

Two kinds. Proxy losses compare each embedding with one learnt direction per product (its proxy) and
take the cosines, float [b, c]. Pair losses compare the embeddings of a batch with each other,
float [b, d], and need several photos of a product in it. Labels are int [b] in both.
"""

from __future__ import annotations

from typing import Any

from keras import ops

_NEVER = -1e9
"""In place of minus infinity, whose difference with itself is not a number."""


def cosine_softmax(
    cosines: Any, labels: Any, *, margin: float, scale: float, weights: Any = None
) -> Any:
    """Softmax cross-entropy over cosines, with an additive margin on the right product.

    The margin is taken off the cosine with the photo's own product, so the network must win by
    that much; the scale is the inverse temperature. CosFace: Wang et al., "CosFace: Large Margin
    Cosine Loss for Deep Face Recognition", CVPR 2018, equation 4.

    Args:
        cosines: float [b, c], cosine similarity of each embedding with each product's proxy.
        labels: int [b], the photo's product.
        margin: In units of cosine, 0 gives the plain normalised softmax.
        scale: Factor on the cosines.
        weights: float [b], how much each photo counts; None counts all alike.

    Returns:
        Scalar, the (weighted) mean over the batch; 0 when nothing counts.
    """
    cosines = ops.cast(cosines, "float32")
    own = _own(labels, cosines)
    logits = scale * (cosines - margin * own)
    each = ops.logsumexp(logits, axis=-1) - ops.sum(logits * own, axis=-1)
    if weights is None:
        return ops.mean(each)
    return ops.sum(each * weights) / ops.maximum(ops.sum(weights), 1e-6)


def arc_softmax(cosines: Any, labels: Any, *, margin: float, scale: float) -> Any:
    """The same with the margin added to the angle.

    ArcFace: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR
    2019, equation 3. Where angle and margin together would pass a half turn, the cosine goes on
    falling in a straight line, as in the authors' code.

    Args:
        cosines: float [b, c].
        labels: int [b].
        margin: Angle, radians.
        scale: Factor on the cosines.

    Returns:
        Scalar, the mean over the batch.
    """
    cosines = ops.clip(ops.cast(cosines, "float32"), -1 + 1e-6, 1 - 1e-6)
    own = _own(labels, cosines)
    turned = cosines * ops.cos(margin) - ops.sqrt(1 - cosines**2) * ops.sin(margin)
    past = cosines - margin * ops.sin(margin)
    turned = ops.where(cosines > -ops.cos(margin), turned, past)
    logits = scale * (own * turned + (1 - own) * cosines)
    return ops.mean(ops.logsumexp(logits, axis=-1) - ops.sum(logits * own, axis=-1))


def proxy_anchor(cosines: Any, labels: Any, *, margin: float, scale: float) -> Any:
    """Each proxy pulls the photos of its product and pushes all others, the hardest most.

    Kim et al., "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020, equation 4.

    Args:
        cosines: float [b, c].
        labels: int [b].
        margin: In units of cosine.
        scale: Factor on the cosines (the paper's alpha).

    Returns:
        Scalar: the mean over the proxies with a photo in the batch, and over all proxies.
    """
    cosines = ops.cast(cosines, "float32")
    own = _own(labels, cosines)
    pull = ops.where(own > 0, -scale * (cosines - margin), _NEVER)
    push = ops.where(own > 0, _NEVER, scale * (cosines + margin))
    here = ops.cast(ops.any(own > 0, axis=0), "float32")
    near = ops.sum(ops.softplus(ops.logsumexp(pull, axis=0)) * here) / ops.sum(here)
    return near + ops.mean(ops.softplus(ops.logsumexp(push, axis=0)))


def multi_similarity(
    embeddings: Any,
    labels: Any,
    *,
    pull: float = 2.0,
    push: float = 50.0,
    base: float = 0.5,
    slack: float = 0.1,
) -> Any:
    """Weighs each pair by how hard it is, alone and among the others of its photo.

    Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning",
    CVPR 2019, equations 11 to 15, with their values.

    Args:
        embeddings: float [b, d], rows of length 1.
        labels: int [b].
        pull: Sharpness of the pairs of one product (the paper's alpha).
        push: Sharpness of the pairs of two (beta).
        base: Cosine from which on pairs of two products count (lambda).
        slack: A pair counts if it is within this of the hardest pair of the other kind (epsilon).

    Returns:
        Scalar, the mean over the batch.
    """
    cosines, positive, negative = _pairs(embeddings, labels)
    hardest_positive = ops.min(ops.where(positive, cosines, 2.0), axis=1, keepdims=True)
    hardest_negative = ops.max(ops.where(negative, cosines, -2.0), axis=1, keepdims=True)
    # A photo without positives has nothing to select negatives by, and the other way round.
    hard_positive = ops.logical_and(
        positive,
        ops.logical_and(cosines - slack < hardest_negative, hardest_negative > -2),
    )
    hard_negative = ops.logical_and(
        negative,
        ops.logical_and(cosines + slack > hardest_positive, hardest_positive < 2),
    )
    pulls = ops.where(hard_positive, -pull * (cosines - base), _NEVER)
    pushes = ops.where(hard_negative, push * (cosines - base), _NEVER)
    each = (
        ops.softplus(ops.logsumexp(pulls, axis=1)) / pull
        + ops.softplus(ops.logsumexp(pushes, axis=1)) / push
    )
    return ops.mean(each)


def supervised_contrastive(embeddings: Any, labels: Any, *, temperature: float = 0.1) -> Any:
    """Each photo must find the others of its product among all of the batch.

    Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2 (L_out).

    Args:
        embeddings: float [b, d], rows of length 1.
        labels: int [b].
        temperature: Of the softmax over cosines.

    Returns:
        Scalar, the mean over the photos with another of their product in the batch; 0 without.
    """
    cosines, positive, negative = _pairs(embeddings, labels)
    logits = cosines / temperature
    everything = ops.logsumexp(
        ops.where(ops.logical_or(positive, negative), logits, _NEVER), axis=1, keepdims=True
    )
    count = ops.sum(ops.cast(positive, "float32"), axis=1)
    each = ops.sum(ops.where(positive, everything - logits, 0.0), axis=1) / ops.maximum(count, 1.0)
    asked = ops.cast(count > 0, "float32")
    return ops.sum(each * asked) / ops.maximum(ops.sum(asked), 1.0)


def similarity_distillation(student: Any, teacher: Any, *, temperature: float = 0.1) -> Any:
    """The student finds the images of a batch as alike as its teacher does.

    An image's cosines with the others become a distribution; the loss is the divergence of the
    student's from the teacher's. Fang et al., "SEED: Self-supervised Distillation for Visual
    Representation", ICLR 2021, equations 2 to 4, with the batch in place of their queue, and
    without the teacher's own entropy, so that 0 is reached.

    Args:
        student: float [b, d], rows of length 1.
        teacher: float [b, e], rows of length 1.
        temperature: Of both softmaxes over cosines.

    Returns:
        Scalar, the mean over the batch.
    """
    itself = ops.cast(ops.eye(ops.shape(student)[0]), "bool")
    logs = [
        ops.log_softmax(ops.where(itself, _NEVER, rows @ ops.transpose(rows) / temperature), axis=1)
        for rows in (ops.cast(student, "float32"), ops.cast(teacher, "float32"))
    ]
    student_log, teacher_log = logs
    each = ops.where(itself, 0.0, ops.exp(teacher_log) * (teacher_log - student_log))
    return ops.mean(ops.sum(each, axis=1))


def _own(labels: Any, cosines: Any) -> Any:
    return ops.one_hot(ops.cast(labels, "int32"), cosines.shape[-1], dtype="float32")


def _pairs(embeddings: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Cosines [b, b]; which pairs are two photos of one product, and which of two products."""
    embeddings = ops.cast(embeddings, "float32")
    alike = ops.equal(labels[:, None], labels[None, :])
    itself = ops.cast(ops.eye(ops.shape(embeddings)[0]), "bool")
    positive = ops.logical_and(alike, ops.logical_not(itself))
    return embeddings @ ops.transpose(embeddings), positive, ops.logical_not(alike)
