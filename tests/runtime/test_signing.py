"""Signatures: keys, what is signed, serials, expiry, and the files beside a signed one."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from shelflens import Catalog, SignatureError
from shelflens.catalog.install import install, previous_path, rollback
from shelflens.catalog.reload import Reloader
from shelflens.signing import neighbours, trust
from shelflens.signing.ecdsa import PrivateKey, read_private_key, read_public_key
from shelflens.signing.neighbours import next_signature_path, serial_path, signature_path
from shelflens.signing.sign import sign
from shelflens.signing.statement import MAX_SERIAL, Statement, read_statement
from tests.attacks.odd_contents import sound
from tests.attacks.test_reload import embedder
from tests.support.signed import another_curve, key_pair, statement_of, trusted

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    return key_pair(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store.catalog"
    sound(path)
    return path


@pytest.fixture
def web_app(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    for name in ("index.html", "data/store.catalog", "a/b", "a-b", "data/ä ö.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def check(path: Path, key: PrivateKey) -> None:
    trusted(key).check(path, memoryview(path.read_bytes()))


@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_a_signed_file_is_accepted_and_any_change_of_it_is_not(tmp_path: Path, curve: str) -> None:
    key, path = key_pair(tmp_path, curve=curve), tmp_path / "a.delta"
    path.write_bytes(b"content")
    sign(path, key)
    check(path, key)
    path.write_bytes(b"contenT")
    with pytest.raises(SignatureError, match="differs from what was signed"):
        check(path, key)


def test_a_renamed_file_keeps_its_signature(store: Path, key: PrivateKey) -> None:
    sign(store, key)
    moved = store.with_name("moved.catalog")
    store.rename(moved)
    signature_path(store).rename(signature_path(moved))
    check(moved, key)


def test_another_key_is_refused_and_each_of_two_trusted_keys_is_not(
    tmp_path: Path, store: Path, key: PrivateKey
) -> None:
    new, odd = key_pair(tmp_path, "new"), key_pair(tmp_path, "odd")
    both = trusted(key, new)
    for signer in (key, new):
        sign(store, signer)
        both.check(store, memoryview(store.read_bytes()))
    sign(store, odd)
    with pytest.raises(SignatureError, match="signed by another key"):
        both.check(store, memoryview(store.read_bytes()))


def test_an_unsigned_file_is_refused(store: Path, key: PrivateKey) -> None:
    with pytest.raises(SignatureError, match=r"not signed \(no store\.catalog\.sig beside it\)"):
        check(store, key)


def test_p521_of_another_tool_is_read(tmp_path: Path, store: Path) -> None:
    key = another_curve(ec.SECP521R1(), tmp_path)
    sign(store, key)
    check(store, key)


def test_the_serial_rises_by_itself(store: Path, key: PrivateKey) -> None:
    serials = [sign(store, key).serial or 0 for _ in range(3)]
    assert serials[0] < serials[1] < serials[2] < MAX_SERIAL
    with pytest.raises(SignatureError, match="expected above that of"):
        sign(store, key, serial=serials[-1])


def test_an_older_file_is_refused(store: Path, key: PrivateKey) -> None:
    sign(store, key, serial=5)
    replayed = signature_path(store).read_bytes()
    sign(store, key, serial=7)
    check(store, key)
    assert json.loads(serial_path(store).read_text()) == {"serial": 7}
    check(store, key)  # the same again
    signature_path(store).write_bytes(replayed)
    with pytest.raises(SignatureError, match="serial 5, and serial 7 was in use here"):
        check(store, key)
    trusted(key, allow_rollback=True).check(store, memoryview(store.read_bytes()))
    assert json.loads(serial_path(store).read_text()) == {"serial": 5}
    check(store, key)


def test_a_file_without_serial_does_not_follow_one_with(store: Path, key: PrivateKey) -> None:
    from tests.support.signed import sign_payload

    sign(store, key, serial=3)
    statement = statement_of(store)
    del statement["subject"][0]["annotations"]
    payload = json.dumps(statement).encode()
    sign_payload(store, payload, key)
    check(store, key)
    assert not serial_path(store).exists()
    sign(store, key, serial=4)
    check(store, key)
    sign_payload(store, payload, key)
    with pytest.raises(SignatureError, match="no serial, and serial 4 was in use here"):
        check(store, key)


def test_an_expired_signature_is_refused(store: Path, key: PrivateKey) -> None:
    sign(store, key, valid_days=2)
    for days, good in ((1, True), (3, False)):
        now = datetime.now(timezone.utc) + timedelta(days=days)
        judge = trusted(key, now=lambda now=now: now)
        if good:
            judge.check(store, memoryview(store.read_bytes()))
        else:
            with pytest.raises(SignatureError, match="its signature expired on 2"):
                judge.check(store, memoryview(store.read_bytes()))


@pytest.mark.parametrize("content", [b"", b"{}", b"[7]", b'{"serial": -1}', b"[" * 5000, b"\xff"])
def test_a_damaged_state_file_does_not_let_an_older_file_in(
    store: Path, key: PrivateKey, content: bytes
) -> None:
    sign(store, key)
    serial_path(store).write_bytes(content)
    with pytest.raises(SignatureError, match="damaged, so an older file could not be told"):
        check(store, key)
    trusted(key, allow_rollback=True).check(store, memoryview(store.read_bytes()))
    check(store, key)


def test_where_nothing_can_be_written_the_process_remembers(
    store: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, serial: int | None) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(trust, "write_serial", refuse)
    lines: list[str] = []
    judge = trusted(key, report=lines.append)
    sign(store, key, serial=1)
    replayed = signature_path(store).read_bytes()
    sign(store, key, serial=2)
    judge.check(store, memoryview(store.read_bytes()))
    assert len(lines) == 1
    assert "store.catalog.serial: cannot be written (Permission denied)" in lines[0]
    signature_path(store).write_bytes(replayed)
    with pytest.raises(SignatureError, match="serial 2 was in use"):
        judge.check(store, memoryview(store.read_bytes()))


def test_a_folder_is_signed_whole(web_app: Path, key: PrivateKey) -> None:
    statement = sign(web_app, key)
    assert sorted(statement.digests) == sorted(
        path.relative_to(web_app).as_posix() for path in web_app.rglob("*") if path.is_file()
    )
    trusted(key).check_folder(web_app)
    for name, change, text in (
        ("evil.js", lambda path: path.write_text("x"), "evil.js is not signed"),
        ("index.html", lambda path: path.write_text("x"), "index.html differs"),
        ("a/b", Path.unlink, "a/b is missing"),
        ("a/link", lambda path: path.symlink_to("/etc/passwd"), "a/link is a symbolic link"),
        ("a/pipe", os.mkfifo, "a/pipe: is no regular file"),
        ("data", lambda path: path.rename(web_app / "date"), "missing"),
    ):
        kept = web_app.with_name("kept")
        subprocess.run(["cp", "-r", web_app, kept], check=True)
        change(web_app / name)
        with pytest.raises(SignatureError, match=text):
            trusted(key).check_folder(web_app)
        subprocess.run(["rm", "-r", web_app], check=True)
        kept.rename(web_app)
    trusted(key).check_folder(web_app)


def test_a_folder_with_links_is_not_signed(web_app: Path, key: PrivateKey) -> None:
    (web_app / "link").symlink_to("index.html")
    with pytest.raises(SignatureError, match="link is a symbolic link"):
        sign(web_app, key)


def test_a_signed_file_is_no_signed_folder_and_the_other_way_round(
    web_app: Path, store: Path, key: PrivateKey
) -> None:
    sign(web_app, key)
    sign(store, key)
    web, single = signature_path(web_app), signature_path(store)
    texts = web.read_bytes(), single.read_bytes()
    web.write_bytes(texts[1])
    single.write_bytes(texts[0])
    with pytest.raises(SignatureError, match=r"not signed|missing"):
        trusted(key).check_folder(web_app)
    with pytest.raises(SignatureError, match="a folder was signed"):
        check(store, key)


@given(
    st.dictionaries(
        st.text("ab/.-ä\n", min_size=1).filter(
            lambda name: not set(name.split("/")) & {"", ".", ".."}
        ),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
        min_size=1,
    ),
    st.integers(0, MAX_SERIAL),
    st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)),
)
def test_a_statement_comes_back(digests: dict[str, str], serial: int, time: datetime) -> None:
    moment = time.replace(microsecond=0, tzinfo=timezone.utc)
    statement = Statement("näme", digests, serial, moment, moment)
    assert read_statement(statement.to_json(), "here") == statement


def test_keys_are_for_their_owner_and_never_overwritten(run: Run, tmp_path: Path) -> None:
    assert run("keys", "new", tmp_path / "shop")[0] == 0
    private, public = tmp_path / "shop.key", tmp_path / "shop.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    texts = private.read_bytes(), public.read_bytes()
    status, _, err = run("keys", "new", tmp_path / "shop")
    assert status == 1
    assert "is there already; a key is never overwritten" in err
    private.unlink()
    assert run("keys", "new", tmp_path / "shop")[0] == 1
    assert not private.exists()
    assert public.read_bytes() == texts[1]


def test_a_passphrase(run: Run, tmp_path: Path, store: Path) -> None:
    secret, name = tmp_path / "secret", tmp_path / "shop"
    secret.write_text("correct horse\nsecond line\n")
    assert run("keys", "new", name, "--curve", "P-384", "--passphrase-file", secret)[0] == 0
    private = tmp_path / "shop.key"
    assert b"ENCRYPTED PRIVATE KEY" in private.read_bytes()
    words = ["sign", store, "--key", private]
    assert "give --passphrase-file" in run(*words)[2]
    secret.write_text("wrong\n")
    assert "another passphrase" in run(*words, "--passphrase-file", secret)[2]
    secret.write_text("\n")
    assert "the passphrase is empty" in run(*words, "--passphrase-file", secret)[2]
    secret.write_text("correct horse\n")
    assert run(*words, "--passphrase-file", secret)[0] == 0
    assert run("verify", store, "--trust", tmp_path / "shop.pub")[0] == 0


def pem(private: object, *, public: bool) -> bytes:
    key: ec.EllipticCurvePrivateKey = private  # type: ignore[assignment]
    if public:
        return key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize("public", [True, False])
def test_keys_of_another_kind_are_refused(tmp_path: Path, public: bool) -> None:
    good = ec.generate_private_key(ec.SECP256R1())
    odd = {
        "Ed25519": pem(ed25519.Ed25519PrivateKey.generate(), public=public),
        "RSA": pem(rsa.generate_private_key(65537, 2048), public=public),
        "secp256k1": pem(ec.generate_private_key(ec.SECP256K1()), public=public),
        "signs nothing|stays where files are signed": pem(good, public=not public),
        "no (public|private) key": b"hello",
        "no (public|private) key, PEM, or a damaged": pem(good, public=public)[:-60],
        "more than 65,536 bytes": bytes(1 << 17),
        "certificate|no private key": b"-----BEGIN CERTIFICATE-----\nMA==\n",
    }
    if public:
        odd["several keys"] = pem(good, public=True) * 2
    for text, content in odd.items():
        path = tmp_path / "odd.pem"
        path.write_bytes(content)
        with pytest.raises(SignatureError, match=text) as caught:
            read_public_key(path) if public else read_private_key(path, None)
        assert "\n" not in str(caught.value)


def test_install_brings_the_signature_and_rollback_takes_it_back(
    tmp_path: Path, store: Path, key: PrivateKey
) -> None:
    target, judge = tmp_path / "use" / "shop.catalog", trusted(key)
    target.parent.mkdir()
    sign(store, key, serial=1)
    assert len(install(store, target, trust=judge)) == 5
    sound(store).remove(["p4"]).save(store)
    with pytest.raises(SignatureError, match="differs from what was signed"):
        install(store, target, trust=judge)
    sign(store, key, serial=2)
    assert len(install(store, target, trust=judge)) == 4
    names = {path.name for path in target.parent.iterdir()}
    previous = previous_path(target)
    beside = {target.name, previous.name}
    assert names == beside | {f"{name}.sig" for name in beside} | {serial_path(target).name}
    check(target, key)
    with pytest.raises(SignatureError, match="serial 1, and serial 2 was in use here"):
        rollback(target, trust=trusted(key))
    assert len(Catalog.open(target)) == 4
    assert len(rollback(target, trust=trusted(key, allow_rollback=True))) == 5
    check(target, key)
    assert json.loads(serial_path(target).read_text()) == {"serial": 1}
    assert {path.name for path in target.parent.iterdir()} == names
    assert len(rollback(target, trust=trusted(key))) == 4


def test_an_unsigned_catalog_takes_the_signature_of_the_one_before_away(
    tmp_path: Path, store: Path, key: PrivateKey
) -> None:
    target = tmp_path / "shop.catalog"
    sign(store, key)
    install(store, target)
    check(target, key)
    unsigned = tmp_path / "unsigned.catalog"
    sound(unsigned)
    install(unsigned, target)
    assert not signature_path(target).exists()
    assert signature_path(previous_path(target)).exists()


@pytest.mark.parametrize("step", ["stage", "replace", "settle"])
def test_a_power_cut_while_a_catalog_is_installed_leaves_a_signed_one(
    tmp_path: Path, store: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from shelflens.catalog import install as module

    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    target = tmp_path / "shop.catalog"
    sign(store, key, serial=1)
    install(store, target, trust=trusted(key))
    sound(store).remove(["p4"]).save(store)
    sign(store, key, serial=2)
    names = {"stage": "stage_signature", "replace": "_copy", "settle": "settle_signature"}
    with monkeypatch.context() as patch:
        patch.setattr(module, names[step], cut)
        with pytest.raises(PowerCut):
            install(store, target, trust=trusted(key))
    count = 4 if step == "settle" else 5
    assert len(Catalog.open(target, check=trusted(key).check)) == count
    assert len(install(store, target, trust=trusted(key))) == 4
    assert not next_signature_path(target).exists()
    check(target, key)


def test_a_replaced_catalog_is_used_only_when_it_is_signed(
    tmp_path: Path, store: Path, key: PrivateKey
) -> None:
    odd = key_pair(tmp_path, "odd")
    sign(store, key, serial=5)
    reloader = Reloader(store, embedder, trust=trusted(key))
    used = reloader.catalog

    def refused(text: str) -> None:
        new, lines = reloader.refresh()
        assert not new
        assert len(lines) == 1
        assert text in lines[0]
        assert "going on with the one before" in lines[0]
        assert "\n" not in lines[0]
        assert reloader.catalog is used
        assert reloader.refresh() == (False, [])  # said once

    sound(store).remove(["p4"]).save(store)
    refused("differs from what was signed")
    sign(store, odd, serial=6)
    refused("signed by another key")
    signature_path(store).unlink()
    refused("not signed")
    sign(store, key, serial=4)
    refused("serial 4, and serial 5 was in use here")
    sign(store, key, serial=7)
    new, lines = reloader.refresh()
    assert new, lines
    assert len(reloader.catalog) == 4


def test_lookup_with_trust(run: Run, tmp_path: Path, built: Path, photo: Path) -> None:
    key, store = key_pair(tmp_path), tmp_path / "store.catalog"
    store.write_bytes(built.read_bytes())
    words = ["lookup", photo, "--catalog", store, "--trust", tmp_path / "shop.pub"]
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert "not signed" in err
    assert run(*words[:4])[0] == 0  # unsigned files are used without --trust
    sign(store, key)
    assert run(*words)[0] == 0
    model = tmp_path / "model.tflite"
    from shelflens.model.embedder import BUNDLED_MODEL

    model.write_bytes(BUNDLED_MODEL.read_bytes())
    assert "model.tflite: not signed" in run(*words, "--model", model)[2]
    sign(model, key)
    assert run(*words, "--model", model)[0] == 0
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    assert "model.tflite: differs from what was signed" in run(*words, "--model", model)[2]


def test_sign_and_verify_on_the_command_line(run: Run, tmp_path: Path, store: Path) -> None:
    key_pair(tmp_path)
    words = ["sign", store, "--key", tmp_path / "shop.key", "--serial", "7", "--valid-days", "30"]
    status, out, _ = run(*words)
    assert status == 0
    assert "store.catalog.sig: serial 7, valid until 2" in out
    verify = ["verify", store, "--trust", tmp_path / "shop.pub"]
    status, out, _ = run(*verify)
    assert status == 0
    assert "shop.pub" in out
    assert "serial 7" in out
    assert not serial_path(store).exists()  # verify remembers nothing
    (tmp_path / "shop.key").chmod(0o644)
    assert "others on this machine may read it" in run(*words[:4])[2]
    store.write_bytes(b"x")
    assert run(*verify)[0] == 1
    assert run("verify", tmp_path / "none", "--trust", tmp_path / "shop.pub")[0] == 1
    assert run("verify", store, "--trust", tmp_path / "none.pub")[0] == 1
    assert "give that file" in run(*["sign", signature_path(store), *words[2:4]])[2]


@pytest.mark.parametrize(
    "words", ["lookup p --catalog s --trust k", "keys new k", "sign s --key k"]
)
def test_without_cryptography_one_line_names_the_extra(words: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        f"from shelflens.cli import main; sys.exit(main({words.split()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'shelflens[sign]'" in done.stderr


def test_page_build_takes_signed_files_only(run: Run, tmp_path: Path, built: Path) -> None:
    key, store = key_pair(tmp_path), tmp_path / "store.catalog"
    store.write_bytes(built.read_bytes())
    words = ["page", "build", "--catalog", store, "--out", tmp_path / "web"]
    words += ["--vendor", tmp_path, "--trust", tmp_path / "shop.pub"]
    assert "not signed" in run(*words)[2]
    sign(store, key)
    assert "not signed" not in run(*words)[2]


def test_the_unit_of_watch_has_the_keys(run: Run, tmp_path: Path, store: Path) -> None:
    key_pair(tmp_path)
    words = ["watch", "0", "--catalog", store, "--trust", tmp_path / "shop.pub", "--print-unit"]
    status, out, _ = run(*words)
    assert status == 0
    assert f"--trust={tmp_path}/shop.pub" in out


def test_the_state_is_small_and_whole(store: Path) -> None:
    neighbours.write_serial(store, MAX_SERIAL)
    assert serial_path(store).stat().st_size < 64
    assert neighbours.read_serial(store) == MAX_SERIAL


@pytest.mark.parametrize(
    ("name", "serial"), [("model-signing-1.1.1.sig", None), ("shelflens-1.sig", 7)]
)
def test_signatures_of_every_kind_hold_for_ever(name: str, serial: int | None) -> None:
    """By the reference implementation, and by 0.1.0 of ours, with the same key."""
    golden = Path(__file__).parents[1] / "golden"
    judge = trust.Trust.read([golden / "signed" / "shop.pub"])
    content = (golden / "catalog-1.catalog").read_bytes()
    where = golden / "catalog-1.catalog", memoryview(content)
    verified = judge.verify(*where, signature=golden / "signed" / name)
    assert verified.statement.serial == serial
    with pytest.raises(SignatureError, match="differs from what was signed"):
        judge.verify(where[0], where[1][:-1], signature=golden / "signed" / name)


def test_serve_takes_signed_files_only(run: Run, tmp_path: Path, built: Path) -> None:
    key, store = key_pair(tmp_path), tmp_path / "store.catalog"
    store.write_bytes(built.read_bytes())
    web_app = tmp_path / "web"
    web_app.mkdir()
    (web_app / "index.html").write_text("x")
    words = ["serve", "--catalog", store, "--web-app", web_app, "--port", "0"]
    words += ["--trust", tmp_path / "shop.pub"]
    assert "store.catalog: not signed" in run(*words)[2]
    sign(store, key)
    status, _, err = run(*words)
    assert status == 1
    assert "web: not signed (no web.sig beside it)" in err


def test_info_says_whether_a_signature_is_there(run: Run, store: Path, key: PrivateKey) -> None:
    assert "signature   none" in run("catalog", "info", store)[1]
    assert json.loads(run("catalog", "info", store, "--json")[1])["signature"] is None
    sign(store, key)
    assert "store.catalog.sig, not checked here" in run("catalog", "info", store)[1]


def test_a_delta_is_applied_only_when_it_and_its_outcome_are_signed(
    run: Run, tmp_path: Path, store: Path, key: PrivateKey
) -> None:
    odd, target = key_pair(tmp_path, "odd"), tmp_path / "shop.catalog"
    result, delta = tmp_path / "result.catalog", tmp_path / "a.delta"
    sign(store, key, serial=1)
    install(store, target, trust=trusted(key))
    sound(result).remove(["p4"]).save(result)
    assert run("catalog", "diff", store, result, "--out", delta)[0] == 0
    words = ["catalog", "apply", target, delta, "--trust", tmp_path / "shop.pub"]
    before = target.read_bytes()

    def refused(text: str, *more: object) -> None:
        status, _, err = run(*words, *more)
        assert status == 1
        assert text in err
        assert target.read_bytes() == before
        assert not next_signature_path(target).exists()

    refused("expected the signature of what comes out")
    signature = ("--signature", signature_path(result))
    refused("a.delta: not signed", *signature)
    sign(delta, odd)
    refused("signed by another key", *signature)
    sign(delta, key)
    refused("not signed (no result.catalog.sig", *signature)
    sign(result, odd)
    refused("signed by another key", *signature)
    sign(store, key, serial=5)
    refused("differs from what was signed", "--signature", signature_path(store))
    sign(result, key, serial=(1 << 40))
    replayed = signature_path(result).read_bytes()
    assert run(*words, *signature)[0] == 0
    assert target.read_bytes() == result.read_bytes()
    check(target, key)
    assert signature_path(target).read_bytes() == replayed
    assert signature_path(previous_path(target)).exists()
    assert json.loads(serial_path(target).read_text()) == {"serial": 1 << 40}
