"""h11's parser without its leniency: what RFC 9112 lets a recipient forgive is refused.

Where a server forgives and a proxy before it does not, or the other way round, the two can disagree
on where a request ends (request smuggling), so what is ambiguous ends the connection.
"""

from __future__ import annotations

import re

import h11

MAX_HEAD_BYTES = 16 << 10
"""Of the request line and all headers, of a chunk's header, and of the trailers."""

FREE_CHUNKS, MIN_CHUNK_BYTES = 1000, 256
"""Chunks of a body that may be of any size; beyond them the mean must not be smaller than this.
Every chunk costs time, a byte each of 20 MiB would take minutes."""

_HEAD_END = re.compile(rb"\n\r?\n")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_FOLD = re.compile(rb"\n[ \t]")
_TARGET = re.compile(rb"/|https?://|\*$")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# chunk-ext of RFC 9112, 7.1.1; without blanks and quoted pairs, which nobody sends.
_EXTENSION = rb"(?:;%b(?:=(?:%b|\"[ !#-\[\]-~]*\"))?)*" % (_TOKEN, _TOKEN)
_CHUNK = re.compile(rb"[\r\n]{0,2}(?:[0-9A-Fa-f]+%b\r\n)?" % _EXTENSION)
"""What stands between the data of two chunks, as far as it was read at once."""
_END = re.compile(rb"[\r\n]{0,2}(?:0+%b\r\n)?(?:%b:[^\r\n]*\r\n)*\r\n" % (_EXTENSION, _TOKEN))
"""What stands behind the data of the last."""
_FRAMING = (b"content-length", b"transfer-encoding", b"connection", b"host")


class StrictConnection(h11.Connection):
    """The server's side of a connection."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEAD_BYTES)
        self.fault = ""
        """What was not HTTP."""
        self._chunked = False
        self._chunks = self._bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event.

        Raises:
            h11.RemoteProtocolError: not HTTP/1.1 as RFC 9112 has it; `fault` says what.
        """
        try:
            return self._next_event()
        except h11.RemoteProtocolError as error:
            self.fault = str(error)
            raise

    def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.IDLE:
            check_head(self.trailing_data[0])
        in_chunks = self._chunked and self.their_state is h11.SEND_BODY
        before = self.trailing_data[0] if in_chunks else b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunked = any(name == b"transfer-encoding" for name, _ in event.headers)
            self._chunks = self._bytes = 0
        elif in_chunks:
            framing = before[: len(before) - len(self.trailing_data[0])]
            if isinstance(event, h11.EndOfMessage):
                sound = _END.fullmatch(framing)
                if any(name in _FRAMING for name, _ in event.headers):
                    raise h11.RemoteProtocolError("a trailer that belongs into the head")
            else:
                if isinstance(event, h11.Data):
                    framing = framing[: -len(event.data)]
                    self._count_chunk(event)
                sound = _CHUNK.fullmatch(framing)
            if not sound:
                raise h11.RemoteProtocolError("chunks that are none")
        return event

    def _count_chunk(self, event: h11.Data) -> None:
        self._chunks += event.chunk_start
        self._bytes += len(event.data)
        if self._chunks > FREE_CHUNKS and self._bytes < self._chunks * MIN_CHUNK_BYTES:
            raise h11.RemoteProtocolError("many small chunks")


def check_head(received: bytes) -> None:
    """Refuse a head that is ambiguous, as soon as what has arrived of it is.

    Args:
        received: What has arrived since the last request; it may hold more than a head, or less.

    Raises:
        h11.RemoteProtocolError: bare line feeds, folded lines, another version than 1.0 and 1.1,
            a length given twice, in chunks too, or not as a number.
    """
    end = _HEAD_END.search(received)
    head = received[: end.end()] if end else received
    if len(head) > MAX_HEAD_BYTES:
        raise h11.RemoteProtocolError("a head that is too long")
    if _BARE_LF.search(head):
        raise h11.RemoteProtocolError("a line that does not end in CR LF")
    if _FOLD.search(head):
        raise h11.RemoteProtocolError("a header that goes on in the next line")
    if end is None:
        return
    request, *headers = head.split(b"\r\n")
    target, _, version = request.partition(b" ")[2].partition(b" ")
    if not _TARGET.match(target):
        raise h11.RemoteProtocolError("a target that does not begin with /")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise h11.RemoteProtocolError("another version than HTTP/1.1 and HTTP/1.0")
    fields = [line.partition(b":") for line in headers]
    lengths = [value for name, _, value in fields if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _, _ in fields)
    if len(lengths) > 1:
        raise h11.RemoteProtocolError("several Content-Length headers")
    if lengths and not lengths[0].strip(b" \t").isdigit():
        raise h11.RemoteProtocolError("a Content-Length that is no number")
    if lengths and chunked:
        raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
    if chunked and version == b"HTTP/1.0":
        raise h11.RemoteProtocolError("Transfer-Encoding in HTTP/1.0")
