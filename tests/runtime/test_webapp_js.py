"""The web app's JavaScript, written from the spec, gives the pixels and answers of Python."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelflens import Calibration, Catalog, CatalogError, Match, ShelfLensError
from shelflens.barcode.gtin import check_digit, gtin
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.answer import decide
from shelflens.catalog.barcodes import answer_by_barcode
from shelflens.catalog.category_axes import CategoryAxes
from shelflens.catalog.container import read_container, write_container
from shelflens.catalog.nearest import unit_query
from shelflens.catalog.posterior import Posterior
from shelflens.discovery.similar import similar
from shelflens.model.image import load_image
from tests.attacks.odd_contents import UNKNOWN_TO_THE_BROWSER, odd_contents
from tests.support.site_modules import modules

pytestmark = pytest.mark.browser

JS = modules()
K = 5


def node(code: str, given: Any) -> Any:
    """Run a module in Node: `given` is what it is given as JSON, `out` what it answers."""
    head = (
        'import fs from "node:fs";\n'
        'const given = JSON.parse(fs.readFileSync(0, "utf8"));\nlet out = null;\n'
        "const whole = (path) => { const b = fs.readFileSync(path); "
        "return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };\n"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", f"{head}{code}\nconsole.log(JSON.stringify(out));"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ASK = f"""
