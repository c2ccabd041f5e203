"""Interests, the profile file, and what is recommended from it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shelflens import Catalog, DataError, ProfileError, SpaceError
from shelflens.discovery.database import FORMAT
from shelflens.discovery.events import Event
from shelflens.discovery.interests import decay, group, interleave
from shelflens.discovery.preferences import RecommendOptions, similarity_quantile
from shelflens.discovery.profile import MAX_EVENTS, Profile
from shelflens.discovery.recommend import recommend

NOW = 1_800_000_000.0
DAY = 86400.0


def clusters(noise: float = 0.15) -> Catalog:
    """Four categories of six products around four directions, category and number in the id."""
    generator = np.random.default_rng(0)
    ids = [f"{category}-{n}" for category in ("milk", "apple", "rice", "soap") for n in range(6)]
    rows = np.repeat(np.eye(4, 16), 6, axis=0) + noise * generator.normal(size=(24, 16))
    attributes = {
        product_id: {"sold": str(n), "category": product_id[:-2]}
        for n, product_id in enumerate(ids)
    }
    return Catalog(ids, rows.astype(np.float32), space="s", attributes=attributes)


def past(catalog: Catalog, *acts: tuple[str, str] | tuple[str, str, float]) -> list[Event]:
    """Events: (kind, product) or (kind, product, days ago)."""
    return [
        Event(
            number,
            NOW - (act[2] if len(act) == 3 else 0.0) * DAY,
            act[0],
            act[1],
            act[1],
            catalog.mean_direction(catalog.index_of(act[1])),
        )
        for number, act in enumerate(acts)
    ]


def shown(catalog: Catalog, events: list[Event], **options: object) -> list[str]:
    found = recommend(catalog, events, now=NOW, **options)  # type: ignore[arg-type]
    return [suggestion.product.id for suggestion in found.suggestions]


def group_loops(
    vectors: NDArray[np.float32], weights: list[float], join: float
) -> list[tuple[int, frozenset[int]]]:
    """Average linkage and medoids by the definition, in plain loops."""
    groups = [[n] for n in range(len(weights))]

    def link(a: list[int], b: list[int]) -> float:
        top = sum(weights[x] * weights[y] * float(vectors[x] @ vectors[y]) for x in a for y in b)
        return top / (sum(weights[x] for x in a) * sum(weights[y] for y in b))

    while len(groups) > 1:
        pairs = [
            (link(a, b), i, j) for i, a in enumerate(groups) for j, b in enumerate(groups) if i < j
        ]
        best, i, j = max(pairs)
        if best < join:
            break
        groups[i] += groups.pop(j)
    result = []
    for members in groups:
        medoid = max(
            members, key=lambda x: sum(weights[y] * float(vectors[x] @ vectors[y]) for y in members)
        )
        result.append((medoid, frozenset(members)))
    return sorted(result, key=lambda item: -sum(weights[n] for n in item[1]))


@settings(max_examples=40)
@given(n=st.integers(1, 14), join=st.floats(-0.5, 0.9), seed=st.integers(0, 999))
def test_groups_equal_plain_loops(n: int, join: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n, 5))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    weights = generator.uniform(0.5, 4, n)
    found = group(vectors, weights, min_similarity=join, max_groups=n)
    expected = group_loops(vectors, weights.tolist(), join)
    assert [(interest.medoid, frozenset(interest.members)) for interest in found] == expected
    assert sum(interest.weight for interest in found) == pytest.approx(1)


@settings(max_examples=60)
@given(weights=st.lists(st.floats(0.05, 5), min_size=1, max_size=6), k=st.integers(1, 40))
def test_interleaving_is_in_proportion_in_every_prefix(weights: list[float], k: int) -> None:
    order = interleave(weights, k)
    assert len(order) == k
    for length in range(1, k + 1):
        had = np.bincount(order[:length], minlength=len(weights))
        # The property of a divisor method with thresholds n + 1/2 (Balinski and Young): no transfer
        # of a position makes any pair fairer.
        highest = max(weight / (n + 0.5) for weight, n in zip(weights, had, strict=True))
        lowest = min(w / (n - 0.5) for w, n in zip(weights, had, strict=True) if n)
        assert highest <= lowest + 1e-9


def test_decay_halves() -> None:
    assert decay(np.array([0.0, 30.0, 60.0, -5.0]), 30).tolist() == [1, 0.5, 0.25, 1]


def test_two_interests_are_not_averaged() -> None:
    catalog = clusters()
    events = past(
        catalog, ("like", "milk-0"), ("like", "milk-1"), ("like", "apple-0"), ("like", "apple-1")
    )
    found = recommend(catalog, events, k=6, now=NOW, options=RecommendOptions(join=0.7))
    assert found.basis == "profile"
    assert len(found.weights) == 2
    categories = [suggestion.product.id.split("-")[0] for suggestion in found.suggestions]
    assert categories in (["milk", "apple"] * 3, ["apple", "milk"] * 3)
    for suggestion in found.suggestions:
        assert suggestion.event is not None
        assert suggestion.because == f"because you liked {suggestion.event.product}"
        assert suggestion.event.product.split("-")[0] == suggestion.product.id.split("-")[0]
        assert -1 <= suggestion.product.score <= 1.0001


def test_more_weight_gives_more_suggestions() -> None:
    catalog = clusters()
    events = past(
        catalog, ("buy", "milk-0"), ("buy", "milk-1"), ("like", "milk-2"), ("like", "rice-0")
    )
    categories = [product_id.split("-")[0] for product_id in shown(catalog, events, k=4)]
    assert (categories.count("milk"), categories.count("rice")) == (3, 1)


def test_time_decides_between_interests() -> None:
    catalog = clusters()
    old, new = past(catalog, ("like", "milk-0", 300.0), ("like", "rice-0", 1.0))
    assert shown(catalog, [old, new], k=1)[0].startswith("rice")
    keep = RecommendOptions(half_life=1e6)
    both = shown(catalog, [old, new], k=2, options=keep)
    assert {product_id.split("-")[0] for product_id in both} == {"milk", "rice"}


def test_a_dislike_pushes_away() -> None:
    catalog = clusters(noise=0.3)
    liked = past(catalog, ("like", "milk-0"))
    first = shown(catalog, liked, k=23)
    disliked = first[1]
    after = shown(catalog, [*liked, *past(catalog, ("dislike", disliked))], k=23)
    assert disliked not in after
    both = [product_id for product_id in first if product_id in after]
    vector = catalog.mean_direction(catalog.index_of(disliked))
    near = max(
        both[1:],
        key=lambda product_id: float(catalog.mean_direction(catalog.index_of(product_id)) @ vector),
    )
    assert after.index(near) >= [
        product_id for product_id in first if product_id != disliked
    ].index(near)
    assert after != [product_id for product_id in first if product_id != disliked]


def test_bought_products_return_only_as_consumables() -> None:
    catalog = clusters()
    events = past(catalog, ("buy", "milk-0"), ("view", "milk-1"), ("dislike", "milk-2"))
    plain = shown(catalog, events, k=23)
    assert not {"milk-0", "milk-1", "milk-2"} & set(plain)
    again = shown(catalog, events, k=23, consumables=True)
    assert again[0] == "milk-0"
    assert not {"milk-1", "milk-2"} & set(again)


def test_a_new_product_is_recommended_at_once() -> None:
    catalog = clusters()
    events = past(catalog, ("like", "milk-0"))
    near = catalog.mean_direction(0) + 0.01
    assert shown(catalog.add(["just-in"], near[np.newaxis]), events, k=1) == ["just-in"]


def test_a_product_that_left_the_catalog_still_counts() -> None:
    catalog = clusters()
    events = past(catalog, ("like", "milk-0"))
    found = recommend(catalog.remove(["milk-0"]), events, k=3, now=NOW)
    assert all(suggestion.product.id.startswith("milk") for suggestion in found.suggestions)
    assert found.suggestions[0].because == "because you liked milk-0"


def test_without_a_history() -> None:
    catalog = clusters()
    found = recommend(catalog, [], k=4)
    assert found.basis == "diverse"
    categories = {suggestion.product.id.split("-")[0] for suggestion in found.suggestions}
    assert categories == {"milk", "apple", "rice", "soap"}
    popular = recommend(catalog, [], k=2, popular="sold", where=["category!=soap"])
    assert popular.basis == "popular"
    assert [suggestion.product.id for suggestion in popular.suggestions] == ["rice-5", "rice-4"]
    only_dislikes = recommend(catalog, past(catalog, ("dislike", "soap-0")), k=23)
    assert only_dislikes.basis == "diverse"
    assert "soap-0" not in [suggestion.product.id for suggestion in only_dislikes.suggestions]


def test_filters_variety_and_refusals() -> None:
    catalog = clusters()
    events = past(catalog, ("like", "milk-0"))
    assert {product_id[:4] for product_id in shown(catalog, events, where=["category=rice"])} == {
        "rice"
    }
    assert shown(catalog, events, k=5, diverse=0.9) != shown(catalog, events, k=5)
    with pytest.raises(DataError, match="no other product with sold>99"):
        shown(catalog, events, where=["sold>99"])
    with pytest.raises(DataError, match="no column 'colour'"):
        shown(catalog, events, where=["colour=red"])
    with pytest.raises(DataError, match="no column 'clicks'"):
        recommend(catalog, [], popular="clicks")
    with pytest.raises(DataError, match="knows all 24 products"):
        shown(catalog, past(catalog, *(("view", product_id) for product_id in catalog.ids)))
    with pytest.raises(DataError, match="half-life"):
        RecommendOptions(half_life=0)


def test_the_similarity_of_interests_is_a_quantile_of_the_pairs() -> None:
    catalog = clusters()
    rows = catalog.vectors
    pairs = [float(rows[a] @ rows[b]) for a in range(24) for b in range(a)]
    assert similarity_quantile(catalog, 0.9) == pytest.approx(
        float(np.quantile(pairs, 0.9)), abs=1e-5
    )


# The file.


def axis(n: int, dim: int = 8) -> NDArray[np.float32]:
    row: NDArray[np.float32] = np.eye(dim, dtype=np.float32)[n % dim]
    return row


def test_what_is_logged_is_there(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    with Profile(path, create=True) as profile:
        profile.log("buy", 3 * axis(2), space="s", product="tea", name="Green tea", at=NOW)
        profile.log("view", axis(1), space="s", product="ale", at=NOW - DAY)
    with Profile(path) as profile:
        first, second = profile.events()
        assert profile.space == "s"
        text = json.loads(profile.export(vectors=True))
    assert (first.product, first.name, second.name) == ("ale", "ale", "Green tea")
    assert np.array_equal(second.vector, axis(2))
    assert second.to_dict()["at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW))
    assert text["events"][1]["vector"] == axis(2).tolist()


def test_the_file_is_private_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    before = os.umask(0)
    try:
        with Profile(path, create=True) as profile:
            profile.log("like", axis(0), space="s", product="tea")
            assert [path.name for path in tmp_path.iterdir()] == ["me.profile"]
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)  # copied by a careless tool
    Profile(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_forgotten_is_gone_from_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    with Profile(path, create=True) as profile:
        for n in range(50):
            profile.log("like", axis(n), space="space-name", product=f"secret-{n}")
        assert b"secret-7" in path.read_bytes()
        assert profile.forget(["secret-7"]) == 1
        assert b"secret-7" not in path.read_bytes()
        assert profile.forget() == 49
        assert not any(word in path.read_bytes() for word in (b"secret", b"space-name"))
        profile.log("like", axis(0, dim=3), space="another", product="x")  # starts anew


def test_only_the_newest_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_EVENTS >= 1000
    monkeypatch.setattr("shelflens.discovery.profile.MAX_EVENTS", 5)
    with Profile(tmp_path / "me.profile", create=True) as profile:
        for n in range(9):
            profile.log("view", axis(n), space="s", product=f"p{n}", at=NOW + n)
        assert [event.product for event in profile.events()] == [f"p{n}" for n in range(4, 9)]


def test_a_kill_loses_nothing_that_was_logged(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    code = (
        "import sys, numpy as np; from shelflens.discovery.profile import Profile\n"
        "with Profile(sys.argv[1], create=True) as p:\n"
        "  n = 0\n"
        "  while True:\n"
        "    p.log('like', np.ones(64, 'f'), space='s', product=str(n)); n += 1\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    logged = 0
    while logged < 20:
        logged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    logged = int(rest[-1]) if rest else logged
    with Profile(path) as profile:
        products = [int(event.product) for event in profile.events()]
    assert products == list(range(len(products)))
    assert len(products) in (logged, logged + 1)


def test_files_that_are_no_profile(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="profile log makes one"):
        Profile(tmp_path / "none.profile")
    with pytest.raises(ProfileError, match="is a folder"):
        Profile(tmp_path)
    (tmp_path / "text.profile").write_text("hello " * 500)
    with pytest.raises(ProfileError, match="not a profile, or damaged"):
        Profile(tmp_path / "text.profile")
    database = sqlite3.connect(tmp_path / "other.profile")
    database.execute("CREATE TABLE t (x)")
    database.commit()
    database.close()
    with pytest.raises(ProfileError, match="not a profile of ours"):
        Profile(tmp_path / "other.profile")


def test_a_newer_profile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    Profile(path, create=True).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(ProfileError, match=r"profile format \d+, .*upgrade shelflens"):
        Profile(path)


def test_a_damaged_profile_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "me.profile"
    with Profile(path, create=True) as profile:
        for n in range(100):
            profile.log("like", axis(n, 64), space="s", product=f"p{n}")
    sound = path.read_bytes()
    refused = 0
    for start in range(0, len(sound), 4096):
        path.write_bytes(sound[:start] + b"\xff" * 2000 + sound[start + 2000 :])
        try:
            with Profile(path) as profile:
                profile.events()
        except ProfileError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused >= len(sound) // 4096 - 1
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(ProfileError), Profile(path) as profile:
        profile.events()


def test_another_space_and_bad_events_are_refused(tmp_path: Path) -> None:
    with Profile(tmp_path / "me.profile", create=True) as profile:
        profile.log("like", axis(0), space="s", product="tea")
        with pytest.raises(SpaceError, match=r"space 's'.*'other'"):
            profile.log("like", axis(0), space="other", product="tea")
        with pytest.raises(SpaceError):
            profile.require("other")
        with pytest.raises(ProfileError, match="expected one of view"):
            profile.log("love", axis(0), space="s", product="tea")
        for bad in (np.zeros(8), np.full(8, np.nan), np.ones((2, 8))):
            with pytest.raises(ProfileError, match="finite numbers"):
                profile.log("like", bad.astype(np.float32), space="s", product="tea")
        assert len(profile.events()) == 1


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_every_profile_format_opens_for_ever(tmp_path: Path, version: int) -> None:
    golden = Path(__file__).parents[1] / "golden" / f"profile-{version}.profile"
    copy = tmp_path / "me.profile"
    copy.write_bytes(golden.read_bytes())
    with Profile(copy) as profile:
        like, photo = profile.events()
        assert profile.space == "golden-1"
    assert (like.kind, like.product, like.name, like.at) == ("like", "äpple", "Äpple 🍏", 1.7e9)
    assert like.vector == pytest.approx(np.array([0.6, 0.8, 0.0]), abs=1e-6)
    assert (photo.kind, photo.product, photo.name) == ("photo", "", "tea.jpg")
