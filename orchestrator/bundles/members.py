"""The members of a ``.fleet`` file, one after the other: a tar that can be spelled in one way only.

A header is a function of name and size alone. So the reader does not parse headers: it makes the
one that must stand there and compares. The format is described in ``docs/bundle-format.md``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn, Protocol

from orchestrator.bundles import layout
from orchestrator.bundles.tree import shown
from orchestrator.errors import BundleError

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends a tar; nothing follows it in ours."""

_HEAD = struct.Struct("100s 8s 8s 8s 12s 12s 8s c 100s 8s 32s 32s 8s 8s 167x")
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)
_OCTAL_END = 8**11


def header(name: str, size: int) -> bytes:
    """Return the header of a member, as GNU tar writes it for a file of root's with no time."""
    zero = b"0000000\0"
    head = bytearray(
        _HEAD.pack(
            *(name.encode(), b"0000644\0", zero, zero, _size(size), b"0" * 11 + b"\0", b" " * 8),
            *(b"0", b"", b"ustar  \0", b"", b"", b"", b""),
        )
    )
    head[_CHECKSUM] = b"%06o\0 " % sum(head)
    return bytes(head)


def padding(size: int) -> bytes:
    """Return the zeros that fill a content's last block."""
    return bytes(-size % BLOCK)


class Stream(Protocol):
    """What can be read once, from its beginning; may give less than it is asked for."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most so many bytes, none at the end."""


class Members:
    """Reads members in the order that the caller knows they must have.

    Every deviation raises BundleError, which names the byte where it was found. Nothing is read
    ahead but one header, and nothing after the end.
    """

    def __init__(self, stream: Stream, name: str) -> None:
        self.name = name
        self._stream = stream
        self._at = 0
        self._head = b""

    def next_is(self, name: str) -> bool:
        """Return whether the next member bears this name, whatever else its header says."""
        return self._peek()[:100].rstrip(b"\0") == name.encode()

    def small(self, name: str, limit: int) -> bytes:
        """Return the content of the next member, which must have this name."""
        if not self.next_is(name):
            self._refuse(f"'{name}' should be here")
        size = _sized(self._peek()[_SIZE])
        if size > limit:
            self._refuse(f"'{name}' is longer than {limit} bytes")
        return b"".join(self.content(name, size))

    def content(self, name: str, size: int) -> Iterator[bytes]:
        """Yield the content of the next member, which must have this name and size."""
        if self._peek() != header(name, size):
            self._refuse(f"'{name}' of {size} bytes should be here, in a plain header")
        self._head = b""
        self._at += BLOCK
        left = size
        while left:
            chunk = self._some(min(left, layout.CHUNK))
            left -= len(chunk)
            yield chunk
        if any(self._exactly(-size % BLOCK)):
            self._refuse(f"'{name}' is not filled up with zeros")

    def end(self) -> None:
        """Make sure that the members, and the stream, end here."""
        if self._exactly(len(END)) != END:
            self._refuse("more than the manifest names")
        if self._stream.read(1):
            self._refuse("something follows the end")

    def _peek(self) -> bytes:
        """Return the next header, which is not behind us yet."""
        if not self._head:
            self._head = self._exactly(BLOCK)
            self._at -= BLOCK
        return self._head

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            found += self._some(size - len(found))
        return bytes(found)

    def _some(self, size: int) -> bytes:
        try:
            chunk = self._stream.read(size)
        except OSError as error:
            self._refuse(f"it cannot be read: {error.strerror or error}")
        if not chunk:
            self._refuse("it ends too early")
        self._at += len(chunk)
        return chunk

    def _refuse(self, what: str) -> NoReturn:
        said = f"not a bundle file: at byte {self._at}: {shown(what)}"
        raise BundleError.at(self.name, said, "fetch it again, or pack the bundle anew")


def _size(size: int) -> bytes:
    """Spell a size as GNU tar does: octal digits, and from 8 GiB on a number of 95 bits."""
    if size < _OCTAL_END:
        return b"%011o\0" % size
    return b"\x80" + size.to_bytes(11, "big")


def _sized(field: bytes) -> int:
    """Return the size that a header's field claims; only a spelling by _size will be accepted."""
    digits = field.rstrip(b"\0")
    if digits.isdigit() and not set(digits) & set(b"89"):
        return int(digits, 8)
    return int.from_bytes(field[1:], "big")
