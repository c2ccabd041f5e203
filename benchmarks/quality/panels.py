"""Pictures to look at: a map of the embeddings, and what the best and the worst queries find.

    python -m benchmarks.quality.panels

    map.png             t-SNE of the Grocery test photos, one colour per category
    confused.png        Grocery test photos against the train photos: the pairs of products that
                        are confused most often (not for publishing: other people's photos)
    least-certain.jpg   the same for the package's demo store, from one studio image per product:
                        the queries with the smallest margin, then those with the largest

Figures come from the device's own code: model file -> Embedder -> Catalog.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.provenance import RESULTS, save, stamp
from benchmarks.quality.measuring import Vectors, embedded, photos_of
from shelflens import Catalog, Embedder, Match
from shelflens.dataset import Dataset, LabelledImage, read_dataset
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.render.suggestion_sheet import Card, SuggestionGroup, draw_suggestions, save_png

DEMO = BUNDLED_MODEL.parent / "demo"


@dataclass(frozen=True)
class Query:
    """A labelled image, and the first five products that are found for it."""

    image: LabelledImage
    matches: list[Match]

    @property
    def wrong(self) -> bool:
        """Another product is first."""
        return self.matches[0].id != self.image.product

    @property
    def margin(self) -> float:
        """The own product's score less the best score of another product."""
        scores = {match.id: match.score for match in self.matches}
        own = scores.pop(self.image.product, -1.0)
        return own - max(scores.values())


def main() -> None:
    """Draw all three."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    embedder = Embedder.open(args.model)
    report = stamp(seed=args.seed, card=embedder.card, libraries=("scikit-learn", "matplotlib"))
    train, test = photos_of("train"), photos_of("test")
    vectors = embedded(embedder, test, "test")
    draw_map(vectors, test, args.seed, args.out / "map.png")
    queries = asked(embedder, train, test, vectors)
    draw_confused(queries, train, args.out / "confused.png")
    report["grocery"] = {"photos": len(queries), "wrong": sum(query.wrong for query in queries)}
    report["demo"] = draw_demo(embedder, args.out / "least-certain.jpg")
    save(report, "Pictures to look at", markdown(report), "panels", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The pictures, with what they show."""
    grocery, demo = report["grocery"], report["demo"]
    return (
        f"{grocery['photos']} Grocery test photos as t-SNE (van der Maaten and Hinton, JMLR 2008) "
        f"of their embeddings; {grocery['wrong']} of them find another product first.\n\n"
        f"![A map of the test photos](map.png)\n\n{demo['photos']} photos of the demo store, one "
        f"studio image per product; {demo['wrong']} find another product first.\n\n"
        "![The queries with the smallest and the largest margin](least-certain.jpg)"
    )


def draw_map(vectors: Vectors, photos: Dataset, seed: int, path: Path) -> None:
    """Each photo a dot, each category a colour, its name at its middle."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from sklearn.manifold import TSNE

    spread = TSNE(metric="cosine", init="pca", perplexity=30, random_state=seed)
    dots: NDArray[np.float32] = spread.fit_transform(vectors)
    categories = np.array([photos.attributes[product]["category"] for product in photos.labels])
    figure = Figure(figsize=(11, 9), layout="constrained")
    axes = figure.subplots()
    colours = mpl.colormaps["turbo"]
    names = sorted(set(categories))
    for index, name in enumerate(names):
        mine = dots[categories == name]
        colour = colours((index * 17 % len(names)) / len(names))
        axes.scatter(mine[:, 0], mine[:, 1], s=7, color=colour, alpha=0.75, linewidths=0)
        x, y = np.median(mine, axis=0)
        box = {"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 1}
        axes.text(x, y, name, fontsize=8, ha="center", va="center", bbox=box)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{len(vectors)} Grocery test photos in {len(names)} categories (t-SNE)")
    figure.savefig(path, dpi=110)


def asked(
    embedder: Embedder, gallery: Dataset, queries: Dataset, vectors: Vectors | None = None
) -> list[Query]:
    """What the device finds for every query."""
    rows = embedded(embedder, gallery, "gallery")
    space = embedder.card.space
    catalog = Catalog(gallery.labels, rows, space=space, attributes=gallery.attributes)
    embeddings = embedded(embedder, queries, "queries") if vectors is None else vectors
    return [
        Query(image, catalog.match(vector, k=5))
        for image, vector in zip(queries.items, embeddings, strict=True)
    ]


def draw_confused(queries: Sequence[Query], gallery: Dataset, path: Path) -> None:
    """The eight pairs of products that are confused most often."""
    pairs = Counter((query.image.product, query.matches[0].id) for query in queries if query.wrong)
    sizes = Counter(query.image.product for query in queries)
    groups = []
    for (own, first), count in pairs.most_common(8):
        example = next(
            query for query in queries if (query.image.product, query.matches[0].id) == (own, first)
        )
        groups.append(_group(example, f"{count} of {sizes[own]} find the first", gallery))
    lines = ["the most frequent mistakes: a photo, what it shows, and the products that were found"]
    save_png(draw_suggestions(groups, title="Grocery test photos", lines=lines), path)


def draw_demo(embedder: Embedder, path: Path) -> dict[str, int]:
    """The demo store's queries with the smallest margin and with the largest; gives counts."""
    studio, photos = (read_dataset(DEMO / f"{name}.csv") for name in ("studio", "photos"))
    queries = sorted(asked(embedder, studio, photos), key=lambda query: query.margin)
    groups = [_group(query, "smallest margin", studio) for query in queries[:4]]
    groups += [_group(query, "largest margin", studio) for query in queries[-2:]]
    wrong = sum(query.wrong for query in queries)
    lines = [
        f"{len(queries)} phone photos against one studio image per product; {wrong} find another "
        "product first."
    ]
    image = draw_suggestions(groups, title="Synthetic demo store", lines=lines)
    image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(path, quality=80)
    return {"photos": len(queries), "wrong": wrong}


def _group(query: Query, title: str, gallery: Dataset) -> SuggestionGroup:
    own = query.image.product
    first = {item.product: item.path for item in reversed(gallery.items)}
    cards = [
        Card(match.name, f"{match.score:.2f}{'   right' * (match.id == own)}", first[match.id])
        for match in query.matches
    ]
    name = gallery.attributes.get(own, {}).get("name", own)
    return SuggestionGroup(title, name, query.image.path, cards)


if __name__ == "__main__":
    main()
