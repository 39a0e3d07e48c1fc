package outbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	queuememory "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/table"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
)

// office is a table with an outbox, two queues and what goes between.
type office struct {
	clock      *clock.Manual
	state      *tablememory.Table
	downloads  *queuememory.Queue
	deliveries *queuememory.Queue
	relay      *outbox.Relay
}

// once fails one call of a kind.
type once struct {
	op   string
	kind fault.Kind
}

func (o *once) Next(op string) fault.Kind {
	if op != o.op {
		return fault.Pass
	}

	o.op = ""

	return o.kind
}

func (*once) Wait(string) time.Duration { return 0 }

// stoppable is a plan that can be exchanged for one in which everything works.
type stoppable struct{ fault.Plan }

func newOffice(plan fault.Plan) *office {
	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	o := &office{
		clock:      now,
		state:      tablememory.New(now, plan),
		downloads:  queuememory.New(now, plan, queuememory.Options{Name: queue.Downloads}),
		deliveries: queuememory.New(now, plan, queuememory.Options{Name: queue.Deliveries}),
	}
	o.relay = outbox.NewRelay(o.state, map[queue.Name]queue.Sender{
		queue.Downloads: o.downloads, queue.Deliveries: o.deliveries,
	}, now)

	return o
}

func (o *office) entry(id string) outbox.Entry {
	return outbox.Entry{
		ID: id, Store: "kopi", Queue: queue.Downloads, Body: json.RawMessage(`{"n":1}`),
		Trace: "Root=1-5e1b4151-43a0913a12345678", CreatedAt: o.clock.Now(),
	}
}

func (o *office) record(t require.TestingT, entry outbox.Entry) table.Row {
	op, err := outbox.Op(entry)
	require.NoError(t, err)
	require.NoError(t, o.state.Write(context.Background(), op))

	op.Row.Version = 1

	return op.Row
}

func TestForward(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})
	row := o.record(t, o.entry("A"))
	require.NoError(t, o.relay.Forward(t.Context(), row))

	sent := o.downloads.All()
	require.Len(t, sent, 1)
	assert.JSONEq(t, `{"n":1}`, string(sent[0].Body))
	assert.Equal(t, queue.Attrs{queue.AttrStore: "kopi", queue.AttrCause: "A"}, sent[0].Attrs)
	assert.Equal(t, "Root=1-5e1b4151-43a0913a12345678", sent[0].Trace)
	assert.Empty(t, o.state.All())

	require.NoError(t, o.relay.Forward(t.Context(), row), "the stream gives it again")
	assert.Equal(t, "A", o.downloads.All()[1].Attrs[queue.AttrCause], "with the same cause, by which it is known")
}

func TestForwardWithADelay(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})
	entry := o.entry("later")
	entry.Delay = 20 * time.Second
	require.NoError(t, o.relay.Forward(t.Context(), o.record(t, entry)))

	early, err := o.downloads.Receive(t.Context(), 1, 0)
	require.NoError(t, err)
	assert.Empty(t, early)

	o.clock.Advance(entry.Delay)

	late, err := o.downloads.Receive(t.Context(), 1, 0)
	require.NoError(t, err)
	require.Len(t, late, 1)
	assert.Equal(t, "kopi", late[0].Group, "fair queues tell stores apart by the group")

	entry.Delay = queue.MaxDelay + time.Second
	_, err = outbox.Op(entry)
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestOneCauseIsOneRow(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})
	o.record(t, o.entry("A"))

	op, err := outbox.Op(o.entry("A"))
	require.NoError(t, err)
	assert.Equal(t, errs.Conflict, errs.CodeOf(o.state.Write(t.Context(), op)))
}

func TestABodyThatIsNoJSONIsNotRecorded(t *testing.T) {
	t.Parallel()

	entry := newOffice(fault.None{}).entry("A")
	entry.Body = json.RawMessage(`{"n":`)
	_, err := outbox.Op(entry)
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

func TestForwardWhatCannotBeForwarded(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})
	unknown := o.entry("A")
	unknown.Queue = "nowhere"
	row := o.record(t, unknown)

	err := o.relay.Forward(t.Context(), row)
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "nowhere")
	assert.Len(t, o.state.All(), 1, "it stays until someone sees to it")

	row.Body = []byte(`[]`)
	assert.Equal(t, errs.Internal, errs.CodeOf(o.relay.Forward(t.Context(), row)))
}

