package ffmpeg

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"sync"
)

const (
	// soundPerPacket is how many samples at 16 kHz a packet of the encoder holds.
	soundPerPacket = soundRate / 50
	// loudest is the level of full scale; the level falls by one with each
	// decibel, down to 0.
	loudest = 96
	// hush is how many packets a silence is long that is good to cut in: 300 ms.
	hush = 15
	// quieter is by how many decibels a silence lies below the speech around it.
	quieter = 20
	// still is a level that is silence whatever is around it: -50 dB.
	still = loudest - 50
)

// meter measures how loud each packet's sound is.
type meter struct {
	mu     sync.Mutex
	levels []uint8
	ended  bool
}

// listen reads samples, 16 bit little endian, until they end.
func (m *meter) listen(samples io.Reader) {
	from := bufio.NewReaderSize(samples, blockBytes)
	frame := make([]byte, 2*soundPerPacket)

	for {
		count, err := io.ReadFull(from, frame)

		m.mu.Lock()

		if count > 1 {
			m.levels = append(m.levels, level(frame[:count&^1]))
		}

		m.ended = err != nil
		m.mu.Unlock()

		if err != nil { // ffmpeg has ended, whose exit says how
			return
		}
	}
}

// level is how loud samples are, in decibels above 16 bits' least.
func level(samples []byte) uint8 {
	var power float64

	for at := 0; at < len(samples); at += 2 {
		value := float64(int16(binary.LittleEndian.Uint16(samples[at:]))) //nolint:gosec // two's complement
		power += value * value
	}

	power /= float64(len(samples)/2) * (1 << 30)
	if power == 0 {
		return 0
	}

	return uint8(max(0, min(loudest, loudest+10*math.Log10(power))))
}

// known reports whether the level of a packet is known, or never will be.
func (m *meter) known(number int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.ended || int(number) < len(m.levels)
}

// of gives the level of a packet; what is not known counts as loud, what we
// put in ourselves is silence.
func (m *meter) of(number int32) uint8 {
	if number < 0 {
		return 0
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	if int(number) >= len(m.levels) {
		return loudest
	}

	return m.levels[number]
}

// bestCut gives the place in levels where a cut does the least harm, in the
// middle of the quietest stretch, and whether that is a silence. Of two that
// are as quiet the later one is taken. A stretch is as quiet as its loudest
// packet.
func bestCut(levels []uint8) (int, bool) {
	if len(levels) < hush {
		return len(levels), false
	}

	best, at := [2]int{loudest + 1, 0}, 0

	for end := hush; end <= len(levels); end++ {
		stretch := levels[end-hush : end]
		sum := 0

		for _, level := range stretch {
			sum += int(level)
		}

		if here := [2]int{int(slices.Max(stretch)), sum}; here[0] < best[0] || (here[0] == best[0] && here[1] <= best[1]) {
			best, at = here, end-hush/2
		}
	}

	sorted := slices.Sorted(slices.Values(levels))
	speech := int(sorted[len(sorted)*9/10])

	return at, best[0] <= max(still, speech-quieter)
}
