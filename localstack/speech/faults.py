"""What goes wrong on request, and a record of every call, for tests."""

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field

PROVIDERS = ("groq", "deepgram")
KINDS = {
    "status": "answer with an error of the provider's: status (400 to 599), retry_after (seconds)",
    "slow": "wait delay (seconds), then answer as usual",
    "cut": "do the work, send half of the answer, then cut the connection",
    "drop": "read the request, then cut the connection without doing anything",
    "garbage": "answer 200 with JSON that ends in the middle",
    "hang": "do the work, then never answer: the caller's timeout after a success",
}
CALLS_KEPT = 1000


@dataclass
class Fault:
    """One planned fault. times counts the calls it still hits; None is every call."""

    kind: str
    provider: str | None = None
    key: str | None = None
    times: int | None = 1
    status: int = 500
    retry_after: float | None = None
    delay: float = 0.0

    @classmethod
    def read(cls, wish: object) -> "Fault":
        """Raises ValueError with what is wrong with the wish."""
        if not isinstance(wish, dict) or (unknown := set(wish) - set(cls.__dataclass_fields__)):
            raise ValueError(f"a fault is an object of {sorted(cls.__dataclass_fields__)}, not {wish!r}")
        fault = cls(**{"kind": None} | wish)
        numbers = (fault.times, fault.retry_after, fault.delay)
        if not isinstance(fault.kind, str) or fault.kind not in KINDS:
            raise ValueError(f"kind is one of {sorted(KINDS)}, not {fault.kind!r}")
        if not isinstance(fault.key, str | None):
            raise ValueError(f"key is that of the calls to hit or null for all, not {fault.key!r}")
        if fault.provider not in (None, *PROVIDERS):
            raise ValueError(f"provider is one of {PROVIDERS} or null for both, not {fault.provider!r}")
        if any(n is not None and (isinstance(n, bool) or not isinstance(n, int | float) or n < 0) for n in numbers):
            raise ValueError("times, retry_after and delay are numbers from 0 up")
        if not isinstance(fault.status, int) or not 400 <= fault.status <= 599:
            raise ValueError(f"status is a number from 400 to 599, not {fault.status!r}")
        return fault


@dataclass
class Call:
    """One call of a provider's endpoint, successful or not."""

    id: int
    provider: str
    era: int = 0  # Resets before it began; the next one lets it go, wherever it is held up by then.
    started: float = field(default_factory=time.time)  # Unix seconds.
    model: str = ""
    language: str = ""
    response_format: str = ""
    filename: str = ""
    content_type: str = ""
    by_url: bool = False  # The provider fetched the file from an address.
    bytes: int = 0
    sha256: str = ""
    duration: float = 0.0  # Seconds of audio.
    text: str = ""
    fault: str = ""
    status: int = 0  # 0 while under way, and for good when no answer was given.
    ended: float = 0.0  # Unix seconds; 0 while under way.


class Control:
    """The faults to come and the calls so far. Safe for threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._faults: list[Fault] = []
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._started = 0
        self._era = 0  # Grows with each reset; calls of an older era are held up no longer.
        self._hanging: set[socket.socket] = set()
        self._revoked: set[str] = set()

    def plan(self, fault: Fault) -> None:
        with self._changed:
            self._faults.append(fault)

    def faults(self) -> list[dict]:
        with self._changed:
            return [asdict(fault) for fault in self._faults]

    def revoke(self, keys: list[str]) -> None:
        """Makes these the keys that no provider takes, in place of those before."""
        with self._changed:
            self._revoked = set(keys)

    def is_revoked(self, key: str) -> bool:
        with self._changed:
            return key in self._revoked

    def start(self, provider: str, key: str) -> tuple[Call, Fault | None]:
        """Records a new call and returns it with the fault that it shall suffer."""

        def fits(fault: Fault) -> bool:
            return fault.times != 0 and fault.provider in (None, provider) and fault.key in (None, key)

        with self._changed:
            self._started += 1
            call = Call(self._started, provider, self._era)
            self._calls.append(call)
            fault = next(filter(fits, self._faults), None)
            if fault is not None:
                call.fault = fault.kind
                if fault.times is not None:
                    fault.times -= 1
                    self._faults = [f for f in self._faults if f.times != 0]
            self._changed.notify_all()
            return call, fault

    def end(self, call: Call, status: int) -> None:
        with self._changed:
            call.status, call.ended = status, time.time()
            self._changed.notify_all()

    def calls(self, *, started: int = 0, ended: int = 0, timeout: float = 0.0) -> dict:
        """Returns all calls, at once or as soon as so many have started and ended, at the latest after timeout (s)."""

        def reached() -> bool:
            return self._started >= started and sum(call.ended > 0 for call in self._calls) >= ended

        with self._changed:
            reached_in_time = self._changed.wait_for(reached, timeout)
            return {
                "started": self._started,
                "reached": reached_in_time,
                "calls": [asdict(call) for call in self._calls],
            }

    def reset(self) -> None:
        """Forgets faults, calls and revoked keys, and lets go whoever is held up by a fault."""
        with self._changed:
            self._faults.clear()
            self._revoked.clear()
            self._calls.clear()
            self._started = 0
            self._era += 1
            for connection in self._hanging:
                with contextlib.suppress(OSError):  # The other side may have gone by itself.
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()

    def hold(self, call: Call, seconds: float) -> None:
        """Waits, or returns earlier on a reset since the call began."""
        with self._changed:
            self._changed.wait_for(lambda: self._era != call.era, seconds)

    def hang(self, call: Call, connection: socket.socket) -> None:
        """Waits until the other side gives up or a reset cuts the connection."""
        with self._changed:
            if self._era != call.era:
                return
            self._hanging.add(connection)
        try:
            with contextlib.suppress(OSError):  # A reset by the other side ends it too.
                connection.settimeout(None)
                connection.recv(1)
        finally:
            with self._changed:
                self._hanging.discard(connection)
