"""What a synthetic product is: its words, and the design of its pack."""

from __future__ import annotations

from dataclasses import dataclass

from shelflens_train.synthetic.colour import Colour


@dataclass(frozen=True)
class PackDesign:
    """The design that a family of products shares; the flavour adds its accent and its icon.

    Attributes:
        kind: The pack; a key of ``packs.pack.PACKS``.
        layout: The label; a key of ``layouts.layout.LAYOUTS``.
        ground: Main colour of the pack.
        panel: Pale colour for plaques.
        ink: Dark colour for text.
        spark: A second accent.
        brand_face: Type of the brand; a key of ``lettering.FACES``.
        name_face: Type of the product name.
        text_face: Type of the small print.
        logo: How the brand is set: ``plain``, ``pill``, ``ruled``, ``mark`` or ``circle``.
        badge: Text of the small badge; empty for none.
        detail: Seed of the small choices a layout makes (pattern, number of waves...).
    """

    kind: str
    layout: str
    ground: Colour
    panel: Colour
    ink: Colour
    spark: Colour
    brand_face: str
    name_face: str
    text_face: str
    logo: str
    badge: str
    detail: int


@dataclass(frozen=True)
class SyntheticProduct:
    """One product of a synthetic store.

    Attributes:
        id: Unique in its store; lowercase letters, digits and dashes, at most 100.
        name: As on a price tag, "Velmo Oat Drink Vanilla".
        brand: The invented maker.
        category: The aisle.
        price: In the shop's currency.
        family: Shared by the variants of one product line; unique in the store.
        words: What it is, "Oat Drink".
        flavour: What sets it apart from its family, "Vanilla".
        weight: Net weight as printed.
        icon: A key of ``icons.icon.ICONS``.
        accent: The flavour's colour.
        design: The family's design, with the ground already tinted by the flavour where it is.
    """

    id: str
    name: str
    brand: str
    category: str
    price: float
    family: str
    words: str
    flavour: str
    weight: str
    icon: str
    accent: Colour
    design: PackDesign