// A relay that dies anywhere leaves the message sent, or the row for sweep.
func TestACrashLosesNothing(t *testing.T) {
	t.Parallel()

	const send, write = queuememory.OpSend + ":downloads", tablememory.OpWrite

	for _, c := range []struct {
		op     string
		kind   fault.Kind
		copies int // in the end
	}{
		{send, fault.KillBefore, 1},
		{send, fault.FailBefore, 1},
		{send, fault.Throttle, 1},
		{send, fault.KillAfter, 2},
		{send, fault.FailAfter, 2},
		{send, fault.Duplicate, 2},
		{write, fault.KillBefore, 2}, // between send and delete
		{write, fault.FailBefore, 2},
		{write, fault.Throttle, 2},
		{write, fault.KillAfter, 1},
		{write, fault.FailAfter, 1},
		{tablememory.OpContention, fault.FailBefore, 2},
	} {
		plan := &once{}
		o := newOffice(plan)
		row := o.record(t, o.entry("A"))
		*plan = once{c.op, c.kind}

		ctx, cancel := fault.Invocation(t.Context())
		err := o.relay.Forward(ctx, row)

		cancel()

		if c.kind != fault.Duplicate {
			assert.True(t, errs.Retryable(err), "%s by %d: %v", c.op, c.kind, err)
		}

		o.clock.Advance(time.Minute)

		_, err = o.relay.Sweep(t.Context())
		require.NoError(t, err)
		assert.Empty(t, o.state.All(), "%s by %d", c.op, c.kind)
		assert.Len(t, o.downloads.All(), c.copies, "%s by %d", c.op, c.kind)

		for _, sent := range o.downloads.All() {
			assert.Equal(t, "A", sent.Attrs[queue.AttrCause])
		}
	}
}

func TestSweepTakesWhatIsForgotten(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})
	for at := range 100 { // enough for every shard
		o.record(t, o.entry("old-"+strconv.Itoa(at)))
	}

	o.clock.Advance(time.Second)
	o.record(t, o.entry("young"))
	o.clock.Advance(58 * time.Second)

	forwarded, err := o.relay.Sweep(t.Context())
	require.NoError(t, err)
	assert.Zero(t, forwarded, "relay may still be at them")

	o.clock.Advance(time.Second)
	forwarded, err = o.relay.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 100, forwarded)

	left := o.state.All()
	require.Len(t, left, 1)
	assert.Contains(t, left[0].Key.SK(), "young")
}

func TestSweepTurnsPages(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})
	wide := o.entry("")
	wide.Body = json.RawMessage(`"` + strings.Repeat("x", 300<<10) + `"`) // three fill a page

	for at := range 60 {
		wide.ID = strconv.Itoa(at)
		o.record(t, wide)
	}

	o.clock.Advance(time.Hour)
	forwarded, err := o.relay.Sweep(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 60, forwarded)
	assert.Empty(t, o.state.All())
}

func TestPoisonDoesNotBlockTheOthers(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.None{})

	for at := range 80 {
		entry := o.entry(strconv.Itoa(at))

		if at%4 == 1 {
			entry.Queue = "nowhere"
		}

		row := o.record(t, entry)

		if at%4 > 1 {
			row.Body = []byte(`"broken"`)
			require.NoError(t, o.state.Write(t.Context(), table.Replace(row)))
		}
	}

	o.clock.Advance(time.Hour)
	forwarded, err := o.relay.Sweep(t.Context())
	assert.Equal(t, 20, forwarded)
	require.Error(t, err)
	assert.Equal(t, 60, strings.Count(err.Error(), "sweep platform#outbox#"), "each with its key")
	assert.Len(t, o.state.All(), 60)
}

// What no queue takes is refused before it is recorded: a row of it could
// never leave the outbox.
func TestOpRefusesWhatCannotBeSent(t *testing.T) {
	t.Parallel()

	for name, spoil := range map[string]func(*outbox.Entry){
		"body":  func(e *outbox.Entry) { e.Body = json.RawMessage("\"\ufffe\"") },
		"empty": func(e *outbox.Entry) { e.Body = nil },
		"store": func(e *outbox.Entry) { e.Store = "" },
	} {
		entry := newOffice(fault.None{}).entry("1")
		spoil(&entry)

		_, err := outbox.Op(entry)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), name)
	}
}

func TestSweepOfATableThatIsDown(t *testing.T) {
	t.Parallel()

	o := newOffice(fault.NewSeeded(1, 1, 0, fault.FailBefore))
	forwarded, err := o.relay.Sweep(t.Context())
	assert.Zero(t, forwarded)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	assert.Equal(t, 8, strings.Count(err.Error(), "sweep outbox shard"), "each was tried")
}

