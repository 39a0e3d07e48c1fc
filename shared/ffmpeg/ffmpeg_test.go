package ffmpeg_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/blob"
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
func sample(tb testing.TB, name string) []byte {
	tb.Helper()

	content, err := os.ReadFile(filepath.Join("../../tests/media", name))
	require.NoError(tb, err)

	return content
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

// script makes a program of shell commands that stands in for ffmpeg.
func script(t *testing.T, commands string) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+commands+"\n"), 0o700)) // it is to be run

	return path
}

// Media that hangs does not keep what was closed alive for long.
func TestMediaThatHangs(t *testing.T) {
	t.Parallel()

	content := wav(tone(60), nil)
	media := stored(content)
	open := media.Open
	media.Open = func(ctx context.Context, part blob.Range) (io.ReadCloser, error) {
		body, err := open(ctx, part)
		if err != nil || part.Length > 0 {
			return body, err
		}

		reader, _ := io.Pipe() // nobody ever writes

		return reader, nil
	}

	work, err := ffmpeg.NewPreparer(program(t)).Prepare(t.Context(), media, bounds, time.Hour)
	require.NoError(t, err)

	began := time.Now()

	require.NoError(t, work.Close())
	assert.Less(t, time.Since(began), 10*time.Second)
}

func TestNoProgram(t *testing.T) {
	t.Parallel()

	_, err := ffmpeg.NewPreparer("/nowhere/ffmpeg").Prepare(t.Context(), stored(wav(tone(1), nil)), bounds, time.Hour)
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "/nowhere/ffmpeg")
	require.ErrorContains(t, err, "LAPAK_FFMPEG")
}

// What an end of the program means, by one that stands in for it.
func TestVerdicts(t *testing.T) {
	t.Parallel()

	const described = `case "$*" in *pipe:1*) ;; *) echo "Input #0, wav, from 'x':" >&2; ` +
		`echo "  Duration: 00:00:03.00, start" >&2; echo "  Stream #0:0: Audio: pcm" >&2; exit 1;; esac; `

	for name, c := range map[string]struct {
		commands string
		code     errs.Code
	}{
		"refused at once":    {"echo 'Invalid data' >&2; exit 1", errs.Invalid},
		"killed at once":     {"kill -9 $$", errs.Unavailable},
		"broke down at once": {"kill -11 $$", errs.Invalid},
		"refused":            {described + "cat >/dev/null; echo 'Invalid data' >&2; exit 1", errs.Invalid},
		"no sound":           {described + "cat >/dev/null", errs.Invalid},
		"killed":             {described + "kill -9 $$", errs.Unavailable},
		"broke down":         {described + "kill -11 $$", errs.Invalid},
		"too much work":      {described + "kill -24 $$", errs.Invalid},
		"no Ogg":             {described + "cat >/dev/null; echo OggS and so on and so forth, for some time", errs.Internal},
		"talks much": {
			described + "i=0; while [ $i -lt 2000 ]; do echo 'one bad frame, and another' >&2; i=$((i+1)); done; exit 1", errs.Invalid,
		},
	} {
		_, err := partsOfBy(t, script(t, c.commands), stored(wav(tone(3), nil)), bounds, time.Hour)
		assert.Equal(t, c.code, errs.CodeOf(err), "%s: %v", name, err)

		if err != nil {
			assert.Less(t, len(err.Error()), 2500, name)
			assert.NotContains(t, err.Error(), "\n", name)
		}
	}
}
