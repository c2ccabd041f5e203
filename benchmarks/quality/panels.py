"""Pictures to look at: a map of the embeddings, and what the best and the worst queries find.

    python benchmarks/quality/panels.py --out results

    map.png        t-SNE of the Grocery test photos, one colour a category, names at their middle
    confused.png   Grocery test photos against the train photos: the wrong products that come first
                   most often, beside the photo that was asked with (not for publishing: the
                   photos are other people's)
    drawn.jpg      the same for the package's demo store, from one studio picture a product: the
                   worst queries, then the best ones

Figures come from the device's own code: MODEL -> Embedder -> Catalog.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

import shelflens
from benchmarks.quality.grocery import SHARED
from benchmarks.quality.measuring import Vectors, embedded, photos_of
from shelflens import Catalog, Embedder, Match
from shelflens.dataset import Dataset, read_dataset
from shelflens.render.suggestion_sheet import Card, Shelf, draw_shelves, save_sheet

DEMO = Path(shelflens.__file__).parent / "data" / "demo"


def main() -> None:
    """Draw all three."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", help="default: the bundled one")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    embedder = Embedder.open(args.model)
    title = f"{embedder.card.name}, {embedder.card.variant}, {embedder.card.size} pixels"
    if (SHARED / "data" / "grocery").exists():
        train, test = photos_of("train"), photos_of("test")
        vectors = embedded(embedder, test, "test")
        draw_map(vectors, test, args.seed, title, args.out / "map.png")
        queries = asked(embedder, train, test, vectors)
        confused(queries, train, args.out / "confused.png")
    demo(embedder, args.out / "drawn.jpg")


def draw_map(vectors: Vectors, photos: Dataset, seed: int, title: str, path: Path) -> None:
    """Each photo a dot, each category a colour (van der Maaten and Hinton, JMLR 2008)."""
    from sklearn.manifold import TSNE

    spread = TSNE(metric="cosine", init="pca", perplexity=30, random_state=seed)
    dots: NDArray[np.float32] = spread.fit_transform(vectors)
    kinds = np.array([photos.attributes[one]["category"] for one in photos.labels])
    figure, axes = plt.subplots(figsize=(11, 9), layout="constrained")
    colours = mpl.colormaps["turbo"]
    names = sorted(set(kinds))
    for place, kind in enumerate(names):
        mine = dots[kinds == kind]
        colour = colours((place * 17 % len(names)) / len(names))
        axes.scatter(mine[:, 0], mine[:, 1], s=7, color=colour, alpha=0.75, linewidths=0)
        x, y = np.median(mine, axis=0)
        box = {"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 1}
        axes.text(x, y, kind, fontsize=8, ha="center", va="center", bbox=box)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{len(vectors)} Grocery test photos in 43 categories (t-SNE): {title}")
    figure.savefig(path, dpi=110)
    plt.close(figure)


Query = tuple[Path, str, list[Match]]
"""A photo, the product it shows, what was found for it."""


def asked(
    embedder: Embedder, gallery: Dataset, queries: Dataset, vectors: Vectors | None = None
) -> list[Query]:
    """What the device finds for every query."""
    rows = embedded(embedder, gallery, "gallery")
    space = embedder.card.space
    catalog = Catalog(gallery.labels, rows, space=space, attributes=gallery.attributes)
    seen = embedded(embedder, queries, "queries") if vectors is None else vectors
    return [
        (item.path, item.product, catalog.match(one, k=5))
        for item, one in zip(queries.items, seen, strict=True)
    ]


def confused(queries: Sequence[Query], gallery: Dataset, path: Path) -> None:
    """The pairs of products that are taken for each other most often."""
    wrong = Counter((own, found[0].id) for _, own, found in queries if found[0].id != own)
    sizes = Counter(own for _, own, _ in queries)
    shelves = []
    for (own, other), count in wrong.most_common(8):
        mine = [one for one in queries if one[1] == own and one[2][0].id == other]
        shelves.append(_shelf(mine[0], f"{count} of {sizes[own]} find the first", gallery))
    lines = ["the most frequent mistakes: a photo, what it shows, and the products that were found"]
    save_sheet(draw_shelves(shelves, title="Grocery test photos", lines=lines), path)


def demo(embedder: Embedder, path: Path) -> None:
    """The queries of the demo store whose own product leads least, and most."""
    studio, photos = (read_dataset(DEMO / f"{name}.csv") for name in ("studio", "photos"))
    queries = sorted(asked(embedder, studio, photos), key=_lead)
    worst = [_shelf(one, "least sure", studio) for one in queries[:4]]
    best = [_shelf(one, "surest", studio) for one in queries[-2:]]
    wrong = sum(one[2][0].id != one[1] for one in queries)
    lines = [
        f"{len(queries)} phone photos against one studio picture a product; {wrong} find another "
        "product first. The four least sure queries and the two surest:"
    ]
    sheet = draw_shelves([*worst, *best], title="Drawn demo store", lines=lines)
    sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3)).save(path, quality=80)


def _lead(query: Query) -> float:
    """By how much the own product scores higher than the best other one."""
    scores = {match.id: match.score for match in query[2]}
    own = scores.pop(query[1], -1.0)
    return own - max(scores.values())


def _shelf(query: Query, title: str, gallery: Dataset) -> Shelf:
    photo, own, found = query
    first = {item.product: item.path for item in reversed(gallery.items)}
    cards = [
        Card(one.name, f"{one.score:.2f}{'   right' * (one.id == own)}", first[one.id])
        for one in found
    ]
    name = gallery.attributes.get(own, {}).get("name", own)
    return Shelf(title, name, photo, cards)


if __name__ == "__main__":
    main()
