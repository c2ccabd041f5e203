"""`shelflens watch SOURCE --catalog STORE.catalog`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shelflens.catalog.reload import Reloader
from shelflens.commands.arguments import (
    add_barcode,
    add_model,
    open_model,
    positive,
)
from shelflens.commands.catalog_option import add_catalog
from shelflens.commands.finding import add_find, open_finder
from shelflens.commands.lookup import contradiction, words_of
from shelflens.commands.trust_option import add_trust, open_trust
from shelflens.errors import CameraError, DataError, UsageError
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.options import add_options, from_options, option
from shelflens.watch import FrameFilter, Frames, Sighting, Watcher
from shelflens.watch.hook import Hook, split
from shelflens.watch.notify import Notifier
from shelflens.watch.output import Output, status
from shelflens.watch.reporting import Reporting
from shelflens.watch.session import Session, Stop
from shelflens.watch.sources import PICAMERA, STDIN, is_camera, is_path, open_source
from shelflens.watch.throttle import RateLimiter

if TYPE_CHECKING:  # a camera without --find starts without these
    from shelflens.finding.follow import Follow
    from shelflens.signing.trust import Trust

HELP = "Recognise what is held in front of a camera, once per product shown."
EXAMPLES = (
    "watch picamera --catalog store.catalog",
    "watch 0 --catalog store.catalog --only match --json",
    "watch film.mp4 --catalog store.catalog --max-fps 0",
)


@dataclass(frozen=True)
class RateOptions:
    """Options of how fast frames are processed."""

    max_fps: float = option(
        15.0,
        "frames per second at most, 0 for no limit; an answer takes half a second of stillness "
        "anyway, and more frames only warm the device",
    )
    hot_fps: float = option(
        2.0, "as many while the device is hot, throttled or short of power; it still answers"
    )

    def __post_init__(self) -> None:
        if not (0 <= self.max_fps <= 1000 and 0 < self.hot_fps <= 1000):
            raise DataError("expected max-fps from 0 to 1000, hot-fps above 0")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="picamera, picamera:1; 0 or /dev/video0 (USB); a video; a folder of images; "
        "- for JPEGs on standard input (rpicam-vid --codec mjpeg -o -)",
    )
    add_catalog(parser)
    add_model(parser)
    add_trust(parser)
    add_find(parser, every=False)
    parser.add_argument("-k", type=positive, default=5, help="matches of an answer (default: 5)")
    add_barcode(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per answer per line")
    parser.add_argument(
        "--only",
        action="append",
        choices=("match", "ambiguous", "unknown"),
        help="give these answers only; may be given several times (default: all)",
    )
    parser.add_argument("--bell", action="store_true", help="ring when something is recognised")
    parser.add_argument(
        "--exec",
        metavar="CMD",
        help="run a command for each answer: JSON on its standard input, SHELFLENS_DECISION, "
        "_ID, _NAME and _CONFIDENCE in its environment; no shell",
    )
    parser.add_argument(
        "--exec-seconds", type=positive, default=10, help="how long it may run (default: 10)"
    )
    parser.add_argument(
        "--publish",
        metavar="URL",
        help="send each answer to an MQTT broker, mqtt://[USER@]HOST[:PORT][/TOPIC] (mqtts: TLS), "
        "where Home Assistant finds it; the password in SHELFLENS_MQTT_PASSWORD; needs "
        "shelflens[mqtt]",
    )
    parser.add_argument(
        "--http",
        metavar="[HOST:]PORT",
        help="a page that shows the last answers, without photos (this machine only; "
        "0.0.0.0:PORT for all)",
    )
    parser.add_argument(
        "--size", type=_size, default=(640, 480), help="of a camera's frames (default: 640x480)"
    )
    parser.add_argument(
        "--fps",
        type=_rate,
        help="frames per second of a recording (default: the video's own; folder or stream: 10)",
    )
    parser.add_argument("--loop", action="store_true", help="a recording begins again at its end")
    parser.add_argument(
        "--retry", action="store_true", help="when the camera is unplugged, wait until it is back"
    )
    parser.add_argument(
        "--print-unit", action="store_true", help="print a systemd unit that runs this, and end"
    )
    add_options(parser, RateOptions, groups=["how fast"])
    add_options(parser, FrameFilter, groups=["when a frame is used, and when it is answered"])


def run(args: argparse.Namespace) -> int:
    """Watch until the end of the recording, or a signal."""
    frame_filter, speed = from_options(FrameFilter, args), from_options(RateOptions, args)
    if args.loop and (is_camera(args.source) or args.source == STDIN):
        raise UsageError(f"--loop: {args.source} has no end to begin again at")
    if args.retry and not is_camera(args.source):
        raise UsageError(f"--retry: expected a camera, got {args.source}")
    words = split(args.exec) if args.exec is not None else []
    reporting = Reporting.parse(args.publish, args.http)
    if args.print_unit:
        print(unit_of(args), end="")
        return 0
    trust = open_trust(args)
    reloader = Reloader(args.catalog, lambda: open_model(args, trust), args.model, trust=trust)
    watcher = Watcher(
        reloader.catalog, reloader.embedder,
        frame_filter=frame_filter, k=args.k, barcodes=args.barcode == "auto",
        follow=_follow(args, trust),
    )  # fmt: skip
    output = Output(words_of, contradiction, as_json=args.json, bell=args.bell)
    notifier, rate_limiter, stop = Notifier(), RateLimiter(speed.max_fps, speed.hot_fps), Stop()

    with ExitStack() as stack:
        stack.enter_context(stop.on_signals())
        hook = Hook(words, seconds=args.exec_seconds, report=output.log) if words else None
        report = stack.enter_context(reporting.opened(output.log))

        def on_answer(sighting: Sighting) -> None:
            if args.only and sighting.answer.decision not in args.only:
                return
            values = output.print_answer(sighting)
            if hook is not None:
                hook.run(values)
            report.answer(values)

        def on_tick() -> None:
            text = output.status(watcher, rate_limiter.throttle_reason)
            notifier.keep_alive(text)
            report.tick(text, watcher.frames, reloader.catalog)

        session = Session(
            watcher, reloader, lambda: _open_frames(args), rate_limiter=rate_limiter, stop=stop,
            on_answer=on_answer, log=output.log, on_tick=on_tick, retry=args.retry,
        )  # fmt: skip
        notifier.send_lines("READY=1", f"STATUS={status(watcher, '')}")
        try:
            session.run()
        finally:
            notifier.send_lines("STOPPING=1")
            if hook is not None:
                hook.close()
            output.summary(watcher, session.silence.reason)
    if session.unreadable and session.unreadable == watcher.frames:
        raise CameraError(f"{args.source}: not one of {watcher.frames} frames could be read")
    return 130 if stop.signal == signal.SIGINT else 0


def _follow(args: argparse.Namespace, trust: Trust | None) -> Follow | None:
    if args.find == "off":
        return None
    from shelflens.finding.follow import Follow

    return Follow(open_finder(args, trust))


def _open_frames(args: argparse.Namespace) -> Frames:
    return open_source(args.source, fps=args.fps, loop=args.loop, size=args.size)


def unit_of(args: argparse.Namespace, *, planned: Sequence[Path] = ()) -> str:
    """The unit of these arguments; reports on standard error what its user cannot read.

    Args:
        args: Of the command.
        planned: Files that are not there yet, and will be readable.

    Raises:
        UsageError: arguments that a service cannot have.
    """
    from shelflens.watch.systemd_unit import systemd_unit, unreadable_reason

    if args.source == STDIN:
        raise UsageError("--print-unit: a service has no standard input; name a camera")
    source = args.source if is_path(args.source) else None
    files = [args.catalog, args.model, args.finder, source, *(args.trust or ())]
    paths = [Path(path).absolute() for path in files if path is not None]
    program = Path(sys.executable).absolute()
    words = [str(program), "-m", "shelflens", "watch", *command_words(args)]
    for path in [*paths, program, BUNDLED_MODEL.absolute()]:
        if path in planned:
            continue
        problem = unreadable_reason(path)
        if problem:
            print(f"shelflens watch: {problem}", file=sys.stderr)
    return systemd_unit(
        words,
        paths,
        picamera=args.source.partition(":")[0] == PICAMERA,
        network=bool(args.publish or args.http),
    )


def command_words(args: argparse.Namespace) -> list[str]:
    """The arguments as words that mean the same in every folder."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words: list[str] = []
    for action in parser._actions:  # argparse has no public list of what was declared
        name, value = action.dest, getattr(args, action.dest, None)
        if name in ("help", "print_unit") or value == action.default or value is None:
            continue
        if name == "size":
            value = f"{value[0]}x{value[1]}"
        if name in ("catalog", "model", "finder") or (name == "source" and is_path(value)):
            value = str(Path(value).absolute())
        if name == "exec":
            import shlex

            value = shlex.join(split(value))
        if name == "trust":
            words += [f"--trust={Path(key).absolute()}" for key in value]
        elif not action.option_strings:
            words.append(str(value))
        elif isinstance(value, bool):
            words.append(action.option_strings[0])
        elif isinstance(value, list):
            words += [f"{action.option_strings[-1]}={part}" for part in value]
        else:  # --flag=value: a value may begin with a dash
            words.append(f"{action.option_strings[-1]}={value}")
    return words


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 10_000):
        raise argparse.ArgumentTypeError(f"expected a size such as 640x480, got {text!r}")
    if not 16 <= int(height) <= 10_000:
        raise argparse.ArgumentTypeError(f"expected a size such as 640x480, got {text!r}")
    return int(width), int(height)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"expected frames per second above 0, got {text!r}")
    return rate
