// Package alert provides what the owner of a store hears when something is
// wrong: one message for a trouble however often it is reported, one for many
// troubles that come at once, edited when it is over, silent where the owner
// wants it so.
package alert

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/topic"
)

// Alert reports that a trouble began, goes on, or is over.
type Alert struct {
	Store     string    `json:"store,omitempty"` // empty: it concerns the whole platform
	Key       string    `json:"key"`             // names the trouble: reports of one key belong together
	Severity  Severity  `json:"severity,omitempty"`
	Title     string    `json:"title"`             // what is wrong, one line
	Detail    string    `json:"detail"`            // what it means: who notices, and what is safe
	Advice    string    `json:"advice,omitempty"`  // what to do
	Runbook   string    `json:"runbook,omitempty"` // a page of infra/runbooks, without .md
	At        time.Time `json:"at"`
	Recovered bool      `json:"recovered"`
	Keys      Keys      `json:"keys,omitzero"` // the same in words of the catalogs, where they have them
}

// Severity says how soon somebody must look. The zero Severity is a Warning.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // people are turned away or money stands still: now, also at night
	Warning  Severity = "warning"  // it gets worse if nobody looks: today
	Info     Severity = "info"     // to know; nothing need be done
)

// Keys name the catalog texts that tell an alert in its owner's language.
type Keys struct {
	Title  string    `json:"title"`
	Detail string    `json:"detail"`
	Advice string    `json:"advice,omitempty"`
	Args   errs.Args `json:"args,omitempty"`
}

// Note puts an alert into the form in which it is published.
func (a Alert) Note() (topic.Note, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return topic.Note{}, errs.Wrap(err, errs.Internal, "encode alert %s", a.Key)
	}

	return topic.Note{
		Subject: "Lapak alert", Body: body, Text: a.plain(),
		Attrs: map[string]string{"severity": string(cmp.Or(a.Severity, Warning))},
	}, nil
}

// plain is what is read where no bot tells it: by e-mail, its first line by SMS.
// It is in the words of operators.
func (a Alert) plain() string {
	state := string(cmp.Or(a.Severity, Warning))
	if a.Recovered {
		state = "recovered"
	}

	lines := []string{fmt.Sprintf("[%s] %s: %s", cmp.Or(a.Store, "Lapak"), state, a.Title), "At: " + a.At.UTC().Format(time.RFC3339)}
	if a.Recovered {
		return strings.Join(lines, "\n")
	}

	if a.Detail != "" {
		lines = append(lines, "Meaning: "+a.Detail)
	}

	if a.Advice != "" {
		lines = append(lines, "What to do: "+a.Advice)
	}

	if a.Runbook != "" {
		lines = append(lines, "Runbook: infra/runbooks/"+a.Runbook+".md")
	}

	return strings.Join(lines, "\n")
}

// alarm is how CloudWatch publishes a change of an alarm:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
type alarm struct {
	AlarmName        string `json:"AlarmName"`
	AlarmDescription string `json:"AlarmDescription"`
	NewStateValue    string `json:"NewStateValue"`
	NewStateReason   string `json:"NewStateReason"`
	StateChangeTime  string `json:"StateChangeTime"`
}

// alarmTime is the form of StateChangeTime.
const alarmTime = "2006-01-02T15:04:05.000-0700"

// Parse reads what came through the topic: an alert of ours or an alarm of
// CloudWatch. Invalid where it is neither.
func Parse(body []byte, now time.Time) (Alert, error) {
	var both struct {
		alarm
		Alert
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&both); err != nil {
		return Alert{}, errs.Wrap(err, errs.Invalid, "parse an alert")
	}

	if both.Alert.Key != "" {
		if both.At.IsZero() {
			both.At = now
		}

		return both.Alert, nil
	}

	if both.AlarmName == "" {
		return Alert{}, errs.New(errs.Invalid, "parse an alert: neither Lapak's nor CloudWatch's")
	}

	at, err := time.Parse(alarmTime, both.StateChangeTime)
	if err != nil {
		at = now // the moment it came is near enough
	}

	told := Alert{
		Key: both.AlarmName, Title: both.AlarmName, Detail: both.AlarmDescription + "\n" + both.NewStateReason,
		At: at.UTC(), Recovered: both.NewStateValue != "ALARM",
	}
	both.explain(&told)

	return told, nil
}
