"""The recipes of docs/how-to/hosting.md, run as they stand there, and what `page check` finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from shelflens.serve import phone
from shelflens.serve.settings import Settings
from shelflens.webapp.build import build
from tests.support.hosts import free_port, program, started

pytestmark = pytest.mark.browser  # as those: programs of the system, and npm once

Run = Callable[..., tuple[int, str, str]]
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "hosting.md"
CLEAN = ["https", "files", "types", "caching", "ranges"]


def recipes(language: str) -> list[str]:
    """The configurations of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def folder(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hosting")
    root.chmod(0o755)
    return build(built, root / "page")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with authority.pem and server.pem of this machine."""
    root = tmp_path_factory.mktemp("pair")
    phone.prepare(Settings(host="127.0.0.1"), root)
    return root


def checked(run: Run, port: int, authority: Path) -> list[str]:
    """What `page check` looked at; fails on a fault."""
    status, out, err = run("page", "check", f"https://localhost:{port}/", "--authority", authority)
    assert (status, err) == (0, ""), out
    assert "as they were built" in out
    return [line.split()[1] for line in out.splitlines()[:-1]]


def test_caddy(run: Run, folder: Path, pair: Path, tmp_path: Path) -> None:
    recipe, _ = recipes("caddyfile")
    port = free_port()
    text = recipe.replace("shop.example", f"https://localhost:{port}")
    server = pair / phone.CERTIFICATE
    text = text.replace("/srv/page", f"{folder}\n\ttls {server} {server}")
    config = tmp_path / "Caddyfile"
    config.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    command = [program("caddy", "caddy"), "run", "--config", str(config)]
    with started([*command, "--adapter", "caddyfile"], port, tmp_path):
        assert checked(run, port, pair / phone.AUTHORITY) == CLEAN


def test_caddy_with_an_authority_of_its_own(run: Run, folder: Path, tmp_path: Path) -> None:
    _, recipe = recipes("caddyfile")
    port = free_port()
    text = recipe.replace("shop-pi.local", f"https://localhost:{port}")
    config = tmp_path / "Caddyfile"
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    config.write_text(options + text.replace("/srv/page", str(folder)))
    command = [program("caddy", "caddy"), "run", "--config", str(config)]
    with started([*command, "--adapter", "caddyfile"], port, tmp_path):
        (root,) = tmp_path.glob("**/pki/authorities/local/root.crt")
        assert checked(run, port, root) == CLEAN


def test_nginx(run: Run, folder: Path, pair: Path, tmp_path: Path) -> None:
    (recipe,) = recipes("nginx")
    port = free_port()
    server = pair / phone.CERTIFICATE
    text = recipe.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = text.replace("/etc/ssl/shop.pem", str(server)).replace("/etc/ssl/shop.key", str(server))
    text = text.replace("shop.example", "localhost").replace("/srv/page", str(folder))
    text = text.replace("include mime.types", "include /etc/nginx/mime.types")
    temporary = "".join(
        f"{name}_temp_path {tmp_path};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr;\nuser root;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{text} }}\n"
    )
    command = [program("nginx", "nginx-light"), "-c", str(config), "-p", str(tmp_path)]
    with started(command, port, tmp_path):
        assert checked(run, port, pair / phone.AUTHORITY) == CLEAN
