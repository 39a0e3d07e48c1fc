package ffmpeg

import (
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

// bitrates of speech in Opus, bit/s, the best first. Recognisers hear no
// difference above 24,000, and little down to 12,000.
var bitrates = [...]int{32_000, 24_000, 20_000, 16_000, 12_000} //nolint:gochecknoglobals // read only

const (
	// inOne is up to where parallel work gains less than it costs.
	inOne = 15 * time.Minute
	// partLength is how long parts are that are heard in parallel.
	partLength = 10 * time.Minute
	// overlap is what two parts share where there is no silence between them.
	overlap = 1500 * time.Millisecond
	// maxSlack is the most that a part gets longer or shorter for a silence.
	maxSlack = time.Minute
	// filled is how much of a provider's bytes is planned with, in percent: the
	// bitrate varies, and Ogg takes its share.
	filled = 80
	// shortest is what a part must be able to hold for any of this to make sense.
	shortest = 10 * time.Second
	// unbounded stands for no limit.
	unbounded = 1000 * time.Hour
)

// plan is how a recording is made into parts.
type plan struct {
	bitrate int           // bit/s
	parts   int           // expected
	bytes   int64         // expected, of all parts
	target  time.Duration // of a part
	slack   time.Duration // a cut is looked for so much before and behind its place
	longest time.Duration // of a part, whatever comes
	most    int64         // bytes of a part, whatever comes; 0: no limit
}

// planFor chooses the highest bitrate at which the recording goes as a whole
// or, where it is long, at which a part of it does. A duration of 0 is not
// known. Internal where the bounds hold next to nothing.
func planFor(duration time.Duration, bounds transcript.Bounds) (plan, error) {
	need := grown(partLength)

	switch {
	case duration > 0 && (bounds.Whole || duration <= inOne):
		need = duration
	case bounds.Whole:
		need = unbounded
	}

	if bounds.Duration > 0 {
		need = min(need, bounds.Duration) // no bitrate makes more go
	}

	chosen := plan{most: bounds.Bytes}

	for _, chosen.bitrate = range bitrates {
		chosen.longest = room(bounds, chosen.bitrate)
		if need <= chosen.longest {
			break
		}
	}

	if chosen.longest < shortest {
		return plan{}, errs.New(errs.Internal, "a provider that hears %d bytes or %s at once is of no use (check its bounds)",
			bounds.Bytes, bounds.Duration)
	}

	// What says that it is short may go on all the same.
	chosen.target, chosen.parts = max(duration, min(partLength, shrunk(chosen.longest))), 1
	if need != duration || need > chosen.longest {
		chosen.target, chosen.parts = divide(duration, shrunk(chosen.longest), bounds.Whole)
	}

	chosen.slack = min(chosen.target/10, maxSlack)
	chosen.bytes = int64(duration.Seconds() * float64(chosen.bitrate) / 8)

	return chosen, nil
}

// divide makes equal parts: how long each is, and how many they are.
func divide(duration, most time.Duration, whole bool) (time.Duration, int) {
	if !whole {
		most = min(most, partLength)
	}

	if duration == 0 {
		return most, 1
	}

	parts := int((duration + most - 1) / most)

	return (duration + time.Duration(parts) - 1) / time.Duration(parts), parts
}

// grown is how long a part may get by the slack at both of its ends and by
// what it shares with the one before; shrunk is the other way about.
func grown(part time.Duration) time.Duration  { return part + part/5 + overlap }
func shrunk(part time.Duration) time.Duration { return (part - overlap) * 5 / 6 }

// room is how much sound at a bitrate one call carries.
func room(bounds transcript.Bounds, bitrate int) time.Duration {
	held := unbounded
	if bounds.Duration > 0 {
		held = bounds.Duration
	}

	if bounds.Bytes > 0 {
		held = min(held, time.Duration(float64(bounds.Bytes)*filled/100*8/float64(bitrate)*float64(time.Second)))
	}

	return held
}
