package ffmpeg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/ffmpeg"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// program gives the path of a real ffmpeg.
func program(t *testing.T) string {
	t.Helper()

	if path := os.Getenv("LAPAK_FFMPEG"); path != "" {
		return path
	}

	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH and LAPAK_FFMPEG is not set")
	}

	return path
}

// sample reads a file of tests/media.
func sample(t testing.TB, name string) []byte {
	t.Helper()

	content, err := os.ReadFile(filepath.Join("../../tests/media", name))
	require.NoError(t, err)

	return content
}

// encode runs media through ffmpeg to the end.
func encode(t *testing.T, program string, media io.Reader) ([]byte, error) {
	t.Helper()

	audio, err := ffmpeg.New(program).Encode(t.Context(), media)
	require.NoError(t, err)

	encoded, err := io.ReadAll(audio)
	assert.Equal(t, err, audio.Close(), "Close gives the same error again")

	return encoded, err // it is what is tested
}

// seconds gives how long the audio is, and requires Ogg Opus, 16 kHz mono.
func seconds(t *testing.T, program string, audio []byte) float64 {
	t.Helper()
	require.True(t, bytes.HasPrefix(audio, []byte("OggS")))

	head := bytes.Index(audio, []byte("OpusHead"))
	require.Positive(t, head)
	assert.Equal(t, byte(1), audio[head+9], "channels")
	assert.Equal(t, []byte{0x80, 0x3e, 0, 0}, audio[head+12:head+16], "16,000 samples a second")

	decode := exec.CommandContext(t.Context(), program,
		"-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", "16000", "-f", "s16le", "pipe:1")
	decode.Stdin = bytes.NewReader(audio)
	samples, err := decode.Output()
	require.NoError(t, err)

	return float64(len(samples)) / 2 / 16_000
}

func TestEncode(t *testing.T) {
	t.Parallel()

	path := program(t)

	for name, want := range map[string]float64{
		"voice-en.ogg": 10.7, "voice-en-2.ogg": 8.8, "voice-en-2.mp3": 8.8, "video-en.mp4": 20,
		"voice-human.ogg": 6, "silence.ogg": 5, "music.ogg": 8,
	} {
		audio, err := encode(t, path, bytes.NewReader(sample(t, name)))
		require.NoError(t, err, name)
		assert.InDelta(t, want, seconds(t, path, audio), 0.6, name)
		assert.Less(t, float64(len(audio)), 24_000/8*want*1.3+2_000, "%s: 24 kbit/s", name)
	}
}

func TestWhatIsNoMedia(t *testing.T) {
	t.Parallel()

	path := program(t)

	for name, media := range map[string][]byte{
		"text":         sample(t, "not-audio.ogg"),
		"nothing":      {},
		"a byte":       {0},
		"zeros":        make([]byte, 1<<20),
		"only a head":  sample(t, "voice-en.ogg")[:40],
		"an MP4's end": sample(t, "video-en.mp4")[60_000:],
		"HTML":         []byte("<!DOCTYPE html><html><body>404</body></html>"),
	} {
		_, err := encode(t, path, bytes.NewReader(media))
		require.Error(t, err, name)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)

		sentence, _, _ := errs.Sentence(err)
		assert.Equal(t, "error.not_media", sentence, name)
		assert.Less(t, len(err.Error()), 2200, name)
		assert.NotContains(t, err.Error(), "\n", name)
	}
}

// What is left of a file that was cut before it came to us is heard; what is
// not even whole in its own terms is refused. It is never taken for empty.
func TestACutFile(t *testing.T) {
	t.Parallel()

	path := program(t)

	for _, name := range []string{"voice-en.ogg", "voice-en-2.mp3", "video-en.mp4"} {
		whole := sample(t, name)

		audio, err := encode(t, path, bytes.NewReader(whole[:len(whole)/2]))
		if err != nil {
			assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)

			continue
		}

		assert.Greater(t, seconds(t, path, audio), 2.0, name)
	}
}

