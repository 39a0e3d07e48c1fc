package ffmpeg_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/ffmpeg"
)

// canary is what no media may ever lead to: a file and an address. Both hold
// sound, so that whoever gets there would hear it.
type canary struct {
	path, address string
	called        atomic.Int32
}

func newCanary(t *testing.T) *canary {
	t.Helper()

	made := &canary{path: filepath.Join(t.TempDir(), "canary.wav")}
	require.NoError(t, os.WriteFile(made.path, wav(tone(3), nil), 0o600))

	var config net.ListenConfig

	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	made.address = listener.Addr().String()
	done := make(chan struct{})

	go func() {
		defer close(done)

		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}

			made.called.Add(1)
			_ = connection.Close()
		}
	}()

	opened := watch(t, made.path)

	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		<-done
		assert.Zero(t, made.called.Load(), "an address of the media was called")
		assert.False(t, opened(), "a file of the media was opened")
	})

	return made
}

const toneRate = 8000

// tone is so many seconds of sound, 8 kHz, 16 bit, mono.
func tone(seconds float64) []byte {
	samples := make([]byte, 2*int(seconds*toneRate))
	for at := 0; at < len(samples); at += 2 {
		binary.LittleEndian.PutUint16(samples[at:], uint16((at/2%20-10)*800)) //nolint:gosec // two's complement
	}

	return samples
}

func le16(value int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(value)) } //nolint:gosec // bits are what is asked for
func le32(value int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(value)) } //nolint:gosec // bits are what is asked for
func be16(value int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(value)) }    //nolint:gosec // bits are what is asked for
func be32(value int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(value)) }    //nolint:gosec // bits are what is asked for
func be64(value int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(value)) }    //nolint:gosec // bits are what is asked for

func join(parts ...any) []byte {
	var whole []byte

	for _, part := range parts {
		switch part := part.(type) {
		case string:
			whole = append(whole, part...)
		case []byte:
			whole = append(whole, part...)
		case byte:
			whole = append(whole, part)
		default:
			panic(fmt.Sprintf("%T", part))
		}
	}

	return whole
}

// riff is a chunk of RIFF with its true size.
func riff(kind string, parts ...any) []byte {
	content := join(parts...)
	if len(content)%2 == 1 {
		content = append(content, 0)
	}

	return join(kind, le32(len(content)), content)
}

// wav is a WAV; change patches its head.
func wav(samples []byte, change func(head []byte)) []byte {
	file := riff("RIFF", "WAVE",
		riff("fmt ", le16(1), le16(1), le32(toneRate), le32(2*toneRate), le16(2), le16(16)), riff("data", samples))
	if change != nil {
		change(file)
	}

	return file
}

// box is a box of MP4 with its true size.
func box(kind string, parts ...any) []byte {
	content := join(parts...)

	return join(be32(len(content)+8), kind, content)
}

// track describes the one track of an MP4 of plain samples.
type track struct {
	handler  string
	entry    []byte // of stsd
	dref     []byte
	stts     []byte
	stsz     []byte
	stco     []byte
	extra    []byte // behind the trak
	duration int    // ms
}

