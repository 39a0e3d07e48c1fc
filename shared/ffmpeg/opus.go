package ffmpeg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// Opus in Ogg as RFC 7845 describes it, packets as RFC 6716 does. Time is
// counted in ticks: samples at 48 kHz, whatever the rate of the sound.
const (
	ticksPerSecond = 48_000
	headMagic      = "OpusHead"
	tagsMagic      = "OpusTags"
	vendor         = "lapak"
	soundRate      = 16_000 // Hz, of what we make
	// preRoll is what a decoder needs to come to itself in the middle of a
	// stream: 80 ms (RFC 7845, section 4.6).
	preRoll = 80 * ticksPerSecond / 1000
	// pageTicks is how much sound a page of ours carries at most.
	pageTicks = ticksPerSecond
)

// quiet is an Opus packet of 20 ms of silence.
var quiet = []byte{0xf8, 0xff, 0xfe} //nolint:gochecknoglobals // read only

const quietTicks = 20 * ticksPerSecond / 1000

func ticksOf(length time.Duration) int64 {
	return int64(length/time.Second)*ticksPerSecond + int64(length%time.Second)*ticksPerSecond/int64(time.Second)
}

func timeOf(ticks int64) time.Duration {
	return time.Duration(ticks/ticksPerSecond)*time.Second +
		time.Duration(ticks%ticksPerSecond)*time.Second/ticksPerSecond
}

// packetTicks says how much sound a packet holds, 0 where it is none (RFC
// 6716, section 3.1): at most 120 ms.
func packetTicks(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}

	config, count := int(packet[0]>>3), 1

	switch packet[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(packet) < 2 { //nolint:mnd // the count stands in the second byte
			return 0
		}

		count = int(packet[1] & 63)
	}

	var frame int

	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [...]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 120 << (config & 3)
	}

	if ticks := frame * count; ticks <= 120*ticksPerSecond/1000 {
		return ticks
	}

	return 0
}

// opusHead is the first packet of a stream.
type opusHead struct {
	channels int
	preSkip  int64 // ticks before the first sound
}

func readOpusHead(packet []byte) (opusHead, bool) {
	const least = 19
	if len(packet) < least || !bytes.HasPrefix(packet, []byte(headMagic)) || packet[8]>>4 != 0 || packet[9] == 0 {
		return opusHead{}, false
	}

	return opusHead{channels: int(packet[9]), preSkip: int64(binary.LittleEndian.Uint16(packet[10:]))}, true
}

// appendOpusHead writes the head of a mono stream.
func appendOpusHead(to []byte, preSkip int64) []byte {
	to = append(to, headMagic...)
	to = append(to, 1, 1)
	to = binary.LittleEndian.AppendUint16(to, uint16(preSkip)) //nolint:gosec // some packets at most
	to = binary.LittleEndian.AppendUint32(to, soundRate)

	return append(to, 0, 0, 0) // no gain, plain mono
}

func appendOpusTags(to []byte) []byte {
	to = append(to, tagsMagic...)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(vendor)))
	to = append(to, vendor...)

	return binary.LittleEndian.AppendUint32(to, 0)
}

// blockBytes is how packets are kept: close together, and never moved.
const blockBytes = 64 << 10

// packets are Opus packets in memory, in order.
type packets struct {
	blocks [][]byte
	refs   []ref
	ticks  int64 // of all
	bytes  int64 // of all
}

// ref says where a packet is.
type ref struct {
	block  uint32
	at     uint32
	length uint16
	ticks  uint16
	number int32 // in the encoder's output, for its level; -1: put in by us
}

// add keeps a copy of a packet.
func (p *packets) add(packet []byte, ticks int, number int32) {
	last := len(p.blocks) - 1
	if last < 0 || len(p.blocks[last])+len(packet) > cap(p.blocks[last]) {
		p.blocks = append(p.blocks, make([]byte, 0, max(blockBytes, len(packet))))
		last++
	}

	p.refs = append(p.refs, ref{
		block: uint32(last), at: uint32(len(p.blocks[last])), //nolint:gosec // gigabytes at most
		length: uint16(len(packet)), ticks: uint16(ticks), //nolint:gosec // the reader of the stream has checked both
		number: number,
	})
	p.blocks[last] = append(p.blocks[last], packet...)
	p.ticks += int64(ticks)
	p.bytes += int64(len(packet))
}

func (p *packets) packet(index int) []byte {
	of := p.refs[index]

	return p.blocks[of.block][of.at : of.at+uint32(of.length)]
}

