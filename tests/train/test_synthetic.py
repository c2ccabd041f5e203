"""The synthetic store: the same seed makes the same store, and its files say what they show."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelflens_train.synthetic.assortment import invent_products
from shelflens_train.synthetic.icons.icon import ICONS
from shelflens_train.synthetic.layouts.artwork import artwork
from shelflens_train.synthetic.layouts.layout import LAYOUTS
from shelflens_train.synthetic.lettering import FACES
from shelflens_train.synthetic.names import FLAVOURS, GOODS
from shelflens_train.synthetic.packs.pack import PACKS, TALL
from shelflens_train.synthetic.product import SyntheticProduct
from shelflens_train.synthetic.scenes.phone import phone_photo
from shelflens_train.synthetic.store import hold_out, synthesize_store
from shelflens_train.synthetic.studio import studio_image


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def families(products: list[SyntheticProduct]) -> dict[str, list[SyntheticProduct]]:
    found: dict[str, list[SyntheticProduct]] = {}
    for product in products:
        found.setdefault(product.family, []).append(product)
    return found


@pytest.fixture(scope="module")
def many() -> list[SyntheticProduct]:
    return invent_products(400, seed=21)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("store")
    synthesize_store(out, products=5, photos=2, seed=4, held_out=2)
    return out


def test_ids_are_unique_and_safe_as_file_names(many: list[SyntheticProduct]) -> None:
    assert len(many) == 400
    assert len({product.id for product in many}) == 400
    for product in many:
        assert len(product.id) <= 100
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", product.id), product.id
        assert product.price > 0


def test_a_seed_invents_the_same_products_and_another_seed_none_of_them() -> None:
    first, second = invent_products(60, seed=1), invent_products(60, seed=2)
    assert first == invent_products(60, seed=1)
    assert not {product.id for product in first} & {product.id for product in second}
    assert not {product.design for product in first} & {product.design for product in second}


def test_more_products_of_a_seed_begin_with_the_same_ones() -> None:
    assert invent_products(30, seed=3)[:20] == invent_products(20, seed=3)


def test_pictures_are_the_same_for_the_same_seed_only() -> None:
    first, second = invent_products(8, seed=7)[:2]
    assert studio_image(first).tobytes() == studio_image(first).tobytes()
    shot = phone_photo(first, seed=5, neighbours=[second])
    assert shot.tobytes() == phone_photo(first, seed=5, neighbours=[second]).tobytes()
    assert shot.tobytes() != phone_photo(first, seed=6, neighbours=[second]).tobytes()


def test_pictures_have_the_promised_size() -> None:
    product = invent_products(1, seed=1)[0]
    picture = studio_image(product, size=200)
    assert (picture.mode, picture.size) == ("RGB", (200, 200))
    shots = [phone_photo(product, seed=seed) for seed in range(2)]
    assert all(shot.mode == "RGB" and sorted(shot.size) == [480, 640] for shot in shots)


def test_variants_of_a_family_share_their_brand_and_differ_in_pixels() -> None:
    shared = [
        family for family in families(invent_products(60, seed=9)).values() if len(family) > 1
    ]
    assert shared
    for family in shared:
        assert len({product.brand for product in family}) == 1
        assert len({product.design.layout for product in family}) == 1
        assert len({(product.icon, product.accent) for product in family}) == len(family)
    first, second = (np.asarray(studio_image(product), np.int16) for product in shared[0][:2])
    changed = (np.abs(first - second).max(axis=-1) > 24).mean()
    assert changed > 0.002, "a shopper could not tell the two apart"


@pytest.mark.parametrize("kind", sorted(PACKS))
def test_every_kind_of_pack_is_drawn_whole(kind: str, many: list[SyntheticProduct]) -> None:
    product = next(item for item in many if item.design.kind == kind)
    pixels = np.asarray(studio_image(product, size=160), np.float32)
    edge = np.concatenate([pixels[0], pixels[:, 0], pixels[:, -1]])
    assert edge.min() > 200, "the pack touches the frame"
    assert pixels[40:120, 60:100].std() > 4, "nothing is printed on it"


def test_every_layout_is_drawn(many: list[SyntheticProduct]) -> None:
    for layout in LAYOUTS:
        product = next(item for item in many if item.design.layout == layout)
        assert np.asarray(artwork(product, 300, 400)).std() > 8, layout


def test_the_word_lists_name_only_things_that_exist(many: list[SyntheticProduct]) -> None:
    assert set(PACKS) == set(TALL) == {kind for goods in GOODS for kind in goods.kinds}
    assert {flavour for goods in GOODS for flavour in goods.flavours} <= set(FLAVOURS)
    assert {icon for icon, _ in FLAVOURS.values()} <= set(ICONS)
    designs = [product.design for product in many]
    assert {face for design in designs for face in (design.brand_face, design.name_face)} <= set(
        FACES
    )


def test_store_lists_the_images_it_wrote(store: Path) -> None:
    sizes = {"studio": 3, "photos": 6, "all": 9, "unknown": 4}
    for name, size in sizes.items():
        table = rows(store / f"{name}.csv")
        assert list(table[0]) == ["path", "product", "name", "brand", "category", "price"]
        assert len(table) == size, name
        for row in table:
            with Image.open(store / row["path"]) as picture:
                assert picture.format == "JPEG"
            assert row["product"] in row["path"]
            assert float(row["price"]) > 0
    assert rows(store / "all.csv") == rows(store / "studio.csv") + rows(store / "photos.csv")


def test_held_out_products_have_no_studio_image(store: Path) -> None:
    unknown = {row["product"] for row in rows(store / "unknown.csv")}
    assert len(unknown) == 2
    assert not unknown & {row["product"] for row in rows(store / "all.csv")}
    for product in unknown:
        assert not (store / "studio" / f"{product}.jpg").exists()


def test_half_of_the_held_out_products_are_of_families_that_the_store_does_not_sell() -> None:
    products = invent_products(40, seed=13)
    unknown = hold_out(products, 10)
    assert len({product.id for product in unknown}) == 10
    enrolled = {product.family for product in products if product not in unknown}
    assert [product.family in enrolled for product in unknown] == [False] * 5 + [True] * 5


def test_a_store_is_the_same_to_the_byte(store: Path, tmp_path: Path) -> None:
    synthesize_store(tmp_path, products=5, photos=2, seed=4, held_out=2)
    for file in sorted(store.rglob("*.*")):
        assert file.read_bytes() == (tmp_path / file.relative_to(store)).read_bytes(), file.name


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    product = invent_products(1, seed=1)[0]
    with pytest.raises(ValueError, match="count must be 1"):
        invent_products(0, seed=1)
    with pytest.raises(ValueError, match="seed must be 0"):
        invent_products(1, seed=-1)
    with pytest.raises(ValueError, match="seed must be 0"):
        phone_photo(product, seed=-1)
    with pytest.raises(ValueError, match="size must be 32"):
        studio_image(product, size=8)
    with pytest.raises(ValueError, match="photos must be 1"):
        synthesize_store(tmp_path, products=3, photos=0, seed=1)
    with pytest.raises(ValueError, match="held_out must be 0 to 2"):
        synthesize_store(tmp_path, products=3, photos=1, seed=1, held_out=3)
    with pytest.raises(ValueError, match="quality must be 1"):
        synthesize_store(tmp_path, products=3, photos=1, seed=1, quality=0)
    assert list(tmp_path.iterdir()) == []