// mp4 is an MP4, or QuickTime, of plain samples; change spoils it. Where late
// is set, moov stands behind mdat.
func mp4(samples []byte, late bool, change func(*track)) []byte {
	begin := box("ftyp", "qt  ", be32(0), "qt  ")
	data := box("mdat", samples)
	count := len(samples) / 2

	made := track{
		handler: "soun",
		entry: box("sowt", make([]byte, 6), be16(1), make([]byte, 8), be16(1), be16(16), be16(0), be16(0),
			be32(toneRate<<16)),
		dref: box("url ", be32(1)), stts: join(be32(1), be32(count), be32(1)), stsz: join(be32(2), be32(count)),
		duration: count * 1000 / toneRate,
	}

	moov := func(offset int) []byte {
		of := made
		of.stco = join(be32(1), be32(offset))

		if change != nil {
			change(&of)
		}

		return box("moov",
			box("mvhd", be32(0), be32(0), be32(0), be32(1000), be32(of.duration), be32(1<<16), be16(1<<8), make([]byte, 70), be32(2)),
			box("trak",
				box("tkhd", be32(7), be32(0), be32(0), be32(1), be32(0), be32(of.duration), make([]byte, 60)),
				box("mdia",
					box("mdhd", be32(0), be32(0), be32(0), be32(toneRate), be32(of.duration*toneRate/1000), be32(0)),
					box("hdlr", be32(0), "mhlr", of.handler, make([]byte, 12), byte(0)),
					box("minf",
						box("smhd", make([]byte, 8)),
						box("dinf", box("dref", be32(0), be32(1), of.dref)),
						box("stbl",
							box("stsd", be32(0), be32(1), of.entry),
							box("stts", be32(0), of.stts),
							box("stsc", be32(0), be32(1), be32(1), be32(count), be32(1)),
							box("stsz", be32(0), of.stsz),
							box("stco", be32(0), of.stco))))),
			of.extra)
	}

	if late {
		return join(begin, data, moov(len(begin)+8))
	}

	return join(begin, moov(len(begin)+len(moov(0))+8), data)
}

// ebml is an element of Matroska with its true size.
func ebml(id int, parts ...any) []byte {
	content := join(parts...)
	head := bytes.TrimLeft(be32(id), "\x00")

	return join(head, byte(0x01), be64(len(content))[1:], content)
}

// mkv is a Matroska of one track of plain samples; head is put in front of the
// tracks, behind into the track.
func mkv(samples, head, behind []byte) []byte {
	return mkvAt(samples, head, behind, func(block int) int { return block * 100 })
}

// mkvAt is an mkv whose blocks of 100 ms begin at times in milliseconds.
func mkvAt(samples, head, behind []byte, begins func(block int) int) []byte {
	if !bytes.HasPrefix(head, be32(0x1549a966)) {
		head = join(head, ebml(0x1549a966, ebml(0x2ad7b1, be32(1_000_000))))
	}

	clusters := []byte{}

	const block = toneRate / 5 // bytes: 100 ms

	for at := 0; at < len(samples); at += block {
		clusters = append(clusters, ebml(0x1f43b675, ebml(0xe7, be32(begins(at/block))),
			ebml(0xa3, byte(0x81), be16(0), byte(0x80), samples[at:min(at+block, len(samples))]))...)
	}

	return join(
		ebml(0x1a45dfa3, ebml(0x4282, "matroska"), ebml(0x4287, byte(4)), ebml(0x4285, byte(2))),
		ebml(0x18538067,
			head,
			ebml(0x1654ae6b, ebml(0xae, ebml(0xd7, byte(1)), ebml(0x73c5, byte(1)), ebml(0x83, byte(2)),
				ebml(0x86, "A_PCM/INT/LIT"), ebml(0xe1, ebml(0xb5, be32(0x45fa0000)), ebml(0x9f, byte(1)), ebml(0x6264, byte(16))),
				behind)),
			clusters))
}

// avi is an AVI of plain samples with an index that points anywhere.
func avi(samples []byte) []byte {
	header := riff("LIST", "hdrl",
		riff("avih", le32(100_000), le32(16_000), le32(0), le32(0x10), le32(10), le32(0), le32(1), le32(0), make([]byte, 24)),
		riff("LIST", "strl",
			riff("strh", "auds", le32(0), le32(0), le32(0), le32(0), le32(1), le32(toneRate), le32(0), le32(len(samples)/2),
				le32(0), le32(0), le32(2), make([]byte, 8)),
			riff("strf", le16(1), le16(1), le32(toneRate), le32(2*toneRate), le16(2), le16(16))))

	movi, index := []byte("movi"), []byte{}

	for at := 0; at < len(samples); at += 1600 {
		index = join(index, "00wb", le32(0x10), le32(0x7fffff00-at), le32(1600))
		movi = join(movi, riff("00wb", samples[at:min(at+1600, len(samples))]))
	}

	return riff("RIFF", "AVI ", header, riff("LIST", movi), riff("idx1", index))
}

