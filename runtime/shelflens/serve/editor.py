"""Changes of the catalog file by those who may edit, each with the writers' lock and an undo."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from shelflens.catalog.audit import detailed
from shelflens.catalog.catalog import Catalog
from shelflens.catalog.confirm import confirm
from shelflens.catalog.history import can_undo, save_undoable, undo
from shelflens.catalog.lock import opened_to_change
from shelflens.errors import CatalogError
from shelflens.files import atomic_writer
from shelflens.serve.enrolled_photos import rows_of, seen, small_copy
from shelflens.serve.photo_check import PhotoCheck, check_photos
from shelflens.serve.problem import Problem, quoted
from shelflens.serve.product_texts import id_of
from shelflens.serve.uploads import Upload
from shelflens.serve.worker_pool import Resources

MIN_PHOTOS = 2
MAX_PHOTOS = 4
"""Of a new product: from the front and from other sides."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}

Change = Callable[[Catalog], Catalog]


@dataclass(frozen=True)
class Edited:
    """A change that is made."""

    act: str
    id: str
    """Of the product; empty for an undo."""
    products: int
    """In the catalog now."""
    changed: bool
    """False: nothing new, such as a photo that shows what a row shows already."""
    fingerprint: str
    """Of the catalog now; an undo names it."""
    undo: bool
    """Whether this change can be undone."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Editor:
    """Changes a catalog file; used by one thread at a time.

    What is refused, or fails, changes nothing: the file is replaced as the last step.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._pictures = self._path.with_name(f"{self._path.stem}.pictures")

    def check(self, resources: Resources, photos: list[Upload]) -> list[PhotoCheck]:
        """What is to be said of photos of one product before it is enrolled."""
        pixels, vectors = seen(resources, photos)
        return check_photos(resources.catalog, pixels, vectors)

    def add(
        self, resources: Resources, photos: list[Upload], attributes: Mapping[str, str]
    ) -> Edited:
        """Enrol a new product.

        Args:
            resources: Model and catalog.
            photos: `MIN_PHOTOS` to `MAX_PHOTOS`; a small copy of the first is kept as its picture.
            attributes: Checked, with a name.

        Raises:
            Problem: 409 the name is there, 422 too few or too many photos or a bad one, 507 no
                space.
        """
        if not MIN_PHOTOS <= len(photos) <= MAX_PHOTOS:
            expected = f"{MIN_PHOTOS} to {MAX_PHOTOS} of the product"
            do = "take it from the front and from another side"
            raise Problem(422, "photos", expected=expected, got=str(len(photos)), do=do)
        rows = rows_of(resources, photos)
        picture, name, added = small_copy(resources, photos[0]), attributes["name"], ""

        def change(catalog: Catalog) -> Catalog:
            nonlocal added
            ids = catalog.ids
            for known, texts in catalog.attributes.items():
                if name in (known, texts.get("name")):
                    raise Problem(
                        409,
                        "name",
                        expected="a name that no product has",
                        got=f"{quoted(name)}, the name of {quoted(known)}",
                        do="add the photos to that product, or choose another name",
                    )
            added = id_of(name, ids)
            texts = {**attributes, "picture": self._keep(picture)}
            return catalog.add([added] * len(rows), rows, attributes={added: texts})

        return replace(self._change(resources, "add", name, change), id=added)

    def add_photos(self, resources: Resources, product: str, photos: list[Upload]) -> Edited:
        """Enrol further photos of a product that is there.

        Raises:
            Problem: 404 no such product, 422 a bad photo, 507 no space.
        """
        rows, picture = rows_of(resources, photos), small_copy(resources, photos[0])

        def change(catalog: Catalog) -> Catalog:
            known = _attributes(catalog, product)
            texts = {} if "picture" in known else {"picture": self._keep(picture)}
            return catalog.add([product] * len(rows), rows, attributes={product: texts})

        return self._change(resources, "add", product, change)

    def confirm(self, resources: Resources, product: str, photo: Upload) -> Edited:
        """Keep a customer's photo as a row of a product: `catalog.confirm`.

        Raises:
            Problem: 404 no such product, 422 a bad photo, 507 no space.
        """
        _, (vector,) = seen(resources, [photo])

        def change(catalog: Catalog) -> Catalog:
            _attributes(catalog, product)
            return confirm(catalog, product, vector)[0]

        return self._change(resources, "confirm", product, change)

    def describe(
        self, resources: Resources, product: str, texts: Mapping[str, str], was: Mapping[str, str]
    ) -> Edited:
        """Set attributes.

        Args:
            resources: Model and catalog.
            product: Its id.
            texts: By column, checked; an empty text takes the attribute away.
            was: What the person who changes them has seen; empty for none.

        Raises:
            Problem: 404 no such product, 409 a text that is not as it was any more, 507 no space.
        """

        def change(catalog: Catalog) -> Catalog:
            known = _attributes(catalog, product)
            for column, before in was.items():
                if (now := known.get(column, "")) != before:
                    raise Problem(
                        409,
                        column,
                        expected=f"{quoted(before)}, as it was when you opened it",
                        got=f"{quoted(now)}, which somebody else has set",
                        do="look at the product again",
                    )
            merged = {key: text for key, text in {**known, **texts}.items() if text}
            return catalog.with_contents(catalog.contents.described({product: merged}))

        return self._change(resources, "update", product, change)

    def remove(self, resources: Resources, product: str) -> Edited:
        """Take a product out of the catalog.

        Raises:
            Problem: 404 no such product, 507 no space.
        """

        def change(catalog: Catalog) -> Catalog:
            _attributes(catalog, product)
            return catalog.remove([product])

        return self._change(resources, "remove", product, change)

    def undo(self, fingerprint: str) -> Edited:
        """Take back the change that made the catalog of this fingerprint.

        Raises:
            Problem: 409 there is none, or the catalog has changed since; 507 no space.
        """
        with _problems(self._path), detailed(subcommand="undo"):
            now = Catalog.open(self._path).fingerprint
            if now != fingerprint or not can_undo(self._path, now):
                got = "nothing to undo" if now == fingerprint else "a change by somebody else since"
                raise Problem(
                    409,
                    "undo",
                    expected="the catalog as you left it",
                    got=got,
                    do="look at the list of products again",
                )
            catalog = undo(self._path, now)
        can = can_undo(self._path, catalog.fingerprint)
        return Edited("undo", "", len(catalog), True, catalog.fingerprint, can)

    def _change(self, resources: Resources, act: str, product: str, change: Change) -> Edited:
        space = resources.embedder.card.space
        with _problems(self._path), detailed(subcommand=act, product=product):  # noqa: SIM117
            with opened_to_change(self._path, space=space) as before:
                made = change(before)
                after = before if made is before else save_undoable(made, before, self._path)
        can = can_undo(self._path, after.fingerprint)
        changed = after.fingerprint != before.fingerprint
        return Edited(act, product, len(after), changed, after.fingerprint, can)

    def _keep(self, data: bytes) -> str:
        """Write a product's picture beside the catalog; its name relative to the catalog."""
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.jpg"
        self._pictures.mkdir(exist_ok=True)
        with atomic_writer(self._pictures / name) as stream:
            stream.write(data)
        return f"{self._pictures.name}/{name}"


