"""The words on the packs: what is sold, in which flavours, under which invented names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from shelflens_train.synthetic.colour import Colour, parse


@dataclass(frozen=True)
class Goods:
    """A kind of thing a shop sells.

    Attributes:
        words: As printed on the pack.
        category: The aisle.
        kinds: Packs it comes in; keys of ``packs.PACKS``.
        flavours: Keys of ``FLAVOURS``.
        weights: Net weights as printed.
        price: Lowest and highest price, in the shop's currency.
    """

    words: str
    category: str
    kinds: tuple[str, ...]
    flavours: tuple[str, ...]
    weights: tuple[str, ...]
    price: tuple[float, float]


_GOODS = """
Oat Drink | Milk & drinks | carton | Original, Vanilla, Barista, Cocoa, Hazelnut | 1 L, 750 ml | 1.8 2.9
Granola | Breakfast | box pouch | Honey & Almond, Dark Chocolate, Wild Berry, Coconut, Maple Pecan | 375 g, 400 g, 500 g | 3.2 5.9
Sparkling Water | Milk & drinks | can | Lemon, Lime, Grapefruit, Peach, Raspberry, Cherry | 330 ml | 0.9 1.6
Fruit Jam | Pantry | jar | Strawberry, Blueberry, Apricot, Raspberry, Cherry | 225 g, 340 g | 2.4 4.5
Coffee | Coffee & tea | bag tin | Dark Roast, Medium Roast, Espresso, Decaf, House Blend | 250 g, 500 g | 4.9 9.9
Greek Yoghurt | Dairy | cup | Strawberry, Blueberry, Vanilla, Honey, Peach, Natural | 150 g, 200 g | 0.8 1.6
Herbal Tea | Coffee & tea | teabox | Chamomile, Fresh Mint, Lavender, Lemon Balm, Rosehip, Good Night | 20 bags, 25 bags | 2.2 4.2
Kettle Chips | Snacks | pillow | Sea Salt, Smoked Paprika, Sweet Chilli, Rosemary, Salt & Vinegar | 120 g, 150 g | 1.6 2.9
Olive Oil | Pantry | oil | Extra Virgin, Mild, Lemon, Chilli | 500 ml, 750 ml | 6.9 13.9
Hand Cream | Home & care | tube | Lavender, Almond Milk, Rose, Coconut, Sea Mineral | 75 ml, 100 ml | 2.5 7.5
Juice | Milk & drinks | carton bottle | Orange, Apple, Mango, Grape, Cherry, Multifruit, Tomato | 1 L, 750 ml | 1.9 3.9
Dark Chocolate | Snacks | bar | Pure 70 %, Sea Salt, Orange, Hazelnut, Raspberry, Mint | 80 g, 100 g | 1.7 3.9
Tomato Soup | Pantry | soup | Classic, Basil, Roasted Garlic, Spicy | 400 g | 1.5 2.8
Pasta Sauce | Pantry | jar | Basilico, Arrabbiata, Olive & Caper, Mushroom, Classic | 350 g, 400 g | 2.2 4.4
Shower Gel | Home & care | flask | Sea Mineral, Lavender, Citrus, Fresh Mint, Rose | 250 ml, 300 ml | 1.9 4.9
Iced Tea | Milk & drinks | can bottle | Peach, Lemon, Fresh Mint, Green Tea, Raspberry | 330 ml, 500 ml | 1.1 2.2
Crunchy Muesli | Breakfast | box pouch | Forest Fruit, Apple & Oat, Tropical, Nut & Seed, Banana | 450 g, 600 g | 2.9 4.9
Raw Honey | Pantry | jar | Acacia, Wildflower, Forest, Lavender | 250 g, 500 g | 4.2 8.5
Crackers | Snacks | box | Sea Salt, Rosemary, Seed & Grain, Sweet Chilli | 150 g, 200 g | 1.4 2.6
Kombucha | Milk & drinks | bottle | Ginger Lemon, Wild Berry, Hibiscus, Green Tea, Peach | 330 ml, 500 ml | 2.2 3.6
Peanut Butter | Pantry | jar | Smooth, Crunchy, Cocoa, Honey | 280 g, 350 g | 2.9 5.4
Tuna Fillets | Pantry | flatcan | In Olive Oil, In Brine, Lemon, Chilli | 145 g, 160 g | 1.9 3.9
Farm Milk | Dairy | carton | Full Cream, Low Fat, Skimmed, Cocoa, Strawberry | 1 L | 1.1 1.9
Trail Mix | Snacks | pouch | Nut & Seed, Tropical, Wild Berry, Dark Chocolate | 150 g, 200 g | 2.6 4.8
Toothpaste | Home & care | tube | Fresh Mint, Sea Mineral, Mild Herbs, Ice Mint | 75 ml | 1.2 3.8
Basmati Rice | Pantry | pouch | Classic, Wholegrain, Wild & Red, Coconut | 500 g, 1 kg | 1.9 4.6
Cold Brew | Coffee & tea | can | Black, Vanilla, Oat Latte, Caramel, Cocoa | 250 ml | 1.9 3.2
Cookies | Snacks | box | Oat & Raisin, Double Chocolate, Lemon, Hazelnut, Ginger | 150 g, 175 g | 1.8 3.6
Dish Soap | Home & care | flask | Citrus, Green Apple, Fresh Mint, Sea Mineral | 500 ml | 1.3 2.9
Hot Cocoa | Coffee & tea | tin pouch | Classic, Dark, Caramel, Orange | 250 g, 300 g | 3.4 6.9
Lemonade | Milk & drinks | can bottle | Lemon, Raspberry, Orange, Elderflower, Ginger | 330 ml | 1.2 2.4
Fusilli | Pantry | pouch box | Classic, Wholegrain, Red Lentil, Spinach | 500 g | 1.1 2.9
Green Tea | Coffee & tea | teabox tin | Pure, Jasmine, Lemon, Fresh Mint, Peach | 20 bags, 80 g | 2.4 5.8
Fruit Skyr | Dairy | cup | Raspberry, Mango, Cherry, Blueberry, Coconut, Lemon | 150 g, 180 g | 0.9 1.7
Chickpeas | Pantry | soup | Classic, Smoked Paprika, No Salt | 400 g | 0.9 1.7
"""  # noqa: E501 - a table, one row per line


def _goods(row: str) -> Goods:
    words, category, kinds, flavours, weights, price = row.split(" | ")
    low, high = price.split()
    return Goods(
        words=words,
        category=category,
        kinds=tuple(kinds.split()),
        flavours=tuple(flavours.split(", ")),
        weights=tuple(weights.split(", ")),
        price=(float(low), float(high)),
    )


GOODS = tuple(_goods(row) for row in _GOODS.strip().splitlines())

_FLAVOURS = {
    "strawberry #E5485D": "Strawberry, Rosehip, Multifruit",
    "blueberry #4C5DB4": "Blueberry, Wild Berry, Forest Fruit",
    "raspberry #CF2F6B": "Raspberry",
    "cherry #B3203F": "Cherry",
    "apple #7FB241": "Apple, Green Apple, Apple & Oat",
    "citrus #F2C230": "Lemon, Lemon Balm, Ginger Lemon",
    "citrus #8DBF3C": "Lime, Citrus",
    "citrus #F28B30": "Orange",
    "citrus #F0716B": "Grapefruit",
    "peach #F4A259": "Peach, Apricot",
    "mango #F2A03D": "Mango, Tropical",
    "banana #F3CB4A": "Banana",
    "grape #6C4A98": "Grape",
    "coconut #5FB3B3": "Coconut",
    "tomato #DB4437": "Tomato, Basilico",
    "olive #7B8B3A": "Extra Virgin, In Olive Oil, Olive & Caper",
    "drop #C9A227": "Mild, In Brine",
    "chili #D3402F": "Chilli, Sweet Chilli, Smoked Paprika, Spicy, Arrabbiata",
    "mushroom #B5794F": "Mushroom, Roasted Garlic",
    "leaf #3E9E74": "Fresh Mint, Mint, Green Tea, Mild Herbs, Pure, Spinach",
    "leaf #5D8A4A": "Basil, Rosemary, No Salt",
    "lavender #8C74BF": "Lavender",
    "blossom #F0CC6B": "Vanilla, Chamomile, Jasmine, Elderflower",
    "blossom #E58CA3": "Rose, Hibiscus, Wildflower",
    "grain #D9A441": "Original, Natural, Classic, Wholegrain, Seed & Grain, Oat & Raisin",
    "grain #C79A5B": "Oat Latte",
    "grain #B5523B": "Wild & Red, Red Lentil",
    "nut #B9794A": "Hazelnut, Almond Milk, Nut & Seed, Maple Pecan, Smooth, Caramel",
    "nut #D08A3C": "Crunchy, Honey & Almond, Ginger",
    "bean #6B4430": "Dark Roast, Black, Barista",
    "bean #A8623A": "Medium Roast, House Blend",
    "bean #C0392F": "Espresso",
    "bean #4E8C86": "Decaf",
    "chocolate #6E4433": "Cocoa, Dark Chocolate, Double Chocolate, Pure 70 %, Dark",
    "honey #EBA52B": "Honey, Acacia",
    "honey #B46A22": "Forest",
    "salt #4A90C2": "Sea Salt, Sea Mineral",
    "potato #7FA05A": "Salt & Vinegar",
    "drop #2F62B5": "Full Cream",
    "drop #53B39B": "Low Fat",
    "drop #DB6C8E": "Skimmed",
    "snow #49A7C9": "Ice Mint",
    "moon #4F5A9E": "Good Night",
}

FLAVOURS: dict[str, tuple[str, Colour]] = {
    name: (key.split()[0], parse(key.split()[1]))
    for key, names in _FLAVOURS.items()
    for name in names.split(", ")
}
"""Flavour -> icon and colour."""

_STARTS = (
    "Vel Nor Tin Osk Bri Fen Mar Lum Hal Sol Pim Kas Ell Ard Wil Jun Tav Ro Gre Cal Ow Min Dor "
    "Fa Ly Sten Bel Hux Ive Pom Quin Sab Ult Ver Zel"
)
_MIDDLES = "a e i o u ari eli ona ana oli ava umi ett ind ond"
_ENDS = "mo ra dle vi na lo ra sa ren ly by wick ta ne ro no mi va lle ska den"
_TAKEN = frozenset(
    {
        "nivea",
        "milka",
        "elina",
        "velveta",
        "solero",
        "marabou",
        "dove",
        "minara",
        "melitta",
        "britta",
        "sabro",
        "calpico",
        "molino",
        "rosta",
        "velvet",
        "salva",
        "verne",
    }
)


def invent_brand(rng: np.random.Generator) -> str:
    """Returns an invented brand name such as ``Velmo`` or ``Tavi & Holm``."""
    while True:
        name = str(rng.choice(_STARTS.split()))
        if rng.random() < 0.45:
            name += str(rng.choice(_MIDDLES.split()))
        elif name[-1] in "aeiouy":
            name += str(rng.choice(list("lnrst")))
        name += str(rng.choice(_ENDS.split()))
        vowels = sum(letter in "aeiouy" for letter in name.lower())
        if not 4 <= len(name) <= 7 or vowels < 2 or name.lower() in _TAKEN:
            continue
        if re.search(r"[^aeiouy]{3}|[aeiou]{3}|(.)\1\1|aa|uu|ii", name.lower()):
            continue  # hard to say
        partner = rng.choice(
            ["", "", "", "", "", "", "", "Holm", "Fig", "Wren", "Bay", "Ash", "Moss"]
        )
        return f"{name} & {partner}" if partner and len(name) <= 5 else name