// id3 is a tag of version 2.3 with a frame.
func id3(frame string, content []byte) []byte {
	size := len(content) + 10

	return join("ID3\x03\x00\x00", byte(size>>21&127), byte(size>>14&127), byte(size>>7&127), byte(size&127),
		frame, be32(len(content)), be16(0), content)
}

func noise(size int) []byte {
	chance := rand.NewChaCha8([32]byte{1})
	content := make([]byte, size)
	_, _ = chance.Read(content)

	return content
}

func zipped(t *testing.T, name string, content []byte) []byte {
	t.Helper()

	var file bytes.Buffer

	archive := zip.NewWriter(&file)
	entry, err := archive.Create(name)
	require.NoError(t, err)

	_, err = entry.Write(content)
	require.NoError(t, err)
	require.NoError(t, archive.Close())

	return file.Bytes()
}

func deflated(t *testing.T, content []byte) []byte {
	t.Helper()

	var packed bytes.Buffer

	writer := zlib.NewWriter(&packed)
	_, err := writer.Write(content)
	require.NoError(t, err)
	require.NoError(t, writer.Close())

	return packed.Bytes()
}

func picture(t *testing.T, kind string) []byte {
	t.Helper()

	var file bytes.Buffer

	of := image.NewGray(image.Rect(0, 0, 64, 64))

	switch kind {
	case "png":
		require.NoError(t, png.Encode(&file, of))
	case "jpeg":
		require.NoError(t, jpeg.Encode(&file, of, nil))
	case "gif":
		require.NoError(t, gif.Encode(&file, of, nil))
	}

	return file.Bytes()
}

// bigPicture is the head of a PNG that says it is huge, in an MP3's tag.
func bigPicture() []byte {
	header := join("IHDR", be32(60_000), be32(60_000), byte(8), byte(6), byte(0), byte(0), byte(0))

	return id3("APIC", join(byte(0), "image/png\x00", byte(3), byte(0),
		"\x89PNG\r\n\x1a\n", be32(13), header, be32(int(crc32.ChecksumIEEE(header)))))
}

// answer is what a person is to be told of a file: a sentence, or how many
// seconds are heard, between two figures, and how many are missed.
type answer struct {
	sentence      string
	least, most   float64
	missing, miss float64 // between
}

func refused(sentence string) answer   { return answer{sentence: sentence} }
func heard(least, most float64) answer { return answer{least: least, most: most} }

// or is for files that some versions of ffmpeg understand.
func (a answer) or(sentence string) answer { a.sentence = sentence; return a }

func (a answer) lacks(l, m float64) answer { a.missing, a.miss = l, m; return a }

type hostile struct {
	name    string
	content []byte
	want    answer
}

const (
	notMedia  = "error.not_media"
	noSound   = "error.no_sound"
	overLimit = "error.over_limit"
	unsaid    = "error.over_limit_unsaid"
)

