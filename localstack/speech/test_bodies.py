"""Request bodies, whole and broken, cut in pieces of every size."""

import io
import random
import unittest
from email.message import Message

from bodies import Body, MalformedError, Multipart, TooLargeError

BOUNDARY = "xxBOUNDARYxx"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def headers(**values: str) -> Message:
    message = Message()
    for name, value in values.items():
        message[name.replace("_", "-")] = value
    return message


def form(*parts: tuple[str, bytes]) -> bytes:
    text = b""
    for disposition, content in parts:
        text += f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"
    return text + f"--{BOUNDARY}--\r\n".encode()


def cut(text: bytes, dice: random.Random) -> list[bytes]:
    pieces = []
    while text:
        size = dice.randint(1, 40)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


class BodyTest(unittest.TestCase):
    def read(self, text: bytes, limit: int = 1000, **values: str) -> bytes:
        return b"".join(Body(io.BufferedReader(io.BytesIO(text)), headers(**values), limit).pieces())

    def test_content_length(self) -> None:
        self.assertEqual(self.read(b"hello, next request", Content_Length="5"), b"hello")
        self.assertEqual(self.read(b"next request"), b"")

    def test_chunked(self) -> None:
        text = b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nTrailer: x\r\n\r\nnext"
        self.assertEqual(self.read(text, Transfer_Encoding="chunked"), b"hello world")

    def test_too_large(self) -> None:
        with self.assertRaises(TooLargeError):
            self.read(b"hello", limit=4, Content_Length="5")
        with self.assertRaises(TooLargeError):
            self.read(b"5\r\nhello\r\n0\r\n\r\n", limit=4, Transfer_Encoding="chunked")

    def test_malformed(self) -> None:
        cases = {
            b"hell": {"Content_Length": "5"},
            b"hello": {"Content_Length": "-5"},
            b"5\r\nhello world\r\n": {"Transfer_Encoding": "chunked"},
            b"-5\r\nhello\r\n": {"Transfer_Encoding": "chunked"},
            b"five\r\nhello\r\n": {"Transfer_Encoding": "chunked"},
            b"5\r\nhell": {"Transfer_Encoding": "chunked"},
        }
        for text, values in cases.items():
            with self.subTest(text), self.assertRaises(MalformedError):
                self.read(text, **values)


class MultipartTest(unittest.TestCase):
    def test_parts_come_back_however_the_body_is_cut(self) -> None:
        for seed in range(300):
            dice = random.Random(seed)
            # Content made of what delimiters are made of is the hard case.
            alphabet = [b"\r\n", b"--", b"\r", b"-", BOUNDARY.encode(), b"\r\n--xxBOUND", b"a", b"\x00\xff"]
            contents = [b"".join(dice.choices(alphabet, k=dice.randint(0, 30))) for _ in range(3)]
            if any(b"\r\n--" + BOUNDARY.encode() in b"\r\n" + content for content in contents):
                continue  # No sender chooses a boundary that its content holds.
            text = form(*((f'name="part{at}"; filename="f.ogg"', content) for at, content in enumerate(contents)))
            with self.subTest(seed=seed):
                parts = [(p.name, p.filename, b"".join(p.pieces)) for p in Multipart(iter(cut(text, dice)), CONTENT_TYPE)]
                self.assertEqual(parts, [(f"part{at}", "f.ogg", content) for at, content in enumerate(contents)])

    def test_unread_parts_are_skipped(self) -> None:
        text = b"preamble\r\n" + form(('name="a"', b"1" * 500), ('name="b"', b"two"))
        parts = {part.name: part.text() for part in Multipart(iter([text]), CONTENT_TYPE) if part.name == "b"}
        self.assertEqual(parts, {"b": "two"})

    def test_broken_forms_are_refused_and_never_hang(self) -> None:
        text = form(('name="a"', b"one"), ('name="b"; filename="x"', b"two"))
        for seed in range(300):
            dice = random.Random(seed)
            broken = bytearray(text[: dice.randint(0, len(text))])
            for _ in range(dice.randint(0, 3)):
                if broken:
                    broken[dice.randrange(len(broken))] = dice.randrange(256)
            with self.subTest(seed=seed):
                try:
                    for part in Multipart(iter(cut(bytes(broken), dice)), CONTENT_TYPE):
                        part.text()
                except (MalformedError, TooLargeError):
                    pass

    def test_truncated_form(self) -> None:
        text = form(('name="a"', b"one"))
        with self.assertRaises(MalformedError):
            for part in Multipart(iter([text[:-6]]), CONTENT_TYPE):
                part.text()

    def test_not_a_form(self) -> None:
        for content_type in ("", "application/json", "multipart/form-data"):
            with self.subTest(content_type), self.assertRaises(MalformedError):
                Multipart(iter([]), content_type)


if __name__ == "__main__":
    unittest.main()
