package health

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

// Thresholds say from where on something is a trouble, by name.
type Thresholds map[string]float64

// The names of thresholds.
const (
	maxPending     = "webhook-pending"       // updates that wait at Telegram
	errorMinutes   = "webhook-error-minutes" // how young its last error must be to count
	maxDepth       = "queue-depth"           // messages that wait in a queue
	maxAge         = "queue-age-seconds"     // how long the oldest of them has waited
	maxDead        = "dead-letters"          // messages in a dead-letter queue
	maxLatency     = "latency-ms"            // of one read of a table or a bucket
	backupMinutes  = "backup-age-minutes"    // how old the last moment may be that can be restored
	minCertificate = "certificate-days"      // that the webhook's certificate is still good for
	maxConcurrency = "concurrency-percent"   // of the account's limit
	maxParameters  = "parameters-percent"    // of the account's limit
	maxMemory      = "memory-percent"        // of a function's limit
	maxLog         = "log-megabytes"         // that a function writes in an hour
)

// DefaultThresholds are those of an operator who sets none. Queues differ in
// how long a message may lawfully wait, so their thresholds can be given for
// one queue too, with its name behind: the numbers are those of its alarm.
func DefaultThresholds() Thresholds {
	return Thresholds{
		maxPending: 50, errorMinutes: 10,
		maxDepth: 50, maxAge: 1800,
		maxAge + "-" + string(queue.Updates):                120,
		maxAge + "-" + string(queue.Downloads):              600,
		maxAge + "-" + string(queue.TranscriptionsPriority): 900,
		maxAge + "-" + string(queue.Deliveries):             300,
		maxAge + "-" + string(queue.Payments):               300,
		maxDead:                                             0,
		maxLatency:                                          2000,
		backupMinutes:                                       60,
		minCertificate:                                      14,
		maxConcurrency:                                      80, maxParameters: 80, maxMemory: 80, maxLog: 500,
	}
}

// thresholdNames are all that may be set.
func thresholdNames() []string {
	names := slices.Collect(maps.Keys(DefaultThresholds()))

	for _, of := range queueNames() {
		names = append(names, maxDepth+"-"+of, maxAge+"-"+of)
	}

	slices.Sort(names)

	return slices.Compact(names)
}

// queueNames are the queues that messages of Lapak's wait in.
func queueNames() []string {
	return []string{
		string(queue.Updates), string(queue.Downloads), string(queue.Transcriptions), string(queue.TranscriptionsPriority),
		string(queue.Deliveries), string(queue.Payments), string(queue.Broadcasts), string(queue.Checks),
	}
}

// ParseThresholds reads "name=value,name=value" over the defaults. Invalid
// where a name is unknown or given twice, or a value is no number from 0 on.
func ParseThresholds(text string) (Thresholds, error) {
	set := Thresholds{}

	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, errs.New(errs.Invalid, "read the health thresholds: %q is not name=value", pair)
		}

		if names := thresholdNames(); !slices.Contains(names, name) {
			return nil, errs.New(errs.Invalid, "read the health thresholds: there is no %q; use %s", name, strings.Join(names, ", "))
		}

		if _, twice := set[name]; twice {
			return nil, errs.New(errs.Invalid, "read the health thresholds: %s is given twice", name)
		}

		number, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) || number < 0 {
			return nil, errs.New(errs.Invalid, "read the health thresholds: %s=%q is no number from 0 on", name, value)
		}

		set[name] = number
	}

	all := DefaultThresholds()
	maps.Copy(all, set)

	return all, nil
}

// UnmarshalText reads the thresholds from a setting.
func (t *Thresholds) UnmarshalText(text []byte) error {
	parsed, err := ParseThresholds(string(text))
	if err != nil {
		return err
	}

	*t = parsed

	return nil
}

// ofQueue gives a threshold of one queue, else that of all.
func (t Thresholds) ofQueue(name, queueName string) float64 {
	if own, ok := t[name+"-"+queueName]; ok {
		return own
	}

	return t[name]
}
