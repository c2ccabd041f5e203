"""`shelflens serve --catalog STORE.catalog [--web-app DIR] [--host HOST] [--token-file FILE]`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from shelflens.commands.arguments import add_barcode, add_model, open_model, positive
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.dataset_arguments import add_columns, columns_of
from shelflens.commands.trust_option import add_trust, open_trust
from shelflens.errors import ServeError
from shelflens.serve.phone import PORT, default_folder, prepare
from shelflens.serve.settings import TOKEN_VARIABLE, Settings, read_token

HELP = "Answer photos over HTTP: a JSON API, and a form for people. Needs shelflens[serve]."
EXAMPLES = (
    "serve --catalog store.catalog",
    "serve --catalog store.catalog --web-app page --phone",
    "serve --catalog store.catalog --log --images products.csv",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_catalog(parser)
    add_model(parser)
    add_trust(parser, what="catalog (and --model, --web-app)")
    parser.add_argument(
        "--web-app", type=Path, metavar="DIR", help="a folder that shelflens page build made"
    )
    parser.add_argument(
        "--images", metavar="DATASET", help="the folder or CSV with the products' images"
    )
    add_columns(parser)
    add_barcode(parser)
    parser.add_argument(
        "--phone",
        action="store_true",
        help="let phones in: HTTPS with a certificate made here, a token, and QR codes of both; "
        "needs shelflens[phone]",
    )
    parser.add_argument(
        "--phone-files",
        type=Path,
        metavar="DIR",
        help="where --phone keeps certificate and token (default: below ~/.local/share)",
    )
    parser.add_argument(
        "--host", help="address to listen on (default: this machine only; with --phone 0.0.0.0)"
    )
    parser.add_argument("--port", type=int, help="0 takes any (8080; with --phone 8443)")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"a secret that every request must carry (or the variable {TOKEN_VARIABLE})",
    )
    parser.add_argument(
        "--edit-token-file",
        metavar="FILE",
        help="a further secret; who carries it may add, correct and delete products at /edit",
    )
    parser.add_argument("--cert", type=Path, metavar="PEM", help="certificate, for HTTPS")
    parser.add_argument("--key", type=Path, metavar="PEM", help="its key")
    parser.add_argument(
        "--insecure", action="store_true", help="reachable from others without HTTPS and token"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which browsers may reach it, such as shop.example; repeatable",
    )
    parser.add_argument(
        "--max-mb", type=positive, default=Settings.max_bytes >> 20, help="of one request (20)"
    )
    parser.add_argument("--log", action="store_true", help="a line per request on standard error")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    host = args.host or ("0.0.0.0" if args.phone else Settings.host)
    port = (PORT if args.phone else Settings.port) if args.port is None else args.port
    settings = Settings(
        host=host,
        port=port,
        token=read_token(args.token_file),
        edit_token=read_token(args.edit_token_file, {}, "--edit-token-file"),
        cert=args.cert,
        key=args.key,
        insecure=args.insecure,
        hosts=tuple(args.allow_host),
        web_app=args.web_app,
        log=args.log,
        barcodes=args.barcode == "auto",
        max_bytes=args.max_mb << 20,
        max_held_bytes=max(Settings.max_held_bytes, 2 * args.max_mb << 20),
    )
    phone = None
    if args.phone:
        settings.check_pair()
        phone = prepare(settings, args.phone_files or default_folder())
        settings = replace(settings, cert=phone.cert, key=phone.key, token=phone.token)
    settings.check()
    if settings.edit_token and args.trust:
        raise ServeError(
            "--edit-token-file with --trust: a changed catalog has no signature, and would be "
            "refused; edit on another server, sign, and install the result here"
        )
    from shelflens.catalog.reload import Reloader
    from shelflens.serve.run import serve

    trust = open_trust(args)
    reloader = Reloader(args.catalog, lambda: open_model(args, trust), args.model, trust=trust)
    if trust is not None and args.web_app is not None:
        trust.check_folder(args.web_app)
    find_image = None
    if args.images is not None:
        from shelflens.render.product_images import product_images

        find_image = product_images(reloader.catalog, args.images, columns_of(args))
    serve(reloader, settings, find_image=find_image, phone=phone)
    return 0