// scripts are files that name other files and addresses.
//
//nolint:lll // a file, a line
func scripts(to *canary) []hostile {
	address, file := "http://"+to.address+"/x.wav", to.path
	playlist := "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:5,\n%s\n#EXT-X-ENDLIST\n"

	return []hostile{
		{"HLS of an address", fmt.Appendf(nil, playlist, address), refused(notMedia)},
		{"HLS of a file", fmt.Appendf(nil, playlist, "file://"+file), refused(notMedia)},
		{"HLS with a key", fmt.Appendf(nil, "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"%s\"\n#EXTINF:5,\n%s\n", address, file), refused(notMedia)},
		{"HLS of concat", fmt.Appendf(nil, playlist, "concat:"+file+"|"+address), refused(notMedia)},
		{"HLS of subfile", fmt.Appendf(nil, playlist, "subfile,,start,0,end,1000,,:"+file), refused(notMedia)},
		{"HLS behind a RIFF head", join("RIFF\xff\xff\xff\xffWAVE", fmt.Sprintf(playlist, address)), refused(notMedia)},
		{"simple M3U", []byte(file + "\n"), refused(notMedia)},
		{"ffconcat", fmt.Appendf(nil, "ffconcat version 1.0\nfile '%s'\nduration 3\n", file), refused(notMedia)},
		{"ffconcat of an address", fmt.Appendf(nil, "ffconcat version 1.0\nfile '%s'\n", address), refused(notMedia)},
		{"DASH", fmt.Appendf(nil, `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">`+
			`<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>%s</BaseURL>`+
			`</Representation></AdaptationSet></Period></MPD>`, address), refused(notMedia)},
		{"SDP", fmt.Appendf(nil, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"), refused(notMedia)},
		{"ASX", fmt.Appendf(nil, `<ASX version="3.0"><Entry><Ref href="%s"/></Entry></ASX>`, address), refused(notMedia)},
		{"PLS", fmt.Appendf(nil, "[playlist]\nFile1=%s\nNumberOfEntries=1\n", address), refused(notMedia)},
		{"SVG", fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg"><image href="file://%s"/></svg>`, file), refused(notMedia)},
		{"MVG", fmt.Appendf(nil, "push graphic-context\nimage over 0,0 0,0 '%s'\npop graphic-context\n", address), refused(notMedia)},
		{"XML with an entity", fmt.Appendf(nil, `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://%s">]><a>&b;</a>`, file), refused(notMedia)},
		{"MP4 whose sound is at an address", mp4(tone(3), false, func(of *track) {
			of.dref = box("url ", be32(0), address, byte(0))
		}), heard(2.9, 3.1)},
		{"MP4 whose sound is in a file", mp4(tone(3), false, func(of *track) {
			of.dref = box("alis", be32(0), alias(file))
		}), heard(2.9, 3.1)},
		{"QuickTime that refers to another", join(box("ftyp", "qt  ", be32(0), "qt  "),
			box("moov", box("rmra", box("rmda", box("rdrf", be32(0), "url ", be32(len(address)+1), address, byte(0)))))), refused(noSound)},
		{"MKV that goes on in another", mkv(tone(3), ebml(0x1549a966, ebml(0x3eb923, noise(16)), ebml(0x3e83bb, file)), nil), heard(2.9, 3.1)},
		{"MKV with a playlist attached", mkv(tone(3), ebml(0x1941a469, ebml(0x61a7, ebml(0x466e, "../../x.m3u8"),
			ebml(0x4660, "application/x-mpegurl"), ebml(0x465c, fmt.Sprintf(playlist, address)), ebml(0x46ae, byte(1)))), nil), heard(2.9, 3.1)},
	}
}

// alias is an alias record of QuickTime, of 10.3 and later: a path.
func alias(path string) []byte {
	record := make([]byte, 150)
	copy(record[4:], be16(len(record)))
	copy(record[8:], be16(2))

	return join(record, be16(18), be16(len(path)), path, make([]byte, len(path)%2), be16(-1), be16(0))
}

// broken are containers that lie about themselves.
//
//nolint:lll // a file, a line
func broken(t *testing.T) []hostile {
	t.Helper()

	sound := tone(3)
	size := func(offset int, value uint32) func([]byte) {
		return func(head []byte) { binary.LittleEndian.PutUint32(head[offset:], value) }
	}
	deep := []byte{}

	for range 2000 {
		deep = box("moov", deep)
	}

	nested := []byte{}
	for range 3000 {
		nested = riff("LIST", "hdrl", nested)
	}

	badSums := bytes.Clone(sample(t, "voice-en.ogg"))
	for at := range badSums {
		if bytes.HasPrefix(badSums[at:], []byte("OggS")) {
			badSums[at+22] ^= 0x55
		}
	}

	return []hostile{
		{"nothing", nil, refused(notMedia)},
		{"a byte", []byte{0}, refused(notMedia)},
		{"zeros", make([]byte, 1<<20), refused(notMedia)},
		{"noise", noise(1 << 20), refused(notMedia)},
		{"text", []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 100)), refused(notMedia)},
		{"HTML", []byte("<!DOCTYPE html><html><body>404</body></html>"), refused(notMedia)},
		{"subtitles", []byte("1\n00:00:00,000 --> 00:00:05,000\nHello\n\n2\n00:00:05,000 --> 00:00:09,000\nWorld\n"), refused(notMedia)},
		{"WebVTT", []byte("WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n"), refused(notMedia)},
		{"PNG", picture(t, "png"), refused(notMedia)},
		{"JPEG", picture(t, "jpeg"), refused(notMedia)},
		{"GIF", picture(t, "gif"), refused(notMedia)},
		{"ZIP", zipped(t, "voice.mp3", sample(t, "voice-en-2.mp3")), refused(notMedia)},
		{"ELF", join("\x7fELF\x02\x01\x01", make([]byte, 5000)), refused(notMedia)},
		{"PDF", []byte("%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n%%EOF"), refused(notMedia)},

		{"WAV without end", wav(sound, size(40, 0xffffffff)), heard(2.9, 3.1)},
		{"WAV that says it is huge", wav(sound, size(40, 0x7ffffff0)), heard(2.9, 3.1)},
		{"WAV of no data", wav(nil, nil), refused(notMedia)},
		{"WAV of one sample", wav(sound[:2], nil), refused(notMedia)},
		{"WAV of no channels", wav(sound, func(head []byte) { head[22] = 0 }), refused(notMedia)},
		{"WAV at 0 Hz", wav(sound, size(24, 0)), refused(notMedia)},
		{"WAV at 4 GHz", wav(sound, size(24, 0xffffffff)), refused(notMedia)},
		{"WAV of no bits", wav(sound, func(head []byte) { head[34] = 0 }), refused(notMedia)},
		{"WAV of 65,535 channels", wav(sound, func(head []byte) { head[22], head[23] = 0xff, 0xff }), refused(notMedia)},
		{"WAV at 384 kHz with 64 channels", riff("RIFF", "WAVE", riff("fmt ", le16(1), le16(64), le32(384_000), le32(384_000*128),
			le16(128), le16(16)), riff("data", noise(384_000*128/4))), refused(notMedia)},
		{"WAV of an unknown codec", wav(sound, func(head []byte) { head[20], head[21] = 0x34, 0x12 }), refused(notMedia)},
		{"AVI of lists in lists", riff("RIFF", "AVI ", nested), refused(notMedia)},
		{"AVI with a wrong index", avi(sound), heard(2.9, 3.1)},

		{"MP4 whose box is smaller than its head", join(box("ftyp", "isom"), be32(4), "moov", sound), refused(notMedia)},
		{"MP4 whose box is negative", join(box("ftyp", "isom"), be32(1), "mdat", be64(-8), sound), refused(notMedia)},
		{"MP4 whose box is beyond 2^62", join(box("ftyp", "isom"), be32(1), "mdat", be64(1<<62), sound), refused(notMedia)},
		{"MP4 whose box never ends", join(box("ftyp", "isom"), be32(0), "moov", sound), refused(notMedia)},
		{"MP4 of boxes in boxes", join(box("ftyp", "isom"), deep), refused(notMedia)},
		{"MP4 of empty boxes", join(box("ftyp", "isom"), bytes.Repeat(box("free"), 100_000)), refused(notMedia)},
		{"MP4 without mdat", mp4(sound, false, nil)[:len(mp4(sound, false, nil))-len(sound)-8], refused(notMedia)},
		{"MP4 without moov", join(box("ftyp", "isom"), box("mdat", sound)), refused(notMedia)},
		{"MP4 whose samples are outside", mp4(sound, false, func(of *track) { of.stco = join(be32(1), be32(0x7fffffff)) }), refused(notMedia)},
		{"late MP4 whose samples are outside", mp4(sound, true, func(of *track) { of.stco = join(be32(1), be32(0x7fffffff)) }), refused(notMedia)},
		{"MP4 with a table of 4 billion", mp4(sound, false, func(of *track) { of.stsz = join(be32(0), be32(0xffffffff)) }), refused(notMedia)},
		{"MP4 with a table of 4 billion sizes", mp4(sound, false, func(of *track) { of.stsz = join(be32(2), be32(0xfffffff)) }), heard(2.9, 3.1)},
		{"MP4 with a table of 4 billion chunks", mp4(sound, false, func(of *track) { of.stco = join(be32(0x20000000), be32(40)) }), heard(2.9, 3.1).or(notMedia)},
		{"MP4 with times of 4 billion", mp4(sound, false, func(of *track) { of.stts = join(be32(0xfffffff), be32(1), be32(1)) }), refused(notMedia)},
		{"MP4 without sound", mp4(sound, false, func(of *track) { of.handler, of.entry = "vide", visual() }), refused(noSound)},
		{"MP4 of text", mp4(sound, false, func(of *track) { of.handler, of.entry = "text", box("text", make([]byte, 60)) }), refused(noSound)},

		{"MKV of endless size", join(ebml(0x1a45dfa3, ebml(0x4282, "matroska")), "\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
			mkv(sound, nil, nil)[40:]), heard(0, 3.1)},
		{"MKV whose element is larger than all", join(ebml(0x1a45dfa3, ebml(0x4282, "matroska")), "\x18\x53\x80\x67\x01\x7f\xff\xff\xff\xff\xff\xfe", sound), refused(notMedia)},
		{"MKV of packed zeros", mkv(packed(t, 20, 10), nil, unpack()), heard(190, 210)},

		{"Ogg with wrong sums", badSums, refused(notMedia)},
		{"Ogg of heads only", sample(t, "voice-en.ogg")[:40], refused(notMedia)},
		{"FLAC of metadata", join("fLaC", byte(0), be32(34)[1:], make([]byte, 34),
			bytes.Repeat(join(byte(4), be32(0xffff)[1:], make([]byte, 0xffff)), 40)), refused(notMedia)},
		{"FLAC with metadata that never ends", join("fLaC", byte(0), be32(34)[1:], make([]byte, 34), byte(6), "\xff\xff\xff", sound), refused(notMedia)},
		{"MPEG-TS of nothing", bytes.Repeat(join(byte(0x47), be16(0x1fff), byte(0x10), make([]byte, 184)), 500), refused(notMedia)},
		{"FLV of nothing", join("FLV\x01\x05", be32(9), be32(0), bytes.Repeat(join(byte(18), "\x00\x00\x04", make([]byte, 7), "\x03\x03\x03\x03", be32(15)), 2000)), refused(noSound)},
		{"AMR of noise", join("#!AMR\n", noise(3000)), heard(0.1, 60)},
		{"AIFF of no frames", join("FORM", be32(46), "AIFF", "COMM", be32(18), be16(1), be32(0), be16(16), "\x40\x0b\xfa\x00\x00\x00\x00\x00\x00\x00", "SSND", be32(8), be64(0)), refused(notMedia)},
		{"CAF that says it is huge", join("caff", be16(1), be16(0), "desc", be64(32), be64(0x40bf400000000000), "lpcm", be32(2), be32(2), be32(1), be32(1), be32(16),
			"data", be64(1<<61), be32(0), sound), heard(2.9, 3.1)},
	}
}

// packed is so many blocks of mkv that each unpack to so many seconds of silence.
func packed(t *testing.T, blocks, seconds int) []byte {
	t.Helper()

	block := make([]byte, toneRate/5)
	copy(block, deflated(t, make([]byte, 2*toneRate*seconds)))

	return bytes.Repeat(block, blocks)
}

// unpack is what tells a player of a track of mkv to do so.
func unpack() []byte { return ebml(0x6d80, ebml(0x6240, ebml(0x5034, ebml(0x4254, byte(0))))) }

// visual is a sample entry of raw video.
//
//nolint:lll // a file, a line
func visual() []byte {
	return box("raw ", make([]byte, 6), be16(1), make([]byte, 16), be16(16), be16(16), be32(72<<16), be32(72<<16), be32(0), be16(1), make([]byte, 32), be16(24), be16(-1))
}

// mixed are files that hold sound, and other things besides.
//
//nolint:lll // a file, a line
func mixed(t *testing.T, to *canary) []hostile {
	t.Helper()

	song, voice := sample(t, "voice-en-2.mp3"), sample(t, "voice-en-2.ogg")
	half := len(song) / 2
	playlist := fmt.Appendf(nil, "#EXTM3U\n#EXTINF:5,\nhttp://%s/x\n", to.address)

	return []hostile{
		{"MP3 with a playlist for a cover", join(id3("APIC", join(byte(0), "application/x-mpegurl\x00", byte(3), byte(0), playlist)), song), heard(8.7, 9)},
		{"MP3 with an address for a cover", join(id3("APIC", join(byte(0), "-->\x00", byte(3), byte(0), "http://"+to.address+"/")), song), heard(8.7, 9)},
		{"MP3 with a huge picture", join(bigPicture(), song), heard(8.7, 9)},
		{"MP3 with an ID3 bomb", join("ID3\x03\x00\x00\x7f\x7f\x7f\x7f", song), refused(notMedia)},
		{"MP3 with noise in it", join(song[:half], noise(20_000), song[half:]), heard(7, 13)},
		{"MP3 with a damaged frame", join(song[:half], make([]byte, 100), song[half+100:]), heard(8.5, 9)},
		{"MP3 with noise behind", join(song, noise(5_000)), heard(8.5, 11)},
		{"MP3 behind a ZIP", join(song, zipped(t, "x.txt", playlist)), heard(8.5, 9.3)},
		{"MP3 behind a playlist", join(playlist, song), heard(8.5, 9.3)},
		{"MP3 behind zeros", join(make([]byte, 3000), song), heard(8.5, 9.3)},
		{"Ogg behind an Ogg", join(voice, sample(t, "voice-en.ogg")), heard(19, 21)},
		{"Ogg with noise behind", join(voice, noise(5_000)), heard(8.7, 9)},
		{"Ogg with a hole", join(voice[:8_000], voice[12_000:]), heard(6, 9)},
		{"MP4 behind noise", join(noise(100), mp4(tone(3), false, nil)), refused(notMedia)},
		{"MP4 with noise behind", join(mp4(tone(3), false, nil), noise(5_000)), heard(2.9, 3.1)},
	}
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()

	to := newCanary(t)
	cases := append(append(scripts(to), broken(t)...), mixed(t, to)...)

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, c, time.Hour)
		})
	}
}

