"""Everything that a general training shows, as a few files: pictures encoded, one table.

    python -m benchmarks.recipe.textures --cache CACHE --synthetic STORE --out TEXTURES

CACHE is what `benchmarks.recipe.images` makes, STORE a store of `shelflens synthesize` (600
products, 3 photos, seed 20261128), FONTS (default: the system's) a folder of open typefaces. About
40,000 pictures of 208 pixels in 185 MB, in ten minutes on two cores. Never among them: the 300
garments and 300 objects that `benchmarks.quality.domains` asks for; the brands of packs that it
asks for have a domain of their own, which no training uses.

`--start RUN` also writes the networks that a training starts from, ImageNet's and that of a run
folder (`benchmarks.recipe.make train`), as plain arrays.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.quality.grocery import SHARED
from shelflens_train.general.cutouts import opacity
from shelflens_train.general.label_design import Supplies
from shelflens_train.general.labels import family
from shelflens_train.general.scene import SIDE
from shelflens_train.general.views import CLASS, CUTOUT, LABEL, SINGLE
from shelflens_train.synthetic.assortment import invent_products
from shelflens_train.synthetic.layouts.artwork import artwork

STORE_PRODUCTS, STORE_SEED = 600, 20261128
FAMILIES, ART_SEED = 4300, 2026
LABELS, LABELS_SEED = 2000, 424242
"""Products of our own generator whose flat labels are textures too."""
LABEL_SIZES = ((330, 480), (420, 420), (480, 330), (300, 520))
QUALITY = 50
PARTS = 4
JUDGED = ("garments", "objects")
PICTOGRAPHS = (
    (0x1F300, 0x1F600),
    (0x1F680, 0x1F700),
    (0x1F900, 0x1FA00),
    (0x1FA70, 0x1FAF0),
    (0x2600, 0x27C0),
)
PHOTOS_ON_LABELS = {"objects": 1000, "garments": 200}
FACES_PER_FOLDER = 8


@dataclass(frozen=True)
class Source:
    """A picture file of the cache or of a store."""

    path: Path
    kind: str
    domain: str
    identity: str
    family: str
    alpha: bool
    cut: bool
    """Whether its ground is removed where it is plain."""


@dataclass(frozen=True)
class Texture:
    """One picture as a training uses it."""

    data: bytes
    kind: str
    domain: str
    identity: str
    family: str
    aspect: float
    alpha: bool


def sources(cache: Path, synthetic: Path) -> list[Source]:
    """All picture files."""
    judged: set[str] = set()
    for domain in JUDGED:
        with np.load(cache / "domains" / f"{domain}.npz") as arrays:
            judged |= set(arrays["products"].tolist())
    found = []
    with (cache / "index.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["identity"] not in judged:
                found.append(_source(cache, row))
    families = {
        product.id: product.family for product in invent_products(STORE_PRODUCTS, seed=STORE_SEED)
    }
    with (synthetic / "all.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            product = row["product"]
            group = f"synthetic/{families[product]}"
            path, name = synthetic / row["path"], f"synthetic/{product}"
            found.append(Source(path, CLASS, "synthetic", name, group, alpha=False, cut=False))
    return found


def _source(cache: Path, row: dict[str, str]) -> Source:
    domain, identity, group = row["domain"], row["identity"], row["identity"]
    kind, cut = SINGLE, True
    if domain == "groceries":
        kind, group, cut = CLASS, "groceries", row["split"] == "iconic"
    elif domain == "catalogue":
        kind = CLASS
    elif domain == "ycb":
        kind, group = CUTOUT, "ycb"
    elif domain == "packs":
        brand = identity.split("/")[1][:5]
        kind, group = CUTOUT, f"packs/{brand}"
        domain = "packs-judged" if int(brand) % 2 else "packs"
    alpha = row["alpha"] == "1"
    return Source(cache / row["path"], kind, domain, identity, group, alpha, cut and not alpha)


def texture(source: Source) -> Texture:
    """The file, decoded, cut out where it can be, scaled and encoded."""
    with Image.open(source.path) as opened:
        picture = ImageOps.exif_transpose(opened)
        picture = picture.convert("RGBA" if source.alpha else "RGB")
    mask = opacity(picture) if source.cut else None
    if mask is not None:
        picture.putalpha(mask)
    aspect, alpha = picture.width / picture.height, picture.mode == "RGBA"
    if alpha:
        picture, aspect = _padded(picture), 1.0
    else:
        picture = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    return Texture(
        _encoded(picture), source.kind, source.domain, source.identity, source.family, aspect, alpha
    )


def _padded(cutout: Image.Image) -> Image.Image:
    cutout = cutout.crop(cutout.getbbox() or (0, 0, *cutout.size))
    cutout = ImageOps.contain(cutout, (SIDE, SIDE), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0))
    square.paste(cutout, ((SIDE - cutout.width) // 2, (SIDE - cutout.height) // 2))
    return square


def _encoded(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=QUALITY)
    return stream.getvalue()


def supplies(fonts: Path, photos: list[Source]) -> Supplies:
    """What labels are drawn with."""
    files = sorted(file for kind in ("ttf", "otf") for file in fonts.rglob(f"*.{kind}"))
    emoji = next(file for file in files if file.name == "NotoColorEmoji.ttf")
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        if file != emoji and "math" not in file.name.lower() and _has_latin(file):
            by_folder.setdefault(file.parent, []).append(file)
    faces = [file for folder in by_folder.values() for file in folder[:FACES_PER_FOLDER]]
    wide = [file for file in files if file.name.startswith(("FreeS", "DejaVuSans"))]
    pictures = []
    for domain, count in PHOTOS_ON_LABELS.items():
        mine = [source for source in photos if source.domain == domain]
        for index in np.random.default_rng(3).permutation(len(mine))[:count]:
            with Image.open(mine[index].path) as opened:
                pictures.append(opened.convert("RGB").resize((224, 224)))
    return Supplies(faces, wide, pictures, list(_pictographs(emoji)))


def _has_latin(file: Path) -> bool:
    try:
        face = ImageFont.truetype(str(file), 40)
        return bytes(face.getmask("A")) != bytes(face.getmask("B"))
    except OSError:
        return False


def _pictographs(emoji: Path) -> Iterator[Image.Image]:
    face = ImageFont.truetype(str(emoji), 109)
    for first, end in PICTOGRAPHS:
        for code in range(first, end):
            picture = Image.new("RGBA", (136, 128))
            ImageDraw.Draw(picture).text((0, 0), chr(code), font=face, embedded_color=True)
            box = picture.getbbox()
            colours = picture.convert("RGB").getcolors(100_000) or []
            if box and box[2] - box[0] > 40 and len(colours) > 30:
                yield picture.crop(box).resize((120, 120))


def labels(made: Supplies) -> Iterator[Texture]:
    """Drawn labels in families, and those of our own generator."""

    def label(picture: Image.Image, identity: str, group: str) -> Texture:
        aspect = picture.width / picture.height
        picture = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        return Texture(_encoded(picture), LABEL, "art", identity, group, aspect, alpha=False)

    for number in range(FAMILIES):
        members = family(np.random.default_rng([ART_SEED, number]), made)
        for index, picture in enumerate(members):
            yield label(picture, f"art/{number}/{index}", f"art/{number}")
    for product in invent_products(LABELS, seed=LABELS_SEED):
        size = LABEL_SIZES[len(product.family) % len(LABEL_SIZES)]
        yield label(artwork(product, *size), f"store/{product.id}", f"store/{product.family}")


def write(textures: list[Texture], out: Path) -> None:
    """`PARTS` files of about the same size."""
    out.mkdir(parents=True, exist_ok=True)
    ends = np.cumsum([len(item.data) for item in textures])
    bounds = [0, *np.searchsorted(ends, ends[-1] * np.arange(1, PARTS) / PARTS), len(textures)]
    for number, (start, end) in enumerate(itertools.pairwise(bounds)):
        part = textures[start:end]
        columns = zip(*(astuple(item)[1:] for item in part), strict=True)
        names = [field.name for field in fields(Texture)][1:]
        np.savez(
            out / f"textures{number}.npz",
            blob=np.frombuffer(b"".join(item.data for item in part), np.uint8),
            sizes=np.array([len(item.data) for item in part], np.int64),
            **{  # type: ignore[arg-type]
                name: np.array(column) for name, column in zip(names, columns, strict=True)
            },
        )


def write_start(run: Path, out: Path) -> None:
    """`imagenet.npz` and `fine-tuned.npz`: the networks a training starts from."""
    import keras

    from shelflens_train.general.params import write_params
    from shelflens_train.general.start import imagenet_network, params_of

    weights = SHARED / "weights" / "mobilenet_v2_1.0_224_no_top_ema.h5"
    networks = {
        "imagenet": imagenet_network(str(weights), dim=256, size=224),
        "fine-tuned": keras.models.load_model(run / "model.keras", compile=False),
    }
    for name, network in networks.items():
        write_params(params_of(network), out / f"{name}.npz", np.float16)


def main() -> None:
    """Make the files."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, metavar="RUN", help="write the start networks too")
    args = parser.parse_args()
    found = sources(args.cache, args.synthetic)
    with get_context("spawn").Pool() as pool:
        made = list(pool.imap(texture, found, chunksize=64))
    made += labels(supplies(args.fonts, [item for item in found if item.kind == SINGLE]))
    write(made, args.out)
    if args.start:
        write_start(args.start, args.out)
    print(f"{len(made):,} textures in {args.out}")


if __name__ == "__main__":
    main()
