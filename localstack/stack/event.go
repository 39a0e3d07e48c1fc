package stack

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// EventKind says what happened to a function.
type EventKind string

// The kinds of events.
const (
	ProcessStarted    EventKind = "start" // a cold start
	ProcessWrote      EventKind = "line"  // one line of its output
	ProcessExited     EventKind = "exit"
	InvocationStarted EventKind = "begin"
	InvocationEnded   EventKind = "end"
)

// Event is something that a function did, told as it happens.
type Event struct {
	Time     time.Time
	Kind     EventKind
	Function string        // name of its folder, such as webhook
	PID      int           // of the process; 0 for invocations
	Line     string        // what the process wrote, without the line's end
	Request  string        // id of the invocation
	Failed   bool          // whether the invocation ended with an error
	Duration time.Duration // of the invocation
}

// parseEvent reads a line of the emulator's wrapper; functions' names begin
// with the stack's.
func parseEvent(line, stack string, now time.Time) (Event, error) {
	var told struct {
		Function string    `json:"function"`
		Event    EventKind `json:"event"`
		PID      int       `json:"pid"`
		Line     string    `json:"line"`
		Request  string    `json:"request"`
		Failed   bool      `json:"failed"`
		Seconds  float64   `json:"seconds"`
	}

	if err := json.Unmarshal([]byte(line), &told); err != nil {
		return Event{}, fmt.Errorf("read what the emulator told: %w", err)
	}

	return Event{
		Time:     now,
		Kind:     told.Event,
		Function: strings.TrimPrefix(told.Function, stack+"-"),
		PID:      told.PID,
		Line:     told.Line,
		Request:  told.Request,
		Failed:   told.Failed,
		Duration: time.Duration(told.Seconds * float64(time.Second)),
	}, nil
}
