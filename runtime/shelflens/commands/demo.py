"""`shelflens demo`: the main job on the small synthetic store that the package carries."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shelflens.catalog.answer import Answer
from shelflens.catalog.build import build_catalog
from shelflens.catalog.catalog import Catalog
from shelflens.commands.arguments import add_adapt, add_model, open_model
from shelflens.commands.outputs import check_file, is_catalog, is_png
from shelflens.console import printable
from shelflens.dataset import Dataset, LabelledImage, read_dataset
from shelflens.model.embedder import Embedder
from shelflens.render.contact_sheet import Panel, PanelMatch, Verdict, contact_sheet
from shelflens.render.suggestion_sheet import save_png

HELP = "Enrol a small store from reference images, look up phone photos, show the result."
EXAMPLES = ("demo", "demo --out my-demo")

DEMO = Path(__file__).parents[1] / "data" / "demo"
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
            candidates = [match.id for match in self.answer.candidates]
            return "fair" if self.item.product in candidates else "wrong"
        return "wrong"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--out", type=Path, default=Path("shelflens-demo"), help="default: %(default)s"
    )
    add_adapt(parser)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Build, look up, print, draw."""
    if args.out.is_dir():
        for name, is_ours in (("demo.catalog", is_catalog), ("contact-sheet.png", is_png)):
            check_file(args.out / name, is_ours=is_ours, example=name)
    args.out.mkdir(parents=True, exist_ok=True)
    embedder = open_model(args)
    studio = read_dataset(DEMO / "studio.csv")
    build_catalog(studio, embedder, adapt=args.adapt).save(args.out / "demo.catalog")
    card = embedder.card
    catalog = Catalog.open(args.out / "demo.catalog")
    size = (args.out / "demo.catalog").stat().st_size
    print(f"model    {card.name}, {card.variant}, {embedder.engine}")
    print(
        f"catalog  {len(catalog)} products from one reference image each, {size / 1024:.0f} KiB\n"
    )

    start = time.perf_counter()
    answers = _look_up(embedder, catalog, read_dataset(DEMO / "photos.csv"), enrolled=True)
    answers += _look_up(embedder, catalog, read_dataset(DEMO / "unknown.csv"), enrolled=False)
    each = (time.perf_counter() - start) * 1e3 / len(answers)
    _print(answers, catalog)
    summary = _summary(answers, each)
    print("\n" + "\n".join(summary))

    _draw(answers, studio, catalog, args.out / "contact-sheet.png", summary)
    print(f"\ncontact sheet  {args.out / 'contact-sheet.png'}")
    print(f"try next       {_next(args.out, answers[0].item.path)}")
    return 0


def _look_up(
    embedder: Embedder, catalog: Catalog, photos: Dataset, *, enrolled: bool
) -> list[DemoAnswer]:
    return [
        DemoAnswer(item, enrolled, catalog.answer(embedder.embed(item.path), k=3))
        for item in photos.items
    ]


def _print(answers: list[DemoAnswer], catalog: Catalog) -> None:
    names = {
        product_id: columns.get("name", product_id)
        for product_id, columns in catalog.attributes.items()
    }
    marks = {"right": "✓", "fair": "~", "wrong": "✗"}
    print(f"  {'photo of':<36}  {'answer':<46}  score")
    for shown in _spread(answers, _PANELS):
        truth = names[shown.item.product] if shown.enrolled else "(not in the catalog)"
        best = shown.answer.matches[0]
        text = {"match": best.name, "unknown": "unknown"}.get(
            shown.answer.decision, f"ambiguous: {best.name}?"
        )
        mark = marks[shown.verdict]
        line = f"{mark} {_cut(truth, 36):<36}  {_cut(text, 46):<46}  {best.score:5.2f}"
        print(printable(line))
    if len(answers) > _PANELS:
        print(f"  ... {_PANELS} of {len(answers)} photos shown")


def _summary(answers: list[DemoAnswer], each: float) -> list[str]:
    known = [shown for shown in answers if shown.enrolled]
    unknown = [shown for shown in answers if not shown.enrolled]
    first = sum(shown.answer.matches[0].id == shown.item.product for shown in known)
    counts = Counter((shown.answer.decision, shown.verdict) for shown in known)
    refused = sum(shown.answer.decision == "unknown" for shown in unknown)
    return [
        f"{first} of {len(known)} photos of enrolled products have the right product first "
        f"(recall@1 {first / len(known):.2f})",
        f"answered match: {counts['match', 'right']} right, {counts['match', 'wrong']} wrong;  "
        f"ambiguous: {counts['ambiguous', 'fair'] + counts['ambiguous', 'wrong']};  "
        f"unknown: {counts['unknown', 'wrong']}",
        f"{refused} of {len(unknown)} photos of products that are not enrolled are answered "
        "unknown",
        f"{each:.1f} ms per photo, file to answer, on this machine",
    ]


def _draw(
    answers: list[DemoAnswer], studio: Dataset, catalog: Catalog, path: Path, summary: list[str]
) -> None:
    images = {item.product: item.path for item in studio.items}
    panels = [
        Panel(
            photo=shown.item.path,
            title=shown.answer.decision,
            subtitle={
                "right": "right" if shown.enrolled else "right: it is not in the catalog",
                "wrong": "wrong" if shown.enrolled else "wrong: it is not in the catalog",
                "fair": "look-alikes: shows both",
            }[shown.verdict],
            verdict=shown.verdict,
            matches=[
                PanelMatch(
                    images[match.id], match.name, match.score, match.id == shown.item.product
                )
                for match in shown.answer.matches
            ],
        )
        for shown in _spread(answers, _PANELS)
    ]
    image = contact_sheet(
        panels,
        title=f"ShelfLens: {len(catalog)} products, one reference image each",
        lines=[summary[0] + "; " + summary[2], summary[1] + ";  " + summary[3]],
    )
    save_png(image, path)


def _spread(answers: list[DemoAnswer], count: int) -> list[DemoAnswer]:
    """Some of the answers, evenly over all."""
    last = len(answers) - 1
    indices = np.unique(np.linspace(0, last, min(count, last + 1)).round().astype(int))
    return [answers[index] for index in indices]


def _next(out: Path, photo: Path) -> str:
    shown = os.path.relpath(photo)
    photo_path = shown if len(shown) < len(str(photo)) else str(photo)
    return f"shelflens lookup {photo_path} --catalog {out / 'demo.catalog'}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