// What lasts longer than it may is refused, at once where it says so, and at
// the limit where it does not.
func TestTooLong(t *testing.T) {
	t.Parallel()

	const limit = 20 * time.Second

	for _, c := range []hostile{
		{"WAV of a minute", wav(tone(60), nil), refused(overLimit)},
		{"WAV of a minute without end", wav(tone(60), func(head []byte) { copy(head[40:], "\xff\xff\xff\xff") }), refused(overLimit)},
		{"MP4 of a minute", mp4(tone(60), false, nil), refused(overLimit)},
		{"late MP4 of a minute", mp4(tone(60), true, nil), refused(overLimit)},
		{"MP4 of a minute that says a second", mp4(tone(60), false, func(of *track) { of.duration = 1000 }), refused(unsaid)},
		{"MKV of a minute", mkv(tone(60), nil, nil), refused(overLimit)},
		{"MKV of packed hours", mkv(packed(t, 3, 90), nil, unpack()), refused(unsaid)},
		{"Ogg of ten hours in small packets", silentOgg(36_000), refused(overLimit)},
		{"MP3 of a minute", bytes.Repeat(sample(t, "voice-en-2.mp3"), 7), refused(overLimit)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, c, limit)
		})
	}
}

// made makes a file by ffmpeg itself.
func made(t *testing.T, ending, from string, options ...string) []byte {
	t.Helper()

	path := filepath.Join(t.TempDir(), "made."+ending)
	arguments := append([]string{"-v", "error", "-i", filepath.Join("../../tests/media", from)}, options...)

	output, err := exec.CommandContext(t.Context(), program(t), append(arguments, path)...).CombinedOutput()
	require.NoError(t, err, "%s", output)

	content, err := os.ReadFile(path)
	require.NoError(t, err)

	return content
}

