package ffmpeg_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"
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

	made, err := partsOf(t, media, bounds, longest)

	for _, part := range made.parts { // they stay valid
		body, err := part.Open(t.Context())
		require.NoError(t, err)

		content, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Len(t, content, int(part.Size))
		made.content = append(made.content, content)
	}

	return made, err
}

// partsOf is prepare where nobody looks into the parts.
func partsOf(t *testing.T, media transcript.Media, bounds transcript.Bounds, longest time.Duration) (prepared, error) {
	t.Helper()

	return partsOfBy(t, program(t), media, bounds, longest)
}

// partsOfBy is partsOf by another program.
func partsOfBy(
	t *testing.T, program string, media transcript.Media, bounds transcript.Bounds, longest time.Duration,
) (prepared, error) {
	t.Helper()

	var made prepared

	work, err := ffmpeg.NewPreparer(program).Prepare(t.Context(), media, bounds, longest)
	if err != nil {
		return made, err
	}

	made.about = work.About()

	for {
		part, err := work.Next(t.Context())
		if errors.Is(err, io.EOF) {
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

// hearsAll is a provider that takes much, as it is where that can be.
var hearsAll = transcript.Bounds{Bytes: 25 << 20, Duration: 2 * time.Hour, Formats: []string{"ogg", "mp3"}}

func TestWhatIsSmallAndWholeIsCopied(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]time.Duration{
		"voice-en.ogg": 10_730 * time.Millisecond, "voice-en-2.mp3": 8_904 * time.Millisecond,
	} {
		media := stored(sample(t, name))
		media.Link = func(context.Context) (string, error) { return "https://bucket/" + name, nil }

		work, err := ffmpeg.NewPreparer("/nowhere/ffmpeg").Prepare(t.Context(), media, hearsAll, time.Hour)
		require.NoError(t, err, "no program is needed")
		assert.True(t, work.About().Copied)
		assert.Equal(t, 1, work.About().Parts)
		assert.InDelta(t, want, work.About().Duration, float64(time.Millisecond), name)

		part, err := work.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "audio"+filepath.Ext(name), part.Name)
		assert.Equal(t, media.Size, part.Size)
		assert.Equal(t, work.About().Duration, part.Length)

		link, err := part.Link(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "https://bucket/"+name, link)

		body, err := part.Open(t.Context())
		require.NoError(t, err)

		content, err := io.ReadAll(body)
		require.NoError(t, err)
		assert.Equal(t, sample(t, name), content)

		_, err = work.Next(t.Context())
		assert.Equal(t, io.EOF, err)
		assert.Zero(t, work.Missing())
		assert.Equal(t, work.About().Duration, work.Done())
		require.NoError(t, work.Close())
	}
}

// What a provider may not hear as it is, is made small.
func TestWhatIsNotCopied(t *testing.T) {
	t.Parallel()

	voice := sample(t, "voice-en.ogg")
	damaged := bytes.Clone(voice)
	damaged[len(damaged)/2] ^= 1

	with := func(change func(*transcript.Bounds)) transcript.Bounds {
		changed := hearsAll
		change(&changed)

		return changed
	}

	for name, c := range map[string]struct {
		content []byte
		bounds  transcript.Bounds
	}{
		"of another format": {voice, with(func(b *transcript.Bounds) { b.Formats = []string{"mp3", "wav"} })},
		"too large":         {voice, with(func(b *transcript.Bounds) { b.Bytes = int64(len(voice)) - 1; b.Duration = 0 })},
		"damaged":           {damaged, hearsAll},
		"cut":               {voice[:len(voice)-100], hearsAll},
		"two in one":        {join(voice, voice), hearsAll},
		"more than speech":  {made(t, "mp3", "music.ogg", "-b:a", "128k"), hearsAll},
		"of six channels":   {made(t, "ogg", "music.ogg", "-ac", "6", "-c:a", "libopus", "-b:a", "48k"), hearsAll},
		"a video":           {sample(t, "video-en.mp4"), hearsAll},
		"with noise":        {join(sample(t, "voice-en-2.mp3"), noise(3000)), hearsAll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made, err := prepare(t, stored(c.content), c.bounds, time.Hour)
			require.NoError(t, err)
			assert.False(t, made.about.Copied)

			for _, content := range made.content {
				seconds(t, program(t), content)
			}
		})
	}

	// By a link a provider may fetch more than can be sent to it.
	media := stored(voice)
	media.Link = func(context.Context) (string, error) { return "https://bucket/voice", nil }

	made, err := prepare(t, media, with(func(b *transcript.Bounds) { b.Bytes, b.LinkBytes = media.Size-1, media.Size }), time.Hour)
	require.NoError(t, err)
	assert.True(t, made.about.Copied)
}