import {{ Catalog }} from "{JS}/catalog.js";
const described = (catalog) => ({{ index, score, probability }}) => {{
  return {{ id: catalog.product(index).id, score, probability }};
}};
out = given.map(({{ path, queries, k }}) => {{
  const catalog = new Catalog(whole(path));
  return {{
    space: catalog.space,
    products: Array.from({{ length: catalog.length }}, (_, i) => catalog.product(i)),
    answers: queries.map((query) => {{
      const answer = catalog.answer(Float32Array.from(query), k);
      return {{
        ...answer,
        matches: answer.matches.map(described(catalog)),
        candidates: answer.candidates.map(described(catalog)),
      }};
    }}),
    similar: Array.from({{ length: Math.min(catalog.length, 4) }}, (_, i) =>
      catalog.similar(i, k).map(described(catalog))),
  }};
}});
"""


def random_calibration(rng: np.random.Generator) -> dict[str, Any]:
    """Any that a file may hold, within reason."""
    concentration = float(rng.uniform(2, 40))
    second = float(rng.uniform(0, 0.9)) * concentration
    size = float(rng.uniform(0, 1.5))
    return {
        "posterior": Posterior(concentration, float(rng.uniform(-2, 8)), second, size),
        "min_probability": float(rng.uniform(0.5, 0.99)),
        "basis": str(rng.choice(["measured", "default"])),
    }


def random_adaptation(rng: np.random.Generator, dim: int) -> Adaptation:
    """Some directions shortened, some by nearly all they may be."""
    basis, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    return Adaptation.of(basis * rng.uniform(0.2, 1, dim) @ basis.T)


def random_catalog(seed: int) -> Catalog:
    """Products with one to five rows, some equal, some opposite; odd texts; any calibration."""
    rng = np.random.default_rng(seed)
    products, dim = int(rng.integers(1, 40)), int(rng.integers(2, 48))
    ids = [f"p{i}/ä “{i}” 😀"[: rng.integers(3, 12)].strip() + str(i) for i in range(products)]
    owners = np.repeat(np.arange(products), rng.integers(1, 6, products))
    centres = rng.normal(size=(products, dim))
    vectors = (centres[owners] + rng.normal(size=(len(owners), dim)) * 0.4).astype(np.float32)
    for row in range(1, len(vectors)):
        if rng.random() < 0.1:
            vectors[row] = vectors[row - 1] * rng.choice([1, -1])
    calibration: dict[str, Any] = {}
    if rng.random() < 0.7:
        calibration = random_calibration(rng)
    axes = rng.normal(size=(min(3, dim), dim))
    return Catalog(
        [ids[owner] for owner in owners],
        vectors,
        space=f"short ü:{dim}" if seed % 5 == 0 else f"space {seed} ü\x7f" if seed % 2 else "plain",
        attributes={
            product_id: {"name": f"N {product_id}", "größe": "1 L"} for product_id in ids[::2]
        },
        calibration=Calibration(**calibration),
        category_axes=CategoryAxes.of(axes) if seed % 3 == 0 else None,
        adaptation=random_adaptation(rng, dim) if seed % 4 < 2 else None,
    )


def random_query(rng: np.random.Generator, catalog: Catalog) -> Any:
    """An embedding of length 1, float32 [d]; of a shortened catalog a longer one."""
    dim = catalog.dim + 5 * catalog.space.startswith("short")
    return unit_query(rng.normal(size=dim).astype(np.float32), dim)


def same(ours: list[dict[str, Any]], theirs: list[Any]) -> None:
    """Equal scores in order; equal products, except among scores that are equal to rounding."""
    assert np.allclose([got["score"] for got in ours], [got.score for got in theirs], atol=2e-6)
    for rank, got in enumerate(ours):
        near = {match.id for match in theirs if abs(match.score - got["score"]) < 4e-6}
        last = abs(theirs[-1].score - got["score"]) < 4e-6  # cut off among equals
        assert got["id"] in near or last, f"rank {rank}"
    assert len({got["id"] for got in ours}) == len(ours)


def test_random_catalogs_give_the_same_answers(tmp_path: Path) -> None:
    catalogs = {tmp_path / f"{seed}.catalog": random_catalog(seed) for seed in range(80)}
    rng = np.random.default_rng(7)
    given, asked = [], []
    for path, catalog in catalogs.items():
        catalog.save(path)
        queries = [random_query(rng, catalog) for _ in range(4)]
        queries += [catalog.mean_direction(int(rng.integers(len(catalog)))) for _ in range(4)]
        asked.append(queries)
        given.append({"path": str(path), "queries": [q.tolist() for q in queries], "k": K})
    decisions = []
    for (path, catalog), queries, got in zip(
        catalogs.items(), asked, node(ASK, given), strict=True
    ):
        assert got["space"] == catalog.space, path
        assert [product["id"] for product in got["products"]] == catalog.ids
        for index, product in enumerate(got["products"]):
            assert product["name"] == catalog.at(index).name
            assert product["attributes"] == catalog.at(index).attributes
        for query, ours in zip(queries, got["answers"], strict=True):
            theirs = catalog.answer(query, K)
            same(ours["matches"], theirs.matches)
            assert ours["basis"] == theirs.basis
            # Scores differ in the last bits of float32, probabilities by up to 40 times as much.
            assert ours["confidence"] == pytest.approx(theirs.confidence, abs=1e-4)
            assert ours["unknownProbability"] == pytest.approx(theirs.unknown_probability, abs=1e-4)
            decisions.append(theirs.decision)
            assert ours["decision"] == theirs.decision
            if theirs.candidates:
                same(ours["candidates"], theirs.candidates)
        for index, ours in enumerate(got["similar"]):
            with np.errstate(invalid="ignore"):  # OpenBLAS reads behind rows of odd lengths
                theirs_too = similar(catalog, catalog.ids[index], k=K)
            assert len(ours) == len(theirs_too)
            if theirs_too:
                same(ours, theirs_too)
    assert {"match", "ambiguous", "unknown"} <= set(decisions)


REQUIRE = f"""
import {{ Catalog }} from "{JS}/catalog.js";
const catalog = new Catalog(whole(given.path));
out = given.spaces.map((space) => {{
  try {{ catalog.require(space); return true; }} catch (error) {{ return error.name; }}
}});
"""


def test_a_shortened_catalog_takes_the_model_of_the_longer_space_alone() -> None:
    path = Path(__file__).parents[1] / "golden" / "catalog-1-shortened.catalog"
    spaces = ["golden-1", "golden-1:5", "golden-1:6", "golden-2", "golden"]
    got = node(REQUIRE, {"path": str(path), "spaces": spaces})
    assert got[:2] == [True, True]
    assert True not in got[2:]
    opened = Catalog.open(path)
    assert [opened.contents.accepts(space) for space in spaces] == [item is True for item in got]


DECIDE = f"""
import {{ decide }} from "{JS}/answer.js";
out = given.map(({{ scores, products, calibration }}) =>
  decide(scores.map((score, index) => ({{ index, score }})), products, calibration));
