"""The camera loop: frames of a camera in, one answer per product shown out.

>>> from shelflens import Catalog, Embedder
>>> from shelflens.watch import Frame, watch
>>> frames = (Frame(pixels, at=index / 30) for index, pixels in enumerate(arrays))
>>> for sighting in watch(frames, Catalog.open("store.catalog"), Embedder.open()):
...     print(sighting.at, sighting.answer.decision, sighting.answer.best)

`arrays` are uint8 RGB [h, w, 3]; no camera library is needed for them. `sources.open_source` gives
the frames of cameras, videos, folders and streams.
"""

from shelflens.watch.frame_filter import FrameFilter
from shelflens.watch.loop import Frame, Frames, Sighting, Watcher, watch

__all__ = ["Frame", "FrameFilter", "Frames", "Sighting", "Watcher", "watch"]
