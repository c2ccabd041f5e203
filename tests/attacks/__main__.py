"""The attacks with counts: `python -m tests.attacks [--long]`; ends with 1 if one succeeds.

`--long` is more than 100,000 mutated inputs and 1,000 kills. `--minutes` shares out less time: each
attack ends with its share, and what it got to is counted. `--seed` tries other inputs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from shelflens import Catalog, CatalogError
from shelflens.commands.doctor import PROBES
from shelflens.model.card import read_tflite_card
from shelflens.model.embedder import BUNDLED_MODEL
from tests.attacks.amounts import Outcome, Run
from tests.attacks.damage import cut, flipped, large_catalog, mixed, tally
from tests.attacks.deltas import broken, kill_during_apply, odd_deltas, shop
from tests.attacks.deltas import tally as tally_deltas
from tests.attacks.http_framing import disagreements, mutated
from tests.attacks.http_load import honest_beside_idle, statuses
from tests.attacks.kills import CHANGES, killed
from tests.attacks.models import tally_models
from tests.attacks.odd_contents import odd_contents, sound
from tests.attacks.overwrites import overwritten
from tests.attacks.profiles import first_writers, sound_profile, tally_profiles
from tests.attacks.renames import mixed_opens
from tests.attacks.signed import opens_during_installs, signed_file, tally_signatures
from tests.attacks.writers import concurrent_adds, kill_during_save
from tests.support.server_process import running


def small_catalog(run: Run) -> Outcome:
    """A catalog of 1 KB: every byte, every length, and random damage."""
    path, generator = run.folder / "small.catalog", run.random()
    sound(path)
    whole = path.read_bytes()

    def damages() -> Iterator[bytes]:
        yield from cut(whole, iter(range(len(whole))))
        for _ in range(run.amount(10, 1)):
            yield from flipped(whole, iter(range(len(whole))), generator)
        yield from mixed(whole, run.amount(60_000, 500), generator)

    return _counted(tally(whole, path, run.until_late(damages())))


def large_mapped_catalog(run: Run) -> Outcome:
    """A catalog above 4 MiB: sampled bytes and lengths, and random damage."""
    path, generator = run.folder / "large.catalog", run.random()
    whole = large_catalog(path)
    count = run.amount(2000, 100)
    offsets = [generator.randrange(len(whole)) for _ in range(count)]

    def damages() -> Iterator[bytes]:
        yield from cut(whole, iter(offsets[: count // 4]))
        yield from mixed(whole, count // 4, generator)
        yield from flipped(whole, iter(offsets), generator)

    return _counted(tally(whole, path, run.until_late(damages())))


def profile(run: Run) -> Outcome:
    """A customer's profile: random damage and lengths."""
    path, generator = run.folder / "me.profile", run.random()
    whole = sound_profile(path)
    count = run.amount(10_000, 200)
    offsets = [generator.randrange(len(whole)) for _ in range(count)]

    def damages() -> Iterator[bytes]:
        yield from cut(whole, iter(offsets[: count // 10]))
        yield from flipped(whole, iter(offsets), generator)
        yield from mixed(whole, count, generator)

    return _counted(tally_profiles(whole, path, run.until_late(damages())))


def model(run: Run) -> Outcome:
    """The bundled model: random damage and lengths."""
    whole, generator = BUNDLED_MODEL.read_bytes(), run.random()
    count = run.amount(4000, 30)
    offsets = [generator.randrange(len(whole)) for _ in range(count)]

    def damages() -> Iterator[bytes]:
        yield from cut(whole, iter(offsets[: count // 4]))
        yield from mixed(whole, count // 2, generator)
        yield from flipped(whole, iter(offsets[: count // 2]), generator)
        # The card, which has no checksum of its own, is in the last bytes.
        tail = (len(whole) - 1 - generator.randrange(60_000) for _ in range(count))
        yield from flipped(whole, tail, generator)

    return _counted(tally_models(run.folder / "model.tflite", run.until_late(damages())))


def onnx_model(run: Run) -> Outcome:
    """The smallest .onnx that runs: every byte, every length, and random damage."""
    whole, generator = PROBES[".onnx"].read_bytes(), run.random()

    def damages() -> Iterator[bytes]:
        yield from cut(whole, iter(range(len(whole))))
        yield from flipped(whole, iter(range(len(whole))), generator)
        yield from mixed(whole, run.amount(10_000, 200), generator)

    path = run.folder / "model.onnx"
    return _counted(tally_models(path, run.until_late(damages()), PROBES[".onnx"]))


def signature(run: Run) -> Outcome:
    """The signature of a file: every byte, and random damage."""
    whole, path = signed_file(run.folder)
    generator = run.random()

    def damages() -> Iterator[bytes]:
        yield from flipped(whole, iter(range(0, len(whole), run.amount(1, 10))), generator)
        yield from mixed(whole, run.amount(10_000, 200), generator)

    return _counted(tally_signatures(path, run.until_late(damages())))


def installs(run: Run) -> Outcome:
    """Opens while signed catalogs are installed over each other."""
    opens, refused = opens_during_installs(run.folder, seconds=run.amount(60, 5))
    return Outcome(f"{opens:,} opens, {refused} refused", refused)


def requests(run: Run) -> Outcome:
    """HTTP requests that two parsers could divide in two ways."""
    taken = cut_short = inputs = wrong = 0
    batch = 500
    for index in run.until_late(iter(range(run.amount(40_000, 2000) // batch))):
        found, refused, different = disagreements(batch, seed=run.seed * 10_000 + index)
        inputs, taken, cut_short = inputs + batch, taken + found, cut_short + refused
        wrong += len(different)
    text = f"{inputs:,} inputs, {taken:,} requests taken, {cut_short:,} refused that h11 takes"
    return Outcome(f"{text}, {wrong} divided otherwise by h11 or llhttp", wrong, inputs)


def _counted(counts: Counter[str]) -> Outcome:
    text = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)
    broken = counts["other answers"] + counts["raw exception"] + counts["slow"]
    return Outcome(text, broken, counts.total() - counts["slow"])


def odd(run: Run) -> Outcome:
    """Right checksums and odd contents."""
    path = run.folder / "odd.catalog"
    counts: Counter[str] = Counter()
    for _ in odd_contents(path):
        try:
            Catalog.open(path)
            counts["other answers"] += 1
        except CatalogError:
            counts["refused"] += 1
        except Exception:
            counts["raw exception"] += 1
    return _counted(counts)


def kills(run: Run) -> Outcome:
    """SIGKILL at the system calls of all that changes a file of a user."""
    wrong: list[str] = []
    count = 0
    step = run.amount(1, 25)
    for change in CHANGES:
        folder = run.folder / change.name.replace(" ", "-").replace(",", "")
        folder.mkdir()
        for fault in run.until_late(killed(folder, change, step=step, first=run.seed % step)):
            count += 1
            wrong += [fault] if fault else []
    for line in wrong[:10]:
        print(line)
    return Outcome(f"{count} kills, {len(wrong)} files not whole", len(wrong), kills=count)


def kills_while_saving(run: Run) -> Outcome:
    """SIGKILL at any moment while a catalog is saved."""
    broken = count = 0
    for _ in run.until_late(iter(range(run.amount(40, 3)))):
        broken += kill_during_save(run.folder, kills=10)
        count += 10
    return Outcome(f"{count} kills, {broken} catalogs not whole", broken, kills=count)


def writers(run: Run) -> Outcome:
    """Four `catalog add` at once."""
    lost = refused = rounds = 0
    for _ in run.until_late(iter(range(run.amount(40, 10)))):
        now_lost, now_refused = concurrent_adds(run.folder, rounds=1, writers=4)
        lost, refused, rounds = lost + now_lost, refused + now_refused, rounds + 1
    text = f"{4 * rounds} commands, {lost} changes lost, {refused} refused"
    return Outcome(text, lost + refused)


def profile_writers(run: Run) -> Outcome:
    """Four that log the first events of a profile at once."""
    rounds = run.amount(30, 3)
    lost, refused = first_writers(run.folder, rounds=rounds, writers=4)
    return Outcome(f"{4 * rounds} processes, {lost} events lost, {refused} refused", lost + refused)


def deltas(run: Run) -> Outcome:
    """Damaged and odd deltas."""
    delta, generator = shop(run.folder), run.random()
    whole = delta.read_bytes()

    def damages() -> Iterator[bytes]:
        yield from (data for _, data in odd_deltas(delta))
        yield from cut(whole, iter(range(len(whole))))
        yield from flipped(whole, iter(range(len(whole))), generator)
        yield from mixed(whole, run.amount(10_000, 300), generator)

    counts = tally_deltas(run.folder, run.until_late(damages()))
    text = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)
    return Outcome(text, broken(counts), counts.total() - counts["slow"])


def kills_while_applying(run: Run) -> Outcome:
    """SIGKILL at any moment while a delta is applied."""
    wrong = count = 0
    for _ in run.until_late(iter(range(run.amount(20, 2)))):
        wrong += kill_during_apply(run.folder, kills=10)
        count += 10
    return Outcome(f"{count} kills, {wrong} catalogs neither old nor new", wrong, kills=count)


def overwrites(run: Run) -> Outcome:
    """A mapped catalog overwritten in place; a lookup that is under way then is not promised."""
    count = run.amount(100, 15)
    paused, steady = (overwritten(run.folder, times=count, pause=pause) for pause in (0.2, 0.0))
    text = f"{count} times, {paused} ended that look up every 0.2 s, {steady} without a pause"
    return Outcome(text, max(0, paused - count // 4))


def renames(run: Run) -> Outcome:
    """Opens while files of equal size are renamed over each other."""
    opens, wrong, refused = mixed_opens(run.folder, seconds=run.amount(60, 5))
    return Outcome(f"{opens:,} opens, {wrong} of two files, {refused} refused", wrong + refused)


def requests_to_a_server(run: Run) -> Outcome:
    """Mutated requests to a running server: no failure of its own, nothing on standard error."""
    counts: Counter[str] = Counter()
    inputs = run.until_late(mutated(run.random(), run.amount(10_000, 500)))
    with running("--catalog", _lookup_catalog(run)) as server:
        counts += statuses(server.port, inputs)
        working = server.post()[0] == 200
        status, err = server.stop()
    failed = sum(count for name, count in counts.items() if name == "silent" or name[:2] == "50")
    broken = failed + (not working) + (status != 0) + len(err.splitlines())
    text = ", ".join(f"{count:,} x {name}" for name, count in sorted(counts.items()))
    return Outcome(f"{text}; {broken} failures of the server", broken, counts.total())


def idle_clients(run: Run) -> Outcome:
    """210 idle connections beside 32 clients, of another address and of the same."""
    path = _lookup_catalog(run)
    texts, broken = [], 0
    for address in ("127.0.0.3", "127.0.0.2"):
        with running("--catalog", path) as server:
            counts = honest_beside_idle(
                server.port, idle=210, honest=32, idle_from="127.0.0.2", honest_from=address
            )
        texts.append(", ".join(f"{count} x {status}" for status, count in counts.items()))
        broken += 32 - counts["200"]
    return Outcome("; ".join(texts), broken)


def _lookup_catalog(run: Run) -> Path:
    """A catalog for the bundled model."""
    path = run.folder / "store.catalog"
    card = read_tflite_card(BUNDLED_MODEL)
    rows = np.random.default_rng(run.seed).normal(size=(5, card.dim)).astype(np.float32)
    Catalog([f"p{n}" for n in range(5)], rows, space=card.space).save(path)
    return path


ATTACKS: tuple[Callable[[Run], Outcome], ...] = (
    *(small_catalog, large_mapped_catalog, profile, model, onnx_model, signature),
    *(requests, odd, kills, kills_while_saving, writers, profile_writers, renames, installs),
    *(deltas, kills_while_applying, overwrites, requests_to_a_server, idle_clients),
)


def main() -> int:
    """Run every attack and print a line for each."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m tests.attacks", description=__doc__, formatter_class=raw
    )
    parser.add_argument("--long", action="store_true", help="all of it")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for all attacks")
    parser.add_argument("--seed", type=int, default=1, help="other inputs (default: 1)")
    parser.add_argument(
        "--only", choices=[attack.__name__ for attack in ATTACKS], help="one of them"
    )
    args = parser.parse_args()
    chosen = [attack for attack in ATTACKS if args.only in (None, attack.__name__)]
    end = time.monotonic() + 60 * args.minutes
    inputs = killed_count = broken = 0
    for index, attack in enumerate(chosen):
        start = time.monotonic()
        share = (end - start) / (len(chosen) - index)
        with tempfile.TemporaryDirectory() as folder:
            outcome = attack(Run(Path(folder), args.long, args.seed, start + share))
        inputs, killed_count = inputs + outcome.inputs, killed_count + outcome.kills
        broken += outcome.broken
        mark, spent = "BROKEN" if outcome.broken else "ok    ", time.monotonic() - start
        print(f"{mark} {attack.__name__:<20} {outcome.text}; {spent:.0f} s", flush=True)
    print(f"{inputs:,} mutated inputs, {killed_count:,} kills, {broken} promises broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
