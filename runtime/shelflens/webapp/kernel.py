"""The kernel of the web app's scan: WebAssembly with SIMD, assembled here.

`python -m shelflens.webapp.kernel` writes `site/js/scan_kernel.js` again; a test holds them equal.
The kernel takes n rows of int8, padded to a multiple of 16, and a query of int16, and stores n sums
of products, int32:

    scan(rows, query, out, n, stride):
        do:
            sums, j = 0, 0
            do:
                row = load(rows + j)
                sums += dot(extend_low(row), load(query + 2 j))
                sums += dot(extend_high(row), load(query + 2 j + 16))
                j += 16
            while j < stride
            store(out, sums[0] + sums[1] + sums[2] + sums[3])
            rows, out, n = rows + stride, out + 4, n - 1
        while n

Opcodes are those of the WebAssembly specification, 2.0.
"""

from __future__ import annotations

import base64
from pathlib import Path

TARGET = Path(__file__).parent / "site" / "js" / "scan_kernel.js"

I32, V128, EMPTY = b"\x7f", b"\x7b", b"\x40"
ROWS, QUERY, OUT, COUNT, STRIDE, J, SUMS = range(7)
"""Locals of the function, the first five its parameters."""

LOOP, END, BR_IF = b"\x03" + EMPTY, b"\x0b", b"\x0d\x00"
ADD, SUB, SHL, LT_U = b"\x6a", b"\x6b", b"\x74", b"\x49"


def leb(number: int) -> bytes:
    """Unsigned LEB128."""
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + leb(rest) if rest else bytes([low])


def get(local: int) -> bytes:
    """Push a local."""
    return b"\x20" + leb(local)


def put(local: int) -> bytes:
    """Pop into a local."""
    return b"\x21" + leb(local)


def const(number: int) -> bytes:
    """Push a number from 0 to 63."""
    return b"\x41" + leb(number)


def simd(opcode: int) -> bytes:
    """An instruction on vectors."""
    return b"\xfd" + leb(opcode)


def load(offset: int) -> bytes:
    """Pop an address, push the 16 bytes there."""
    return simd(0) + leb(0) + leb(offset)


EXTEND_LOW, EXTEND_HIGH, DOT, ADD_LANES = simd(135), simd(136), simd(186), simd(174)
ZERO = simd(12) + bytes(16)


def dot_half(extend: bytes, offset: int) -> bytes:
    """Add the products of eight components to the sums."""
    row = get(ROWS) + get(J) + ADD + load(0) + extend
    query = get(QUERY) + get(J) + const(1) + SHL + ADD + load(offset)
    return get(SUMS) + row + query + DOT + ADD_LANES + put(SUMS)


def body() -> bytes:
    """The function's code."""
    lanes = [get(SUMS) + simd(27) + bytes([lane]) for lane in range(4)]
    total = lanes[0] + b"".join(lane + ADD for lane in lanes[1:])
    inner = dot_half(EXTEND_LOW, 0) + dot_half(EXTEND_HIGH, 16)
    inner += get(J) + const(16) + ADD + put(J) + get(J) + get(STRIDE) + LT_U + BR_IF
    outer = ZERO + put(SUMS) + const(0) + put(J) + LOOP + inner + END
    outer += get(OUT) + total + b"\x36" + leb(2) + leb(0)
    outer += get(ROWS) + get(STRIDE) + ADD + put(ROWS) + get(OUT) + const(4) + ADD + put(OUT)
    outer += get(COUNT) + const(1) + SUB + put(COUNT) + get(COUNT) + BR_IF
    local_types = leb(2) + leb(1) + I32 + leb(1) + V128
    return local_types + LOOP + outer + END + END


def section(number: int, content: bytes) -> bytes:
    """A section of the module."""
    return bytes([number]) + leb(len(content)) + content


def text(name: str) -> bytes:
    """A name with its length."""
    return leb(len(name)) + name.encode()


def module() -> bytes:
    """The module: imports `env.memory`, exports `scan`."""
    function_type = b"\x60" + leb(5) + I32 * 5 + leb(0)
    code = body()
    return (
        b"\0asm\x01\0\0\0"
        + section(1, leb(1) + function_type)
        + section(2, leb(1) + text("env") + text("memory") + b"\x02\x00" + leb(1))
        + section(3, leb(1) + leb(0))
        + section(7, leb(1) + text("scan") + b"\x00" + leb(0))
        + section(10, leb(1) + leb(len(code)) + code)
    )


def script() -> str:
    """The file that holds the module for the web app."""
    data = base64.b64encode(module()).decode()
    return (
        "/** The scan's kernel: made by `python -m shelflens.webapp.kernel`, its source. */\n"
        f'\nexport const KERNEL =\n  "{data}";\n'
    )


if __name__ == "__main__":
    TARGET.write_text(script(), encoding="utf-8")
