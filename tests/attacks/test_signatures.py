"""Hostile signature files: refused in one line; nothing but what was signed is accepted."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shelflens import SignatureError
from shelflens.signing.bundle import MAX_BUNDLE_BYTES, PAYLOAD_TYPE, read_bundle, to_json
from shelflens.signing.ecdsa import PrivateKey
from shelflens.signing.neighbours import signature_path
from shelflens.signing.sign import sign
from shelflens.signing.statement import read_statement
from tests.attacks.damage import cut, flipped, mixed
from tests.attacks.signed import opens_during_installs
from tests.support.signed import (
    another_curve,
    bundle_of,
    key_pair,
    sign_payload,
    statement_of,
    trusted,
)

Json = dict[str, Any]
CONTENT = b"what was signed"


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    return key_pair(tmp_path)


@pytest.fixture
def signed(tmp_path: Path, key: PrivateKey) -> Path:
    path = tmp_path / "store.catalog"
    path.write_bytes(CONTENT)
    sign(path, key, serial=7)
    return path


def refused(path: Path, key: PrivateKey, content: bytes = CONTENT) -> str:
    """The line with which a file is refused."""
    with pytest.raises(SignatureError) as caught:
        trusted(key).verify(path, memoryview(content))
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    return line


def _set(*way: Any) -> Callable[[Json], None]:
    """Sets what the keys before the last item lead to."""
    *keys, last, value = way

    def change(values: Any) -> None:
        for each in keys:
            values = values[each]
        values[last] = value

    return change


ENVELOPE, MATERIAL = "dsseEnvelope", "verificationMaterial"
BUNDLES: dict[str, Callable[[Json], Any]] = {
    "no media type": lambda bundle: bundle.pop("mediaType"),
    "another media type": _set("mediaType", "application/vnd.dev.sigstore.bundle.v0.1+json"),
    "media type a list": _set("mediaType", ["application/vnd.dev.sigstore.bundle.v0.3+json"]),
    "no material": lambda bundle: bundle.pop(MATERIAL),
    "material null": _set(MATERIAL, None),
    "no key": _set(MATERIAL, {}),
    "key a text": _set(MATERIAL, "publicKey", "x"),
    "hint a number": _set(MATERIAL, "publicKey", "hint", 7),
    "hint of another key": _set(MATERIAL, "publicKey", "hint", "0" * 64),
    "a certificate": _set(MATERIAL, {"certificate": {"rawBytes": "MIIC"}}),
    "a chain": _set(MATERIAL, {"x509CertificateChain": {"certificates": []}}),
    "a key and a certificate": _set(MATERIAL, "certificate", {"rawBytes": "MIIC"}),
    "no envelope": lambda bundle: bundle.pop(ENVELOPE),
    "envelope a list": _set(ENVELOPE, []),
    "payload type swapped": _set(ENVELOPE, "payloadType", "application/json"),
    "payload type null": _set(ENVELOPE, "payloadType", None),
    "payload no text": _set(ENVELOPE, "payload", {"a": 1}),
    "payload empty": _set(ENVELOPE, "payload", ""),
    "payload no base64": _set(ENVELOPE, "payload", "%%%"),
    "payload of another alphabet": _set(ENVELOPE, "payload", "ä"),
    "no signature": _set(ENVELOPE, "signatures", []),
    "signatures an object": _set(ENVELOPE, "signatures", {"sig": "MEUC"}),
    "signature null": _set(ENVELOPE, "signatures", [None]),
    "signature a number": _set(ENVELOPE, "signatures", 0, "sig", 5),
    "signature empty": _set(ENVELOPE, "signatures", 0, "sig", ""),
    "signature of zeros": _set(ENVELOPE, "signatures", 0, "sig", "AAAA"),
    "signature (0, 0)": _set(ENVELOPE, "signatures", 0, "sig", "MAYCAQACAQA="),
    "two signatures": lambda bundle: bundle[ENVELOPE]["signatures"].append(
        bundle[ENVELOPE]["signatures"][0]
    ),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_an_odd_bundle_is_refused(signed: Path, key: PrivateKey, name: str) -> None:
    bundle = bundle_of(signed)
    BUNDLES[name](bundle)
    signature_path(signed).write_text(json.dumps(bundle))
    refused(signed, key)


TEXTS = {
    "empty": b"",
    "zeros": bytes(100),
    "deep": b"[" * 200_000,
    "deep object": b'{"mediaType":' * 50_000,
    "a number of a million digits": b'{"mediaType":' + b"9" * 1_000_000 + b"}",
    "not a number": b'{"mediaType": NaN}',
    "not UTF-8": b'{"mediaType": "\xff"}',
    "UTF-16": '{"mediaType": "x"}'.encode("utf-16"),
    "half a character": b'{"mediaType": "\\ud800", "dsseEnvelope": {}}',
    "control characters": json.dumps({"mediaType": "\x1b[31m\nroot: ok"}).encode(),
    "keys that repeat": b'{"mediaType": "a", "mediaType": "b"}',
    "huge": b" " * (MAX_BUNDLE_BYTES + 1),
    "list": b"[]",
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_bundle_is_refused(signed: Path, key: PrivateKey, name: str) -> None:
    signature_path(signed).write_bytes(TEXTS[name])
    refused(signed, key)


def damages(whole: bytes) -> Iterator[bytes]:
    generator = random.Random(4)
    yield from flipped(whole, iter(range(0, len(whole), 3)), generator)
    yield from cut(whole, iter(range(0, len(whole) - 1, 7)))
    yield from mixed(whole, 100, generator)


def test_damage_is_refused_or_changes_nothing(signed: Path, key: PrivateKey) -> None:
    """Of a bundle, names that nobody reads (`keyid`) may change; what it says may not."""
    wanted = statement_of(signed)
    count = 0
    for damaged in damages(signature_path(signed).read_bytes()):
        signature_path(signed).write_bytes(damaged)
        try:
            trusted(key).verify(signed, memoryview(CONTENT))
            assert statement_of(signed) == wanted
        except SignatureError:
            count += 1
    assert count > 500


RESOURCE = {"name": ".", "algorithm": "sha256", "digest": "0" * 64}
PREDICATE = "predicate"
SUBJECT = ("subject", 0)
EXPIRES = (*SUBJECT, "annotations", "shelflens_expires")
NAMES = ("", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "a/", "a\\b", "a\0b", 7, None)
STATEMENTS: dict[str, Callable[[Json], Any]] = {
    "another type": _set("_type", "https://in-toto.io/Statement/v0.1"),
    "another predicate type": _set("predicateType", "https://model_signing/Digests/v0.1"),
    "predicate type a list": _set("predicateType", []),
    "no subject": _set("subject", []),
    "two subjects": lambda values: values["subject"].append(values["subject"][0]),
    "subject a text": _set("subject", ["store.catalog"]),
    "name a number": _set(*SUBJECT, "name", 5),
    "digest of another file": _set(*SUBJECT, "digest", {"sha256": "0" * 64}),
    "digest by another hash": _set(*SUBJECT, "digest", {"md5": "0" * 64}),
    "digest a text": _set(*SUBJECT, "digest", "0" * 64),
    "annotations a list": _set(*SUBJECT, "annotations", [1]),
    "serial a text": _set(*SUBJECT, "annotations", "shelflens_serial", "7"),
    "serial true": _set(*SUBJECT, "annotations", "shelflens_serial", True),
    "serial 1.5": _set(*SUBJECT, "annotations", "shelflens_serial", 1.5),
    "serial negative": _set(*SUBJECT, "annotations", "shelflens_serial", -1),
    "serial huge": _set(*SUBJECT, "annotations", "shelflens_serial", 1 << 60),
    "time of no calendar": _set(*EXPIRES, "2026-02-30T00:00:00Z"),
    "time without zone": _set(*EXPIRES, "2026-02-03T00:00:00"),
    "time a number": _set(*EXPIRES, 1e300),
    "time of other digits": _set(*EXPIRES, "٢٠٢٦-02-03T00:00:00Z"),
    "no predicate": lambda values: values.pop(PREDICATE),
    "predicate null": _set(PREDICATE, None),
    "no resources": _set(PREDICATE, "resources", []),
    "resources an object": _set(PREDICATE, "resources", {"name": "."}),
    "resource a text": _set(PREDICATE, "resources", ["."]),
    "resource of another file": _set(PREDICATE, "resources", [RESOURCE]),
    "resource twice": lambda values: values[PREDICATE]["resources"].append(
        values[PREDICATE]["resources"][0]
    ),
    "digest too short": _set(PREDICATE, "resources", 0, "digest", "00"),
    "digest in capitals": _set(PREDICATE, "resources", 0, "digest", "A" * 64),
    "digest no text": _set(PREDICATE, "resources", 0, "digest", None),
    "an unknown algorithm": _set(PREDICATE, "resources", 0, "algorithm", "md5"),
    "another algorithm": _set(PREDICATE, "resources", 0, "algorithm", "blake3"),
    "shards": _set(PREDICATE, "serialization", "method", "shards"),
    "links": _set(PREDICATE, "serialization", "allow_symlinks", True),
    "links as text": _set(PREDICATE, "serialization", "allow_symlinks", "false"),
    "another hash": _set(PREDICATE, "serialization", "hash_type", "blake2b"),
    "no serialization": _set(PREDICATE, "serialization", None),
    "everything ignored": _set(PREDICATE, "serialization", "ignore_paths", ["."]),
    "ignored above": _set(PREDICATE, "serialization", "ignore_paths", ["../x"]),
    "ignored no list": _set(PREDICATE, "serialization", "ignore_paths", ".git"),
    **{
        f"the name {name!r}": _set(PREDICATE, "resources", 0, "name", name)
        for name in NAMES
    },
}  # fmt: skip


@pytest.mark.parametrize("name", STATEMENTS)
def test_an_odd_statement_of_a_trusted_signer_is_refused(
    signed: Path, key: PrivateKey, name: str
) -> None:
    statement = statement_of(signed)
    STATEMENTS[name](statement)
    sign_payload(signed, json.dumps(statement).encode(), key)
    refused(signed, key)


@pytest.mark.parametrize("payload", [b"{}", b"[" * 100_000, b"\xff", b"null", b'{"a":1,"a":2}'])
def test_an_odd_payload_of_a_trusted_signer_is_refused(
    signed: Path, key: PrivateKey, payload: bytes
) -> None:
    sign_payload(signed, payload, key)
    refused(signed, key)


def test_another_statement_under_the_signature_is_refused(signed: Path, key: PrivateKey) -> None:
    bundle = bundle_of(signed)
    statement = statement_of(signed)
    statement["subject"][0]["annotations"]["shelflens_serial"] = 9
    forged = base64.b64encode(json.dumps(statement).encode()).decode()
    bundle[ENVELOPE]["payload"] = forged
    signature_path(signed).write_text(json.dumps(bundle))
    assert "the signature is wrong" in refused(signed, key)


@pytest.mark.parametrize("hint", ["own", "trusted", None])
@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP384R1(), ec.BrainpoolP256R1()])
def test_a_key_of_another_curve_is_not_believed(
    signed: Path, key: PrivateKey, tmp_path: Path, curve: ec.EllipticCurve, hint: str | None
) -> None:
    """Whatever the bundle says of the key: only the trusted one is used."""
    odd = another_curve(curve, tmp_path)
    payload = base64.b64decode(bundle_of(signed)[ENVELOPE]["payload"])
    if curve.name == "secp384r1":
        sign_payload(signed, payload, odd)
    else:
        from cryptography.hazmat.primitives import hashes

        from shelflens.signing.bundle import Envelope, pre_authentication

        signature = odd.key.sign(pre_authentication(payload), ec.ECDSA(hashes.SHA256()))
        signature_path(signed).write_bytes(to_json(Envelope(payload, signature, odd.public.hint)))
    bundle = bundle_of(signed)
    if hint != "own":
        value = key.public.hint if hint == "trusted" else None
        bundle[MATERIAL]["publicKey"]["hint"] = value
        signature_path(signed).write_text(json.dumps(bundle))
    refused(signed, key)


def test_a_bundle_of_before_1_1_is_read_and_the_key_in_it_is_not_believed(
    signed: Path, key: PrivateKey, tmp_path: Path
) -> None:
    bundle = bundle_of(signed)
    raw = {
        "rawBytes": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
    }
    bundle[MATERIAL] = {"publicKey": raw}
    bundle[ENVELOPE]["signatures"][0]["keyid"] = None
    signature_path(signed).write_text(json.dumps(bundle))
    trusted(key).verify(signed, memoryview(CONTENT))
    refused(signed, key_pair(tmp_path, "odd"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "_type": st.just("https://in-toto.io/Statement/v1") | JSON,
            "predicateType": st.just("https://model_signing/signature/v1.0") | JSON,
            "subject": st.lists(
                st.fixed_dictionaries({"name": JSON, "digest": JSON, "annotations": JSON})
            )
            | JSON,
            "predicate": st.fixed_dictionaries({"serialization": JSON, "resources": JSON}) | JSON,
        },
    )
    | JSON
)
def test_any_json_as_a_statement_is_refused(values: Any) -> None:
    with pytest.raises(SignatureError):
        read_statement(json.dumps(values).encode(), "here")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "mediaType": st.just("application/vnd.dev.sigstore.bundle.v0.3+json") | JSON,
            "verificationMaterial": st.fixed_dictionaries({"publicKey": JSON}) | JSON,
            "dsseEnvelope": st.fixed_dictionaries(
                {"payload": JSON, "payloadType": st.just(PAYLOAD_TYPE) | JSON, "signatures": JSON}
            ),
        },
    )
    | JSON
)
def test_any_json_as_a_bundle_is_refused(tmp_path_factory: Any, values: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.sig"
    path.write_text(json.dumps(values))
    with pytest.raises(SignatureError):
        read_bundle(path)


def test_a_hostile_signature_is_one_line_on_the_command_line(
    run: Callable[..., tuple[int, str, str]], signed: Path, key: PrivateKey
) -> None:
    words = ["verify", signed, "--trust", signed.parent / "shop.pub"]
    assert run(*words)[0] == 0
    for content in TEXTS.values():
        signature_path(signed).write_bytes(content)
        status, out, err = run(*words)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "\x1b" not in err
    signature_path(signed).unlink()
    signature_path(signed).mkdir()
    assert run(*words)[0] == 1


def test_a_signed_catalog_opens_while_another_is_installed(tmp_path: Path) -> None:
    opens, refused = opens_during_installs(tmp_path, seconds=3)
    assert opens > 20
    assert refused == 0
