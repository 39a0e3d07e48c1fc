// Package health provides the regular look at what nobody would notice
// otherwise: webhooks that fail, messages that no function could handle,
// backups that have stopped, certificates and quotas that run out. What it
// finds is stored for those who ask; what has changed is told to owners.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/topic"
)

// Options say what is looked at. What is nil of Bucket, Gateways, Speech,
// Certificates and Cloud is not; without Failover all updates are pushed.
type Options struct {
	State        table.Table
	Scratch      table.Table
	Stores       *store.Registry
	Bots         Bots
	Failover     Failover
	Bucket       Bucket
	Queues       map[string]Queue // that must not grow
	Dead         map[string]Queue // dead-letter queues: they must be empty
	Gateways     Gateways
	Speech       Speech
	Certificates Certificates
	Cloud        Cloud
	Functions    []string   // names, as AWS knows them
	Namespace    string     // of the platform's own metrics
	Thresholds   Thresholds // nil: DefaultThresholds
	Alerts       topic.Publisher
	Metrics      *metric.Emitter
	Clock        clock.Clock
}

// Checker looks at everything.
type Checker struct{ Options }

// New makes a checker.
func New(options Options) *Checker {
	if options.Thresholds == nil {
		options.Thresholds = DefaultThresholds() // a setting that is empty is not read at all
	}

	return &Checker{options}
}

// Check looks at every store and at what they share, stores the results, and
// publishes an alert where a trouble has begun or ceased. What cannot be looked
// at does not keep the rest from being looked at.
func (c *Checker) Check(ctx context.Context) error {
	stores, err := c.Stores.List(ctx)
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}

	before, err := readAll(ctx, c.State)
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}

	groups, err := c.look(ctx, stores, before, false)

	return errors.Join(err, c.forget(ctx, before, groups), c.summarize(ctx, groups))
}

// CheckNow looks at one store and at what all share, whatever was looked at a
// moment ago. NotFound where there is no such store.
func (c *Checker) CheckNow(ctx context.Context, of string) error {
	var stores []store.Store

	before, err := readGroups(ctx, c.State, "", of)
	if err != nil {
		return fmt.Errorf("check the health of %s: %w", of, err)
	}

	if of != "" {
		found, err := c.Stores.Get(ctx, of)
		if err != nil {
			return fmt.Errorf("check the health of %s: %w", of, err)
		}

		stores = append(stores, found)
	}

	_, err = c.look(ctx, stores, before, true)

	return err
}

// atOnce is how many checks run at the same time: most of them wait for
// Telegram, and a function has the memory of a few hundred.
const atOnce = 32

// look runs the checks of stores and platform and gives what is known of each
// afterwards, by store. all: also those that were looked at lately enough.
func (c *Checker) look(ctx context.Context, stores []store.Store, before map[string]group, all bool) (map[string]group, error) {
	var (
		hosts  = &hosts{found: map[string]bool{}}
		at     = c.Clock.Now().Truncate(time.Millisecond)
		checks []Check
	)

	due := func(check Check) bool {
		last := before[check.Store].of(check)

		return all || check.Every == 0 || at.Sub(last.Seen) >= check.Every-slack
	}

	for _, of := range stores {
		checks = append(checks, c.ofStore(of, hosts)...)
	}

	checks = append(checks, c.ofPlatform(due)...)
	readings := run(ctx, checks, due)

	// Which hosts there are, Telegram has just said; of one store alone it says not all.
	var certificates []Check

	expected := len(stores)
	if all {
		expected++
	}

	for _, host := range hosts.all(expected, before[""]) {
		if c.Certificates == nil {
			break
		}

		certificates = append(certificates, c.certificate(host))
	}

	readings = append(readings, run(ctx, certificates, due)...)
	checks = append(checks, certificates...)

	after := map[string]group{}

	for place, check := range checks {
		known, news := before[check.Store].of(check), false
		if readings[place] != nil {
			known, news = check.after(known, *readings[place], at)
		}

		made := after[check.Store]
		made.entries = append(made.entries, entry{known, news})
		after[check.Store] = made
	}

	var failures []error
	for of, made := range after {
		failures = append(failures, c.settle(ctx, of, before[of], made))
	}

	return after, errors.Join(failures...)
}

// slack lets a check run at the schedule's beat although that comes a moment
// early.
const slack = time.Minute

// run runs the checks that are due, all at once as far as that is allowed; the
// others have no reading.
func run(ctx context.Context, checks []Check, due func(Check) bool) []*Reading {
	readings := make([]*Reading, len(checks))

	var group errgroup.Group

	group.SetLimit(atOnce)

	for place, check := range checks {
		if !due(check) {
			continue
		}

		group.Go(func() error {
			found := check.look(ctx, lookWithin)
			readings[place] = &found

			return nil
		})
	}

	_ = group.Wait() // no check returns an error: its reading says it

	return readings
}

// settle publishes the news of a store and remembers what is known. What could
// not be published is news again at the next look.
func (c *Checker) settle(ctx context.Context, of string, before, after group) error {
	var failures []error

	// What is not looked at any more, such as a gateway that was removed, is over.
	for _, gone := range before.results() {
		if gone.Told != "" && !slices.ContainsFunc(after.entries, func(e entry) bool { return e.result.same(gone) }) {
			gone.State, gone.Seen, gone.Told = OK, c.Clock.Now().Truncate(time.Millisecond), ""
			failures = append(failures, c.tell(ctx, gone))
		}
	}

	for place, found := range after.entries {
		if !found.news {
			continue
		}

		if err := c.tell(ctx, found.result); err != nil {
			failures = append(failures, err)
			after.entries[place].result.Told = before.of(Check{Name: found.result.Name, Of: found.result.Of}).Told
		}
	}

	after.sort()

	if !reflect.DeepEqual(lasting(before.results()), lasting(after.results())) {
		failures = append(failures, after.write(ctx, c.State, of, before.version))
	}

	return errors.Join(failures...)
}

// tell publishes that a trouble has begun, changed or ceased.
func (c *Checker) tell(ctx context.Context, news Result) error {
	slog.WarnContext(ctx, "health changed", "store", news.Store, "of", news.AlertKey, "state", news.State, "detail", news.Detail)

	note, err := news.alert().Note()
	if err != nil {
		return fmt.Errorf("report %s: %w", news.AlertKey, err)
	}

	if err := c.Alerts.Publish(ctx, note); err != nil {
		return fmt.Errorf("report %s: %w", news.AlertKey, err)
	}

	return nil
}

// forget removes the results of stores that are gone.
func (c *Checker) forget(ctx context.Context, before, after map[string]group) error {
	var failures []error

	for of, known := range before {
		if _, still := after[of]; still || of == "" {
			continue
		}

		err := c.State.Write(ctx, table.Delete(keyOf(of), known.version))
		if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: another look was here
			failures = append(failures, errs.Context(err, "forget the health of store %s", of))
		}
	}

	return errors.Join(failures...)
}
