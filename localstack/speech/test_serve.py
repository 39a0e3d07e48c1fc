"""The server as its callers see it: started as a program, asked over HTTP."""

import contextlib
import http.client
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
from pathlib import Path
from unittest import mock

import workers

HERE = Path(__file__).parent
MEDIA = HERE.parent.parent / "tests" / "media"
GROQ = "/openai/v1/audio/transcriptions"
MODEL = "whisper-large-v3-turbo"
SEGMENT_FIELDS = {
    "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob",
}  # fmt: skip


class Server:
    """A running serve.py on a free port."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serve.py"), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline()
        found = re.fullmatch(r"speech: listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            raise AssertionError(f"serve.py said {line!r}")
        self.port = int(found[1])

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method: str, path: str, body=None, headers=None, timeout: float = 60):  # noqa: ANN001, ANN201
        """Returns (status, headers, body) with the body decoded if it is JSON."""
        with contextlib.closing(self.connect(timeout)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, answer.headers, json.loads(text) if is_json else text.decode()

    def groq(self, file: str = "voice-human-short.ogg", key: str = "Bearer k", name: str | None = None, **fields: object):  # noqa: ANN201
        body, kind = form(MEDIA / file, name or file, {"model": MODEL} | fields)
        headers = {"Content-Type": kind} | ({"Authorization": key} if key else {})
        return self.request("POST", GROQ, body, headers)

    def deepgram(self, query: str, file: str = "voice-human-short.ogg", key: str = "Token k"):  # noqa: ANN201
        headers = {"Content-Type": "audio/ogg", "Authorization": key}
        return self.request("POST", f"/v1/listen?{query}", (MEDIA / file).read_bytes(), headers)

    def fail(self, *faults: dict) -> None:
        status, _, answer = self.request("POST", "/control/faults", json.dumps(faults))
        if status != 200:
            raise AssertionError(answer)

    def calls(self, query: str = "") -> dict:
        return self.request("GET", "/control/calls" + query)[2]

    def workers(self) -> list[int]:
        return self.request("GET", "/control/health")[2]["workers"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(10)


def form(file: Path | None, name: str, fields: dict[str, object]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    text = b""
    for field, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            text += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    if file is not None:
        text += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        text += file.read_bytes() + b"\r\n"
    return text + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@contextlib.contextmanager
def serving(folder: Path):  # noqa: ANN201
    """Gives the address of a server of the files of a folder."""

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def word_error_rate(said: str, heard: str) -> float:
    """Returns the edit distance in words over the number of words said."""
    want, got = words(said), words(heard)
    row = list(range(len(got) + 1))
    for at, word in enumerate(want, 1):
        previous, row[0] = row[0], at
        for to, other in enumerate(got, 1):
            previous, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, previous + (word != other))
    return row[-1] / len(want)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie whose parent was killed is gone as soon as init looks; it holds nothing.
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return Path("/proc").is_dir() is False


class ServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self) -> None:
        self.server.request("POST", "/control/reset")

    def assert_groq_error(self, answer: tuple, status: int, words_of_it: str) -> None:
        got, _, body = answer
        self.assertEqual(got, status, body)
        self.assertIn(words_of_it, body["error"]["message"])
        self.assertIn("type", body["error"])

    # Groq.

    def test_words_are_right(self) -> None:
        for name in ("voice-en.ogg", "voice-en-2.ogg", "voice-en-2.mp3", "voice-human-short.ogg"):
            with self.subTest(name):
                said = (MEDIA / name).with_suffix(".txt").read_text()
                status, _, answer = self.server.groq(name)
                self.assertEqual(status, 200)
                self.assertLess(word_error_rate(said, answer["text"]), 0.1, answer["text"])
                self.assertEqual(set(answer), {"text", "x_groq"})

    def test_first_audio_track_of_a_video(self) -> None:
        said = (MEDIA / "voice-en.txt").read_text() + (MEDIA / "voice-en-2.txt").read_text()
        _, _, answer = self.server.groq("video-en.mp4", response_format="verbose_json")
        self.assertLess(word_error_rate(said, answer["text"]), 0.1, answer["text"])
        self.assertAlmostEqual(answer["duration"], 20, delta=0.2)

    def test_verbose_json(self) -> None:
        status, _, answer = self.server.groq(
            "voice-en.ogg", response_format="verbose_json", **{"timestamp_granularities[]": ["word", "segment"]}
        )
        self.assertEqual(status, 200)
        fields = {"task", "language", "duration", "text", "segments", "words", "x_groq"}
        self.assertEqual(set(answer), fields)
        self.assertEqual((answer["task"], answer["language"]), ("transcribe", "English"))
        self.assertAlmostEqual(answer["duration"], 10.73, delta=0.05)
        self.assertGreaterEqual(len(answer["segments"]), 2)
        self.assertEqual("".join(segment["text"] for segment in answer["segments"]).strip(), answer["text"])
        self.assertEqual(" ".join(word["word"] for word in answer["words"]), answer["text"])
        for segment in answer["segments"]:
            self.assertEqual(set(segment), SEGMENT_FIELDS)
        for timed in (answer["segments"], answer["words"]):
            edges = [edge for each in timed for edge in (each["start"], each["end"])]
            self.assertEqual(edges, sorted(edges))
            self.assertGreaterEqual(edges[0], 0)
            self.assertLessEqual(edges[-1], answer["duration"] + 0.05)

    def test_granularities(self) -> None:
        for wish, fields in ({"word"}, {"words"}), ({"segment"}, {"segments"}), (set(), {"segments"}):
            with self.subTest(wish):
                _, _, answer = self.server.groq(
                    response_format="verbose_json", **{"timestamp_granularities[]": sorted(wish)}
                )
                self.assertEqual(set(answer) & {"words", "segments"}, fields)

    def test_text(self) -> None:
        status, headers, answer = self.server.groq(response_format="text")
        self.assertEqual((status, answer), (200, "go forward ten meters"))
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))

    def test_nothing_is_invented(self) -> None:
        for name in ("silence.ogg", "noise.ogg"):
            with self.subTest(name):
                _, _, answer = self.server.groq(name, response_format="verbose_json")
                self.assertEqual((answer["text"], answer["segments"]), ("", []))
        for name in ("music.ogg", "voice-not-english.ogg"):
            with self.subTest(name):
                _, _, answer = self.server.groq(name, response_format="verbose_json")
                self.assertRegex(answer["text"], r"^\[Simulasi: .* Simulation: .*clear English\.\]$")
                self.assertEqual(answer["language"], "unknown")
                self.assertEqual(len(answer["segments"]), 1)

    def test_other_languages_are_refused_in_words(self) -> None:
        _, _, answer = self.server.groq(
            language="id", response_format="verbose_json", **{"timestamp_granularities[]": ["word", "segment"]}
        )
        self.assertEqual(answer["language"], "Indonesian")
        self.assertIn("yang diminta bahasa Indonesia.", answer["text"])
        self.assertIn("Indonesian was asked for.", answer["text"])
        self.assertEqual(answer["words"], [])
        self.assertAlmostEqual(answer["duration"], 2.79, delta=0.02)
        _, _, english = self.server.groq(language="en")
        self.assertEqual(english["text"], "go forward ten meters")

    def test_an_answer_does_not_depend_on_earlier_ones(self) -> None:
        pool = workers.Pool(1)
        self.addCleanup(pool.close)

        def words(turn: str) -> list[str]:
            heard = pool.transcribe(str(MEDIA / "voice-en-2.ogg"), turn, words=True)
            return [word["word"] for utterance in heard["utterances"] for word in utterance["words"]]

        first = words("first")
        for name in ("music.ogg", "voice-human.ogg"):
            pool.transcribe(str(MEDIA / name), name, words=True)
        self.assertEqual(words("again"), first)

    def test_refusals(self) -> None:
        for key in ("", "Bearer ", "Basic a"):
            with self.subTest(key=key):
                self.assert_groq_error(self.server.groq(key=key), 401, "Invalid API Key")
        cases = [
            ({"file": "not-audio.ogg"}, 400, "is it a valid media file"),
            ({"file": "empty.ogg"}, 400, "file is empty"),
            ({"name": "voice.txt"}, 400, "file must be one of the following types"),
            ({"model": "gpt-9"}, 404, "does not exist"),
            ({"response_format": "srt"}, 400, "response_format"),
            ({"timestamp_granularities[]": "word"}, 400, "verbose_json"),
            ({"timestamp_granularities[]": "line", "response_format": "verbose_json"}, 400, "granularities"),
            ({"language": "Indonesian"}, 400, "ISO-639-1"),
            ({"temperature": "hot"}, 400, "temperature"),
        ]
        for fields, status, message in cases:
            with self.subTest(fields):
                self.assert_groq_error(self.server.groq(**fields), status, message)
        body, kind = form(None, "", {"model": MODEL})
        headers = {"Content-Type": kind, "Authorization": "Bearer k"}
        self.assert_groq_error(self.server.request("POST", GROQ, body, headers), 400, "file or url is required")
        self.assert_groq_error(self.server.request("POST", GROQ, body[:-8], headers), 400, "form ends")
        self.assert_groq_error(self.server.request("POST", "/v2", b"", {}), 404, "Unknown request URL")

    def test_too_large(self) -> None:
        big = b"0" * (27 * 1024 * 1024)
        headers = {"Authorization": "Bearer k", "Content-Type": "multipart/form-data; boundary=b"}
        announced = self.server.request("POST", GROQ, big, headers)
        self.assert_groq_error(announced, 413, "Request Entity Too Large")
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.ogg"\r\n\r\n'
        chunked = self.server.request("POST", GROQ, iter([head, big]), headers)
        self.assert_groq_error(chunked, 413, "Request Entity Too Large")

    def test_playlist_opens_nothing(self) -> None:
        """A playlist that calls itself audio must not make ffmpeg read other files."""
        playlist = f"#EXTM3U\n#EXTINF:10,\n{MEDIA / 'voice-en.ogg'}\n#EXT-X-ENDLIST\n"
        body, kind = form(MEDIA / "empty.ogg", "list.ogg", {"model": MODEL})
        body = body.replace(b'filename="list.ogg"\r\n\r\n', b'filename="list.ogg"\r\n\r\n' + playlist.encode())
        answer = self.server.request("POST", GROQ, body, {"Content-Type": kind, "Authorization": "Bearer k"})
        self.assert_groq_error(answer, 400, "is it a valid media file")

    def test_url(self) -> None:
        with serving(MEDIA) as address:
            body, kind = form(None, "", {"model": MODEL, "url": f"{address}/voice-human-short.ogg?signed=1"})
            headers = {"Content-Type": kind, "Authorization": "Bearer k"}
            status, _, answer = self.server.request("POST", GROQ, body, headers)
            self.assertEqual((status, answer["text"]), (200, "go forward ten meters"))
            call = self.server.calls()["calls"][0]
            size = (MEDIA / "voice-human-short.ogg").stat().st_size
            self.assertEqual((call["by_url"], call["filename"], call["bytes"]), (True, "voice-human-short.ogg", size))
            body, kind = form(None, "", {"model": MODEL, "url": f"{address}/none.ogg"})
            gone = self.server.request("POST", GROQ, body, headers | {"Content-Type": kind})
            self.assert_groq_error(gone, 400, "failed to retrieve media")
        for address in ("file:///etc/passwd", "http://127.0.0.1:1/x", "x"):
            body, kind = form(None, "", {"model": MODEL, "url": address})
            refused = self.server.request("POST", GROQ, body, headers | {"Content-Type": kind})
            self.assertEqual(refused[0], 400, address)

    def test_url_too_large(self) -> None:
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address:
            with (Path(folder) / "big").open("wb") as big:
                big.truncate(100 * 1024 * 1024 + 1)
            body, kind = form(None, "", {"model": MODEL, "url": f"{address}/big"})
            headers = {"Content-Type": kind, "Authorization": "Bearer k"}
            self.assert_groq_error(self.server.request("POST", GROQ, body, headers), 413, "Request Entity Too Large")

    def test_revoked_keys(self) -> None:
        def revoke(keys: object) -> int:
            return self.server.request("POST", "/control/keys", json.dumps(keys))[0]

        self.assertEqual(revoke({"revoked": ["old"]}), 200)
        self.assert_groq_error(self.server.groq(key="Bearer old"), 401, "Invalid API Key")
        self.assertEqual(self.server.deepgram("model=nova-3", key="Token old")[0], 401)
        body, kind = form(MEDIA / "voice-human-short.ogg", "voice.ogg", {"model": MODEL})
        with contextlib.closing(self.server.connect()) as connection:  # A refused body is not the next request.
            for key, status in (("old", 401), ("new", 200)):
                connection.request("POST", GROQ, body, {"Content-Type": kind, "Authorization": f"Bearer {key}"})
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, status)
        self.assertEqual(self.server.groq(key="Bearer new")[0], 200)
        self.assertEqual(revoke({"revoked": []}), 200)
        self.assertEqual(self.server.groq(key="Bearer old")[0], 200)
        for wish in ({}, [], {"revoked": "old"}, {"revoked": [1]}, None):
            self.assertEqual(revoke(wish), 400, wish)

    def test_many_at_once(self) -> None:
        voice = (MEDIA / "voice-human-short.ogg").read_bytes()
        headers = {"Content-Type": "audio/ogg", "Authorization": "Token k"}
        answers: list[str] = []

        def ask(at: int) -> None:
            other = voice + bytes(at)  # The same to hear, but not the same file.
            answer = self.server.request("POST", "/v1/listen?model=nova-3", other, headers)[2]
            answers.append(answer["results"]["channels"][0]["alternatives"][0]["transcript"])

        threads = [threading.Thread(target=ask, args=(at,)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, ["go forward ten meters"] * 8)

    def test_models(self) -> None:
        _, _, answer = self.server.request("GET", "/openai/v1/models", headers={"Authorization": "Bearer k"})
        self.assertIn(MODEL, [model["id"] for model in answer["data"]])

    # Deepgram.

    def test_deepgram(self) -> None:
        status, _, answer = self.server.deepgram("model=nova-3&utterances=true&diarize=true&smart_format=true")
        self.assertEqual(status, 200)
        best = answer["results"]["channels"][0]["alternatives"][0]
        self.assertEqual(best["transcript"], "go forward ten meters")
        self.assertEqual([word["word"] for word in best["words"]], best["transcript"].split())
        self.assertEqual({word["speaker"] for word in best["words"]}, {0})
        self.assertEqual([u["transcript"] for u in answer["results"]["utterances"]], [best["transcript"]])
        self.assertAlmostEqual(answer["metadata"]["duration"], 2.79, delta=0.02)
        self.assertNotIn("detected_language", answer["results"]["channels"][0])

    def test_deepgram_detects_english(self) -> None:
        _, _, answer = self.server.deepgram("model=nova-3&detect_language=true")
        self.assertEqual(answer["results"]["channels"][0]["detected_language"], "en")
        _, _, music = self.server.deepgram("model=nova-3&detect_language=true", file="music.ogg")
        self.assertNotIn("detected_language", music["results"]["channels"][0])

    def test_deepgram_streamed_body(self) -> None:
        data = (MEDIA / "voice-human-short.ogg").read_bytes()
        pieces = (data[at : at + 1000] for at in range(0, len(data), 1000))
        _, _, answer = self.server.request("POST", "/v1/listen?model=nova-3", pieces, {"Authorization": "Token k"})
        self.assertEqual(answer["results"]["channels"][0]["alternatives"][0]["transcript"], "go forward ten meters")
        self.assertNotIn("utterances", answer["results"])

    def test_deepgram_refusals(self) -> None:
        cases = [
            (self.server.deepgram("model=nova-3", key="Basic x"), 401, "INVALID_AUTH"),
            (self.server.deepgram("model=nova-3", file="not-audio.ogg"), 400, "Bad Request"),
            (self.server.deepgram("model=nova-3", file="empty.ogg"), 400, "Bad Request"),
            (self.server.deepgram("model=bogus"), 400, "INVALID_QUERY_PARAMETER"),
        ]
        for (status, _, answer), want, code in cases:
            with self.subTest(code):
                self.assertEqual((status, answer["err_code"]), (want, code))
        _, _, other = self.server.deepgram("model=nova-3&language=id")
        self.assertIn("Indonesia", other["results"]["channels"][0]["alternatives"][0]["transcript"])

    # Faults and calls.

    def test_status_fault(self) -> None:
        self.server.fail({"kind": "status", "status": 429, "retry_after": 7, "provider": "groq", "times": 2})
        for _ in range(2):
            status, headers, answer = self.server.groq()
            self.assertEqual((status, headers["Retry-After"]), (429, "7"))
            self.assertEqual(answer["error"]["code"], "rate_limit_exceeded")
            self.assertEqual(self.server.deepgram("model=nova-3")[0], 200)
        self.assertEqual(self.server.groq()[0], 200)

    def test_fault_of_a_key(self) -> None:
        self.server.fail({"kind": "status", "status": 500, "key": "unlucky", "times": None})
        self.assertEqual(self.server.groq()[0], 200)
        self.assertEqual(self.server.groq(key="Bearer unlucky")[0], 500)
        self.assertEqual(self.server.deepgram("model=nova-3", key="Token unlucky")[0], 500)

    def test_fault_for_all_until_reset(self) -> None:
        self.server.fail({"kind": "status", "status": 500, "times": None})
        self.assertEqual([self.server.groq()[0] for _ in range(3)], [500] * 3)
        self.assertEqual(self.server.deepgram("model=nova-3")[0], 500)
        self.server.request("POST", "/control/reset")
        self.assertEqual(self.server.groq()[0], 200)

    def test_cut_and_drop(self) -> None:
        self.server.fail({"kind": "cut"}, {"kind": "drop"})
        with self.assertRaises(http.client.IncompleteRead):
            self.server.groq()
        with self.assertRaises(http.client.RemoteDisconnected):
            self.server.groq()
        heard = [(call["fault"], call["status"], call["text"]) for call in self.server.calls()["calls"]]
        self.assertEqual(heard, [("cut", 0, "go forward ten meters"), ("drop", 0, "")])

    def test_garbage(self) -> None:
        self.server.fail({"kind": "garbage"})
        with self.assertRaises(json.JSONDecodeError):
            self.server.groq()

    def test_slow_is_slow_and_a_reset_lets_go(self) -> None:
        self.server.fail({"kind": "slow", "delay": 0.5})
        before = time.monotonic()
        self.assertEqual(self.server.groq()[0], 200)
        self.assertGreaterEqual(time.monotonic() - before, 0.5)
        self.server.fail({"kind": "slow", "delay": 600})
        self.release_after_reset(200)

    def test_hang_happens_after_success(self) -> None:
        self.server.fail({"kind": "hang"})
        with self.assertRaises(TimeoutError), contextlib.closing(self.server.connect(timeout=5)) as connection:
            body, kind = form(MEDIA / "voice-human-short.ogg", "a.ogg", {"model": MODEL})
            connection.request("POST", GROQ, body, {"Content-Type": kind, "Authorization": "Bearer k"})
            connection.getresponse()
        ended = self.server.calls("?ended=1&timeout=10")
        self.assertTrue(ended["reached"])
        self.assertEqual(ended["calls"][0]["text"], "go forward ten meters")

    def release_after_reset(self, want: int) -> None:
        got: list[int] = []
        caller = threading.Thread(target=lambda: got.append(self.server.groq()[0]))
        caller.start()
        self.assertTrue(self.server.calls("?started=2&timeout=10")["reached"])
        self.server.request("POST", "/control/reset")
        caller.join(30)
        self.assertEqual(got, [want])

    def test_calls_are_recorded(self) -> None:
        self.assertEqual(self.server.calls(), {"started": 0, "reached": True, "calls": []})
        self.server.groq("voice-human-short.ogg", language="en")
        self.server.groq(key="")
        answer = self.server.calls("?started=2&ended=2&timeout=10")  # A call ends after its answer.
        self.assertEqual((answer["started"], answer["reached"]), (2, True))
        first, second = answer["calls"]
        self.assertEqual((first["status"], second["status"]), (200, 401))
        self.assertEqual((first["provider"], first["model"], first["language"]), ("groq", MODEL, "en"))
        self.assertEqual(first["bytes"], (MEDIA / "voice-human-short.ogg").stat().st_size)
        self.assertFalse(self.server.calls("?started=3&timeout=0.05")["reached"])

    def test_bad_faults_are_refused(self) -> None:
        for wish in (
            {}, {"kind": "explode"}, {"kind": ["slow"]}, {"kind": "slow", "delay": -1}, {"kind": "status", "status": 200},
            {"kind": "slow", "times": "all"}, {"kind": "slow", "provider": "openai"}, {"kind": "slow", "extra": 1}, 5,
        ):  # fmt: skip
            with self.subTest(wish):
                status, _, answer = self.server.request("POST", "/control/faults", json.dumps(wish))
                self.assertEqual(status, 400)
                self.assertTrue(answer["error"])
        self.assertEqual(self.server.request("GET", "/control/faults")[2]["faults"], [])

    # Processes.

    def test_a_worker_that_dies_is_replaced(self) -> None:
        for pid in self.server.workers():
            os.kill(pid, signal.SIGKILL)
        answers = [self.server.groq()[0] for _ in range(3)]
        self.assertEqual(answers, [500, 500, 200])


class ProcessTest(unittest.TestCase):
    def test_no_process_is_left_behind(self) -> None:
        for end in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            with self.subTest(end.name):
                server = Server("--workers", "1")
                pids = server.workers()
                server.process.send_signal(end)
                self.assertEqual(server.process.wait(10), -9 if end == signal.SIGKILL else 0)
                server.process.stdout.close()
                deadline = time.monotonic() + 10
                while any(map(alive, pids)) and time.monotonic() < deadline:
                    time.sleep(0.02)  # Nothing signals the end of a process that is not our child.
                self.assertEqual([pid for pid in pids if alive(pid)], [])

    def test_busy_port_is_said_clearly(self) -> None:
        server = Server("--workers", "1")
        self.addCleanup(server.stop)
        second = subprocess.run(
            [sys.executable, str(HERE / "serve.py"), "--port", str(server.port)], capture_output=True, text=True, check=False
        )
        self.assertEqual(second.returncode, 1)
        self.assertRegex(second.stderr, rf"^speech: cannot listen on 127\.0\.0\.1:{server.port}: .*; choose another --port\n$")

    def test_pool_reports_a_dead_worker(self) -> None:
        pool = workers.Pool(1)
        self.addCleanup(pool.close)
        os.kill(pool.pids()[0], signal.SIGKILL)
        with self.assertRaises(workers.WorkerDiedError):
            pool.transcribe(str(MEDIA / "silence.ogg"), "silence", words=True)
        self.assertEqual(pool.transcribe(str(MEDIA / "silence.ogg"), "silence", words=True)["utterances"], [])

    def test_pool_hears_a_file_once(self) -> None:
        pool = workers.Pool(1)
        self.addCleanup(pool.close)
        heard = pool.transcribe(str(MEDIA / "silence.ogg"), "silence", words=True)
        os.kill(pool.pids()[0], signal.SIGKILL)
        self.assertEqual(pool.transcribe(str(MEDIA / "silence.ogg"), "silence", words=True), heard)
        with self.assertRaises(workers.WorkerDiedError):
            pool.transcribe(str(MEDIA / "silence.ogg"), "silence", words=False)
        with mock.patch.object(workers, "HEARD_KEPT", 1):
            pool.transcribe(str(MEDIA / "silence.ogg"), "another", words=True)
            os.kill(pool.pids()[0], signal.SIGKILL)
            with self.assertRaises(workers.WorkerDiedError):
                pool.transcribe(str(MEDIA / "silence.ogg"), "silence", words=True)


if __name__ == "__main__":
    unittest.main()
