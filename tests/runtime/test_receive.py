"""`catalog receive`: a catalog in the folder is put in use only when a trusted key signed it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelflens import Catalog
from shelflens.catalog.receive import PATIENCE_S, SETTLE_S, receive
from shelflens.signing.trust import Trust

Run = Callable[..., tuple[int, str, str]]


def saved(path: Path, name: str) -> Path:
    """A small catalog of one product."""
    Catalog([name], np.eye(4, dtype=np.float32)[:1], space="s").save(path)
    return path


class Clock:
    """Time that passes while something waits; `then` happens at the given second."""

    def __init__(self, then: dict[float, Callable[[], object]] | None = None) -> None:
        self.now, self._then = 0.0, dict(then or {})

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for at in sorted(self._then):
            if at <= self.now:
                self._then.pop(at)()

    def read(self) -> float:
        return self.now


class Shop:
    """A device with a catalog in use, a folder for new ones, and a key in the back office."""

    def __init__(self, root: Path, run: Run) -> None:
        self.root, self._run, self._serial = root, run, 5
        self.incoming, self.used = root / "incoming", saved(root / "store.catalog", "old")
        self.incoming.mkdir()
        (root / "office").mkdir()
        assert run("keys", "new", root / "shop")[0] == 0
        self.said: list[str] = []

    def signed(self, name: str, key: str = "shop") -> Path:
        """A signed catalog in the back office."""
        self._serial += 1
        path = saved(self.root / "office" / f"{name}.catalog", name)
        words = ("sign", path, "--key", self.root / f"{key}.key", "--serial", self._serial)
        assert self._run(*words)[0] == 0
        return path

    def drop(self, path: Path, *, signature: bool = True, catalog: bool = True) -> None:
        """Copy to the folder, the signature last."""
        if catalog:
            shutil.copy(path, self.incoming)
        if signature:
            shutil.copy(f"{path}.sig", self.incoming)

    def receive(self, clock: Clock | None = None) -> tuple[int, int]:
        clock = clock or Clock()
        trust = Trust.read([self.root / "shop.pub"])
        return receive(
            self.incoming, self.used, trust,
            report=self.said.append, sleep=clock.sleep, clock=clock.read,
        )  # fmt: skip

    @property
    def ids(self) -> list[str]:
        return Catalog.open(self.used).ids

    def left(self) -> list[str]:
        return sorted(
            path.relative_to(self.incoming).as_posix() for path in self.incoming.rglob("*")
        )


@pytest.fixture
def shop(tmp_path: Path, run: Run) -> Shop:
    return Shop(tmp_path, run)


def test_a_signed_catalog_is_put_in_use_and_removed(shop: Shop) -> None:
    shop.drop(shop.signed("new"))
    assert shop.receive() == (1, 0)
    assert shop.ids == ["new"]
    assert shop.left() == []
    assert Catalog.open(shop.root / "store.catalog.previous").ids == ["old"]
    assert (shop.root / "store.catalog.sig").exists()
    assert shop.receive() == (0, 0)


def test_what_is_not_signed_as_expected_is_put_aside(shop: Shop, run: Run) -> None:
    assert run("keys", "new", shop.root / "thief")[0] == 0
    shop.drop(shop.signed("new"))
    assert shop.receive() == (1, 0)
    shop.drop(shop.signed("foreign", key="thief"))
    changed = shop.signed("changed")
    saved(changed, "another")
    shop.drop(changed)
    shop.drop(saved(shop.root / "office" / "bare.catalog", "bare"), signature=False)
    (shop.incoming / "folder.catalog").mkdir()
    (shop.incoming / "link.catalog").symlink_to(shop.root / "shop.key")
    (shop.incoming / "link.catalog.sig").write_text("{}")
    older = shop.root / "office" / "older.catalog"
    saved(older, "older")
    assert run("sign", older, "--key", shop.root / "shop.key", "--serial", 1)[0] == 0
    shop.drop(older)
    (shop.incoming / "notes.txt").write_text("not ours")
    assert shop.receive() == (0, 6)
    assert shop.ids == ["new"]
    said = "\n".join(shop.said)
    for reason in (
        "foreign.catalog.sig: signed by another key", "changed.catalog", "bare.catalog: not signed",
        "folder.catalog: is a link or a folder", "link.catalog: is a link or a folder",
        "and serial 6 was in use here: older",
    ):  # fmt: skip
        assert reason in said
    assert {name for name in shop.left() if not name.startswith("refused")} == {"notes.txt"}
    assert (shop.incoming / "refused" / "link.catalog").is_symlink()
    (shop.incoming / "folder.catalog").mkdir()
    assert shop.receive() == (0, 1)  # again, although one lies there


def test_a_file_that_is_still_copied_is_waited_for(shop: Shop) -> None:
    new = shop.signed("new")
    data = new.read_bytes()
    target = shop.incoming / new.name
    target.write_bytes(data[: len(data) // 2])
    shutil.copy(f"{new}.sig", shop.incoming)
    clock = Clock(
        {1.0: lambda: target.write_bytes(data[:-1]), 2.5: lambda: target.write_bytes(data)}
    )
    assert shop.receive(clock) == (1, 0)
    assert shop.ids == ["new"]
    assert 2.5 + SETTLE_S <= clock.now < 10


def test_a_signature_may_come_later_but_not_for_ever(shop: Shop) -> None:
    new = shop.signed("new")
    shop.drop(new, signature=False)
    clock = Clock({20.0: lambda: shop.drop(new, catalog=False)})
    assert shop.receive(clock) == (1, 0)
    shop.drop(shop.signed("later"), signature=False)
    clock = Clock()
    assert shop.receive(clock) == (0, 1)
    assert PATIENCE_S <= clock.now < PATIENCE_S + 5
    assert shop.ids == ["new"]


def test_the_newest_of_several_stays(shop: Shop) -> None:
    for name in ("b", "a", "c"):
        shop.drop(shop.signed(name))
    # By name: a (serial 7), then b (serial 6, older by now), then c (serial 8).
    assert shop.receive() == (2, 1)
    assert shop.ids == ["c"]


def test_the_command(run: Run, shop: Shop) -> None:
    words = ("catalog", "receive", shop.incoming, shop.used)
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert "--trust KEY.pub is missing" in err
    trusted = (*words, "--trust", shop.root / "shop.pub")
    assert run(*trusted) == (0, "", "")
    shop.drop(shop.signed("new"))
    assert run(*trusted) == (0, f"new.catalog: in use as {shop.used}\n", "")
    bad = shop.signed("bad")
    shop.drop(bad)
    with (shop.incoming / bad.name).open("ab") as stream:
        stream.write(b"x")
    status, out, _ = run(*trusted)
    assert status == 1
    assert out.startswith("refused, and moved to refused/: ")
    status, _, err = run("catalog", "receive", shop.root / "none", shop.used, *trusted[4:])
    assert status == 1
    assert "none" in err
    assert os.listdir(shop.incoming) == ["refused"]  # noqa: PTH208
