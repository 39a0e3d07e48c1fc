package alert

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
)

// alarmKind says how the alarms of a kind, which the end of their names tells,
// are told to owners. The texts know the alarm's Name without that end, the
// Value that has made it ring and its Limit.
type alarmKind struct {
	end      string
	severity Severity
	runbook  string
	keys     Keys
}

// alarms lists the kinds of alarms in infra/alarms.yaml: a test holds the two
// together.
func alarms() []alarmKind {
	return []alarmKind{
		{
			"-depth", Warning, "queue-growing",
			Keys{Title: "trouble.depth_title", Detail: "trouble.depth", Advice: "trouble.depth_advice"},
		},
		{
			"-age", Critical, "queue-growing",
			Keys{Title: "trouble.age_title", Detail: "trouble.age", Advice: "trouble.age_advice"},
		},
		{
			"-not-empty", Warning, "queue-growing",
			Keys{Title: "trouble.letters_title", Detail: "trouble.letters", Advice: "trouble.letters_advice"},
		},
		{
			"-errors", Critical, "function-failing",
			Keys{Title: "trouble.errors_title", Detail: "trouble.errors", Advice: "trouble.errors_advice"},
		},
		{
			"-throttles", Warning, "function-failing",
			Keys{Title: "trouble.throttles_title", Detail: "trouble.throttles", Advice: "trouble.throttles_advice"},
		},
		{
			"-near-timeout", Warning, "function-failing",
			Keys{Title: "trouble.timeout_title", Detail: "trouble.timeout", Advice: "trouble.timeout_advice"},
		},
		{
			"-memory", Warning, "function-failing",
			Keys{Title: "trouble.memory_title", Detail: "trouble.memory", Advice: "trouble.memory_advice"},
		},
		{
			"-relay-behind", Critical, "queue-growing",
			Keys{Title: "trouble.relay_title", Detail: "trouble.relay", Advice: "trouble.relay_advice"},
		},
		{
			"-api-5xx", Critical, "webhook-down",
			Keys{Title: "trouble.api_title", Detail: "trouble.api", Advice: "trouble.api_advice"},
		},
		{
			"-jobs-failing", Critical, "provider-down",
			Keys{Title: "trouble.jobs_title", Detail: "trouble.jobs", Advice: "trouble.jobs_advice"},
		},
	}
}

var (
	// valueOf and limitOf find their numbers in the reason that CloudWatch gives:
	// "Threshold Crossed: 1 datapoint [51.0 (21/11/26 07:00:00)] was greater than
	// the threshold (50.0).".
	valueOf = regexp.MustCompile(`\[(-?[0-9][0-9.E]*) \(`)
	limitOf = regexp.MustCompile(`threshold \((-?[0-9][0-9.E]*)\)`)
)

// explain adds how bad an alarm is and the catalog's sentences for it; nothing
// where its name is not one of ours.
func (a alarm) explain(told *Alert) {
	for _, kind := range alarms() {
		name, ok := strings.CutSuffix(a.AlarmName, kind.end)
		if !ok {
			continue
		}

		told.Severity, told.Runbook, told.Keys = kind.severity, kind.runbook, kind.keys
		told.Keys.Args = errs.Args{
			"Name": name, "Value": found(valueOf, a.NewStateReason), "Limit": found(limitOf, a.NewStateReason),
		}
	}
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