// A file that was cut before it came to us is heard as far as it goes, and
// what is missing is known where the file says how long it is.
func TestACutMedia(t *testing.T) {
	t.Parallel()

	const length = 10.74

	for name, c := range map[string]struct {
		content []byte
		silent  int  // quarters of which nothing can be read
		says    bool // how long it is, at its beginning
	}{
		"ogg":      {sample(t, "voice-en.ogg"), 0, false},
		"wav":      {made(t, "wav", "voice-en.ogg"), 0, true},
		"mp3":      {made(t, "mp3", "voice-en.ogg"), 0, true},
		"flac":     {made(t, "flac", "voice-en.ogg"), 0, true},
		"mkv":      {made(t, "mkv", "voice-en.ogg", "-c", "copy"), 0, true},
		"webm":     {made(t, "webm", "voice-en.ogg", "-c", "copy"), 0, true},
		"m4a":      {made(t, "m4a", "voice-en.ogg", "-movflags", "faststart"), 0, true},
		"late m4a": {made(t, "m4a", "voice-en.ogg"), 4, false},
		"avi":      {made(t, "avi", "voice-en.ogg"), 0, true},
		"aac":      {made(t, "aac", "voice-en.ogg"), 0, false},
		"ts":       {made(t, "ts", "voice-en.ogg"), 0, false},
		"wma":      {made(t, "wma", "voice-en.ogg"), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			expect(t, hostile{"whole", c.content, heard(length-0.2, length+0.3)}, time.Hour)

			for quarter := 1; quarter <= 3; quarter++ {
				cut := hostile{"cut", c.content[:len(c.content)*quarter/4], refused(notMedia)}
				left := length * float64(quarter) / 4

				if quarter > c.silent {
					cut.want = heard(left-1.6, left+1.6)
				}

				if c.says {
					cut.want = cut.want.lacks(max(0, length-left-1.6), length-left+1.6)
				}

				expect(t, cut, time.Hour)
			}
		})
	}
}

