package health

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/errs"
)

// State is how the thing that a check looks at does.
type State string

// The states, from the best to the worst. Unknown is no trouble: there is
// nothing to look at here, or it could not be looked at.
const (
	OK       State = "ok"
	Unknown  State = "unknown"
	Warning  State = "warning"
	Critical State = "critical"
)

// Trouble reports whether the state is one that somebody must hear of.
func (s State) Trouble() bool { return s == Warning || s == Critical }

// worse gives the worse of two states; the empty one counts as OK.
func worse(a, b State) State {
	rank := map[State]int{Unknown: 1, Warning: 2, Critical: 3}
	if rank[b] > rank[a] {
		return b
	}

	return a
}

// Component is the part of the platform that people know and that a check
// speaks for; Inside is none of theirs.
type Component string

// The components.
const (
	Chat          Component = "bots"
	Payments      Component = "payments"
	Transcription Component = "transcription"
	Storage       Component = "storage"
	Processing    Component = "processing"
	Inside        Component = "inside"
)

// Check is one thing to look at.
type Check struct {
	Name      string    // the kind, which results, texts and thresholds go by
	Component Component // what it speaks for
	Store     string    // empty: the whole platform
	Of        string    // which one of its kind, such as a queue; empty where there is but one
	Key       string    // of its alert: where a CloudWatch alarm watches the same, the alarm's name, so that both are one trouble
	Title     string    // of its alert, for operators
	TitleKey  string    // catalog text of the title; it is given Of and the reading's arguments
	Runbook   string    // page of infra/runbooks
	// Every is how often it is looked at, for looks that cost something; 0: each time. On demand it is always.
	Every time.Duration
	// Quiet: whoever meets the trouble tells it, the result is only shown.
	Quiet bool
	Run   func(ctx context.Context) (Reading, error)
	// Failed reads a look that failed, where that says something of the thing itself. By default the state is Unknown.
	Failed func(err error) Reading
}

// Reading is what one look has found.
type Reading struct {
	State     State
	Value     float64
	Threshold float64
	Detail    string // for operators: how bad, what to do
	Key       string // catalog text of how bad it is
	Advice    string // catalog text of what to do
	Args      errs.Args
	Runbook   string // where another page than the check's helps
	// Doubtful trouble counts only when the next look finds it too: one call over a network that fails says little.
	Doubtful bool
}

// lookWithin is how long one check may take. Ten seconds are more than any of
// them needs, and far less than the function has.
const lookWithin = 10 * time.Second

// look runs the check. One that does not answer in time is left alone, also if
// it does not heed its context.
func (c Check) look(ctx context.Context, within time.Duration) Reading {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()

	type outcome struct {
		reading Reading
		err     error
	}

	done := make(chan outcome, 1)

	go func() {
		defer func() { // a defect in one check must not keep the others from being looked at
			if defect := recover(); defect != nil {
				done <- outcome{err: errs.New(errs.Internal, "check %s %s: %v", c.Name, c.Of, defect)}
			}
		}()

		reading, err := c.Run(ctx)
		done <- outcome{reading, err}
	}()

	var found outcome

	select {
	case found = <-done:
	case <-ctx.Done():
		found.err = errs.New(errs.Unavailable, "check %s %s: no answer within %s", c.Name, c.Of, within)
	}

	switch {
	case found.err == nil:
		return found.reading
	case c.Failed != nil:
		return c.Failed(found.err)
	default:
		slog.WarnContext(ctx, "not looked at", "check", c.Name, "store", c.Store, "of", c.Of, "error", found.err)

		return Reading{State: Unknown, Detail: found.err.Error()}
	}
}

// Result is what is known of a check: what the last looks have found.
type Result struct {
	Name      string     `json:"name"`
	Component Component  `json:"component"`
	Store     string     `json:"store,omitempty"`
	Of        string     `json:"of,omitempty"`
	State     State      `json:"state"`
	Since     time.Time  `json:"since"` // of the state
	Seen      time.Time  `json:"seen"`  // of the look that is told here
	Value     float64    `json:"value"`
	Threshold float64    `json:"threshold"`
	Title     string     `json:"title"`
	Detail    string     `json:"detail,omitempty"`
	Words     alert.Keys `json:"words"`               // the same in texts of the catalogs
	Suspected bool       `json:"suspected,omitempty"` // the last look found a doubtful trouble
	Told      State      `json:"told,omitempty"`      // the trouble that was told and is not over
	AlertKey  string     `json:"alert_key"`
	Runbook   string     `json:"runbook,omitempty"`
}

// after gives what is known after one more look, and whether that is news.
func (c Check) after(before Result, found Reading, at time.Time) (Result, bool) {
	now := Result{
		Name: c.Name, Component: c.Component, Store: c.Store, Of: c.Of,
		State: found.State, Since: before.Since, Seen: at, Value: found.Value, Threshold: found.Threshold,
		Title: c.Title, Detail: found.Detail, Told: before.Told, AlertKey: c.Key, Runbook: cmp.Or(found.Runbook, c.Runbook),
		Words: alert.Keys{Title: c.TitleKey, Detail: found.Key, Advice: found.Advice, Args: errs.Args{"Of": c.Of}},
	}

	maps.Copy(now.Words.Args, found.Args)

	if found.State.Trouble() && found.Doubtful && !before.State.Trouble() && !before.Suspected {
		now.Suspected = true
		now.State = before.State

		if before.State == "" {
			now.State = Unknown
		}
	}

	if now.State != before.State {
		now.Since = at
	}

	switch {
	case c.Quiet || now.State == Unknown:
		return now, false
	case now.State.Trouble():
		now.Told = now.State
	default:
		now.Told = ""
	}

	return now, now.Told != before.Told
}

// alert gives what is told of a result that is news.
func (r Result) alert() alert.Alert {
	severity := alert.Warning
	if r.State == Critical {
		severity = alert.Critical
	}

	return alert.Alert{
		Store: r.Store, Key: r.AlertKey, Severity: severity, Title: r.Title, Detail: r.Detail, Runbook: r.Runbook,
		At: r.Seen, Recovered: !r.State.Trouble(),
		Keys: r.Words,
	}
}