// inMinutes are the bounds of a provider that hears a minute at once.
var inMinutes = transcript.Bounds{Duration: time.Minute}

// samples decodes audio to 16 kHz.
func samples(t *testing.T, audio []byte) []int16 {
	t.Helper()

	decode := exec.CommandContext(t.Context(), program(t),
		"-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", "16000", "-f", "s16le", "pipe:1")
	decode.Stdin = bytes.NewReader(audio)
	output, err := decode.Output()
	require.NoError(t, err)

	decoded := make([]int16, len(output)/2)
	for at := range decoded {
		decoded[at] = int16(binary.LittleEndian.Uint16(output[2*at:])) //nolint:gosec // two's complement
	}

	return decoded
}

// loud reports whether there is sound around a second of samples at 16 kHz.
func loud(of []int16, second float64) bool {
	const window = 160

	power := 0.0
	from := int(second*16_000) - window/2

	for _, sample := range of[max(0, from):min(len(of), from+window)] {
		power += float64(sample) * float64(sample)
	}

	return power/window > 300*300
}

// speech is a WAV of so many seconds, of bursts of sound of 1 to 3 s with
// pauses of 0.7 s between them, and where the pauses are.
func speech(length float64) ([]byte, [][2]float64) {
	var pauses [][2]float64

	chance := rand.New(rand.NewPCG(1, 2))
	sound := tone(length)

	for at := 0.0; at < length; {
		from := at + 1 + 2*chance.Float64()
		at = from + 0.7
		pauses = append(pauses, [2]float64{from, at})
		clear(sound[min(len(sound), 2*int(from*toneRate)):min(len(sound), 2*int(at*toneRate))])
	}

	return wav(sound, nil), pauses
}

// Parts end in pauses, follow each other without a hole, and each holds the
// sound of its time.
func TestParts(t *testing.T) {
	t.Parallel()

	file, pauses := speech(150)
	made, err := prepare(t, stored(file), transcript.Bounds{Duration: 40 * time.Second}, time.Hour)
	require.NoError(t, err)
	require.Len(t, made.parts, made.about.Parts)
	require.Len(t, made.parts, 5)

	var end time.Duration

	for at, part := range made.parts {
		assert.Equal(t, at+1, part.Number)
		assert.Equal(t, end, part.Start)
		assert.Zero(t, part.Overlap)
		assert.LessOrEqual(t, part.Length, 40*time.Second)

		sound := samples(t, made.content[at])
		assert.InDelta(t, part.Length.Seconds(), float64(len(sound))/16_000, 0.0005, "part %d", at)

		wrong, looked := 0, 0

		for second := 0.2; second < part.Length.Seconds()-0.2; second += 0.01 {
			silent, edge := false, false

			for _, pause := range pauses {
				time := part.Start.Seconds() + second
				silent = silent || (pause[0] < time && time < pause[1])
				edge = edge || math.Abs(pause[0]-time) < 0.04 || math.Abs(pause[1]-time) < 0.04
			}

			if !edge {
				looked++

				if loud(sound, second) == silent {
					wrong++
				}
			}
		}

		assert.Zero(t, wrong, "of %d places in part %d", looked, at)

		end = part.Start + part.Length
	}

	assert.InDelta(t, 150, end.Seconds(), 0.05)

	for _, part := range made.parts[1:] {
		assert.True(t, slices.ContainsFunc(pauses, func(pause [2]float64) bool {
			return pause[0] < part.Start.Seconds() && part.Start.Seconds() < pause[1]
		}), "%s is in a pause", part.Start)
	}
}

