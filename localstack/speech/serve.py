#!/usr/bin/env python3
"""Stands in for the speech providers on a laptop: real recognition of English on the CPU.

Serves Groq's POST /openai/v1/audio/transcriptions and Deepgram's POST /v1/listen,
and /control/… for tests. See README.md.
"""

import argparse
import contextlib
import hashlib
import json
import re
import signal
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import answers
from bodies import Body, MalformedError, Multipart, TooLargeError
from faults import KINDS, Call, Control, Fault
from recognition import NotMediaError
from workers import Pool, WorkerDiedError

MEGABYTE = 1024 * 1024
GROQ_LIMIT = 25 * MEGABYTE
GROQ_FORM_LIMIT = GROQ_LIMIT + MEGABYTE  # The fields around the file.
GROQ_URL_LIMIT = 100 * MEGABYTE
FETCH_TIMEOUT = 30  # Seconds without a byte from the address that a caller has named.
DEEPGRAM_LIMIT = 2048 * MEGABYTE
CONTROL_LIMIT = MEGABYTE

GROQ_MODELS = ("whisper-large-v3", "whisper-large-v3-turbo", "distil-whisper-large-v3-en")
GROQ_TYPES = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "opus", "wav", "webm")
DEEPGRAM_MODELS = re.compile(r"(nova|enhanced|base|whisper)(-[a-z0-9-]+)?")


class RefusedError(Exception):
    """A request that gets an error: an HTTP status and the provider's body for it."""

    def __init__(self, status: int, body: dict) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


@dataclass
class Question:
    """What a caller wants to know about an uploaded file."""

    path: str
    model: str = ""
    language: str = ""
    response_format: str = "json"
    granularities: frozenset[str] = frozenset()
    utterances: bool = False
    diarize: bool = False
    detect: bool = False