def _attributes(catalog: Catalog, product: str) -> dict[str, str]:
    """Those of a product.

    Raises:
        Problem: 404, the catalog has no such product.
    """
    try:
        return catalog.at(catalog.index_of(product)).attributes
    except CatalogError:
        raise Problem(
            404,
            "product",
            expected="one of the catalog",
            got=f"{quoted(product)}; somebody may have deleted it",
            do="look at the list of products again",
        ) from None


@contextmanager
def _problems(path: Path) -> Iterator[None]:
    """What goes wrong with the file, as a problem; it is whole and as before."""
    try:
        yield
    except CatalogError as error:
        text = " ".join(str(error).split()).replace(str(path), "the catalog")
        waiting = "another shelflens is writing" in text
        raise Problem(
            503 if waiting else 422,
            "catalog",
            expected="a change that it can take",
            got=text,
            do="try again in a moment; nothing was changed",
            headers={"retry-after": "1"} if waiting else {},
        ) from error
    except OSError as error:
        full = error.errno in _NO_SPACE
        raise Problem(
            507 if full else 500,
            "catalog",
            expected="to be written",
            got="no space left on the server" if full else error.strerror or "a failure",
            do="make room there, then try again; nothing was changed"
            if full
            else "let somebody look at the server; nothing was changed",
        ) from error
