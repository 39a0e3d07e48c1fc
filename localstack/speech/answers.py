"""What was recognised, in the words of Groq (which are OpenAI's) and of Deepgram."""

import math
import secrets
import uuid
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone

# Below this an utterance is not printed. Measured with Opus at 24 kbit/s, see README.md: English 0.39 to 0.9,
# Indonesian by English and Indonesian voices 0.14 to 0.37, music 0.05.
CLEAR_ENGLISH = 0.385
UNCLEAR = "[unclear]"

# A segment ends at a pause this long once it lasts a while, and at the latest when it is as long as a subtitle may be.
SHORTEST_PAUSE = 0.05
SHORTEST_SEGMENT = 2.0
LONGEST_SEGMENT = 7.0

LANGUAGES = {
    "ar": ("Arabic", "Arab"), "de": ("German", "Jerman"), "en": ("English", "Inggris"), "es": ("Spanish", "Spanyol"),
    "fr": ("French", "Prancis"), "hi": ("Hindi", "Hindi"), "id": ("Indonesian", "Indonesia"), "it": ("Italian", "Italia"),
    "ja": ("Japanese", "Jepang"), "jv": ("Javanese", "Jawa"), "jw": ("Javanese", "Jawa"), "ko": ("Korean", "Korea"),
    "ms": ("Malay", "Melayu"), "nl": ("Dutch", "Belanda"), "pt": ("Portuguese", "Portugis"), "ru": ("Russian", "Rusia"),
    "su": ("Sundanese", "Sunda"), "th": ("Thai", "Thai"), "tl": ("Tagalog", "Tagalog"), "tr": ("Turkish", "Turki"),
    "vi": ("Vietnamese", "Vietnam"), "zh": ("Chinese", "Tionghoa"),
}  # fmt: skip


@dataclass
class Segment:
    """A stretch of speech, in seconds from the start of the file."""

    start: float
    end: float
    text: str
    confidence: float  # 0 to 1.
    words: list[dict] = field(default_factory=list)


@dataclass
class Transcript:
    """What the answers are made of. A notice stands in place of words that would be invented."""

    duration: float
    language: str  # English name, or "unknown".
    segments: list[Segment]
    notice: bool = False

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def words(self) -> list[dict]:
        return [word for segment in self.segments for word in segment.words]


def transcript(recognised: dict, language: str) -> Transcript:
    """Returns the transcript of what recognition.transcribe found.

    language is the two-letter code that the caller asked for, or "" to detect it. Detecting means here: clear
    English or not. What is not is never guessed at.
    """
    duration = recognised["duration"]
    if language not in ("", "en"):
        english, indonesian = LANGUAGES.get(language, (language, language))
        return _notice(
            duration,
            english,
            f"[Simulasi: pengenal suara lokal hanya mengerti bahasa Inggris, yang diminta bahasa {indonesian}. "
            f"Simulation: the local recogniser understands English only; {english} was asked for.]",
        )
    utterances = recognised["utterances"]
    clear = [u for u in utterances if _confidence(u["words"]) >= CLEAR_ENGLISH]
    if _length(clear) < _length(utterances) / 2:
        return _notice(
            duration,
            "unknown",
            "[Simulasi: pengenal suara lokal hanya mengerti bahasa Inggris, dan suara ini tidak terdengar seperti itu. "
            "Simulation: the local recogniser understands English only, and this does not sound like clear English.]",
        )
    return Transcript(duration, "English", [s for u in utterances for s in _segments(u, clear=u in clear)])


def _notice(duration: float, language: str, text: str) -> Transcript:
    return Transcript(duration, language, [Segment(0.0, duration, text, 1.0)], notice=True)


def _length(utterances: list[dict]) -> float:
    return sum(utterance["end"] - utterance["start"] for utterance in utterances)


def _confidence(words: list[dict]) -> float:
    """Returns how sure the recogniser is of these words, 0 to 1.

    That is the mean probability of the words, times how much of the best the language model could do: for each word
    the length of the sequence it knew (3 at best, fewer at the start). Either alone mistakes slow foreign speech for
    English.
    """
    mean = sum(word["probability"] for word in words) / len(words)
    known = sum(word["order"] for word in words) / sum(min(at + 2, 3) for at in range(len(words)))
    return mean * min(known, 1.0)


