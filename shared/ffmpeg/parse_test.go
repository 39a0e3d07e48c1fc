package ffmpeg_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/ffmpeg"
)

const reported = `[mp3 @ 0x1] Estimating duration from bitrate, this may be inaccurate
Input #0, matroska,webm, from 'http://127.0.0.1:1/x':
  Metadata:
    title           : Input #0, wav, from 'x':
                    :   Duration: 00:00:01.00
  Duration: 01:02:03.45, start: 0.000000, bitrate: 36 kb/s
  Stream #0:0(und): Video: h264, none, 64x64
      Metadata:
        DURATION        : 09:00:00.000000000
  Stream #0:1(eng): Audio: opus, 48000 Hz, mono, fltp
      Metadata:
        DURATION        : 01:02:01.500000000
  Stream #0:2(ind): Audio: aac, 48000 Hz, mono, fltp
      Metadata:
        DURATION        : 00:00:09.000000000
At least one output file must be specified
`

func TestReport(t *testing.T) {
	t.Parallel()

	read := func(text string) []any {
		found, err := ffmpeg.ReadReport(strings.NewReader(text))
		require.NoError(t, err)

		format, duration, track, sound, estimated := found.Said()

		return []any{format, duration, track, sound, estimated}
	}

	whole := time.Hour + 2*time.Minute + 3450*time.Millisecond
	assert.Equal(t, []any{"matroska,webm", whole, time.Hour + 2*time.Minute + 1500*time.Millisecond, true, true}, read(reported))
	assert.Equal(t, []any{"", time.Duration(0), time.Duration(0), false, false}, read("x: Invalid data found\n"))
	assert.Equal(t, []any{"wav", time.Duration(0), time.Duration(0), false, false},
		read("Input #0, wav, from 'x':\n  Duration: N/A, start: 0\n  Stream #0:0: Video: png\n"))

	for _, clock := range []string{
		"", "1", "1:2", "-1:00:00", "00:60:00", "00:00:60", "00:00:NaN", "00:00:-1",
		"00:00:Inf", "999999999:00:00", "1:2:3:4",
	} {
		assert.Equal(t, time.Duration(0), read("Input #0, wav, from 'x':\n  Duration: " + clock + ", start: 0\n")[1], clock)
	}
}

func FuzzReport(f *testing.F) {
	f.Add(reported)
	f.Add("Input #0, wav, from 'x':\n  Duration: 00:00:01.00, start: 0\n  Stream #0:0: Audio: pcm\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := ffmpeg.ReadReport(strings.NewReader(text))
		if err != nil {
			return
		}

		_, duration, track, sound, _ := found.Said()
		assert.GreaterOrEqual(t, duration, time.Duration(0))
		assert.GreaterOrEqual(t, track, time.Duration(0))
		assert.True(t, sound || track == 0, "a track that is not there has no length")
	})
}

func TestBoxes(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		content  []byte
		late, is bool
		sound    time.Duration
	}{
		"early":      {mp4(tone(3), false, nil), false, true, 3 * time.Second},
		"late":       {mp4(tone(3), true, nil), true, true, 3 * time.Second},
		"cut":        {mp4(tone(3), false, nil)[:20_000], false, true, 3 * time.Second},
		"video":      {sample(t, "video-en.mp4"), false, true, 20 * time.Second},
		"no sound":   {mp4(tone(3), false, func(of *track) { of.handler = "vide" }), false, true, 0},
		"not said":   {mp4(tone(3), false, func(of *track) { of.duration = 1<<32 - 1 }), false, true, 0},
		"another":    {sample(t, "voice-en.ogg"), false, false, 0},
		"nothing":    {nil, false, false, 0},
		"seven":      {make([]byte, 7), false, false, 0},
		"mdat alone": {box("mdat", tone(1)), false, true, 0},
	} {
		late, sound, is, err := ffmpeg.Boxes(c.content)
		require.NoError(t, err, name)
		assert.Equal(t, []any{c.late, c.is, c.sound}, []any{late, is, sound}, name)
	}
}

func FuzzBoxes(f *testing.F) {
	f.Add(mp4(tone(0.01), false, nil))
	f.Add(mp4(tone(0.01), true, nil))
	f.Add(join(be32(1), "mdat", be64(-1)))
	f.Fuzz(func(t *testing.T, content []byte) {
		late, sound, is, err := ffmpeg.Boxes(content)
		require.NoError(t, err, "everything asked for is there")
		assert.GreaterOrEqual(t, sound, time.Duration(0))
		assert.True(t, is || (!late && sound == 0))
	})
}

// Whatever packets are written, the file is whole and as long as they are.
func TestOggOpusHoldsWhatIsWritten(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 400).Draw(t, "count")
		packets := make([][]byte, count)
		ticks := 0

		for at := range packets {
			size := rapid.SampledFrom([]int{1, 2, 60, 254, 255, 256, 510, 1275}).Draw(t, "size")
			packets[at] = bytes.Repeat([]byte{byte(at)}, size)
			packets[at][0] = rapid.SampledFrom([]byte{0x08, 0x18, 0x48, 0x78, 0xf8, 0xe0}).Draw(t, "config")
			ticks += ffmpeg.PacketTicks(packets[at])
		}

		file := ffmpeg.OggOpus(packets)
		length, channels, err := ffmpeg.WalkOpus(file)
		require.NoError(t, err)
		assert.Equal(t, 1, channels)
		assert.Equal(t, time.Duration(ticks)*time.Second/48_000, length)

		spoilt := bytes.Clone(file)
		spoilt[rapid.IntRange(0, len(file)-1).Draw(t, "at")] ^= rapid.ByteRange(1, 255).Draw(t, "by")
		_, _, err = ffmpeg.WalkOpus(spoilt)
		require.Error(t, err, "each byte counts")
	})
}

