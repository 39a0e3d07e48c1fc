package ffmpeg_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/ffmpeg"
	"github.com/lapak-id/lapak/shared/transcript"
)

// stored is media in memory.
func stored(content []byte) transcript.Media {
	return transcript.Media{Size: int64(len(content)), Open: func(_ context.Context, part blob.Range) (io.ReadCloser, error) {
		if part.Offset > int64(len(content)) {
			return nil, errs.New(errs.Invalid, "behind the end")
		}

		rest := content[part.Offset:]
		if part.Length > 0 && part.Length < int64(len(rest)) {
			rest = rest[:part.Length]
		}

		return io.NopCloser(bytes.NewReader(rest)), nil
	}}
}

// bounds are those of a provider that takes much, but hears nothing as it is.
var bounds = transcript.Bounds{Bytes: 25 << 20, Duration: 2 * time.Hour}

// prepared is what came of a media.
type prepared struct {
	about   transcript.About
	parts   []transcript.Part
	content [][]byte
	missing time.Duration
}

// prepare runs media through the preparer to the end.
func prepare(t *testing.T, media transcript.Media, bounds transcript.Bounds, longest time.Duration) (prepared, error) {
	t.Helper()

	var made prepared

	work, err := ffmpeg.NewPreparer(program(t)).Prepare(t.Context(), media, bounds, longest)
	if err != nil {
		return made, err
	}

	made.about = work.About()

	for {
		part, err := work.Next(t.Context())
		if err == io.EOF {
			break
		}

		if err != nil {
			require.NoError(t, work.Close())

			return made, err
		}

		made.parts = append(made.parts, part)
	}

	made.missing = work.Missing()
	require.NoError(t, work.Close())

	for _, part := range made.parts { // valid behind Close too
		body, err := part.Open(t.Context())
		require.NoError(t, err)

		content, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Len(t, content, int(part.Size))
		made.content = append(made.content, content)
	}

	return made, nil
}

func TestPrepare(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]float64{
		"voice-en.ogg": 10.7, "voice-en-2.ogg": 8.8, "voice-en-2.mp3": 8.8, "video-en.mp4": 20,
		"voice-human.ogg": 6, "silence.ogg": 5, "music.ogg": 8,
	} {
		made, err := prepare(t, stored(sample(t, name)), bounds, time.Hour)
		require.NoError(t, err, name)
		require.Len(t, made.parts, 1, name)
		assert.InDelta(t, want, seconds(t, program(t), made.content[0]), 0.1, name)
		assert.InDelta(t, want, made.parts[0].Length.Seconds(), 0.1, name)
		assert.InDelta(t, want, made.about.Duration.Seconds(), 0.1, name)
		assert.Zero(t, made.missing, name)
		t.Log(name, made.about, len(made.content[0]))
	}
}