"""


def test_equal_scores_in_give_equal_probabilities_out() -> None:
    """The decision alone, from scores that are the same to the last bit."""
    rng = np.random.default_rng(3)
    cases: list[tuple[list[float], int, Calibration]] = [([], 0, Calibration())]
    for _ in range(600):
        count = int(rng.integers(1, 15))
        scores = np.sort(rng.uniform(-0.2, 1, count))[::-1]
        if rng.random() < 0.3:
            scores[: rng.integers(1, count + 1)] = scores[0]  # equals
        products = count if rng.random() < 0.5 else int(rng.integers(count, 100_000))
        values = random_calibration(rng) if rng.random() < 0.7 else {}
        cases.append((scores.tolist(), products, Calibration(**values)))
    given = [
        {"scores": scores, "products": products, "calibration": calibration.to_dict()}
        for scores, products, calibration in cases
    ]
    decisions = []
    for (asked, products, calibration), ours in zip(cases, node(DECIDE, given), strict=True):
        matches = [Match(str(index), "", score) for index, score in enumerate(asked)]
        theirs = decide(matches, products, calibration)
        decisions.append(theirs.decision)
        assert ours["decision"] == theirs.decision
        assert ours["basis"] == theirs.basis
        assert ours["confidence"] == pytest.approx(theirs.confidence, abs=1e-9)
        assert ours["unknownProbability"] == pytest.approx(theirs.unknown_probability, abs=1e-9)
        assert [got["index"] for got in ours["candidates"]] == [
            int(match.id) for match in theirs.candidates
        ]
        for got, match in zip(ours["matches"], theirs.matches, strict=True):
            if match.probability is None:
                assert "probability" not in got
            else:
                assert got["probability"] == pytest.approx(match.probability, abs=1e-9)
    assert {"match", "ambiguous", "unknown"} == set(decisions)


def test_a_calibration_with_missing_keys_gets_the_defaults_of_python() -> None:
    values: list[dict[str, Any]] = [
        {},
        {"threshold": 0.7, "margin": 0.03, "confidence": [-20.0, 25.0, 12.0], "basis": "measured"},
        {"posterior": {}, "basis": "measured"},
        {"posterior": {"offset": 6.5, "of a later version": "x"}},
        {"posterior": {"second": 0, "size": 0}, "min_probability": 0.5},
    ]
    scores = [0.62, 0.55, 0.3]
    given = [{"scores": scores, "products": 40, "calibration": case} for case in values]
    for case, ours in zip(values, node(DECIDE, given), strict=True):
        matches = [Match(str(index), "", score) for index, score in enumerate(scores)]
        theirs = decide(matches, 40, Calibration.from_dict(case))
        assert (ours["decision"], ours["basis"]) == (theirs.decision, theirs.basis), case
        assert ours["confidence"] == pytest.approx(theirs.confidence, abs=1e-9), case


def test_a_calibration_is_refused_where_python_refuses_it(tmp_path: Path) -> None:
    """In a file whose checksums are right."""
    random_catalog(3).save(tmp_path / "s.catalog")
    tensors, metadata = read_container(tmp_path / "s.catalog")
    bad = [float("nan"), float("inf"), -1, "20.1", "many", None, True, [1.0], {}, 2e6]
    cases: list[Any] = [None, [], "text", 3, {"posterior": None}, {"posterior": []}]
    cases += [{"posterior": "size"}, {"posterior": {"concentration": 6.0}}, {"threshold": -2}]
    cases += [{key: value} for key in ("min_probability", "threshold") for value in bad[2:]]
    cases += [
        {"posterior": {name: value}}
        for name in ("concentration", "offset", "second", "size")
        for value in bad
    ]
    cases += [{}, {"posterior": {}}, {"posterior": {"later": "x"}}, {"later": None}]
    given, refused = [], []
    for case in cases:
        path = tmp_path / "case.catalog"
        texts = {"space": metadata["space"], "calibration": json.dumps(case)}
        write_container(path, tensors, texts)
        given.append({"data": base64.b64encode(path.read_bytes()).decode()})
        try:
            Catalog.open(path)
            refused.append(False)
        except ShelfLensError:
            refused.append(True)
    verdicts = node(REFUSE, given)
    for case, verdict, wrong in zip(cases, verdicts, refused, strict=True):
        assert (verdict is not None) == wrong, case
        assert verdict is None or verdict[0] == "WebAppError", verdict
    assert refused[-4:] == [False] * 4
    assert sum(refused) > 45


REFUSE = f"""
import {{ Catalog }} from "{JS}/catalog.js";
out = given.map(({{ data }}) => {{
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  try {{ new Catalog(bytes.buffer); return null; }}
  catch (error) {{ return [error.constructor.name, error.message]; }}
}});
"""


def test_damaged_catalogs_are_refused_where_python_refuses(tmp_path: Path) -> None:
    whole = tmp_path / "whole.catalog"
    random_catalog(3).save(whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(0)
    cases = [data, b"", data[:7], data[:100], data[:-1], data + b"\0"]
    for rank in rng.integers(0, len(data), 150):
        wrong = bytearray(data)
        wrong[rank] ^= 1 << int(rng.integers(8))
        cases.append(bytes(wrong))
    verdicts = node(REFUSE, [{"data": base64.b64encode(case).decode()} for case in cases])
    file = tmp_path / "case.catalog"
    for case, verdict in zip(cases, verdicts, strict=True):
        file.write_bytes(case)
        try:
            Catalog.open(file)
        except ShelfLensError:
            assert verdict is not None
            assert verdict[0] == "WebAppError", verdict
            assert "\n" not in verdict[1]
        else:
            assert verdict is None, verdict
    assert verdicts[0] is None
    assert sum(verdict is not None for verdict in verdicts) > 140


def test_odd_contents_are_refused_where_python_refuses(tmp_path: Path) -> None:
    file = tmp_path / "odd.catalog"
    cases = [(name, file.read_bytes()) for name in odd_contents(file)]
    given = [{"data": base64.b64encode(data).decode()} for _, data in cases]
    for (name, data), verdict in zip(cases, node(REFUSE, given), strict=True):
        file.write_bytes(data)
        with pytest.raises(CatalogError):
            Catalog.open(file)
        if not name.startswith(UNKNOWN_TO_THE_BROWSER):
            assert verdict is not None, name
            assert verdict[0] == "WebAppError", (name, verdict)


def test_a_catalog_with_an_index_of_ids_opens() -> None:
    path = Path(__file__).parents[1] / "golden" / "catalog-1-indexed.catalog"
    catalog = Catalog.open(path)
    query = catalog.mean_direction(7)
    [got] = node(ASK, [{"path": str(path), "queries": [query.tolist()], "k": K}])
    assert [product["id"] for product in got["products"]] == catalog.ids
    same(got["answers"][0]["matches"], list(catalog.match(query, K)))


def test_golden_catalogs_open() -> None:
    files = sorted((Path(__file__).parents[1] / "golden").glob("*.catalog"))
    assert files
    given = [{"path": str(path), "queries": [], "k": K} for path in files]
    for path, got in zip(files, node(ASK, given), strict=True):
        assert [product["id"] for product in got["products"]] == Catalog.open(path).ids


def test_an_adapted_golden_catalog_gives_the_golden_scores() -> None:
    golden = Path(__file__).parents[1] / "golden" / "catalog-2"
    asked = json.loads(golden.with_suffix(".json").read_text(encoding="utf-8"))
    queries = [query["query"] for query in asked]
    given = [{"path": str(golden.with_suffix(".catalog")), "queries": queries, "k": K}]
    for wanted, got in zip(asked, node(ASK, given)[0]["answers"], strict=True):
        assert [match["id"] for match in got["matches"]] == wanted["ids"]
        scores = [match["score"] for match in got["matches"]]
        assert scores == pytest.approx(wanted["scores"], abs=2e-6)


BARCODES = f"""
import {{ Barcodes, gtin }} from "{JS}/barcodes.js";
import {{ Catalog }} from "{JS}/catalog.js";
const catalog = new Catalog(whole(given.path));
const barcodes = new Barcodes(catalog);
const id = ({{ index }}) => catalog.product(index).id;
const scored = (match) => ({{ id: id(match), score: match.score }});
out = {{
  numbers: given.texts.map(gtin),
  answers: given.asked.map(({{ vector, numbers }}) => {{
    const query = catalog.query(Float32Array.from(vector));
    const seen = catalog.answer(Float32Array.from(vector), {K});
    const answer = barcodes.answer(seen, query, numbers);
    return {{
      ...answer,
      matches: answer.matches.map(scored),
      probabilities: answer.matches.map(({{ probability }}) => probability ?? null),
      unknown: answer.unknownProbability,
      candidates: answer.candidates.map(id),
      vision: answer.vision && id(answer.vision),
    }};
  }}),
}};
"""


def test_barcodes_decide_as_in_python(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    codes = [digits + check_digit(digits) for digits in map(str, range(200000000000, 200000000009))]
    rows = rng.normal(size=(12, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    columns = {f"p{i}": {"Ean" if i % 2 else "upc": code} for i, code in enumerate(codes)}
    columns["p1"] = {"barcode": f"{codes[1]} | {codes[2]}", "name": codes[3]}
    columns["p4"] = {"GTIN": f"{codes[4][0]} {codes[4][1:7]}-{codes[4][7:]}"}
    ids = [*columns, codes[0][:1] + codes[7][1:], "4006381333931", "96385074"]
    path = tmp_path / "coded.catalog"
    sure = Calibration(Posterior(offset=-1e3), min_probability=0.5)
    catalog = Catalog(ids, rows, space="s", attributes=columns, calibration=sure)
    catalog.save(path)
    asked = []
    for numbers in [[i] for i in range(9)] + [[0, 3], [], [2]]:
        read = [codes[i].zfill(14) for i in numbers]
        asked.append({"vector": rows[5].tolist(), "numbers": read})
    asked.append({"vector": rows[10].tolist(), "numbers": ["04006381333931", "00000096385074"]})
    texts = [*codes, "4 006381-333931", "36000291452", "96385074", "4006381333930", "", "7", "4 A"]
    got = node(BARCODES, {"path": str(path), "texts": texts, "asked": asked})
    assert got["numbers"] == [gtin(text) for text in texts]
    for case, ours in zip(asked, got["answers"], strict=True):
        vector = unit_query(np.array(case["vector"], np.float32), 16)
        seen = catalog.answer(vector, K)
        coded = answer_by_barcode(catalog, case["numbers"], seen, vector)
        theirs = seen if coded is None else coded.answer
        assert (ours["decision"], ours["basis"]) == (theirs.decision, theirs.basis)
        assert ours["confidence"] == pytest.approx(theirs.confidence)
        assert [match["id"] for match in ours["matches"]] == [match.id for match in theirs.matches]
        scores = [match["score"] for match in ours["matches"]]
        assert scores == pytest.approx([match.score for match in theirs.matches], abs=2e-6)
        assert ours["candidates"] == [match.id for match in theirs.candidates]
        shares = [match.probability for match in theirs.matches]
        assert ours["probabilities"] == [
            share and pytest.approx(share, abs=1e-6) for share in shares
        ]
        assert ours["unknown"] == pytest.approx(theirs.unknown_probability, abs=1e-6)
        assert sum(share or 0 for share in shares) + theirs.unknown_probability <= 1 + 1e-6
        vision = coded.vision.best.id if coded and coded.vision and coded.vision.best else None
        assert ours.get("vision") == vision


STRETCH = f"""
import {{ stretch }} from "{JS}/resample.js";
out = given.map(({{ data, width, height, size }}) => {{
  const rgb = Buffer.from(data, "base64");
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return Buffer.from(stretch(rgba, width, height, size)).toString("base64");
}});
"""


def test_equal_pixels_in_give_equal_pixels_out() -> None:
    rng = np.random.default_rng(1)
    sides = [(1, 1), (3, 700), (224, 224), (225, 223), (640, 480), (97, 1031), (1280, 720)]
    images = [rng.integers(0, 256, (*side, 3), np.uint8) for side in sides]
    images.append(np.full((50, 60, 3), 255, np.uint8))
    given = [
        {
            "data": base64.b64encode(image.tobytes()).decode(),
            "height": image.shape[0],
            "width": image.shape[1],
            "size": size,
        }
        for image in images
        for size in (224, 31)
    ]
    wanted = [load_image(image, size=size) for image in images for size in (224, 31)]
    for case, got, want in zip(given, node(STRETCH, given), wanted, strict=True):
        pixels = np.frombuffer(base64.b64decode(got), np.uint8).reshape(want.shape)
        apart = np.abs(pixels.astype(int) - want).max()
        # Pillow's versions differ in which side of an upright image they filter first.
        upright = case["height"] > case["width"]
        assert apart <= (1 if upright else 0), (case["width"], case["height"], case["size"])
