"""Where answers go beside standard output: an MQTT broker (--publish), a status page (--http)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shelflens.catalog.catalog import Catalog

if TYPE_CHECKING:  # a loop without them loads neither paho nor http.server
    from shelflens.watch.mqtt import Broker, Publisher
    from shelflens.watch.status_site import StatusSite


@dataclass(frozen=True)
class Reporting:
    """What was asked for."""

    broker: Broker | None = None
    address: tuple[str, int] | None = None

    @classmethod
    def parse(cls, publish: str | None, http: str | None) -> Reporting:
        """From the values of --publish and --http.

        Raises:
            UsageError: not of their form.
        """
        broker = address = None
        if publish is not None:
            from shelflens.watch.mqtt import Broker

            broker = Broker.parse(publish)
        if http is not None:
            from shelflens.watch.status_site import parse_address

            address = parse_address(http)
        return cls(broker, address)

    @contextmanager
    def opened(self, log: Callable[[str], None]) -> Iterator[Reports]:
        """Connect and listen, as long as the block runs.

        Args:
            log: Called with a line when a connection comes or goes.

        Raises:
            ShelfLensError: no paho-mqtt.
            OSError: the port cannot be opened.
        """
        with ExitStack() as stack:
            publisher = site = None
            if self.address is not None:
                from shelflens.watch.status_site import StatusSite

                site = StatusSite(self.address)
                stack.callback(site.close)
                log(f"--http: http://{self.address[0]}:{site.port}/")
            if self.broker is not None:
                from shelflens.watch.mqtt import Publisher

                publisher = Publisher(self.broker, report=log)
                stack.callback(publisher.close)
            yield Reports(publisher, site)


class Reports:
    """Passes answers and status on."""

    def __init__(self, publisher: Publisher | None, site: StatusSite | None) -> None:
        self._publisher, self._site = publisher, site
        self._frames = 0

    def answer(self, values: Mapping[str, Any]) -> None:
        """An answer, as `watch --json` prints it."""
        if self._publisher is not None:
            self._publisher.publish(values)
        if self._site is not None:
            self._site.answer(values)

    def tick(self, status: str, frames: int, catalog: Catalog) -> None:
        """What is going on.

        Args:
            status: In words.
            frames: How many were seen so far.
            catalog: The one in use.
        """
        if self._site is None:
            return
        if frames != self._frames:
            self._frames = frames
            self._site.frame()
        self._site.update(
            state=status,
            catalog=f"{len(catalog)} products, {catalog.path}",
            publish=self._publisher.state if self._publisher else "",
        )