func FuzzOpus(f *testing.F) {
	f.Add(sample(f, "voice-human-short.ogg"))
	f.Add(silentOgg(2))
	f.Fuzz(func(t *testing.T, content []byte) {
		length, channels, err := ffmpeg.WalkOpus(content)
		if err == nil {
			assert.Positive(t, channels)
			assert.LessOrEqual(t, length, time.Duration(len(content))*120*time.Millisecond)
		}
	})
}

// Granules that do not fit the packets, in a file that is whole otherwise.
func TestOpusWithWildTimes(t *testing.T) {
	t.Parallel()

	for granule, want := range map[int64]answer{
		-2: heard(3.9, 11), 1 << 62: heard(3.9, 11), -1 << 63: heard(3.9, 11), 0: heard(3.9, 11),
		10 * 3600 * 48_000: refused(overLimit),
	} {
		file := ffmpeg.OggOpus(bytes.SplitAfter(bytes.Repeat([]byte{0xf8, 0xff, 0xfe}, 500), []byte{0xfe}))
		spoilt := ffmpeg.Repaged(file, func(number int, of int64) int64 {
			if number > 5 {
				return granule
			}

			return of
		})

		_, _, err := ffmpeg.WalkOpus(spoilt)
		require.Error(t, err, "%d", granule)

		expect(t, hostile{"wild", spoilt, want}, 15*time.Second)
	}
}

func TestMP3(t *testing.T) {
	t.Parallel()

	song := sample(t, "voice-en-2.mp3")

	for name, c := range map[string]struct {
		content []byte
		length  time.Duration // 0: refused
	}{
		"plain":            {song, 8904 * time.Millisecond},
		"tagged":           {join(id3("TIT2", []byte("\x00x")), song, "TAG", make([]byte, 125)), 8904 * time.Millisecond},
		"cut":              {song[:len(song)-10], 0},
		"noise behind":     {join(song, "x"), 0},
		"half a tag":       {join(song, "TAG", make([]byte, 100)), 0},
		"tag alone":        {id3("TIT2", []byte("\x00x")), 0},
		"tag without size": {[]byte("ID3\x03"), 0},
		"tag of odd size":  {join("ID3\x03\x00\x00\xff\xff\xff\xff", song), 0},
		"nothing":          {nil, 0},
	} {
		length, err := ffmpeg.WalkMP3(c.content)
		assert.Equal(t, c.length == 0, err != nil, name)
		assert.InDelta(t, c.length, length, float64(time.Millisecond), name)
	}
}

func FuzzMP3(f *testing.F) {
	f.Add(sample(f, "voice-en-2.mp3")[:2000])
	f.Add(id3("TIT2", []byte("\x00x")))
	f.Fuzz(func(t *testing.T, content []byte) {
		length, err := ffmpeg.WalkMP3(content)
		if err == nil {
			assert.Positive(t, length)
			assert.LessOrEqual(t, length, time.Duration(len(content))*4*time.Millisecond, "a frame has 24 bytes and 72 ms at the least")
		}
	})
}

func TestBestCut(t *testing.T) {
	t.Parallel()

	type of = [2]uint8 // packets, level

	levels := func(stretches ...of) []uint8 {
		var all []uint8
		for _, stretch := range stretches {
			all = append(all, bytes.Repeat([]byte{stretch[1]}, int(stretch[0]))...)
		}

		return all
	}

	for name, c := range map[string]struct {
		levels []uint8
		least  int
		most   int
		silent bool
	}{
		"a pause":             {levels(of{200, 80}, of{30, 20}, of{200, 80}), 207, 223, true},
		"a pause in noise":    {levels(of{200, 85}, of{30, 60}, of{200, 85}), 207, 223, true},
		"the quieter of two":  {levels(of{99, 80}, of{30, 40}, of{99, 80}, of{30, 20}, of{99, 80}), 235, 251, true},
		"the later of two":    {levels(of{99, 80}, of{30, 20}, of{99, 80}, of{30, 20}, of{99, 80}), 235, 251, true},
		"too short to be one": {levels(of{200, 80}, of{5, 0}, of{200, 80}), 190, 215, false},
		"no pause":            {levels(of{250, 80}), 0, 400, false},
		"nothing but silence": {levels(of{250, 0}), 230, 250, true},
		"hardly anything":     {levels(of{3, 0}), 3, 3, false},
		"nothing":             {nil, 0, 0, false},
	} {
		at, silent := ffmpeg.BestCut(c.levels)
		assert.Equal(t, c.silent, silent, name)
		assert.GreaterOrEqual(t, at, c.least, name)
		assert.LessOrEqual(t, at, c.most, name)
	}
}
