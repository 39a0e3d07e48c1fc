package ffmpeg

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Ogg as RFC 3533 describes it.
const (
	capture       = "OggS"
	pageHead      = 27  // bytes before the lacing values
	maxSegments   = 255 // of a page
	fullSegment   = 255 // bytes; a shorter one ends its packet
	continued     = 0x01
	firstPage     = 0x02
	lastPage      = 0x04
	oggPolynomial = 0x04c11db7
	// maxPacket is far above the 1,275 bytes of an Opus frame, three of which
	// fill the longest packet that encoders make; tags hold covers, though.
	maxPacket = 1 << 20
)

// errOgg says that something is no Ogg stream, or a damaged one.
var errOgg = errors.New("no whole Ogg stream")

// page is one page of an Ogg stream.
type page struct {
	flags   byte
	granule int64 // samples at 48 kHz behind the last packet that ends here; -1: none does
	serial  uint32
	number  uint32
	lacing  []byte
	body    []byte
}

// pages reads an Ogg stream.
type pages struct{ from *bufio.Reader }

// next gives the next page, which is valid until the call after; io.EOF behind
// the last one, errOgg where there is no whole page.
func (p *pages) next(into *page) error {
	var head [pageHead]byte

	if _, err := io.ReadFull(p.from, head[:]); err != nil {
		return cutShort(err)
	}

	if string(head[:4]) != capture || head[4] != 0 {
		return errOgg
	}

	into.flags = head[5]
	into.granule = int64(binary.LittleEndian.Uint64(head[6:])) //nolint:gosec // two's complement on purpose
	into.serial = binary.LittleEndian.Uint32(head[14:])
	into.number = binary.LittleEndian.Uint32(head[18:])
	into.lacing = append(into.lacing[:0], make([]byte, head[26])...)

	if _, err := io.ReadFull(p.from, into.lacing); err != nil {
		return errOrCut(err)
	}

	size := 0
	for _, segment := range into.lacing {
		size += int(segment)
	}

	into.body = append(into.body[:0], make([]byte, size)...)
	if _, err := io.ReadFull(p.from, into.body); err != nil {
		return errOrCut(err)
	}

	want := binary.LittleEndian.Uint32(head[22:])
	clear(head[22:26])

	if checksum(checksum(checksum(0, head[:]), into.lacing), into.body) != want {
		return errOgg
	}

	return nil
}

// cutShort tells the end of the stream from one in the middle of something.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errOgg
	}

	return err
}

// errOrCut is as cutShort where even a clean end is one too early.
func errOrCut(err error) error {
	if errors.Is(err, io.EOF) {
		return errOgg
	}

	return cutShort(err)
}

// append writes the page behind what is there.
func (p *page) append(to []byte) []byte {
	from := len(to)
	to = append(to, capture...)
	to = append(to, 0, p.flags)
	to = binary.LittleEndian.AppendUint64(to, uint64(p.granule)) //nolint:gosec // two's complement on purpose
	to = binary.LittleEndian.AppendUint32(to, p.serial)
	to = binary.LittleEndian.AppendUint32(to, p.number)
	to = append(to, 0, 0, 0, 0, byte(len(p.lacing))) //nolint:gosec // at most maxSegments
	to = append(to, p.lacing...)
	to = append(to, p.body...)
	binary.LittleEndian.PutUint32(to[from+22:], checksum(0, to[from:]))

	return to
}

// lace gives the lacing values of a packet.
func lace(to []byte, size int) []byte {
	for ; size >= fullSegment; size -= fullSegment {
		to = append(to, fullSegment)
	}

	return append(to, byte(size)) //nolint:gosec // below fullSegment
}

// segments is how many lacing values a packet takes.
func segments(size int) int { return size/fullSegment + 1 }

// oggTable is CRC-32 by bytes: not reflected, no inversion, unlike hash/crc32.
var oggTable = makeOggTable() //nolint:gochecknoglobals // read only

func makeOggTable() [256]uint32 {
	var table [256]uint32

	for value := range table {
		sum := uint32(value) << 24
		for range 8 {
			if sum&(1<<31) != 0 {
				sum = sum<<1 ^ oggPolynomial
			} else {
				sum <<= 1
			}
		}

		table[value] = sum
	}

	return table
}

func checksum(sum uint32, data []byte) uint32 {
	for _, value := range data {
		sum = sum<<8 ^ oggTable[byte(sum>>24)^value]
	}

	return sum
}

// packetReader takes the packets of one logical stream out of its pages.
type packetReader struct{ unfinished []byte }

// read gives the packets that end on a page to yield, which must not keep
// them. errOgg for one beyond all reason.
func (r *packetReader) read(of *page, yield func(packet []byte) error) error {
	if of.flags&continued == 0 {
		r.unfinished = r.unfinished[:0] // what was begun was never ended
	}

	orphan := of.flags&continued != 0 && len(r.unfinished) == 0 // its beginning is lost
	at, from := 0, 0

	for _, segment := range of.lacing {
		at += int(segment)
		if segment == fullSegment {
			continue
		}

		packet := of.body[from:at]
		from = at

		if orphan {
			orphan = false

			continue
		}

		if len(r.unfinished) > 0 {
			packet = append(r.unfinished, packet...)
			r.unfinished = packet[:0]
		}

		if err := yield(packet); err != nil {
			return err
		}
	}

	if !orphan {
		r.unfinished = append(r.unfinished, of.body[from:at]...)
	}

	if len(r.unfinished) > maxPacket {
		return errOgg
	}

	return nil
}

// peek gives the packets that end on a page, and leaves the reader as it is.
func (r *packetReader) peek(of *page, yield func(packet []byte)) error {
	again := packetReader{unfinished: append([]byte(nil), r.unfinished...)}

	return again.read(of, func(packet []byte) error {
		yield(packet)

		return nil
	})
}
