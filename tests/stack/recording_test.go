package stack_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/tests/media"
)

// spokenLoop is the sample that recordings repeat: 20 s in which both of the
// synthetic voices are heard.
const spokenLoop = "video-en.mp4"

// recording is a file that a test makes of the samples: what people send when
// it is not a voice message.
type recording struct {
	name  string   // its ending says the container
	kind  string   // how it is sent
	loops int      // how often the sample is said
	args  []string // for ffmpeg, between its input and the file
}

// recordings are short ones of every way in which a container can be laid out.
func recordings() []recording {
	cover := []string{"-f", "lavfi", "-i", "color=c=orange:s=300x300:r=1:d=1", "-map", "0:a", "-map", "1:v"}

	return []recording{
		{
			name: "album track.mp3", kind: "audio", loops: 2,
			args: append(cover, "-c:a", "libmp3lame", "-b:a", "192k", "-ac", "2", "-ar", "44100", "-c:v", "mjpeg",
				"-disposition:v", "attached_pic", "-id3v2_version", "3", "-metadata", "title=Senja", "-metadata", "artist=Wati"),
		},
		{name: "faststart.mp4", kind: "video", loops: 2, args: []string{"-c", "copy", "-movflags", "+faststart"}},
		{name: "index at the end.mp4", kind: "video", loops: 2, args: []string{"-c", "copy"}},
		{name: "matroska.mkv", kind: "document", loops: 2, args: []string{"-c:v", "copy", "-c:a", "libopus", "-b:a", "48k"}},
		{name: "fragmented.mp4", kind: "video", loops: 1, args: []string{"-c", "copy", "-movflags", "+frag_keyframe+empty_moov"}},
		{name: "telephone.wav", kind: "document", loops: 1, args: []string{"-vn", "-c:a", "pcm_s16le", "-ac", "1", "-ar", "16000"}},
	}
}

// Recordings of every layout become transcripts.
func TestRecordings(t *testing.T) {
	t.Parallel()

	shop := openShop(t)

	for _, recorded := range recordings() {
		t.Run(recorded.name, func(t *testing.T) {
			t.Parallel()

			emma := shop.customer(t, "en")
			emma.sendsFile(recorded.kind, recorded.make(t))

			mustHear(t, words(emma.transcript()), recorded.said(t), recorded.name)
		})
	}
}

// A recording that was cut off is found out, and said.
func TestTruncatedRecording(t *testing.T) {
	t.Parallel()

	whole := recording{name: "whole.mp4", loops: 2, args: []string{"-c", "copy", "-movflags", "+faststart"}}.make(t)

	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}

	const kept = 2 // half of it

	emma := openShop(t).customer(t, "en")
	emma.sendsContent(control.Upload{Kind: "video", Name: "half.mp4", Content: bytes.NewReader(content[:len(content)/kept])})

	result := emma.transcript()
	if !strings.Contains(words(result), "thank you for calling") || !strings.Contains(result.Text, "is cut off") {
		t.Errorf("the result of half a file does not say that it is cut off: %q", result.Text)
	}
}

// A lecture of an hour is longer than one call of a provider should be: it is
// cut, heard in parts and joined. Slow, because every minute is really heard.
func TestLongLecture(t *testing.T) {
	skipUnlessLong(t)

	lecture := recording{
		name: "lecture.mp3", kind: "audio", loops: 185,
		args: []string{"-vn", "-c:a", "libmp3lame", "-b:a", "64k", "-ac", "1", "-ar", "22050"},
	}
	path := lecture.make(t)

	emma := openShop(t).customer(t, "en")
	began := time.Now()

	emma.sendsFile(lecture.kind, path)

	result := emma.waitFor(longWithin, resultShown())
	t.Logf("an hour of lecture took %s", time.Since(began).Round(time.Second))

	_, text := emma.takes(result, textButton)
	mustHear(t, text, lecture.said(t), lecture.name)
}

// A video of more than a gigabyte comes by MTProto, and its index stands at
// its end.
func TestLongVideo(t *testing.T) {
	skipUnlessLong(t)

	const gigabyte = 1 << 30

	video := recording{name: "gigabyte.mov", kind: "video", loops: 3, args: []string{
		"-f", "lavfi", "-i", "testsrc2=s=1280x720:r=10", "-map", "0:a", "-map", "1:v", "-shortest",
		"-c:v", "rawvideo", "-pix_fmt", "uyvy422", "-c:a", "aac",
	}}
	path := video.make(t)

	if info, err := os.Stat(path); err != nil || info.Size() < gigabyte {
		t.Fatalf("the video is not over 1 GB: %v, %v", info, err)
	}

	emma := openShop(t).customer(t, "en")
	began := time.Now()

	emma.sendsFile(video.kind, path)

	result := emma.waitFor(longWithin, resultShown())
	t.Logf("a video of over 1 GB took %s", time.Since(began).Round(time.Second))
	mustHear(t, words(result), video.said(t), video.name)

	emma.sendsFile(video.kind, path)

	began = time.Now()
	again := emma.transcript()

	if took := time.Since(began); took > quick {
		t.Errorf("the same video took %s, want under %s", took, quick)
	}

	mustHear(t, words(again), video.said(t), "the same video again")
}

// longWithin bounds the wait for what is slow on a laptop.
const longWithin = 30 * time.Minute

func skipUnlessLong(t *testing.T) {
	t.Helper()

	if testing.Short() {
		t.Skip("slow: make long")
	}
}

// make makes the file by the ffmpeg that comes with the speech recognition and
// gives its path.
func (r recording) make(t *testing.T) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), r.name)
	from := filepath.Join(t.TempDir(), spokenLoop)

	if err := os.WriteFile(from, sample(t, spokenLoop), 0o600); err != nil {
		t.Fatal(err)
	}

	args := append([]string{"-nostdin", "-loglevel", "error", "-stream_loop", strconv.Itoa(r.loops - 1), "-i", from}, r.args...)

	if said, err := exec.CommandContext(t.Context(), ffmpeg(t), append(args, path)...).CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v: %s", r.name, err, said)
	}

	return path
}

// said is what is said in the recording.
func (r recording) said(t *testing.T) string {
	t.Helper()

	once, err := media.Said(spokenLoop)
	if err != nil {
		t.Fatal(err)
	}

	return strings.Repeat(once+" ", r.loops)
}

// ffmpeg finds the program among the tools of the local cloud.
func ffmpeg(t *testing.T) string {
	t.Helper()

	found, err := filepath.Glob(filepath.Join(root, ".tools/speech/lib/python3*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*"))
	if err == nil && len(found) == 0 {
		err = errors.New("none is there")
	}

	if err != nil {
		t.Fatalf("find ffmpeg among the tools: %v", err)
	}

	program, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}

	return program
}

// sendsFile uploads a file from the disk.
func (c *customer) sendsFile(kind, path string) {
	c.t.Helper()

	file, err := os.Open(path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			c.t.Error(err)
		}
	}()

	c.sendsContent(control.Upload{Kind: kind, Name: filepath.Base(path), Content: file})
}
