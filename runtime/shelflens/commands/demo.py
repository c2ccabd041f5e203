"""`shelflens demo`: the main job on the little drawn store that the package carries."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from shelflens.catalog.answer import Answer
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.commands.arguments import add_model, open_model
from shelflens.dataset import Dataset, LabelledImage, read_dataset
from shelflens.files import atomic_writer
from shelflens.model.embedder import Embedder
from shelflens.render.contact_sheet import Panel, PanelMatch, Verdict, contact_sheet

HELP = "Enrol a small store from studio pictures, look up phone photos, show the result."

DEMO = Path(__file__).parent.parent / "data" / "demo"
_PANELS = 24


@dataclass(frozen=True)
class DemoAnswer:
    """One photo, what it shows, and what was answered."""

    item: LabelledImage
    enrolled: bool
    answer: Answer

    @property
    def verdict(self) -> Verdict:
        """Right, wrong, or fair (the product is among those that were not told apart)."""
        if not self.enrolled:
            return "right" if self.answer.decision == "unknown" else "wrong"
        if self.answer.decision == "match":
            return "right" if self.answer.matches[0].id == self.item.product else "wrong"
        if self.answer.decision == "ambiguous":
            near = [match.id for match in self.answer.candidates]
            return "fair" if self.item.product in near else "wrong"
        return "wrong"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--out", type=Path, default=Path("shelflens-demo"), help="default: %(default)s"
    )
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Build, look up, print, draw."""
    args.out.mkdir(parents=True, exist_ok=True)
    embedder = open_model(args)
    studio = read_dataset(DEMO / "studio.csv")
    _, vectors = embedder.embed_many(studio.paths)
    card = embedder.card
    catalog = Catalog(
        studio.labels,
        vectors,
        space=card.space,
        attributes=studio.attributes,
        calibration=card.calibration,
        category_axes=CategoryAxes.from_card(card.likeness),
    )
    catalog.save(args.out / "demo.catalog")
    catalog = Catalog.open(args.out / "demo.catalog")
    size = (args.out / "demo.catalog").stat().st_size
    print(f"model    {card.name}, {card.variant}, {embedder.engine}")
    print(f"catalog  {len(catalog)} products from one studio picture each, {size / 1024:.0f} KiB\n")

    start = time.perf_counter()
    seen = _look(embedder, catalog, read_dataset(DEMO / "photos.csv"), enrolled=True)
    seen += _look(embedder, catalog, read_dataset(DEMO / "unknown.csv"), enrolled=False)
    each = (time.perf_counter() - start) * 1e3 / len(seen)
    _print(seen, catalog)
    summary = _summary(seen, each)
    print("\n" + "\n".join(summary))

    _draw(seen, studio, catalog, args.out / "contact-sheet.png", summary)
    print(f"\ncontact sheet  {args.out / 'contact-sheet.png'}")
    print(f"try next       {_next(args.out, seen[0].item.path)}")
    return 0


def _look(
    embedder: Embedder, catalog: Catalog, photos: Dataset, *, enrolled: bool
) -> list[DemoAnswer]:
    return [
        DemoAnswer(item, enrolled, catalog.answer(embedder.embed(item.path), k=3))
        for item in photos.items
    ]


def _print(seen: list[DemoAnswer], catalog: Catalog) -> None:
    names = {product: one.get("name", product) for product, one in catalog.attributes.items()}
    marks = {"right": "✓", "fair": "~", "wrong": "✗"}
    print(f"  {'photo of':<36}  {'answer':<46}  score")
    for one in _spread(seen, _PANELS):
        truth = names[one.item.product] if one.enrolled else "(not in the catalog)"
        best = one.answer.matches[0]
        said = {"match": best.name, "unknown": "unknown"}.get(
            one.answer.decision, f"ambiguous: {best.name}?"
        )
        mark = marks[one.verdict]
        print(f"{mark} {_cut(truth, 36):<36}  {_cut(said, 46):<46}  {best.score:5.2f}")
    if len(seen) > _PANELS:
        print(f"  ... {_PANELS} of {len(seen)} photos shown")


def _summary(seen: list[DemoAnswer], each: float) -> list[str]:
    there = [one for one in seen if one.enrolled]
    absent = [one for one in seen if not one.enrolled]
    nearest = sum(one.answer.matches[0].id == one.item.product for one in there)
    said = Counter((one.answer.decision, one.verdict) for one in there)
    refused = sum(one.answer.decision == "unknown" for one in absent)
    return [
        f"{nearest} of {len(there)} photos of enrolled products have the right product first "
        f"(recall@1 {nearest / len(there):.2f})",
        f"answered match: {said['match', 'right']} right, {said['match', 'wrong']} wrong;  "
        f"ambiguous: {said['ambiguous', 'fair'] + said['ambiguous', 'wrong']};  "
        f"unknown: {said['unknown', 'wrong']}",
        f"{refused} of {len(absent)} photos of products that are not enrolled are answered unknown",
        f"{each:.1f} ms a photo, file to answer, on this machine",
    ]


def _draw(
    seen: list[DemoAnswer], studio: Dataset, catalog: Catalog, path: Path, summary: list[str]
) -> None:
    pictures = {item.product: item.path for item in studio.items}
    panels = [
        Panel(
            photo=one.item.path,
            title=one.answer.decision,
            subtitle={
                "right": "right" if one.enrolled else "right: it is not in the catalog",
                "wrong": "wrong" if one.enrolled else "wrong: it is not in the catalog",
                "fair": "look-alikes: shows both",
            }[one.verdict],
            verdict=one.verdict,
            found=[
                PanelMatch(
                    pictures[match.id], match.name, match.score, match.id == one.item.product
                )
                for match in one.answer.matches
            ],
        )
        for one in _spread(seen, _PANELS)
    ]
    sheet = contact_sheet(
        panels,
        title=f"ShelfLens: {len(catalog)} products, one studio picture each",
        lines=[summary[0] + "; " + summary[2], summary[1] + ";  " + summary[3]],
    )
    buffer = BytesIO()
    sheet.save(buffer, "PNG", optimize=False, compress_level=6)
    with atomic_writer(path) as stream:
        stream.write(buffer.getvalue())


def _spread(seen: list[DemoAnswer], count: int) -> list[DemoAnswer]:
    """Some of the photos, evenly over all, so that the sample flatters nobody."""
    places = np.unique(np.linspace(0, len(seen) - 1, min(count, len(seen))).round().astype(int))
    return [seen[place] for place in places]


def _next(out: Path, photo: Path) -> str:
    shown = os.path.relpath(photo)
    photo_path = shown if len(shown) < len(str(photo)) else str(photo)
    return f"shelflens lookup {photo_path} --catalog {out / 'demo.catalog'}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