// from copies the packets from an index on.
func (p *packets) from(index int) packets {
	var rest packets
	for ; index < len(p.refs); index++ {
		rest.add(p.packet(index), int(p.refs[index].ticks), p.refs[index].number)
	}

	return rest
}

// stream is a stretch of packets as a file of its own: Ogg Opus that starts at
// zero.
type stream struct {
	packets packets
	count   int   // of the packets, from the first, that belong to it
	preSkip int64 // ticks that a player leaves out at the beginning
	trim    int64 // ticks that a player leaves out at the end
}

// open gives the file as it is made.
func (s *stream) open() io.ReadCloser {
	return io.NopCloser(&streamReader{of: s})
}

// size is how many bytes the file has.
func (s *stream) size() int64 {
	var (
		size   int64
		reader = streamReader{of: s}
	)

	for {
		reader.fill()

		if len(reader.ready) == 0 {
			return size
		}

		size += int64(len(reader.ready))
	}
}

// streamReader writes the file page by page.
type streamReader struct {
	of      *stream
	ready   []byte // of the page at hand, not read yet
	made    []byte // where pages are made
	lacing  []byte
	body    []byte
	number  uint32
	next    int // packet
	granule int64
}

// Read gives the next bytes of the file.
func (r *streamReader) Read(into []byte) (int, error) {
	if len(r.ready) == 0 {
		r.fill()
	}

	if len(r.ready) == 0 {
		return 0, io.EOF
	}

	count := copy(into, r.ready)
	r.ready = r.ready[count:]

	return count, nil
}

// fill makes the next page; none behind the last one.
func (r *streamReader) fill() {
	next := page{serial: 1, number: r.number}

	switch {
	case r.number == 0:
		next.flags, next.body = firstPage, appendOpusHead(nil, r.of.preSkip)
		next.lacing = lace(nil, len(next.body))
	case r.number == 1:
		next.body = appendOpusTags(nil)
		next.lacing = lace(nil, len(next.body))
	case r.next < r.of.count:
		r.gather()

		next.lacing, next.body, next.granule = r.lacing, r.body, r.granule
		if r.next == r.of.count {
			next.flags, next.granule = lastPage, r.granule-r.of.trim
		}
	default:
		r.ready = nil

		return
	}

	r.number++
	r.made = next.append(r.made[:0])
	r.ready = r.made
}

// gather takes the packets of the next page.
func (r *streamReader) gather() {
	r.lacing, r.body = r.lacing[:0], r.body[:0]

	for ticks := 0; r.next < r.of.count && ticks < pageTicks; r.next++ {
		packet := r.of.packets.packet(r.next)
		if len(r.lacing)+segments(len(packet)) > maxSegments {
			return
		}

		r.lacing = lace(r.lacing, len(packet))
		r.body = append(r.body, packet...)
		ticks += int(r.of.packets.refs[r.next].ticks)
		r.granule += int64(r.of.packets.refs[r.next].ticks)
	}
}

// opusWalk is what was read of an Ogg Opus file.
type opusWalk struct {
	head  opusHead
	count int   // packets, those of the head among them
	ticks int64 // of the sound's packets
}

func (w *opusWalk) take(packet []byte) error {
	w.count++

	var ok bool

	switch w.count {
	case 1:
		w.head, ok = readOpusHead(packet)
	case 2:
		ok = bytes.HasPrefix(packet, []byte(tagsMagic))
	default:
		ticks := packetTicks(packet)
		w.ticks += int64(ticks)
		ok = ticks > 0
	}

	if !ok {
		return errOgg
	}

	return nil
}

// walkOpus reads an Ogg Opus file page by page and gives how long it is and
// how many channels it has; errOgg where it is anything but one whole stream
// whose packets are as long as its times say.
func walkOpus(file *bufio.Reader) (time.Duration, int, error) {
	var (
		current page
		packets packetReader
		walked  opusWalk
		serial  uint32
		last    int64
	)

	reader := pages{from: file}

	for number := 0; ; number++ {
		err := reader.next(&current)
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return 0, 0, err
		}

		if number == 0 {
			serial = current.serial
		}

		if current.serial != serial || (number > 0 && current.flags&firstPage != 0) {
			return 0, 0, errOgg // streams side by side, or one behind the other
		}

		if err := packets.read(&current, walked.take); err != nil {
			return 0, 0, err
		}

		if current.granule != -1 {
			last = current.granule
		}
	}

	// An encoder may leave out some of the last packet, none may leave out more.
	if len(packets.unfinished) > 0 || last > walked.ticks || last < walked.ticks-ticksPerSecond || last <= walked.head.preSkip {
		return 0, 0, errOgg
	}

	return timeOf(last - walked.head.preSkip), walked.head.channels, nil
}
