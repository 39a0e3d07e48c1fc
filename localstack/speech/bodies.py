"""Request bodies read in pieces: plain, chunked and multipart, never whole in memory."""

import re
from collections.abc import Iterator
from email.message import Message
from typing import BinaryIO

PIECE = 64 * 1024
LONGEST_LINE = 8 * 1024
LONGEST_FIELD = 64 * 1024


class TooLargeError(Exception):
    """The body is longer than the caller allows."""


class MalformedError(Exception):
    """The body breaks the rules of HTTP or of multipart/form-data."""


class Body:
    """The body of an HTTP request, by Content-Length or chunked."""

    def __init__(self, stream: BinaryIO, headers: Message, limit: int) -> None:
        """limit is in bytes."""
        self._stream = stream
        self._allowed = limit
        self._chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        self._length = headers.get("Content-Length", "0")
        self._left = 0  # Of the body, or of its current chunk.
        self.ended = not self._chunked and self._length == "0"

    def pieces(self) -> Iterator[bytes]:
        """Yields the body, once; raises TooLargeError beyond the limit, MalformedError if it is cut short."""
        if not self._chunked and not self.ended:
            if not self._length.isdecimal():
                raise MalformedError(f"Content-Length {self._length!r} is not a number")
            self._left = int(self._length)
            if self._left > self._allowed:
                raise TooLargeError
        while not self.ended:
            if self._left == 0 and (not self._chunked or not self._next_chunk()):
                self.ended = True
                return
            piece = self._stream.read1(min(PIECE, self._left))
            if not piece:
                raise MalformedError("the connection ended before the body did")
            self._left -= len(piece)
            self._allowed -= len(piece)
            if self._allowed < 0:
                raise TooLargeError
            if self._left == 0 and self._chunked and self._stream.readline(3) != b"\r\n":
                raise MalformedError("a chunk does not end where its length says")
            yield piece

    def _next_chunk(self) -> bool:
        """Reads the length of the next chunk; reports whether there is one."""
        line = self._stream.readline(LONGEST_LINE)
        size = line.split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", size):
            raise MalformedError(f"{line[:20]!r} is not the length of a chunk")
        self._left = int(size, 16)
        if self._left == 0:
            while self._stream.readline(LONGEST_LINE) not in (b"\r\n", b"\n", b""):
                pass  # Trailers say nothing that we use.
        return self._left > 0


class Part:
    """One part of a multipart/form-data body; its pieces must be read before the next part."""

    def __init__(self, headers: Message, pieces: Iterator[bytes]) -> None:
        self.name = headers.get_param("name", header="Content-Disposition", unquote=True)
        self.filename = headers.get_filename()
        self.content_type = headers.get("Content-Type", "")
        self.pieces = pieces
        if not isinstance(self.name, str):
            raise MalformedError("a part of the form has no name")

    def text(self) -> str:
        """Returns the part as text; raises TooLargeError above LONGEST_FIELD bytes."""
        value = b""
        for piece in self.pieces:
            value += piece
            if len(value) > LONGEST_FIELD:
                raise TooLargeError
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise MalformedError(f"field {self.name} is not UTF-8") from error


class Multipart:
    """The parts of a multipart/form-data body, in order."""

    def __init__(self, pieces: Iterator[bytes], content_type: str) -> None:
        headers = Message()
        headers["Content-Type"] = content_type
        boundary = headers.get_boundary()
        if headers.get_content_type() != "multipart/form-data" or not boundary:
            raise MalformedError(f"expected multipart/form-data with a boundary, got {content_type!r}")
        self._pieces = pieces
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        self._buffer = b"\r\n"  # So that the first delimiter looks like the others.

    def __iter__(self) -> Iterator[Part]:
        for _ in self._until_delimiter():
            pass  # A preamble is allowed and means nothing.
        while self._take(2) != b"--":
            part = Part(self._headers(), self._until_delimiter())
            yield part
            for _ in part.pieces:
                pass

    def _fill(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            raise MalformedError("the form ends before its closing boundary")
        self._buffer += piece

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _headers(self) -> Message:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > LONGEST_LINE + PIECE:
                raise MalformedError("the headers of a part do not end")
            self._fill()
        headers = Message()
        for line in self._take(end + 4).decode("utf-8", "replace").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip()] = value.strip()
        return headers

    def _until_delimiter(self) -> Iterator[bytes]:
        """Yields what comes before the next delimiter, and leaves the buffer right behind it."""
        keep = len(self._delimiter) - 1  # A delimiter may have begun at the end of the buffer.
        while (at := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > keep:
                yield self._take(len(self._buffer) - keep)
            self._fill()
        yield self._take(at)
        self._take(len(self._delimiter))
