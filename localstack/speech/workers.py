"""A small pool of recognition processes."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path

from recognition import NotMediaError

HEARD_KEPT = 100  # Files; what was heard in an hour takes some 2 MB.


class WorkerDiedError(Exception):
    """The process that recognised the file ended before it answered."""


class Worker:
    """One recognition process. It ends by itself when this process does, even by SIGKILL."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("recognition.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the server, which then closes its workers.
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise WorkerDiedError(f"recognition process {self.pid} ended without an answer")
        return json.loads(line)

    def ask(self, request: dict) -> dict:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerDiedError(f"recognition process {self.pid} has ended") from error
        return self.read()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # What it had not read yet is lost with it.
            self._process.stdin.close()
        self._process.stdout.close()


class Pool:
    """Lends each of its workers to one request at a time; others wait in line.

    Recognition takes seconds of a core and gives the same for the same file, whoever asks: who sends a file that was
    heard lately, or is being heard, has the answer of that. Tests send the same few recordings hundreds of times.
    """

    def __init__(self, size: int) -> None:
        workers = [Worker() for _ in range(size)]
        for worker in workers:
            worker.read()  # {"ready": true}, once the model is loaded.
        self._lock = threading.Lock()
        self._workers = set(workers)
        self._heard: OrderedDict[tuple[str, bool], Future[dict]] = OrderedDict()  # The one asked for last is at the end.
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in workers:
            self._free.put(worker)

    def pids(self) -> list[int]:
        with self._lock:
            return sorted(worker.pid for worker in self._workers)

    def transcribe(self, path: str, sha256: str, *, words: bool) -> dict:
        """Returns what recognition.transcribe does for the file, whose digest is given.

        Raises NotMediaError for a file without audio, WorkerDiedError when the process died on it;
        the next request gets a new process.
        """
        key = (sha256, words)
        with self._lock:
            known = self._heard.get(key)
            if known is None:
                mine = self._heard[key] = Future()
                if len(self._heard) > HEARD_KEPT:
                    self._heard.popitem(last=False)
            else:
                self._heard.move_to_end(key)
        if known is not None:
            return known.result()
        try:
            mine.set_result(self._recognise(path, words=words))
        except Exception as error:
            with self._lock:
                self._heard.pop(key, None)
            mine.set_exception(error)
            raise
        return mine.result()

    def _recognise(self, path: str, *, words: bool) -> dict:
        worker = self._free.get()
        try:
            answer = worker.ask({"file": path, "words": words})
        except WorkerDiedError:
            worker = self._replace(worker)
            raise
        finally:
            self._free.put(worker)
        if "error" in answer:
            raise NotMediaError(answer["detail"])
        return answer

    def close(self) -> None:
        with self._lock:
            for worker in self._workers:
                worker.close()
            self._workers.clear()

    def _replace(self, dead: Worker) -> Worker:
        dead.close()
        worker = Worker()
        worker.read()
        with self._lock:
            self._workers.discard(dead)
            self._workers.add(worker)
        return worker
