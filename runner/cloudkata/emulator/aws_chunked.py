"""Bodies in S3's aws-chunked coding: an object in chunks, with signatures or its checksum behind them.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudkata.emulator.wire import Request


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its data and the signature that came with it, if one did."""

    data: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """An aws-chunked body taken apart."""

    chunks: tuple[Chunk, ...]
    """Ends with the empty chunk that closes the body."""
    trailers: tuple[tuple[str, str], ...]

    @property
    def data(self) -> bytes:
        """The object's bytes."""
        return b"".join(chunk.data for chunk in self.chunks)


def is_chunked(request: Request) -> bool:
    """Whether a request's body is in the aws-chunked coding."""
    return request.header("x-amz-content-sha256").startswith("STREAMING-") or "aws-chunked" in request.header(
        "content-encoding"
    )


def without_coding(content_encoding: str) -> str:
    """A Content-Encoding header's value without the coding itself: what the object is stored with."""
    codings = (coding.strip() for coding in content_encoding.split(","))
    return ",".join(coding for coding in codings if coding and coding != "aws-chunked")


def decode(body: bytes) -> Decoded:
    """Takes an aws-chunked body apart.

    Raises ValueError if it is not in that form.
    """
    chunks: list[Chunk] = []
    position = 0
    while True:
        line_end = body.find(b"\r\n", position)
        if line_end < 0:
            raise ValueError("a chunk's size line does not end")
        size_text, _, extension = body[position:line_end].partition(b";")
        size = _size(size_text)
        start = line_end + 2
        data = body[start : start + size]
        if len(data) != size:
            raise ValueError("a chunk is shorter than its size says")
        chunks.append(Chunk(data, _signature(extension)))
        position = start + size
        if size == 0:
            return Decoded(tuple(chunks), _trailers(body[position:]))
        if body[position : position + 2] != b"\r\n":
            raise ValueError("a chunk is longer than its size says")
        position += 2


def _size(text: bytes) -> int:
    if not text or len(text) > 16 or not all(byte in b"0123456789abcdefABCDEF" for byte in text):
        raise ValueError("a chunk's size is not a hexadecimal number")
    return int(text, 16)


def _signature(extension: bytes) -> str:
    name, _, value = extension.partition(b"=")
    return value.decode("latin-1").strip() if name.strip() == b"chunk-signature" else ""


def _trailers(rest: bytes) -> tuple[tuple[str, str], ...]:
    trailers = []
    for line in rest.decode("latin-1").replace("\r\n", "\n").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            trailers.append((name.strip().lower(), value.strip()))
    return tuple(trailers)
