"""--publish: answers to an MQTT broker, and to Home Assistant; the only module that imports paho.

The network is paho's own thread: a broker that is slow or away delays no frame. Home Assistant
finds the sensors by itself: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from shelflens import __version__
from shelflens.errors import DataError, ShelfLensError, UsageError

if TYPE_CHECKING:  # only when something is published
    from paho.mqtt.client import Client

PASSWORD_VARIABLE = "SHELFLENS_MQTT_PASSWORD"
PORTS = {"mqtt": 1883, "mqtts": 8883}
QUEUE_SIZE = 64
"""Answers that wait for a broker that is away; more would come too late to be useful."""
CLOSE_S = 2.0
"""For what is still to be sent at the end."""
DISCOVERY = "homeassistant"

_TOPIC = re.compile(r"[^\s#+\x00]{1,200}")


@dataclass(frozen=True)
class Broker:
    """Where to publish."""

    host: str
    port: int
    tls: bool
    user: str | None
    topic: str
    """Answers go to `TOPIC/answer`; `TOPIC/state` is online or offline."""

    @classmethod
    def parse(cls, url: str, *, machine: str | None = None) -> Broker:
        """From mqtt://[USER@]HOST[:PORT][/TOPIC]; mqtts:// for TLS.

        Raises:
            UsageError: another form; a password, which everybody on this machine could read.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"--publish {url}: {error}") from error
        if parts.password is not None:
            shown = f"{parts.scheme}://{parts.username}@..."
            raise UsageError(
                f"--publish {shown}: a password does not belong into a command line, where others "
                f"read it; put it into the variable {PASSWORD_VARIABLE}"
            )
        topic = unquote(parts.path).strip("/") or f"shelflens/{machine or socket.gethostname()}"
        sound = parts.scheme in PORTS and parts.hostname and not parts.query and not parts.fragment
        if not (sound and parts.hostname and _TOPIC.fullmatch(topic)):
            raise UsageError(
                f"--publish {url}: expected mqtt://[USER@]HOST[:PORT][/TOPIC], or mqtts:// for TLS"
            )
        user = unquote(parts.username) if parts.username else None
        return cls(
            parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts", user, topic
        )

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port}"


def discovery(broker: Broker) -> dict[str, dict[str, Any]]:
    """What Home Assistant is told: topic -> configuration of a sensor."""
    node = re.sub(r"[^A-Za-z0-9_-]", "_", broker.topic)
    shared = {
        "state_topic": f"{broker.topic}/answer",
        "availability_topic": f"{broker.topic}/state",
        "device": {
            "identifiers": [node],
            "name": f"ShelfLens {broker.topic.rpartition('/')[2]}",
            "manufacturer": "ShelfLens",
            "sw_version": __version__,
        },
    }
    sensors: dict[str, dict[str, Any]] = {
        "product": {
            "name": "Product",
            "icon": "mdi:barcode-scan",
            "value_template": "{{ (value_json.name or value_json.decision) | truncate(250) }}",
            "json_attributes_topic": f"{broker.topic}/answer",
        },
        "decision": {
            "name": "Decision",
            "device_class": "enum",
            "options": ["match", "ambiguous", "unknown"],
            "value_template": "{{ value_json.decision }}",
        },
        "confidence": {
            "name": "Confidence",
            "unit_of_measurement": "%",
            "value_template": "{{ (value_json.confidence * 100) | round(0) }}",
        },
    }
    return {
        f"{DISCOVERY}/sensor/{node}/{key}/config": {
            **shared,
            **sensor,
            "unique_id": f"{node}_{key}",
        }
        for key, sensor in sensors.items()
    }


class Publisher:
    """Publishes answers as long as it is open."""

    def __init__(
        self,
        broker: Broker,
        *,
        report: Callable[[str], None],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Begin to connect; returns at once.

        Args:
            broker: Where to.
            report: Called with a line when the connection comes or goes, in paho's thread.
            environment: Has the password, in `PASSWORD_VARIABLE`.

        Raises:
            ShelfLensError: no paho-mqtt.
            DataError: a password without a user, who stands in the address.
        """
        try:
            from paho.mqtt.client import Client, MQTTv311
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as missing:
            raise ShelfLensError(
                "--publish needs paho-mqtt: pip install 'shelflens[mqtt]'"
            ) from missing
        self._broker, self._report = broker, report
        self.state = "connecting"
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        password = environment.get(PASSWORD_VARIABLE)
        if password and not broker.user:
            raise DataError(
                f"{PASSWORD_VARIABLE}: a password without a user; give mqtt://USER@{broker.host}"
            )
        if broker.user:
            client.username_pw_set(broker.user, password)
        if broker.tls:
            client.tls_set()
        client.max_queued_messages_set(QUEUE_SIZE)
        client.reconnect_delay_set(1, 30)
        client.will_set(f"{broker.topic}/state", "offline", qos=1, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._failed
        client.on_disconnect = self._lost
        client.connect_async(broker.host, broker.port, keepalive=30)
        client.loop_start()
        self._client = client

    def publish(self, answer: Mapping[str, Any]) -> None:
        """Send an answer; returns at once. What finds no broker waits, up to `QUEUE_SIZE`."""
        text = json.dumps(answer, ensure_ascii=False)
        sent = self._client.publish(f"{self._broker.topic}/answer", text, qos=1)
        if sent.rc == 15:  # MQTT_ERR_QUEUE_SIZE
            self._report(f"--publish: {QUEUE_SIZE} answers wait for {self._broker.name}; left out")

    def close(self) -> None:
        """Say that it is offline, send what waits, and end."""
        if self._client.is_connected():
            last = self._client.publish(f"{self._broker.topic}/state", "offline", 0, True)
            with suppress(RuntimeError, ValueError):
                last.wait_for_publish(CLOSE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Client, _: Any, __: Any, reason: Any, ___: Any = None) -> None:
        if reason.is_failure:
            self._say(f"refused by {self._broker.name}: {reason}")
            return
        self._say(f"connected to {self._broker.name}, topic {self._broker.topic}")
        # Not with qos 1: these would have no room in a queue that is full of answers.
        for topic, configuration in discovery(self._broker).items():
            client.publish(topic, json.dumps(configuration), qos=0, retain=True)
        client.publish(f"{self._broker.topic}/state", "online", qos=0, retain=True)

    def _failed(self, *_: Any) -> None:
        self._say(f"{self._broker.name} cannot be reached; trying again")

    def _lost(self, _: Any, __: Any, ___: Any, reason: Any, *____: Any) -> None:
        if reason.is_failure and self.state.startswith("connected"):
            self._say(f"the connection to {self._broker.name} was lost; trying again")

    def _say(self, state: str) -> None:
        """Report what changed, once."""
        if state != self.state:
            self.state = state
            self._report(f"--publish: {state}")