// silentOgg is an Ogg Opus of so many seconds of silence: two bytes for each
// 120 ms.
func silentOgg(seconds int) []byte {
	packets := make([][]byte, seconds*1000/120)
	for at := range packets {
		packets[at] = []byte{0x1b, 2} // SILK, two frames of 60 ms, of nothing
	}

	return ffmpeg.OggOpus(packets)
}

// expect requires that a file is answered as it should be.
func expect(t *testing.T, c hostile, longest time.Duration) {
	t.Helper()

	began := time.Now()
	made, err := prepare(t, stored(c.content), bounds, longest)
	assert.Less(t, time.Since(began), 30*time.Second)

	if c.want.sentence != "" && (err != nil || c.want.most == 0) {
		require.Error(t, err)

		sentence, _, _ := errs.Sentence(err)
		assert.Equal(t, c.want.sentence, sentence, "%v", err)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%v", err)
		assert.NotContains(t, err.Error(), "\n")

		return
	}

	require.NoError(t, err)

	total := 0.0
	for _, content := range made.content {
		total += seconds(t, program(t), content)
	}

	assert.GreaterOrEqual(t, total, c.want.least)
	assert.LessOrEqual(t, total, c.want.most)
	assert.GreaterOrEqual(t, made.missing.Seconds(), c.want.missing)
	assert.LessOrEqual(t, made.missing.Seconds(), c.want.miss)
}