// Relay and sweep at once, as often as you like, with faults of every kind:
// every entry is sent at least once, and no row stays.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := &stoppable{Plan: fault.NewSeeded(rapid.Uint64().Draw(t, "seed"), 0.3, time.Second,
			fault.FailBefore, fault.FailAfter, fault.Throttle, fault.KillBefore, fault.KillAfter, fault.Duplicate)}
		o := newOffice(plan)

		want := map[string]bool{}

		for at := range rapid.IntRange(1, 20).Draw(t, "entries") {
			op, err := outbox.Op(o.entry(strconv.Itoa(at)))
			require.NoError(t, err)

			// It may have been written although it failed.
			want[strconv.Itoa(at)] = o.state.Write(context.Background(), op) == nil
		}

		for range 3 {
			for _, row := range o.state.All() {
				ctx, cancel := fault.Invocation(context.Background())
				_ = o.relay.Forward(ctx, row) // sweep is there for what fails

				cancel()
			}

			o.clock.Advance(time.Minute)
			_, _ = o.relay.Sweep(context.Background()) // the next one is there for what fails
		}

		plan.Plan = fault.None{}

		_, err := o.relay.Sweep(context.Background())
		require.NoError(t, err)
		require.Empty(t, o.state.All())

		sent := map[string]bool{}
		for _, message := range o.downloads.All() {
			sent[message.Attrs[queue.AttrCause]] = true
		}

		for id, committed := range want {
			if committed && !sent[id] {
				t.Fatalf("entry %s was never sent", id)
			}
		}
	})
}

// The filter of relay's stream is what SortPrefix says.
func TestTheStreamsFilterKnowsTheRows(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)

	var template struct {
		Resources map[string]struct {
			Properties struct {
				Events map[string]struct {
					Type       string `yaml:"Type"`
					Properties struct {
						FilterCriteria struct {
							Filters []struct {
								Pattern string `yaml:"Pattern"`
							} `yaml:"Filters"`
						} `yaml:"FilterCriteria"`
					} `yaml:"Properties"`
				} `yaml:"Events"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}

	require.NoError(t, yaml.Unmarshal(text, &template))

	type pattern struct {
		EventName []string `json:"eventName"`
		DynamoDB  struct {
			Keys struct {
				SK struct {
					S []struct {
						Prefix string `json:"prefix"`
					} `json:"S"`
				} `json:"sk"`
			} `json:"Keys"`
		} `json:"dynamodb"`
	}

	filters := 0

	for _, resource := range template.Resources {
		for _, event := range resource.Properties.Events {
			for _, filter := range event.Properties.FilterCriteria.Filters {
				var wants pattern

				require.NoError(t, json.Unmarshal([]byte(filter.Pattern), &wants))
				require.Len(t, wants.DynamoDB.Keys.SK.S, 1)
				assert.Equal(t, outbox.SortPrefix, wants.DynamoDB.Keys.SK.S[0].Prefix)
				assert.Equal(t, []string{"INSERT"}, wants.EventName)

				filters++
			}
		}
	}

	assert.Equal(t, 1, filters, "relay's")

	op, err := outbox.Op(newOffice(fault.None{}).entry("an#id"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(op.Row.Key.SK(), outbox.SortPrefix), op.Row.Key.SK())
	assert.Equal(t, outbox.SortPrefix, table.SortPrefix("outbox"))
}

func Example() {
	ctx, now := context.Background(), clock.System{}
	state := tablememory.New(now, fault.None{})
	deliveries := queuememory.New(now, fault.None{}, queuememory.Options{Name: queue.Deliveries})

	order := table.Create(table.Row{Key: table.Platform().Partition("orders").Key("order", "LP-8F3K"), Body: []byte(`{}`)})

	receipt, err := outbox.Op(outbox.Entry{
		ID: "LP-8F3K", Store: "kopi", Queue: queue.Deliveries, Body: json.RawMessage(`{}`), CreatedAt: now.Now(),
	})
	if err != nil {
		panic(err)
	}

	if err := state.Write(ctx, order, receipt); err != nil { // both or none
		panic(err)
	}

	relay := outbox.NewRelay(state, map[queue.Name]queue.Sender{queue.Deliveries: deliveries}, now)

	changes, err := state.Changes("") // as the stream gives them
	if err != nil {
		panic(err)
	}

	for _, change := range changes {
		if strings.HasPrefix(change.New.Key.SK(), outbox.SortPrefix) {
			fmt.Println(relay.Forward(ctx, *change.New), len(deliveries.All()))
		}
	}
	// Output: <nil> 1
}
