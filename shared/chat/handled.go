package chat

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/lapak-id/lapak/shared/errs"
)

// handledKept is how many updates of a person are recognised when they come
// again: more than limits let through in the quarter of an hour in which a
// webhook may fail and all that it took comes once more.
const handledKept = 256

// handled are the last updates that were handled, in the order in which they
// were. In a row each is written as how far it is from the one before, in base
// 128 and base64, so that all of them stay below the kilobyte of a write unit.
type handled []int64

// with adds what is missing and keeps the last handledKept.
func (h handled) with(more ...int64) handled {
	for _, update := range more {
		if !slices.Contains(h, update) {
			h = append(h, update)
		}
	}

	return h[max(0, len(h)-handledKept):]
}

// MarshalJSON writes them as a text.
func (h handled) MarshalJSON() ([]byte, error) {
	var (
		steps []byte
		last  int64
	)

	for _, update := range h {
		steps = binary.AppendVarint(steps, update-last)
		last = update
	}

	return json.Marshal(base64.RawStdEncoding.EncodeToString(steps)) //nolint:wrapcheck // a text is always encoded
}

// UnmarshalJSON reads them, also where they are a list of numbers, as they were
// written before. Invalid where they are neither.
func (h *handled) UnmarshalJSON(body []byte) error {
	var listed []int64
	if err := json.Unmarshal(body, &listed); err == nil {
		*h = listed

		return nil
	}

	var text string
	if err := json.Unmarshal(body, &text); err != nil {
		return errs.Wrap(err, errs.Invalid, "read which updates were handled")
	}

	steps, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return errs.Wrap(err, errs.Invalid, "read which updates were handled")
	}

	var (
		read handled
		last int64
	)

	for len(steps) > 0 {
		step, size := binary.Varint(steps)
		if size <= 0 {
			return errs.New(errs.Invalid, "read which updates were handled: the list is cut")
		}

		last += step
		read, steps = append(read, last), steps[size:]
	}

	*h = read

	return nil
}