class Speech(ThreadingHTTPServer):
    """The server: one thread a connection, a few processes that recognise."""

    daemon_threads = True
    request_queue_size = 128

    pool: Pool  # Set once the model is loaded; callers wait in the backlog until then.

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, Handler)
        self.control = Control()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "localstack-speech"
    disable_nagle_algorithm = True
    timeout = 120  # Seconds without a byte from the caller.
    server: Speech
    _unread: Body | None = None

    def parse_request(self) -> bool:
        """Notes that there may be a body to read: an answer before that ends the connection."""
        parsed = super().parse_request()
        if parsed:
            self._body(0)
        return parsed

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._discard()
        if url.path == "/control/health":
            self._answer(200, {"status": "ready", "workers": self.server.pool.pids()})
        elif url.path == "/control/calls":
            self._answer_calls(parse_qs(url.query))
        elif url.path == "/control/faults":
            self._answer(200, {"faults": self.server.control.faults(), "kinds": KINDS})
        elif url.path == "/openai/v1/models":
            models = [{"id": model, "object": "model", "owned_by": "OpenAI", "active": True} for model in GROQ_MODELS]
            self._answer_to_key("groq", {"object": "list", "data": models})
        elif url.path == "/v1/auth/token":
            self._answer_to_key("deepgram", {"api_key_id": "local", "scopes": ["usage:write"]})
        else:
            self._answer(404, _unknown_url("GET", url.path))

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/openai/v1/audio/transcriptions":
            self._provide("groq", self._ask_groq, _answer_groq)
        elif url.path == "/v1/listen":
            self._provide("deepgram", self._ask_deepgram, _answer_deepgram)
        elif url.path == "/control/faults":
            self._plan_faults()
        elif url.path == "/control/keys":
            self._revoke_keys()
        elif url.path == "/control/reset":
            self._discard()
            self.server.control.reset()
            self._answer(200, {})
        else:
            self._discard()
            self._answer(404, _unknown_url("POST", url.path))

    def log_message(self, template: str, *values: object) -> None:
        print(json.dumps({"level": "info", "message": template % values}), file=sys.stderr, flush=True)

    # The providers.

    def _provide(self, provider: str, ask, answer) -> None:  # noqa: ANN001
        """Answers one call of a provider's: ask reads the Question, answer writes the body."""
        call, fault = self.server.control.start(provider, self._key()[1])
        status = 0
        try:
            status = self._provide_with(call, fault, ask, answer)
        except RefusedError as refused:
            status = refused.status
            self._answer(status, refused.body)
        except (ConnectionError, TimeoutError) as error:
            self.close_connection = True
            self.log_message("%s went away: %s", self.client_address, error)
        except WorkerDiedError as error:
            status = 500
            self.log_message("%s", error)
            self._answer(status, _provider_error(provider, 500, "Internal Server Error"))
        finally:
            self.server.control.end(call, status)

    def _provide_with(self, call: Call, fault: Fault | None, ask, answer) -> int:  # noqa: ANN001
        kind = fault.kind if fault else ""
        with tempfile.NamedTemporaryFile(prefix="speech-") as media:
            self._check_key(call.provider)
            question = ask(call, media)
            if kind == "status":
                return self._fail(call.provider, fault)
            if kind == "drop":
                return self._cut(b"")
            if kind == "slow":
                self.server.control.hold(call, fault.delay)
            body = answer(call, question, self._recognise(call, question))
        if kind == "cut":
            text = json.dumps(body).encode()
            return self._cut(self._head(200, len(text)) + text[: len(text) // 2])
        if kind == "hang":
            self.server.control.hang(call, self.connection)
            return self._cut(b"")
        if kind == "garbage":
            text = json.dumps(body)
            body = text[: len(text) // 2].encode()
        self._answer(200, body)
        return 200

    def _answer_to_key(self, provider: str, body: object) -> None:
        """Answers a question that costs nothing, to whoever has a key."""
        try:
            self._check_key(provider)
        except RefusedError as refused:
            self._answer(refused.status, refused.body)
        else:
            self._answer(200, body)

    def _check_key(self, provider: str) -> None:
        scheme, key = self._key()
        schemes = ("bearer",) if provider == "groq" else ("token", "bearer")
        if scheme not in schemes or not key or self.server.control.is_revoked(key):
            message = "Invalid API Key" if provider == "groq" else "Invalid credentials."
            raise RefusedError(401, _provider_error(provider, 401, message))

    def _key(self) -> tuple[str, str]:
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower(), key.strip()

    def _ask_groq(self, call: Call, media: BinaryIO) -> Question:
        fields: dict[str, list[str]] = {}
        uploaded = False
        try:
            pieces = self._body(GROQ_FORM_LIMIT).pieces()
            for part in Multipart(pieces, self.headers.get("Content-Type", "")):
                if part.name == "file" and part.filename is not None:
                    uploaded = True
                    call.filename, call.content_type = part.filename, part.content_type
                    _save(part.pieces, media, call, GROQ_LIMIT)
                else:
                    fields.setdefault(part.name, []).append(part.text())
            for _ in pieces:
                pass  # What follows the form means nothing, but must be read.
            if not uploaded and (address := fields.get("url", [""])[-1]):
                call.by_url = uploaded = True
                _fetch(address, media, call)
        except TooLargeError as error:
            message = answers.groq_error("Request Entity Too Large", code="request_too_large")
            raise RefusedError(413, message) from error
        except MalformedError as error:
            raise RefusedError(400, answers.groq_error(str(error))) from error
        return _groq_question(call, media, fields, uploaded=uploaded)

    def _ask_deepgram(self, call: Call, media: BinaryIO) -> Question:
        options = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        call.content_type = self.headers.get("Content-Type", "")
        call.model = options.get("model", ["base-general"])[-1]
        call.language = options.get("language", [""])[-1]
        try:
            _save(self._body(DEEPGRAM_LIMIT).pieces(), media, call, DEEPGRAM_LIMIT)
        except TooLargeError as error:
            raise RefusedError(413, answers.deepgram_error("PAYLOAD_TOO_LARGE", "Payload Too Large")) from error
        except MalformedError as error:
            raise RefusedError(400, answers.deepgram_error("Bad Request", f"Bad Request: {error}")) from error
        if call.content_type.startswith("application/json"):
            message = "Bad Request: localstack/speech takes the audio itself, not its URL"
            raise RefusedError(400, answers.deepgram_error("Bad Request", message))
        if not DEEPGRAM_MODELS.fullmatch(call.model):
            message = "Bad Request: No such model/language/tier combination found."
            raise RefusedError(400, answers.deepgram_error("INVALID_QUERY_PARAMETER", message))
        language = "" if call.language in ("multi", "") else call.language.split("-")[0].lower()
        return Question(
            media.name,
            call.model,
            "" if _is_true(options, "detect_language") else language,
            utterances=_is_true(options, "utterances"),
            diarize=_is_true(options, "diarize"),
            detect=_is_true(options, "detect_language"),
        )

    def _recognise(self, call: Call, question: Question) -> answers.Transcript:
        try:
            recognised = self.server.pool.transcribe(question.path, call.sha256, words=question.language in ("", "en"))
        except NotMediaError as error:
            raise RefusedError(400, _not_media(call.provider)) from error
        result = answers.transcript(recognised, question.language)
        call.duration, call.text = result.duration, result.text
        return result

    # Faults.

    def _fail(self, provider: str, fault: Fault) -> int:
        messages = {
            401: "Invalid API Key",
            429: "Rate limit reached for audio seconds per hour. Please try again later.",
            503: "Service unavailable. Please try again later.",
        }
        extra = {"Retry-After": f"{fault.retry_after:g}"} if fault.retry_after is not None else {}
        message = messages.get(fault.status, "Internal Server Error")
        self._answer(fault.status, _provider_error(provider, fault.status, message), extra)
        return fault.status

    def _cut(self, before: bytes) -> int:
        self.wfile.write(before)
        self.close_connection = True
        return 0

    # The control of tests.

    def _plan_faults(self) -> None:
        try:
            text = b"".join(self._body(CONTROL_LIMIT).pieces())
            wishes = json.loads(text)
            faults = [Fault.read(wish) for wish in (wishes if isinstance(wishes, list) else [wishes])]
        except (ValueError, MalformedError, TooLargeError) as error:
            self._answer(400, {"error": str(error) or "the body is too large"})
            return
        for fault in faults:
            self.server.control.plan(fault)
        self._answer(200, {"faults": self.server.control.faults()})

    def _revoke_keys(self) -> None:
        try:
            wish = json.loads(b"".join(self._body(CONTROL_LIMIT).pieces()))
            keys = wish["revoked"]
            if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
                raise ValueError("revoked is a list of keys")
        except (ValueError, KeyError, TypeError, MalformedError, TooLargeError) as error:
            self._answer(400, {"error": f'the body is {{"revoked": [key, ...]}}: {error}'})
            return
        self.server.control.revoke(keys)
        self._answer(200, {"revoked": len(keys)})

    def _answer_calls(self, query: dict[str, list[str]]) -> None:
        try:
            started, ended = int(query.get("started", ["0"])[0]), int(query.get("ended", ["0"])[0])
            timeout = min(float(query.get("timeout", ["0"])[0]), 60.0)
        except ValueError as error:
            self._answer(400, {"error": f"started, ended and timeout are numbers: {error}"})
            return
        self._answer(200, self.server.control.calls(started=started, ended=ended, timeout=timeout))

    # HTTP.

    def _body(self, limit: int) -> Body:
        self._unread = Body(self.rfile, self.headers, limit)
        return self._unread

    def _discard(self) -> None:
        try:
            for _ in self._body(CONTROL_LIMIT).pieces():
                pass
        except (TooLargeError, MalformedError):
            self.close_connection = True

    def _answer(self, status: int, body: dict | str | bytes, extra: dict[str, str] | None = None) -> None:
        kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
        if isinstance(body, dict):
            body = json.dumps(body)
        text = body.encode() if isinstance(body, str) else body
        self.wfile.write(self._head(status, len(text), kind, extra or {}) + text)
        self.wfile.flush()

    def _head(self, status: int, length: int, kind: str = "application/json", extra: dict[str, str] | None = None) -> bytes:
        if self._unread is not None and not self._unread.ended:
            self.close_connection = True
        self.log_request(status)
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer = []
        return head

    def finish(self) -> None:
        """Ends the connection so that an answer given before the body was read still arrives."""
        super().finish()
        if self._unread is None or self._unread.ended:
            return
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(5)
            while self.connection.recv(MEGABYTE):
                pass
        except OSError:
            pass  # The caller is gone, or has nothing more to send: either way we are done.


def _save(pieces: Iterator[bytes], media: BinaryIO, call: Call, limit: int) -> None:
    digest = hashlib.sha256()
    for piece in pieces:
        call.bytes += len(piece)
        if call.bytes > limit:
            raise TooLargeError
        digest.update(piece)
        media.write(piece)
    media.flush()
    call.sha256 = digest.hexdigest()


def _fetch(address: str, media: BinaryIO, call: Call) -> None:
    """Fetches the file that the field url names, as Groq does."""
    if urlsplit(address).scheme not in ("http", "https"):
        raise RefusedError(400, answers.groq_error("url must be an http or https address"))
    call.filename = PurePosixPath(urlsplit(address).path).name
    try:
        with urllib.request.urlopen(address, timeout=FETCH_TIMEOUT) as found:
            call.content_type = found.headers.get("Content-Type", "")
            _save(iter(lambda: found.read(MEGABYTE), b""), media, call, GROQ_URL_LIMIT)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise RefusedError(400, answers.groq_error(f"failed to retrieve media: {error}")) from error


def _groq_question(call: Call, media: BinaryIO, fields: dict[str, list[str]], *, uploaded: bool) -> Question:
    def last(name: str, otherwise: str = "") -> str:
        return fields.get(name, [otherwise])[-1]

    def refuse(message: str, status: int = 400, code: str | None = None) -> RefusedError:
        return RefusedError(status, answers.groq_error(message, code=code))

    call.model, call.language = last("model"), last("language")
    call.response_format = last("response_format", "json")
    granularities = frozenset(fields.get("timestamp_granularities[]", []) + fields.get("timestamp_granularities", []))
    if not call.model:
        raise refuse("model is required")
    if call.model not in GROQ_MODELS:
        message = f"The model `{call.model}` does not exist or you do not have access to it."
        raise refuse(message, 404, "model_not_found")
    if not uploaded:
        raise refuse("file or url is required")
    # Addresses of a bucket have no endings; what Groq makes of one is not documented, so the content decides.
    if not call.by_url and call.filename.rpartition(".")[2].lower() not in GROQ_TYPES:
        raise refuse(f"file must be one of the following types: [{' '.join(GROQ_TYPES)}]")
    if call.bytes == 0:
        raise refuse("file is empty")
    if call.response_format not in ("json", "text", "verbose_json"):
        raise refuse("response_format must be one of [json, text, verbose_json]")
    if granularities - {"word", "segment"}:
        raise refuse("timestamp_granularities must be word, segment or both")
    if granularities and call.response_format != "verbose_json":
        raise refuse("timestamp_granularities needs response_format verbose_json")
    if call.language and not re.fullmatch(r"[a-z]{2,3}", call.language):
        raise refuse("language must be an ISO-639-1 code")
    if not _is_temperature(last("temperature", "0")):
        raise refuse("temperature must be a number from 0 to 1")
    return Question(media.name, call.model, call.language, call.response_format, granularities)


def _answer_groq(_call: Call, question: Question, result: answers.Transcript) -> dict | str:
    return answers.groq(result, question.response_format, question.granularities)


def _answer_deepgram(call: Call, question: Question, result: answers.Transcript) -> dict:
    return answers.deepgram(
        result,
        model=question.model,
        sha256=call.sha256,
        utterances=question.utterances,
        diarize=question.diarize,
        detect=question.detect,
    )


def _provider_error(provider: str, status: int, message: str) -> dict:
    if provider == "groq":
        kind, code = {
            401: ("invalid_request_error", "invalid_api_key"),
            429: ("seconds", "rate_limit_exceeded"),
        }.get(status, ("internal_server_error" if status >= 500 else "invalid_request_error", None))
        return answers.groq_error(message, kind, code)
    codes = {401: "INVALID_AUTH", 429: "TOO_MANY_REQUESTS"}
    return answers.deepgram_error(codes.get(status, "INTERNAL_SERVER_ERROR" if status >= 500 else "Bad Request"), message)


def _not_media(provider: str) -> dict:
    if provider == "groq":
        return answers.groq_error("could not process file - is it a valid media file?")
    return answers.deepgram_error("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data")


def _unknown_url(method: str, path: str) -> dict:
    message = f"Unknown request URL: {method} {path}. Please check the URL for typos, or see localstack/speech/README.md"
    return answers.groq_error(message, code="unknown_url")


def _is_true(options: dict[str, list[str]], name: str) -> bool:
    return options.get(name, ["false"])[-1].lower() == "true"


def _is_temperature(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8082, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="files recognised at once (default: %(default)s)")
    options = parser.parse_args()
    try:
        server = Speech((options.host, options.port))
    except OSError as error:
        sys.exit(f"speech: cannot listen on {options.host}:{options.port}: {error.strerror}; choose another --port")

    def stop(_signal: int, _frame: object) -> None:
        # In a thread of its own: shutdown waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with server, contextlib.closing(Pool(options.workers)) as pool:
        server.pool = pool
        host, port = server.server_address[:2]
        print(f"speech: listening on http://{host}:{port}", flush=True)
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
