"""Recognition of English speech in a media file, as a worker process.

Run as a program it reads one JSON request per line from standard input and
writes one JSON answer per line to standard output, until standard input ends:

    {"file": "/tmp/upload", "words": true}
    {"duration": 10.7, "utterances": [{"start": 0.3, "end": 9.9, "words": [
        {"word": "thank", "start": 0.41, "end": 0.7, "probability": 0.98, "order": 1}]}]}
    {"error": "not_media", "detail": "..."}

Times are in seconds from the start of the file. Its memory does not grow with
the length of the audio: no more than one utterance is held at a time.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import imageio_ffmpeg
from pocketsphinx import Decoder, Endpointer

RATE = 16_000
SAMPLE_BYTES = 2
BYTES_PER_SECOND = RATE * SAMPLE_BYTES

# Silence kept on both sides of an utterance: cut closer, the recogniser loses first and last words.
PADDING = 0.25
# Longer utterances are cut at their quietest moment within the last LOOKBACK seconds.
LONGEST_UTTERANCE = 25.0
LOOKBACK = 5.0


class NotMediaError(Exception):
    """The file holds no audio that ffmpeg can read."""


class Utterances:
    """Cuts a stream of PCM into utterances at the silences between them."""

    def __init__(self, pcm: BinaryIO) -> None:
        self._pcm = pcm
        self._buffer = bytearray()
        self._buffer_start = 0  # Position of the buffer's first byte in the stream.
        self.duration = 0.0  # Seconds read so far; the whole length once iteration has ended.

    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        """Yields the start of each utterance in seconds and its PCM, padding included."""
        endpointer = Endpointer(sample_rate=RATE)
        frame_bytes = endpointer.frame_bytes
        speech_start = None
        while len(frame := self._read(frame_bytes)) == frame_bytes:
            endpointer.process(frame)
            if speech_start is None and endpointer.in_speech:
                speech_start = max(endpointer.speech_start - PADDING, self._buffer_start / BYTES_PER_SECOND)
            elif speech_start is not None and not endpointer.in_speech:
                yield speech_start, self._take(speech_start, endpointer.speech_end + PADDING)
                speech_start = None
            elif speech_start is not None and self.duration - speech_start >= LONGEST_UTTERANCE:
                cut = self._quietest(frame_bytes)
                yield speech_start, self._take(speech_start, cut)
                speech_start = cut
            elif speech_start is None:
                # Speech is noticed up to a window after it began; keep that and the padding, no more.
                self._forget_before(self.duration - 1.0)
        if speech_start is not None:
            yield speech_start, self._take(speech_start, self.duration)

    def _read(self, size: int) -> bytes:
        frame = self._pcm.read(size)
        self._buffer += frame
        self.duration = (self._buffer_start + len(self._buffer)) / BYTES_PER_SECOND
        return frame

    def _take(self, start: float, end: float) -> bytes:
        first, last = _offset(start) - self._buffer_start, _offset(end) - self._buffer_start
        taken = bytes(self._buffer[first:last])
        self._forget_before(end)
        return taken

    def _forget_before(self, time: float) -> None:
        gone = min(max(_offset(time) - self._buffer_start, 0), len(self._buffer))
        del self._buffer[:gone]
        self._buffer_start += gone

    def _quietest(self, frame_bytes: int) -> float:
        """Returns the middle of the quietest frame of the last LOOKBACK seconds."""
        first = len(self._buffer) - _offset(LOOKBACK)
        starts = range(first, len(self._buffer) - frame_bytes, frame_bytes)
        quietest = min(starts, key=lambda at: _energy(self._buffer[at : at + frame_bytes]))
        return (self._buffer_start + quietest + frame_bytes // 2) / BYTES_PER_SECOND


def _offset(seconds: float) -> int:
    """Returns the byte offset of a time, on a sample's boundary."""
    return round(seconds * RATE) * SAMPLE_BYTES


def _energy(frame: bytearray) -> int:
    return sum(abs(sample) for sample in memoryview(bytes(frame)).cast("h"))


def transcribe(decoder: Decoder, path: str, *, words: bool) -> dict:
    """Returns the duration of the file and, if words are asked for, its utterances.

    Raises NotMediaError when ffmpeg finds no audio in the file.
    """
    with open(path, "rb") as media, tempfile.TemporaryFile() as complaints:
        # The file comes as an open descriptor, and no other protocol is allowed: a playlist that
        # calls itself audio cannot make ffmpeg open other files or addresses.
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error",
            "-protocol_whitelist", "fd", "-fd", "0", "-i", "fd:",
            "-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "s16le", "pipe:1",
        ]  # fmt: skip
        with subprocess.Popen(command, stdin=media, stdout=subprocess.PIPE, stderr=complaints) as ffmpeg:
            utterances = Utterances(ffmpeg.stdout)
            found = [_recognise(decoder, start, pcm) if words else None for start, pcm in utterances]
        if utterances.duration == 0:
            complaints.seek(0)
            raise NotMediaError(complaints.read(2000).decode(errors="replace").strip())
    return {"duration": round(utterances.duration, 3), "utterances": [u for u in found if u and u["words"]]}


def _recognise(decoder: Decoder, start: float, pcm: bytes) -> dict:
    decoder.start_utt()
    # full_utt normalises over this utterance alone, so an answer never depends on earlier requests.
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    frames_per_second = decoder.config["frate"]
    words = [
        {
            "word": segment.word.split("(")[0],  # "to(2)" is the second pronunciation of "to".
            "start": round(start + segment.start_frame / frames_per_second, 2),
            "end": round(start + (segment.end_frame + 1) / frames_per_second, 2),
            "probability": round(min(segment.prob, 1.0), 4),
            "order": segment.lback,
        }
        for segment in (decoder.seg() if decoder.hyp() else ())
        if segment.word[0] not in "<["  # Silence and noises.
    ]
    return {"start": round(start, 2), "end": round(start + len(pcm) / BYTES_PER_SECOND, 2), "words": words}


def main() -> None:
    decoder = Decoder(loglevel="FATAL")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = transcribe(decoder, request["file"], words=request["words"])
        except NotMediaError as error:
            answer = {"error": "not_media", "detail": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
