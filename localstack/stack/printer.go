package stack

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Printer writes what functions log as one stream that a person can follow:
// time, function, level, message, then the ids that one update carries through
// all functions.
type Printer struct {
	mu     sync.Mutex
	to     io.Writer
	colour bool
}

// NewPrinter makes a printer; colour says whether to write terminal colours.
func NewPrinter(to io.Writer, colour bool) *Printer { return &Printer{to: to, colour: colour} }

// The sequences that a terminal understands as colours.
const (
	reset  = "\x1b[0m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
)

// paletteOf gives colours that read well on light and dark grounds.
func paletteOf() []string {
	return []string{"\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[32m", "\x1b[96m", "\x1b[95m", "\x1b[94m", "\x1b[92m", "\x1b[33m"}
}

// Print writes an event, if it is one to read.
func (p *Printer) Print(event Event) {
	var text string

	switch event.Kind {
	case ProcessWrote:
		text = p.record(event)
	case InvocationEnded:
		if event.Failed {
			message := fmt.Sprintf("invocation failed after %s", event.Duration.Round(time.Millisecond))
			text = p.line(event, "ERROR", message, "request="+event.Request)
		}
	case ProcessStarted, ProcessExited, InvocationStarted:
	}

	if text == "" {
		return
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	_, _ = io.WriteString(p.to, text) // a terminal that is gone is nobody's to tell
}

// firstShown are the attributes that lead a line, in this order.
func firstShown() []string { return []string{"store", "update", "job", "cause", "ref"} }

// notShown are told by the line's other columns, or are the same in all.
func notShown() []string { return []string{"time", "level", "msg", "function", "env", "_aws"} }

// record writes a log line: of JSON its fields, anything else as it is.
func (p *Printer) record(event Event) string {
	var fields map[string]any
	if err := json.Unmarshal([]byte(event.Line), &fields); err != nil {
		return p.line(event, "", event.Line, "")
	}

	message, _ := fields["msg"].(string)
	level, _ := fields["level"].(string)

	if _, isMetric := fields["_aws"]; isMetric {
		message, level = "", "metric"
	}

	hidden := notShown()

	var attributes []string

	for _, name := range append(firstShown(), slices.Sorted(maps.Keys(fields))...) {
		value, there := fields[name]
		if !there || slices.Contains(hidden, name) {
			continue
		}

		hidden = append(hidden, name)

		attributes = append(attributes, name+"="+compact(value))
	}

	return p.line(event, level, message, strings.Join(attributes, " "))
}

func compact(value any) string {
	if text, ok := value.(string); ok && !strings.ContainsAny(text, " \n\t\"=") {
		return text
	}

	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}

	return string(text)
}

func (p *Printer) line(event Event, level, message, attributes string) string {
	const (
		functionWidth = 10
		levelWidth    = 6
	)

	at := event.Time.Format("15:04:05.000")
	function := fmt.Sprintf("%-*s", functionWidth, event.Function)
	padded := fmt.Sprintf("%-*s", levelWidth, level)

	if p.colour {
		hash := fnv.New32a()
		_, _ = io.WriteString(hash, event.Function) // a hash takes everything

		palette := paletteOf()
		at, attributes = dim+at+reset, dim+attributes+reset
		function = palette[int(hash.Sum32())%len(palette)] + function + reset
		padded = colourOf(level) + padded + reset
	}

	words := []string{at, function, padded}
	if message != "" {
		words = append(words, message)
	}

	return strings.TrimRight(strings.Join(append(words, attributes), " "), " ") + "\n"
}

func colourOf(level string) string {
	switch level {
	case "ERROR":
		return red
	case "WARN":
		return yellow
	default:
		return dim
	}
}
