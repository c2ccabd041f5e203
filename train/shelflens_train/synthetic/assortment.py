"""Invents an assortment: brands, designs, and families of look-alikes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from shelflens_train.synthetic.colour import (
    Colour,
    contrast,
    darker,
    lighter,
    luminance,
    parse,
    turn,
)
from shelflens_train.synthetic.names import FLAVOURS, GOODS, Goods, invent_brand
from shelflens_train.synthetic.product import PackDesign, SyntheticProduct

MAX_PRODUCTS = 5000

# ground, ink, spark: grounds from pale to deep; the panel is derived from the ground.
_PALETTES = tuple(
    tuple(parse(part) for part in row.split())
    for row in (
        "#F6EFE2 #2B2D42 #E07A5F",
        "#FFFFFF #1F3A5F #F2B134",
        "#F4E3D3 #5B2333 #D98E73",
        "#EAF1EA #22493C #E6A23C",
        "#E9EEF4 #26336B #F26B5E",
        "#FBE9E7 #7A2E3A #F2A65A",
        "#FFF4D6 #3B3A36 #E4572E",
        "#DDEBE7 #1D4E4F #F4A988",
        "#F3E8F1 #4B2E5A #E8A04C",
        "#1F4B43 #14332E #E9B44C",
        "#26335D #1A2342 #F2805A",
        "#7A2237 #4A1523 #F0B86E",
        "#E8B23A #3A2A1A #D1495B",
        "#E56B4E #3C1D1A #FFD97D",
        "#5D8F7B #1E3A31 #F5D491",
        "#C8D8C0 #2F4A38 #C9574A",
        "#23222B #17161D #D9A556",
        "#3F7CAC #17324A #F7C65B",
        "#EFC7BE #5A2A3C #9C4A5B",
        "#B9D6DE #1F4257 #F28F6B",
        "#D96C75 #4A1B27 #FBE3B5",
        "#4E3B62 #2C203C #EBA9A0",
        "#F0D9A8 #4D3319 #3E7C74",
        "#2F6F6B #143B3A #F6B16B",
    )
)
_LAYOUTS = "band diagonal medallion hills pattern swiss stripes wave arch hero blocks rays"
_NAME_FACES = "heavy poster condensed slab classic round antique grotesk modern"
_BRAND_FACES = "spaced script heavy title round slab classic poster typed modern"
_BADGES = (
    "",
    "",
    "",
    "Organic",
    "New",
    "Vegan",
    "Bio",
    "No added sugar",
    "Since 1968",
    "Fair trade",
    "100 % natural",
)
_LOGOS = ("plain", "pill", "ruled", "mark", "circle")


def slug(*parts: str) -> str:
    """Returns the parts as one id: lowercase letters and digits, words joined by single dashes."""
    text = re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower().replace("%", " percent"))
    return text.strip("-")[:90].rstrip("-")


def invent_products(count: int, *, seed: int) -> list[SyntheticProduct]:
    """Invents products in families of one to four look-alikes.

    Args:
        count: How many products; the last family is cut short to meet it.
        seed: Any integer from 0; another seed gives another store, with other brands and designs.

    Raises:
        ValueError: If ``count`` is not 1 to 5000 or ``seed`` is negative.
    """
    if not 1 <= count <= MAX_PRODUCTS:
        raise ValueError(f"count must be 1 to {MAX_PRODUCTS}, got {count}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    rng = np.random.default_rng([seed, 0x5E1F])
    products: list[SyntheticProduct] = []
    brands: set[str] = set()
    goods_order: list[int] = []
    layout_order: list[int] = []
    while len(products) < count:
        # Dealing from shuffled decks keeps even a store of a dozen products varied.
        goods_order = goods_order or rng.permutation(len(GOODS)).tolist()
        layout_order = layout_order or rng.permutation(len(_LAYOUTS.split())).tolist()
        goods = GOODS[goods_order.pop()]
        brand = invent_brand(rng)
        while brand in brands:
            brand = invent_brand(rng)
            if len(brands) > 300 and brand in brands:
                brand += f" {len(brands)}"  # the syllables run out in very large stores
        brands.add(brand)
        design = _invent_design(goods, _LAYOUTS.split()[layout_order.pop()], rng)
        wanted = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.3, 0.25, 0.15]))
        products += _family(goods, brand, design, min(wanted, count - len(products)), rng)
    return products


def _invent_design(goods: Goods, layout: str, rng: np.random.Generator) -> PackDesign:
    ground, ink, spark = _PALETTES[int(rng.integers(len(_PALETTES)))]
    # Turning hues a little gives every store its own palettes, yet keeps them in harmony.
    hue, light = float(rng.uniform(-0.035, 0.035)), float(rng.uniform(-0.025, 0.02))
    ground, ink, spark = turn(ground, hue, light=light), turn(ink, hue), turn(spark, hue)
    brand_face, name_face = (
        str(rng.choice(_BRAND_FACES.split())),
        str(rng.choice(_NAME_FACES.split())),
    )
    return PackDesign(
        kind=str(rng.choice(goods.kinds)),
        layout=layout,
        ground=ground,
        panel=lighter(ground, 0.86),
        ink=ink,
        spark=spark,
        brand_face=brand_face,
        name_face=name_face,
        text_face=str(rng.choice(["grotesk", "spaced", "modern"])),
        logo=str(rng.choice(_LOGOS)),
        badge=_badge(goods, rng),
        detail=int(rng.integers(1 << 30)),
    )


def _badge(goods: Goods, rng: np.random.Generator) -> str:
    badge = str(rng.choice(_BADGES))
    animal = goods.category == "Dairy" or goods.words in ("Raw Honey", "Tuna Fillets")
    edible = goods.category != "Home & care"
    fits = {"Vegan": not animal, "No added sugar": edible, "Fair trade": edible}
    return badge if fits.get(badge, True) else "New"


def _family(
    goods: Goods, brand: str, design: PackDesign, size: int, rng: np.random.Generator
) -> list[SyntheticProduct]:
    # Near families differ in the accent alone; far ones wear the flavour's colour all over.
    dress = str(rng.choice(["same", "same", "pale", "deep"]))
    price = round(float(rng.uniform(*goods.price)), 1) - 0.01
    weight = str(rng.choice(goods.weights))
    order = rng.permutation(len(goods.flavours))
    # Two flavours of one icon and colour would differ in a word that no small photo can show.
    unlike = {FLAVOURS[goods.flavours[i]]: goods.flavours[i] for i in order}
    family = slug(goods.words, brand)
    members = []
    for flavour in list(unlike.values())[:size]:
        icon, accent = FLAVOURS[flavour]
        dressed, tone = _dressed(design, accent, dress)
        members.append(
            SyntheticProduct(
                id=slug(goods.words, flavour, brand),
                name=f"{brand} {goods.words} {flavour}",
                brand=brand,
                category=goods.category,
                price=round(price, 2),
                family=family,
                words=goods.words,
                flavour=flavour,
                weight=weight,
                icon=icon,
                accent=tone,
                design=dressed,
            )
        )
    return members


def _dressed(design: PackDesign, accent: Colour, dress: str) -> tuple[PackDesign, Colour]:
    """Returns the family's design in one flavour's colour, and that colour where it shows on it."""
    grounds = {"same": design.ground, "pale": lighter(accent, 0.7), "deep": darker(accent, 0.52)}
    ground = grounds[dress]
    if contrast(ground, accent) < 1.25:
        # A flavour that melts into its ground would leave a pack of one flat colour.
        accent = darker(accent, 0.35) if luminance(ground) > 0.18 else lighter(accent, 0.35)
    return replace(design, ground=ground, panel=lighter(ground, 0.88)), accent
