package alert

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
)

// alarmWords says how the alarms of a kind, which the end of their names tells,
// are told to owners. The sentences know the alarm's Name without that end, the
// Value that has made it ring and its Limit.
type alarmWords struct{ end, title, detail string }

// alarms lists the kinds of alarms in infra/alarms.yaml: a test holds the two
// together.
func alarms() []alarmWords {
	return []alarmWords{
		{"-depth", "trouble.depth_title", "trouble.depth"},
		{"-age", "trouble.age_title", "trouble.age"},
		{"-not-empty", "trouble.letters_title", "trouble.letters"},
		{"-errors", "trouble.errors_title", "trouble.errors"},
		{"-throttles", "trouble.throttles_title", "trouble.throttles"},
		{"-near-timeout", "trouble.timeout_title", "trouble.timeout"},
		{"-memory", "trouble.memory_title", "trouble.memory"},
		{"-relay-behind", "trouble.relay_title", "trouble.relay"},
		{"-api-5xx", "trouble.api_title", "trouble.api"},
		{"-jobs-failing", "trouble.jobs_title", "trouble.jobs"},
	}
}

var (
	// valueOf and limitOf find their numbers in the reason that CloudWatch gives:
	// "Threshold Crossed: 1 datapoint [51.0 (21/11/26 07:00:00)] was greater than
	// the threshold (50.0).".
	valueOf = regexp.MustCompile(`\[(-?[0-9][0-9.E]*) \(`)
	limitOf = regexp.MustCompile(`threshold \((-?[0-9][0-9.E]*)\)`)
)

// words gives the catalog's sentences for an alarm; none where its name is not
// one of ours.
func (a alarm) words() Keys {
	for _, kind := range alarms() {
		if name, ok := strings.CutSuffix(a.AlarmName, kind.end); ok {
			return Keys{Title: kind.title, Detail: kind.detail, Args: errs.Args{
				"Name": name, "Value": found(valueOf, a.NewStateReason), "Limit": found(limitOf, a.NewStateReason),
			}}
		}
	}

	return Keys{}
}

// found gives the number that a pattern finds, rounded; "?" where there is none.
func found(pattern *regexp.Regexp, reason string) string {
	match := pattern.FindStringSubmatch(reason)
	if match == nil {
		return "?"
	}

	value, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		return "?"
	}

	return strconv.FormatFloat(math.Round(value), 'f', -1, 64)
}
