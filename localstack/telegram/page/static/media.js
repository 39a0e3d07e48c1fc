// What a message shows of its file, and the recording of voice.
import { $, el, clock, size, dialog, toast } from "./dom.js";

let playing = null;

/** Returns the node for a file, or null. */
export function media(file) {
  if (!file) return null;
  switch (file.kind) {
    case "photo": return photo(file);
    case "sticker": return el("img", { class: "sticker", src: file.url, alt: "Sticker", "data-testid": "sticker" });
    case "voice": case "audio": return player(file);
    case "video": case "animation": case "video_note": return video(file);
    default: return documentLink(file);
  }
}

export const visual = (file) => Boolean(file) && ["photo", "video", "animation", "video_note", "sticker"].includes(file.kind);

function photo(file) {
  const image = el("img", { class: file.spoiler ? "photo veil" : "photo", src: file.url, width: file.width, height: file.height, alt: "Photo", loading: "lazy", "data-testid": "photo", tabindex: "0",
    onclick: () => {
      if (image.classList.contains("veil")) { image.classList.remove("veil"); return; }
      dialog("", el("img", { src: file.url, alt: "Photo" }), [{ text: "Close" }], true);
    } });
  return image;
}

function video(file) {
  const moving = file.kind === "animation";
  return el("video", { class: file.kind === "video_note" ? "photo round" : "photo", src: file.url, poster: file.thumb_url, controls: !moving, loop: moving, autoplay: moving, muted: moving, playsinline: true, preload: "metadata", "data-testid": "video", "aria-label": "Video" });
}

function documentLink(file) {
  const ending = (file.file_name || "").split(".").pop().slice(0, 4).toUpperCase();
  return el("a", { class: "doc", href: file.url + "?download", download: file.file_name || "", "data-testid": "document", "aria-label": `Download ${file.file_name || "file"}, ${size(file.file_size)}` },
    file.thumb_url ? el("img", { class: "avatar", src: file.thumb_url, alt: "" }) : el("span", { class: "glyph", "aria-hidden": "true" }, "⬇"),
    el("span", {}, el("b", {}, file.file_name || "file"), el("span", { class: "dim" }, `${size(file.file_size)} ${ending}`)));
}

/** A sound with a bar that shows how far it is. The wave is only a picture:
 *  it is made from the id, since Telegram sends none to bots either. */
function player(file) {
  const sound = el("audio", { src: file.url, preload: "none" });
  const bars = [...Array(36)].map((_, i) => {
    const bar = el("i");
    const code = file.file_unique_id.charCodeAt(i % file.file_unique_id.length) * (i + 7);
    bar.style.height = `${file.kind === "voice" ? 16 + code % 84 : 20}%`;
    return bar;
  });
  const left = el("span", { class: "dim" }, `${clock(file.duration)} · ${size(file.file_size)}`);
  const button = el("button", { "aria-label": "Play", "data-testid": "play", onclick: () => {
    if (!sound.paused) { sound.pause(); return; }
    if (playing && playing !== sound) playing.pause();
    playing = sound;
    sound.play().catch(() => toast("The browser cannot play this file", true));
  } }, "▶");
  const length = () => Number.isFinite(sound.duration) && sound.duration > 0 ? sound.duration : file.duration || 1;
  const show = () => {
    const done = sound.currentTime / length();
    bars.forEach((bar, i) => bar.classList.toggle("on", i / bars.length < done));
    left.textContent = sound.currentTime ? `${clock(sound.currentTime)} / ${clock(length())}` : `${clock(length())} · ${size(file.file_size)}`;
    button.textContent = sound.paused ? "▶" : "❚❚";
    button.setAttribute("aria-label", sound.paused ? "Play" : "Pause");
  };
  for (const event of ["play", "pause", "timeupdate", "ended"]) sound.addEventListener(event, show);
  const wave = el("div", { class: "wave", onclick: (event) => {
    const box = wave.getBoundingClientRect();
    sound.currentTime = (event.clientX - box.left) / box.width * length();
    show();
  } }, ...bars);
  const name = file.kind === "audio" && el("div", { class: "name" }, file.title ? `${file.performer ? file.performer + " — " : ""}${file.title}` : file.file_name || "Audio");
  return el("div", { class: "player", "data-testid": file.kind }, sound, button, el("div", { class: "track" }, name, wave,
    el("div", {}, left, " ", el("a", { class: "link dim", href: file.url + "?download", "aria-label": "Download" }, "⬇"))));
}

/** Records from the microphone until stop() or cancel(). The result has the
 *  blob, its length in seconds and its name; ogg/opus where the browser can. */
export async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true } });
  const type = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].find((one) => MediaRecorder.isTypeSupported(one)) || "";
  const recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: 32000 });
  const chunks = [];
  const began = Date.now();
  recorder.ondataavailable = (event) => chunks.push(event.data);
  recorder.start(250);
  const stopDrawing = draw(stream, began);
  const end = () => new Promise((resolve) => {
    recorder.onstop = () => {
      stopDrawing();
      for (const track of stream.getTracks()) track.stop();
      const mime = (recorder.mimeType || type).split(";")[0];
      const name = `voice.${mime.includes("ogg") ? "oga" : mime.includes("mp4") ? "m4a" : "webm"}`;
      resolve({ blob: new Blob(chunks, { type: mime }), seconds: Math.max(1, Math.round((Date.now() - began) / 1000)), name });
    };
    recorder.stop();
  });
  return { stop: end, cancel: end };
}

function draw(stream, began) {
  const audio = new AudioContext();
  const analyser = audio.createAnalyser();
  audio.createMediaStreamSource(stream).connect(analyser);
  const canvas = $("record-level");
  const pen = canvas.getContext("2d");
  const levels = new Uint8Array(analyser.fftSize);
  const history = [];
  const timer = setInterval(() => {
    analyser.getByteTimeDomainData(levels);
    history.push(Math.max(...levels.map((level) => Math.abs(level - 128))) / 128);
    if (history.length > canvas.width / 4) history.shift();
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    history.forEach((level, i) => { const h = Math.max(2, level * canvas.height); pen.fillRect(i * 4, (canvas.height - h) / 2, 3, h); });
    $("record-time").textContent = clock((Date.now() - began) / 1000);
  }, 100);
  return () => { clearInterval(timer); audio.close(); };
}
