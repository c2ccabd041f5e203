"""Metric-learning losses as pure functions on `keras.ops`."""

from __future__ import annotations

from typing import Any

from keras import ops


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
    own = ops.one_hot(ops.cast(labels, "int32"), cosines.shape[-1], dtype="float32")
    logits = scale * (cosines - margin * own)
    each = ops.logsumexp(logits, axis=-1) - ops.sum(logits * own, axis=-1)
    if weights is None:
        return ops.mean(each)
    return ops.sum(each * weights) / ops.maximum(ops.sum(weights), 1e-6)