// A file that breaks off on its way to us is not a shorter file.
func TestAReaderThatFails(t *testing.T) {
	t.Parallel()

	path := program(t)
	voice := sample(t, "voice-en.ogg")

	for name, want := range map[string]error{
		"for now":  errs.New(errs.Unavailable, "S3 reset the connection"),
		"for good": errs.New(errs.Invalid, "too large").Tell("error.too_big", nil),
		"unknown":  errors.New("nobody knows"),
	} {
		for _, after := range []int{0, 100, len(voice) / 2, len(voice)} {
			_, err := encode(t, path, io.MultiReader(bytes.NewReader(voice[:after]), iotest.ErrReader(want)))
			require.ErrorIs(t, err, want, "%s after %d bytes", name, after)
			assert.Equal(t, errs.CodeOf(want), errs.CodeOf(err), "%s after %d bytes", name, after)
		}
	}
}

// endless is a WAV that never ends.
func endless() io.Reader {
	head := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" +
		"\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\xff\xff\xff\xff")

	return io.MultiReader(bytes.NewReader(head), zeros{})
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) {
	clear(into)

	return len(into), nil
}

// children counts the processes that this one has started and that still are.
func children(t *testing.T) int {
	t.Helper()

	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	require.NoError(t, err)

	count := 0

	for _, task := range tasks {
		list, err := os.ReadFile(task)
		if err == nil { // else a thread that has ended
			count += len(strings.Fields(string(list)))
		}
	}

	return count
}

// These two look at this process's children: no other test may have some then.
//
//nolint:paralleltest // see above
func TestClosingEarlyLeavesNoProcess(t *testing.T) {
	path := program(t)

	for range 3 {
		audio, err := ffmpeg.New(path).Encode(t.Context(), endless())
		require.NoError(t, err)

		_, err = io.ReadFull(audio, make([]byte, 100))
		require.NoError(t, err)
		assert.Positive(t, children(t), "it runs")
		require.NoError(t, audio.Close())
		require.NoError(t, audio.Close(), "again")
		assert.Zero(t, children(t))
	}

	audio, err := ffmpeg.New(path).Encode(t.Context(), endless())
	require.NoError(t, err)
	require.NoError(t, audio.Close(), "unread")
	assert.Zero(t, children(t))
}

//nolint:paralleltest // see above
func TestTimeIsUp(t *testing.T) {
	path := program(t)
	ctx, cancel := context.WithCancel(t.Context())

	audio, err := ffmpeg.New(path).Encode(ctx, endless())
	require.NoError(t, err)

	_, err = io.ReadFull(audio, make([]byte, 100))
	require.NoError(t, err)
	cancel()

	_, err = io.Copy(io.Discard, audio)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
	assert.Equal(t, err, audio.Close())
	assert.Zero(t, children(t))
}

// The sender of an early answer may still be reading when the audio is closed.
func TestCloseWhileItIsRead(t *testing.T) {
	t.Parallel()

	audio, err := ffmpeg.New(program(t)).Encode(t.Context(), endless())
	require.NoError(t, err)

	begun, ended := make(chan struct{}), make(chan error)

	go func() {
		_, err := io.ReadFull(audio, make([]byte, 100))
		close(begun)

		if err == nil {
			_, err = io.Copy(io.Discard, audio)
		}

		ended <- err
	}()

	<-begun
	require.NoError(t, audio.Close())
	assert.Error(t, <-ended, "what was cut does not look whole")
}

// Media that hangs does not keep a closed ffmpeg alive for long.
func TestMediaThatHangs(t *testing.T) {
	t.Parallel()

	media, writer := io.Pipe()
	audio, err := ffmpeg.New(program(t)).Encode(t.Context(), media)
	require.NoError(t, err)

	begun := time.Now()

	require.NoError(t, audio.Close())
	assert.Less(t, time.Since(begun), 10*time.Second)
	require.NoError(t, writer.Close())
}

func TestNoProgram(t *testing.T) {
	t.Parallel()

	_, err := ffmpeg.New("/nowhere/ffmpeg").Encode(t.Context(), strings.NewReader("x"))
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "/nowhere/ffmpeg")
	require.ErrorContains(t, err, "LAPAK_FFMPEG")
}

// script makes a program of shell commands that stands in for ffmpeg.
func script(t *testing.T, commands string) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+commands+"\n"), 0o700)) // it is to be run

	return path
}