// Where there is no silence, parts share some sound.
func TestPartsWithoutSilence(t *testing.T) {
	t.Parallel()

	made, err := prepare(t, stored(wav(tone(100), nil)), transcript.Bounds{Bytes: 100_000}, time.Hour)
	require.NoError(t, err)
	require.Len(t, made.parts, made.about.Parts)
	require.Greater(t, len(made.parts), 1)

	end := time.Duration(0)

	for at, part := range made.parts {
		assert.LessOrEqual(t, part.Size, int64(100_000))
		assert.Equal(t, end, part.Start+part.Overlap, "part %d", at)
		assert.InDelta(t, part.Length.Seconds(), seconds(t, program(t), made.content[at]), 0.0005)

		if at > 0 {
			assert.InDelta(t, 1.5, part.Overlap.Seconds(), 0.03)
		}

		end = part.Start + part.Length
	}

	assert.InDelta(t, 100, end.Seconds(), 0.05)
}

// Sound that stops and goes on later keeps its place; a time beyond the end of
// the file is not believed.
func TestGaps(t *testing.T) {
	t.Parallel()

	info := ebml(0x1549a966, ebml(0x2ad7b1, be32(1_000_000)), ebml(0x4489, be32(0x45fa0000))) // 8,000 ms
	gap := func(from, by int) []byte {
		return mkvAt(tone(3), info, nil, func(block int) int {
			if block >= from {
				return block*100 + by
			}

			return block * 100
		})
	}

	made, err := prepare(t, stored(gap(15, 5000)), bounds, time.Hour)
	require.NoError(t, err)
	require.Len(t, made.parts, 1)
	assert.InDelta(t, 8, made.parts[0].Length.Seconds(), 0.05)

	sound := samples(t, made.content[0])
	assert.InDelta(t, 8, float64(len(sound))/16_000, 0.05)

	for second := 0.1; second < 7.8; second += 0.01 {
		if math.Abs(second-1.5) > 0.3 && math.Abs(second-6.5) > 0.3 {
			assert.Equal(t, second < 1.5 || second > 6.5, loud(sound, second), "%.2f s", second)
		}
	}

	made, err = prepare(t, stored(gap(0, 5000)), bounds, time.Hour)
	require.NoError(t, err)
	assert.InDelta(t, 3, made.parts[0].Length.Seconds(), 0.2, "a file that begins late begins at once")

	made, err = prepare(t, stored(gap(15, 2_000_000)), bounds, time.Hour)
	require.NoError(t, err)
	assert.InDelta(t, 3, made.parts[0].Length.Seconds(), 0.2)
}

// Errors of reading the media keep their code, wherever they come.
func TestMediaThatCannotBeRead(t *testing.T) {
	t.Parallel()

	for name, content := range map[string][]byte{
		"piped": wav(tone(200), nil), "read about in": mp4(tone(200), true, nil), "copied": sample(t, "voice-en.ogg"),
	} {
		for _, code := range []errs.Code{errs.NotFound, errs.Unavailable, errs.Invalid} {
			for after := range 8 {
				t.Run(fmt.Sprintf("%s, %s after %d", name, code, after), func(t *testing.T) {
					t.Parallel()

					want := errs.New(code, "the bucket fails")
					media := failing(stored(content), int64(after), want)

					_, err := partsOf(t, media, hearsAll, time.Hour)
					if err == nil {
						assert.GreaterOrEqual(t, after, 1, "it was never asked so often")

						return
					}

					require.ErrorIs(t, err, want)
					assert.Equal(t, code, errs.CodeOf(err))
				})
			}
		}
	}
}

