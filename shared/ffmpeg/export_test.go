package ffmpeg

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/transcript"
)

// What tests look at from outside.
var (
	BestCut    = bestCut
	ReadReport = readReport
)

// Report is what ffmpeg says about a file.
type Report = report

// Said gives what a report says: format, duration, that of the track, whether there is sound, whether it is estimated.
func (r report) Said() (string, time.Duration, time.Duration, bool, bool) {
	return r.format, r.duration, r.track, r.sound, r.estimated
}

// Boxes reads the boxes of an MP4: whether its index is late, how long its sound is, whether it is one.
func Boxes(content []byte) (bool, time.Duration, bool, error) {
	found, is, err := readMP4(bytes.NewReader(content), int64(len(content)))

	return found.late, found.sound, is, err
}

// WalkOpus and WalkMP3 read a file to its end.
func WalkOpus(content []byte) (time.Duration, int, error) {
	return walkOpus(bufio.NewReader(bytes.NewReader(content)))
}

// WalkMP3 is as WalkOpus.
func WalkMP3(content []byte) (time.Duration, error) {
	return walkMP3(bufio.NewReader(bytes.NewReader(content)))
}

// Plan is how a recording is made into parts.
type Plan struct {
	Bitrate, Parts         int
	Bytes                  int64
	Target, Slack, Longest time.Duration
}

// PlanFor plans.
func PlanFor(duration time.Duration, bounds transcript.Bounds) (Plan, error) {
	made, err := planFor(duration, bounds)

	return Plan{
		Bitrate: made.bitrate, Parts: made.parts, Bytes: made.bytes,
		Target: made.target, Slack: made.slack, Longest: made.longest,
	}, err
}

// Chunks reads a media anywhere.
func Chunks(ctx context.Context, media transcript.Media) (io.ReaderAt, func()) {
	made := newChunks(ctx, media)

	return made, made.close
}

// Serve serves a media by HTTP.
func Serve(ctx context.Context, media transcript.Media) (string, func(), error) {
	reader := newChunks(ctx, media)

	made, listener, err := serve(reader)
	if err != nil {
		return "", nil, err
	}

	made.begin(listener)

	return made.address, func() {
		made.close()
		reader.close()
	}, nil
}

// OggOpus makes a file of packets.
func OggOpus(of [][]byte) []byte {
	var kept packets
	for number, packet := range of {
		kept.add(packet, packetTicks(packet), int32(number))
	}

	return (&stream{packets: kept, count: len(of)}).all()
}

func (s *stream) all() []byte {
	var file []byte

	for reader := (streamReader{of: s}); ; {
		reader.fill()

		if len(reader.ready) == 0 {
			return file
		}

		file = append(file, reader.ready...)
	}
}

// PacketTicks is how much sound a packet holds, in samples at 48 kHz.
var PacketTicks = packetTicks

// Repaged gives the pages of a file other times.
func Repaged(file []byte, granule func(number int, of int64) int64) []byte {
	var (
		made []byte
		at   page
	)

	reader := pages{from: bufio.NewReader(bytes.NewReader(file))}
	for number := 0; reader.next(&at) == nil; number++ {
		at.granule = granule(number, at.granule)
		made = at.append(made)
	}

	return made
}