func TestVerdicts(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		commands string
		code     errs.Code
	}{
		"well":           {"cat", ""},
		"refused":        {"cat >/dev/null; echo 'Invalid data' >&2; exit 1", errs.Invalid},
		"killed":         {"kill -9 $$", errs.Unavailable},
		"half, refused":  {"echo OggS; cat >/dev/null; exit 69", errs.Invalid},
		"reads no input": {"exec <&-; echo OggS", ""},
		"talks much":     {"i=0; while [ $i -lt 2000 ]; do echo 'one bad frame, and another' >&2; i=$((i+1)); done; exit 1", errs.Invalid},
	} {
		audio, err := ffmpeg.New(script(t, c.commands)).Encode(t.Context(), strings.NewReader(strings.Repeat("x", 1<<20)))
		require.NoError(t, err)

		_, err = io.Copy(io.Discard, audio)
		assert.Equal(t, c.code, errs.CodeOf(err), "%s: %v", name, err)
		assert.Equal(t, err, audio.Close(), name)

		if err != nil {
			assert.Less(t, len(err.Error()), 2200, name)
		}
	}
}

// A program that reads strangers' files knows none of our secrets.
// It sets a variable of the process.
func TestNoEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for ffmpeg")
	t.Setenv("LAPAK_ENV", "test")

	said, err := encode(t, script(t, "cat >/dev/null; cat /proc/$$/environ"), strings.NewReader("x"))
	require.NoError(t, err)
	assert.Empty(t, string(said))
}

// Strangers' playlists open neither files nor addresses.
func TestAPlaylistOpensNothing(t *testing.T) {
	t.Parallel()

	path := program(t)

	var calls atomic.Int32

	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()

	voice, err := filepath.Abs("../../tests/media/voice-en.ogg")
	require.NoError(t, err)

	for name, playlist := range map[string]string{
		"HLS, a file":     "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://" + voice + "\n#EXT-X-ENDLIST\n",
		"HLS, an address": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + server.URL + "/a.ts\n#EXT-X-ENDLIST\n",
		"HLS, a key": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n" +
			"#EXT-X-KEY:METHOD=AES-128,URI=\"" + server.URL + "/k\"\n#EXTINF:1,\npipe:0\n#EXT-X-ENDLIST\n",
		"concat, a file":   "ffconcat version 1.0\nfile '" + voice + "'\n",
		"concat, relative": "ffconcat version 1.0\nfile ../../tests/media/voice-en.ogg\n",
		"concat, address":  "ffconcat version 1.0\nfile '" + server.URL + "/a.ogg'\n",
		"concat, protocol": "ffconcat version 1.0\nfile 'concat:" + voice + "'\n",
		"SDP":              "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
		"DASH": `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet ` +
			`mimeType="audio/ogg"><Representation id="1" bandwidth="1"><BaseURL>file://` + voice +
			`</BaseURL></Representation></AdaptationSet></Period></MPD>`,
	} {
		audio, err := encode(t, path, strings.NewReader(playlist))
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
		assert.Less(t, len(audio), 1000, "%s: nothing of the file", name)
	}

	assert.Zero(t, calls.Load(), "requests that ffmpeg made")
}

// counted counts what is read through it.
type counted struct {
	from  io.Reader
	bytes atomic.Int64
}

func (c *counted) Read(into []byte) (int, error) {
	count, err := c.from.Read(into)
	c.bytes.Add(int64(count))

	return count, err // io.EOF must stay what it is
}

// Nobody reads the output: the input must stop too, whatever it holds.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()

	media := &counted{from: endless()}
	audio, err := ffmpeg.New(program(t)).Encode(t.Context(), media)
	require.NoError(t, err)

	// Encoded speech is about a tenth of this WAV, and silence far less: what
	// fills the pipes is soon read.
	_, err = io.ReadFull(audio, make([]byte, 10_000))
	require.NoError(t, err)

	var before int64

	require.Eventually(t, func() bool {
		now := media.bytes.Load()
		still := now == before
		before = now

		return still
	}, 30*time.Second, 300*time.Millisecond, "it reads on and on")
	assert.Less(t, before, int64(512<<20))
	require.NoError(t, audio.Close())
}