// failing is media of which the calls after so many fail, and the one before
// breaks off half way.
func failing(media transcript.Media, after int64, with error) transcript.Media {
	var calls atomic.Int64

	open := media.Open
	media.Open = func(ctx context.Context, part blob.Range) (io.ReadCloser, error) {
		count := calls.Add(1)
		if count > after+1 {
			return nil, with
		}

		body, err := open(ctx, part)
		if err != nil || count <= after {
			return body, err
		}

		content, err := io.ReadAll(body)

		return io.NopCloser(io.MultiReader(bytes.NewReader(content[:len(content)/2]), iotest.ErrReader(with))), err
	}

	return media
}

// A file whose index is at its end is read here and there.
func TestIndexAtTheEnd(t *testing.T) {
	t.Parallel()

	var read, whole atomic.Int64

	media := stored(mp4(tone(300), true, nil))
	open := media.Open
	media.Open = func(ctx context.Context, part blob.Range) (io.ReadCloser, error) {
		if part.Length == 0 {
			whole.Add(1)
		}

		read.Add(part.Length)

		return open(ctx, part)
	}

	made, err := prepare(t, media, bounds, time.Hour)
	require.NoError(t, err)
	assert.InDelta(t, 300, made.parts[0].Length.Seconds(), 0.05)
	assert.Zero(t, made.missing)
	assert.Zero(t, whole.Load(), "it is never streamed")
	assert.Less(t, read.Load(), 2*media.Size+10_000_000, "once for what it is, once for its sound")
}

// These look at this process's children: no other test may have some then.
//
//nolint:paralleltest // see above
func TestClosingAPreparedEarly(t *testing.T) {
	for name, content := range map[string][]byte{"piped": wav(tone(600), nil), "read about in": mp4(tone(600), true, nil)} {
		for _, parts := range []int{0, 1} {
			work, err := ffmpeg.NewPreparer(program(t)).Prepare(t.Context(), stored(content), inMinutes, time.Hour)
			require.NoError(t, err, name)

			for range parts {
				_, err = work.Next(t.Context())
				require.NoError(t, err, name)
				assert.Positive(t, work.Done())
				assert.Positive(t, children(t), "it runs")
			}

			assert.Zero(t, work.Missing(), "not known yet")
			require.NoError(t, work.Close())
			require.NoError(t, work.Close(), "again")
			assert.Zero(t, children(t))
		}
	}
}

//nolint:paralleltest // see above
func TestTimeIsUpForAPart(t *testing.T) {
	for name, content := range map[string][]byte{"piped": wav(tone(1200), nil), "read about in": mp4(tone(1200), true, nil)} {
		work, err := ffmpeg.NewPreparer(program(t)).Prepare(t.Context(), stored(content), inMinutes, time.Hour)
		require.NoError(t, err, name)

		ctx, cancel := context.WithCancel(t.Context())
		_, err = work.Next(ctx)
		require.NoError(t, err, name)
		cancel()

		for err == nil {
			_, err = work.Next(ctx)
		}

		assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%s: %v", name, err)
		assert.Zero(t, children(t))
		require.NoError(t, work.Close())
	}
}

// What ffmpeg is given to live on, as a program in its place sees it.
func TestConfinement(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux limits a program from outside")
	}

	path := script(t, `case "$*" in *pipe:1*) read x
{ env; ls -A; ulimit -v; ulimit -t; ulimit -n; ulimit -f; echo "$*"; } >&2; exit 1;; esac
echo "Input #0, wav, from 'x':" >&2; echo "  Duration: 00:00:03.00, start" >&2; echo "  Stream #0:0: Audio: pcm" >&2; exit 1`)

	t.Setenv("LAPAK_SECRET", "x")

	work, err := ffmpeg.NewPreparer(path).Prepare(t.Context(), stored(wav(tone(3), nil)), bounds, time.Hour)
	require.NoError(t, err)

	_, err = work.Next(t.Context())
	require.Error(t, err)
	require.NoError(t, work.Close())
	assert.Contains(t, err.Error(), " 1048576 900 32 0 ")
	assert.Contains(t, err.Error(), "-protocol_whitelist pipe ")
	assert.NotContains(t, err.Error(), "LAPAK_")
}