def _segments(utterance: dict, *, clear: bool) -> list[Segment]:
    words = utterance["words"]
    if not clear:
        return [Segment(words[0]["start"], words[-1]["end"], UNCLEAR, _confidence(words))]
    groups = [[words[0]]]
    for word in words[1:]:
        last = groups[-1]
        length, pause = last[-1]["end"] - last[0]["start"], word["start"] - last[-1]["end"]
        if (pause >= SHORTEST_PAUSE and length >= SHORTEST_SEGMENT) or length >= LONGEST_SEGMENT:
            groups.append([])
        groups[-1].append(word)
    return [
        Segment(g[0]["start"], g[-1]["end"], " ".join(w["word"] for w in g), _confidence(g), g) for g in groups
    ]  # fmt: skip


def groq(result: Transcript, response_format: str, granularities: set[str]) -> dict | str:
    """Returns the body of Groq's answer: text for the format text, else an object."""
    if response_format == "text":
        return result.text
    identity = {"x_groq": {"id": "req_" + secrets.token_hex(13)}}
    if response_format == "json":
        return {"text": result.text} | identity
    answer = {
        "task": "transcribe",
        "language": result.language,
        "duration": result.duration,
        "text": result.text,
    }
    if "word" in granularities:
        answer["words"] = [{key: word[key] for key in ("word", "start", "end")} for word in result.words]
    if "segment" in granularities or not granularities:
        answer["segments"] = [_groq_segment(at, segment) for at, segment in enumerate(result.segments)]
    return answer | identity


def _groq_segment(at: int, segment: Segment) -> dict:
    text = segment.text.encode()
    return {
        "id": at,
        "seek": int(segment.start // 30) * 3000,  # Whisper's window of 30 s, in frames of 10 ms.
        "start": segment.start,
        "end": segment.end,
        "text": " " + segment.text,
        "tokens": [],  # There is no tokenizer here.
        "temperature": 0,
        "avg_logprob": round(math.log(max(segment.confidence, 1e-4)), 4),
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 4),
        "no_speech_prob": 0.0,  # Where the voice detector hears no speech there is no segment at all.
    }


def deepgram(
    result: Transcript, *, model: str, sha256: str, utterances: bool, diarize: bool, detect: bool = False
) -> dict:
    """Returns the body of Deepgram's answer. Speakers are not told apart: everyone is speaker 0."""
    speaker = {"speaker": 0, "speaker_confidence": 0.0} if diarize else {}

    def word(heard: dict) -> dict:
        return {
            "word": heard["word"],
            "start": heard["start"],
            "end": heard["end"],
            "confidence": heard["probability"],
            "punctuated_word": heard["word"],  # Nothing is punctuated: that would be invented.
        } | speaker

    words = result.words
    best = {
        "transcript": result.text,
        "confidence": round(sum(w["probability"] for w in words) / len(words), 4) if words else 0.0,
        "words": [word(w) for w in words],
    }
    model_id = str(uuid.uuid5(uuid.NAMESPACE_URL, model))
    answer = {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": str(uuid.uuid4()),
            "sha256": sha256,
            "created": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration": result.duration,
            "channels": 1,
            "models": [model_id],
            "model_info": {model_id: {"name": model, "version": "localstack-speech", "arch": "pocketsphinx"}},
        },
        "results": {"channels": [{"alternatives": [best]}]},
    }
    if detect and (code := _code(result.language)):
        confidence = 1.0 if result.notice else best["confidence"]
        answer["results"]["channels"][0] |= {"detected_language": code, "language_confidence": confidence}
    if utterances:
        answer["results"]["utterances"] = [
            {
                "start": s.start,
                "end": s.end,
                "confidence": round(s.confidence, 4),
                "channel": 0,
                "transcript": s.text,
                "words": [word(w) for w in s.words],
                "id": str(uuid.uuid4()),
            }
            | ({"speaker": 0} if diarize else {})
            for s in result.segments
        ]
    return answer


def _code(language: str) -> str:
    return next((code for code, (english, _) in LANGUAGES.items() if english == language), "")


def groq_error(message: str, kind: str = "invalid_request_error", code: str | None = None) -> dict:
    """Returns the body of Groq's error."""
    error = {"message": message, "type": kind}
    return {"error": error | ({"code": code} if code else {})}


def deepgram_error(code: str, message: str) -> dict:
    """Returns the body of Deepgram's error."""
    return {"err_code": code, "err_msg": message, "request_id": str(uuid.uuid4())}

