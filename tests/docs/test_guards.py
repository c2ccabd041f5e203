"""The shape of the code: who may import whom, what import costs, what is public."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import shelflens

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "shelflens": ROOT / "runtime" / "shelflens",
    "shelflens_train": ROOT / "train" / "shelflens_train",
    "shelflens_export": ROOT / "export" / "shelflens_export",
}
SERVE = PACKAGES["shelflens"] / "serve"
MAY_IMPORT = {
    "shelflens": {"shelflens"},
    "shelflens_train": {"shelflens", "shelflens_train"},
    "shelflens_export": {"shelflens", "shelflens_export"},
}
RUNTIME_LIBRARIES = {"numpy", "PIL"}
KERNELS = {"simsimd", "numkong"}
ENGINES = {"ai_edge_litert", "tflite_runtime", "onnxruntime"}
SERVER = {"starlette", "uvicorn", "h11", "python_multipart"}
"""Only in `serve/`, which a device without the [serve] extra never imports."""
LIBRARIES = {
    "engines.py": ENGINES,
    "simd.py": KERNELS,
    "opencv.py": {"cv2"},
    "picamera.py": {"picamera2"},
    "heif.py": {"pillow_heif"},
    "completion.py": {"shtab"},
    "ecdsa.py": {"cryptography"},
    "authority.py": {"cryptography"},
    "qr_code.py": {"segno"},
    "addresses.py": {"ifaddr"},
    "mqtt.py": {"paho"},
    "workbook.py": {"openpyxl"},
    "reader.py": {"zxingcpp"},
    "parquet.py": {"pyarrow"},
    "distributed.py": {"ray"},
}
"""The one module for each library beyond NumPy and Pillow."""
NETWORK = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "asyncio", "requests"}
CONNECTS = {
    "shelflens.webapp.host_client": ("webapp/check.py", "commands/page.py"),
    "shelflens.watch.mqtt": ("watch/reporting.py",),
    "shelflens.watch.status_site": ("watch/reporting.py",),
}
"""Modules that open a connection to the address that was typed, or a port; and who loads them."""


def modules(package: str) -> list[Path]:
    return sorted(PACKAGES[package].rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, at its head or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def loaded_by(code: str) -> set[str]:
    """Names of all modules that a new process has loaded when it has run some code."""
    code += "\nimport sys; print('LOADED', *sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.partition("LOADED")[2].split())


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    assert modules(package), "no modules found: the test would check nothing"
    for path in modules(package):
        ours = imported(path) & set(PACKAGES)
        assert ours <= MAY_IMPORT[package], f"{path} imports {ours - MAY_IMPORT[package]}"


def test_the_runtime_needs_numpy_and_pillow_only() -> None:
    for path in modules("shelflens"):
        foreign = imported(path) - sys.stdlib_module_names - {"shelflens"} - RUNTIME_LIBRARIES
        allowed = LIBRARIES.get(path.name, set())
        if path.parent == SERVE:
            allowed = allowed | SERVER
        assert foreign <= allowed, f"{path} imports {foreign - allowed}"


def test_the_runtime_has_no_way_to_the_network() -> None:
    for path in modules("shelflens"):
        # The server listens; it opens no connection. Of `http` it takes the names of statuses.
        may = {"socket", "ssl", "asyncio", "http"} if path.parent == SERVE else set()
        if path.name == "notify.py":  # systemd is told through a local socket, see below
            may = {"socket"}
        if path.name == "status_site.py":  # it listens; nothing else of the loop knows it
            may = {"http", "socket"}
        if path.name == "mqtt.py":  # the machine's name; paho connects
            may = {"socket"}
        if dotted(path) == "shelflens.webapp.host_client":
            continue
        if "urllib" in imported(path):  # addresses are read, nothing is opened
            assert set(re.findall(r"^from (urllib\S*)", path.read_text(), re.M)) == {"urllib.parse"}
            may = may | {"urllib"}
        assert not imported(path) & (NETWORK - may), path
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"http\.client|create_connection|\.connect\(\(", text), path


def dotted(path: Path) -> str:
    """The name of a module of the runtime."""
    return ".".join(path.relative_to(ROOT / "runtime").with_suffix("").parts)


def test_a_connection_is_opened_where_it_was_asked_for_and_nowhere_else() -> None:
    for path in modules("shelflens"):
        text = path.read_text(encoding="utf-8")
        for module, users in CONNECTS.items():
            inside = path.relative_to(PACKAGES["shelflens"]).as_posix()
            if dotted(path) != module and inside not in users:
                assert module not in text, f"{path} knows {module}"
    code = (
        "import shelflens.webapp.build, shelflens.commands.page, shelflens.commands.watch\n"
        "import shelflens.commands.lookup, shelflens.catalog.reload"
    )
    assert not loaded_by(code) & {*CONNECTS, "http.client", "http.server", "urllib.request", "paho"}


def test_only_its_command_knows_the_server() -> None:
    for path in modules("shelflens"):
        if path.parent != SERVE and path.name != "serve.py":
            assert "shelflens.serve" not in path.read_text(encoding="utf-8"), path
    code = (
        "from shelflens.cli import main\n"
        "try: main(['serve', '--help'])\n"
        "except SystemExit as end: assert end.code == 0"
    )
    loaded = loaded_by(code)
    assert "shelflens.serve.settings" in loaded
    assert not loaded & (SERVER | {"asyncio", "ssl"})


def test_the_socket_to_systemd_is_local() -> None:
    text = (PACKAGES["shelflens"] / "watch" / "notify.py").read_text()
    assert set(re.findall(r"socket\.(AF_\w+)", text)) == {"AF_UNIX"}
    assert len(re.findall(r"socket\.socket\(", text)) == 1


def test_watching_own_frames_loads_no_camera_library() -> None:
    code = "import shelflens.watch.sources"
    loaded = loaded_by(code)
    assert "shelflens.watch.loop" in loaded
    assert not loaded & {"cv2", "picamera2", "subprocess", "socket", *ENGINES}


def test_import_loads_no_more_than_it_needs() -> None:
    code = "import shelflens"
    loaded = {name.split(".")[0] for name in loaded_by(code)} - sys.stdlib_module_names
    heavy = KERNELS | {
        "ai_edge_litert",
        "tflite_runtime",
        "onnxruntime",
        "keras",
        "tensorflow",
        "matplotlib",
    }
    assert "shelflens" in loaded
    assert not loaded & heavy
    assert not {name for name in loaded if name.startswith(("shelflens_", "safetensors"))}


NOT_FOR_A_LOOKUP = {
    "numpy.random", "concurrent.futures", "csv", "tempfile", "sqlite3", "email", "unittest",
    "importlib.metadata", "xml.etree", "urllib.request", "multiprocessing", "PIL.ImageDraw",
    "PIL.ImageCms", "openpyxl", "pyarrow", "ray",
}  # fmt: skip


def test_a_lookup_imports_only_what_it_needs() -> None:
    data = PACKAGES["shelflens"] / "data"
    words = [
        "lookup",
        str(sorted((data / "demo" / "photos").iterdir())[0]),
        "--catalog",
        str(data / "selftest.catalog"),
    ]
    code = f"from shelflens.cli import main; main({words})"
    loaded = loaded_by(code)
    ours = {name for name in loaded if name.startswith("shelflens.")}
    assert "shelflens.commands.lookup" in loaded
    assert not loaded & NOT_FOR_A_LOOKUP
    assert not {name for name in loaded if name.startswith(("cryptography", "shelflens.signing"))}
    assert not {name for name in ours if name.startswith("shelflens.ingest")}
    assert not ours & {
        "shelflens.dataset",
        "shelflens.catalog.build",
        "shelflens.render.contact_sheet",
        "shelflens.discovery.tags",
        "shelflens.discovery.profile",
    }


def test_workshop_commands_show_help_without_heavy_imports() -> None:
    code = (
        "from shelflens.cli import main\n"
        "for word in ('train', 'average', 'export', 'synthesize'):\n"
        "    try: main([word, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0"
    )
    loaded = loaded_by(code)
    assert "shelflens_train.train_command" in loaded
    assert not loaded & {"keras", "tensorflow", "onnx", "matplotlib"}


def test_public_names_are_the_exports_and_are_few() -> None:
    tree = ast.parse((PACKAGES["shelflens"] / "__init__.py").read_text())
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("shelflens")
        for alias in node.names
    }
    assert names == set(shelflens.__all__) <= set(dir(shelflens))
    errors = {name for name in names if name.endswith("Error")}
    assert len(names - errors) <= 10
    for name in names:
        assert getattr(shelflens, name).__doc__, f"{name} has no docstring"


def test_the_error_tree_in_the_docstring_is_the_tree() -> None:
    from shelflens import errors

    documented = set(re.findall(r"── (\w+)", errors.__doc__ or ""))
    real = {name for name in vars(errors) if name.endswith("Error")}
    assert documented == real


def test_version_stands_in_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest
    assert newest[1] == shelflens.__version__


def test_nothing_beside_the_packages() -> None:
    for folder, package in (
        ("runtime", "shelflens"),
        ("train", "shelflens_train"),
        ("export", "shelflens_export"),
    ):
        inside = {path.name for path in (ROOT / folder).iterdir()} - {"__pycache__"}
        assert inside <= {package, "README.md"}, f"{folder}/ holds {inside}"


def test_no_module_grows_beyond_reason() -> None:
    for package in PACKAGES:
        for path in modules(package):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 300, f"{path} has {lines} lines: split it"
