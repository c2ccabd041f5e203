"""`shelflens catalog diff | apply | merge | from-vectors`, and `catalog export --vectors`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from shelflens.catalog.catalog import Catalog
from shelflens.catalog.lock import write_lock
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.enroll import size_line
from shelflens.commands.outputs import check_file, is_catalog, is_delta
from shelflens.commands.trust_option import add_trust, open_trust


def add_arguments(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommands."""
    diff = acts.add_parser("diff", help="write what turns one catalog into another")
    diff.add_argument("base", metavar="A.catalog", help="what devices have")
    diff.add_argument("result", metavar="B.catalog", help="what they should have")
    diff.add_argument("--out", required=True, type=Path, metavar="D.delta")

    apply = acts.add_parser("apply", help="turn a catalog into the one a delta leads to")
    add_catalog(apply, "the catalog; the one before is kept beside it")
    apply.add_argument("delta", metavar="D.delta")
    add_trust(apply, what="delta, and what comes out,")
    apply.add_argument(
        "--signature",
        metavar="B.catalog.sig",
        help="of the catalog that comes out; needed with --trust, and laid beside it",
    )

    merge = acts.add_parser("merge", help="two catalogs of one model in one")
    merge.add_argument("first", metavar="A.catalog", help="its calibration and attributes count")
    merge.add_argument("second", metavar="B.catalog")
    merge.add_argument("--out", required=True, type=Path, metavar="C.catalog")

    gather = acts.add_parser("from-vectors", help="a catalog of what export --vectors wrote")
    gather.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="SOURCE",
        help="Parquet files, folders of them, or folders of .npy shards with their metadata",
    )
    gather.add_argument("--out", required=True, type=Path, metavar="STORE.catalog")
    gather.add_argument("--space", help="the embedding space, where the files do not say it")


def _diff(args: argparse.Namespace) -> int:
    from shelflens.catalog.diff import diff, save_delta

    inputs = [args.base, args.result]
    check_file(args.out, inputs=inputs, is_ours=is_delta, example="store.delta")
    base, result = Catalog.open(args.base), Catalog.open(args.result)
    delta = diff(base, result)
    save_delta(delta, base, args.out)
    size, whole = args.out.stat().st_size, Path(args.result).stat().st_size
    print(
        f"{args.out}: {len(delta.record_lengths)} new or changed products, "
        f"{len(delta.values)} new images, {size / 1024:.0f} KiB instead of {whole / 1024:.0f}"
    )
    return 0


def _apply(args: argparse.Namespace) -> int:
    from shelflens.catalog.apply import apply
    from shelflens.catalog.install import previous_path

    catalog = apply(args.catalog, args.delta, trust=open_trust(args), signature=args.signature)
    print(
        f"{args.catalog}: {len(catalog)} products, {catalog.row_count} images; the one before is "
        f"{previous_path(args.catalog).name}"
    )
    return 0


def _merge(args: argparse.Namespace) -> int:
    from shelflens.catalog.merge import merge

    inputs = [args.first, args.second]
    check_file(args.out, inputs=inputs, is_ours=is_catalog, example="store.catalog")
    first, second = Catalog.open(args.first), Catalog.open(args.second)
    merged = merge(first, second)
    merged.save(args.out)
    both = len(first) + len(second) - len(merged)
    print(f"{args.out}: {len(merged)} products, {both} of them in both, {merged.row_count} images")
    return 0


def _from_vectors(args: argparse.Namespace) -> int:
    from shelflens.vectors.gather import gather

    files = [source for source in args.sources if not source.is_dir()]
    check_file(args.out, inputs=files, is_ours=is_catalog, example="store.catalog")
    catalog = gather(args.sources, space=args.space)
    with write_lock(args.out):
        catalog.save(args.out)
    print(f"{args.out}: {size_line(catalog, args.out)}")
    return 0


def export_vectors(args: argparse.Namespace) -> int:
    """Write the rows of a catalog as --vectors says."""
    from shelflens.vectors.export import export_parquet, export_shards

    out, count = args.vectors, 0
    if is_file := out.suffix.lower() == ".parquet":
        check_file(out, inputs=[args.catalog], is_ours=lambda _: False, example="rows.parquet")
    catalog = Catalog.open(args.catalog)
    catalog.verify()
    if is_file:
        export_parquet(catalog, out)
    else:
        count = export_shards(catalog, out)
    shards = "" if is_file else f" in {count} shards"
    print(
        f"{out}: {catalog.row_count} rows of {len(catalog)} products{shards}, space {catalog.space}"
    )
    return 0


ACTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "diff": _diff,
    "apply": _apply,
    "merge": _merge,
    "from-vectors": _from_vectors,
}
