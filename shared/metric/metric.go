// Package metric provides CloudWatch metrics by the Embedded Metric Format: a
// log line that CloudWatch turns into metrics, at no call and no latency.
// Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metric

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/lapak-id/lapak/shared/clock"
)

// Namespace is where CloudWatch shows the metrics.
const Namespace = "Lapak"

// Unit says what a value counts.
type Unit string

// The units.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
	Bytes        Unit = "Bytes"
	Percent      Unit = "Percent"

	BytesPerSecond Unit = "Bytes/Second"
)

// Dimensions tell the series of a metric apart. Keep them few: each
// combination of values is a metric that is billed.
type Dimensions map[string]string

// Emitter writes metrics. A nil Emitter writes nothing.
type Emitter struct {
	mu        sync.Mutex
	to        io.Writer
	clock     clock.Clock
	namespace string
}

// New makes an emitter; in Lambda the writer is the standard output.
func New(to io.Writer, now clock.Clock) *Emitter {
	return &Emitter{to: to, clock: now, namespace: Namespace}
}

// In gives the emitter of one environment of an account, whose metrics are in
// a namespace of their own below Namespace.
func In(environment string, to io.Writer, now clock.Clock) *Emitter {
	emitter := New(to, now)
	emitter.namespace += "/" + environment

	return emitter
}

type definition struct {
	Name string `json:"Name"`
	Unit Unit   `json:"Unit"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []definition `json:"Metrics"`
}

type metadata struct {
	Timestamp         int64       `json:"Timestamp"` // milliseconds
	CloudWatchMetrics []directive `json:"CloudWatchMetrics"`
}

// Put writes one value of a metric.
func (e *Emitter) Put(name string, value float64, unit Unit, dimensions Dimensions) {
	if e == nil {
		return
	}

	// A metric without dimensions has an empty set of them: CloudWatch drops null.
	names := slices.AppendSeq(make([]string, 0, len(dimensions)), maps.Keys(dimensions))
	slices.Sort(names)

	line := map[string]any{
		name: value,
		"_aws": metadata{
			Timestamp: e.clock.Now().UnixMilli(),
			CloudWatchMetrics: []directive{{
				Namespace:  e.namespace,
				Dimensions: [][]string{names},
				Metrics:    []definition{{Name: name, Unit: unit}},
			}},
		},
	}
	for dimension, value := range dimensions {
		line[dimension] = value
	}

	text, err := json.Marshal(line)
	if err != nil { // a value that is no number: worth a line, not a failure
		slog.Error("encode metric", "metric", name, "error", err)

		return
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	if _, err := e.to.Write(append(text, '\n')); err != nil {
		slog.Error("write metric", "metric", name, "error", err)
	}
}
