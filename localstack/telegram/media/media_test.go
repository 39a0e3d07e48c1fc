package media_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram/media"
)

func probe(data []byte) media.Info { return media.Probe(bytes.NewReader(data), int64(len(data))) }

func TestProbe(t *testing.T) {
	t.Parallel()

	assert.Equal(t, media.Info{Duration: 2500 * time.Millisecond}, probe(opus(120000)), "opus")
	assert.Equal(t, media.Info{Duration: time.Second}, probe(wav(t, 16000)), "wav")
	assert.Equal(t, media.Info{Duration: 90 * time.Second, Width: 640, Height: 360}, probe(mp4()), "mp4")
	assert.Equal(t, media.Info{Duration: time.Second}, probe(append([]byte{0xFF, 0xFB, 0x90, 0}, make([]byte, 15996)...)), "mp3")
	assert.Equal(t, media.Info{}, probe([]byte("hello")), "text")
	assert.Equal(t, media.Info{}, probe(nil), "nothing")

	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 30, 20))))
	assert.Equal(t, media.Info{Width: 30, Height: 20}, probe(picture.Bytes()), "png")
}

func FuzzProbe(f *testing.F) {
	f.Add(opus(48000))
	f.Add(mp4())
	f.Add([]byte("ID3\x04\x00\x00\x00\x00\x00\x00\xFF\xFB\x90\x00"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \xFF\xFF\xFF\xFF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if info := probe(data); info.Duration < 0 || info.Width < 0 || info.Height < 0 {
			t.Fatalf("impossible: %+v", info)
		}
	})
}

func opus(samples uint64) []byte {
	page := func(granule uint64) []byte {
		return append(binary.LittleEndian.AppendUint64([]byte("OggS\x00\x00"), granule), make([]byte, 14)...)
	}

	return append(append(append(page(0), "OpusHead"...), make([]byte, 32)...), page(samples)...)
}

func wav(t *testing.T, samples int) []byte {
	t.Helper()

	header := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	header = binary.LittleEndian.AppendUint32(header, 16000)
	header = binary.LittleEndian.AppendUint32(header, 32000)
	header = append(header, "\x02\x00\x10\x00data\x00\x00\x00\x00"...)
	require.Len(t, header, 44)

	return append(header, make([]byte, 2*samples)...)
}

func mp4() []byte {
	box := func(kind string, body []byte) []byte {
		header := binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)) //nolint:gosec // A few bytes.

		return append(append(header, kind...), body...)
	}
	mvhd := make([]byte, 100)
	binary.BigEndian.PutUint32(mvhd[12:], 1000)
	binary.BigEndian.PutUint32(mvhd[16:], 90000)
	tkhd := make([]byte, 84)
	binary.BigEndian.PutUint16(tkhd[76:], 640)
	binary.BigEndian.PutUint16(tkhd[80:], 360)
	moov := append(box("mvhd", mvhd), box("trak", box("tkhd", tkhd))...)

	return append(box("ftyp", []byte("isomiso2")), append(box("mdat", make([]byte, 64)), box("moov", moov)...)...)
}
