// Package alert provides what the owner of a store hears when something is
// wrong: one message for a trouble however often it is reported, edited when
// it is over.
package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
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

	return topic.Note{Subject: "Lapak alert", Body: body}, nil
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

// Messenger speaks to owners.
type Messenger interface {
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	Edit(ctx context.Context, to message.Address, text message.Text) error
}

// Texts puts an alert into the words of a store's owner.
type Texts interface {
	// Firing tells of a trouble that was reported count times since a moment.
	Firing(of store.Store, alert Alert, since time.Time, count int) message.Text
	// Recovered tells that it is over, how long after it began.
	Recovered(of store.Store, alert Alert, since time.Time) message.Text
}

// trouble is what is remembered of one, for one owner.
type trouble struct {
	Since   time.Time `json:"since"`
	Count   int       `json:"count"`
	Message int       `json:"message"`
	Over    bool      `json:"over"`
	Last    time.Time `json:"last"` // of its reports; an older one is late
}

// Desk hands alerts to owners.
type Desk struct {
	state     table.Table
	stores    *store.Registry
	messenger Messenger
	texts     Texts
	clock     clock.Clock
}

// NewDesk makes a desk.
func NewDesk(
	state table.Table, stores *store.Registry, messenger Messenger, texts Texts, now clock.Clock,
) *Desk {
	return &Desk{state: state, stores: stores, messenger: messenger, texts: texts, clock: now}
}

// Handle tells whom it concerns: the owner of the alert's store, or for the
// platform every owner once.
func (d *Desk) Handle(ctx context.Context, body []byte) error {
	reported, err := Parse(body, d.clock.Now())
	if err != nil {
		return err
	}

	concerned, err := d.concerned(ctx, reported)
	if err != nil {
		return err
	}

	if len(concerned) == 0 {
		slog.WarnContext(ctx, "alert reaches nobody: no store has an owner", "key", reported.Key, "title", reported.Title)
	}

	var failures []error

	for _, of := range concerned {
		if err := d.tell(ctx, of, reported); err != nil {
			failures = append(failures, fmt.Errorf("alert %s to the owner of %s: %w", reported.Key, of.ID, err))
		}
	}

	return errors.Join(failures...)
}

func (d *Desk) concerned(ctx context.Context, reported Alert) ([]store.Store, error) {
	if reported.Store != "" {
		of, err := d.stores.Get(ctx, reported.Store)
		if err != nil {
			return nil, fmt.Errorf("find whom alert %s concerns: %w", reported.Key, err)
		}

		return slices.DeleteFunc([]store.Store{of}, ownerless), nil
	}

	all, err := d.stores.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("find whom alert %s concerns: %w", reported.Key, err)
	}

	all = slices.DeleteFunc(all, ownerless)
	slices.SortStableFunc(all, func(a, b store.Store) int { return int(a.Owner - b.Owner) })

	return slices.CompactFunc(all, func(a, b store.Store) bool { return a.Owner == b.Owner }), nil
}

func ownerless(of store.Store) bool { return of.Owner == 0 }

// tell sends or edits the one message of a trouble. The row is written after
// the message: told twice is better than not at all.
func (d *Desk) tell(ctx context.Context, of store.Store, reported Alert) error {
	tenant, err := table.TenantOf(of.ID)
	if err != nil {
		return err
	}

	key := tenant.Partition("alerts").Key("trouble", reported.Key)

	known, version, err := table.Read[trouble](ctx, d.state, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return fmt.Errorf("look for trouble %s: %w", reported.Key, err)
	}

	ongoing := version > 0 && !known.Over
	again := version > 0 && reported.At.Equal(known.Last) && reported.Recovered == known.Over

	if again || reported.At.Before(known.Last) {
		return nil // doubled on its way, or overtaken by a newer one
	}

	if !ongoing {
		known = trouble{Since: reported.At}
	}

	known.Last, known.Over = reported.At, reported.Recovered

	// Where nobody was told that anything was wrong there is nothing to tell,
	// only to remember: the report of the trouble may still come, too late.
	if ongoing || !reported.Recovered {
		known.Count++

		known.Message, err = d.say(ctx, of, known.Message, d.words(of, reported, known))
		if errs.Is(err, errs.Unauthorized) || errs.Is(err, errs.NotFound) {
			slog.WarnContext(ctx, "alert not told: the owner has blocked the bot, or never pressed Start",
				"key", reported.Key, "error", err)

			return nil
		}

		if err != nil {
			return err
		}
	}

	return d.remember(ctx, table.Row{Key: key, Version: version}, known)
}

func (d *Desk) words(of store.Store, reported Alert, known trouble) message.Text {
	if reported.Recovered {
		return d.texts.Recovered(of, reported, known.Since)
	}

	return d.texts.Firing(of, reported, known.Since, known.Count)
}

func (d *Desk) remember(ctx context.Context, row table.Row, known trouble) error {
	var err error
	if row.Body, err = table.Encode(known); err != nil {
		return err
	}

	put := table.Put(row)
	if err := d.state.Write(ctx, put); err != nil {
		return fmt.Errorf("remember %s: %w", row.Key, err)
	}

	return nil
}

// say edits the message of an ongoing trouble or sends its first.
func (d *Desk) say(ctx context.Context, of store.Store, number int, text message.Text) (int, error) {
	to := message.Address{Store: of.ID, Chat: of.Owner, Message: number}

	if number != 0 {
		err := d.messenger.Edit(ctx, to, text)
		if err == nil || !errs.Is(err, errs.NotFound) {
			return number, wrapTold(err)
		}
	}

	to.Message = 0
	number, err := d.messenger.Send(ctx, to, text)

	return number, wrapTold(err)
}

func wrapTold(err error) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("tell the owner: %w", err)
}
