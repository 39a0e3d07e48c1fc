package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/table/tabletest"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	tabletest.Run(t, func(_ *testing.T, clock clock.Clock) table.Table {
		return memory.New(clock, fault.None{})
	}, tabletest.Options{Index: true})
}

var start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)

// scripted gives the calls of one operation their fates in turn, then Pass.
type scripted struct {
	op    string
	kinds []fault.Kind
	wait  time.Duration
}

func (s *scripted) Next(op string) fault.Kind {
	if op != s.op || len(s.kinds) == 0 {
		return fault.Pass
	}

	next := s.kinds[0]
	s.kinds = s.kinds[1:]

	return next
}

func (s *scripted) Wait(string) time.Duration { return s.wait }

func key(t *testing.T, name string) table.Key {
	t.Helper()

	tenant, err := table.TenantOf("demo")
	require.NoError(t, err)

	return tenant.Partition("test").Key("row", name)
}

func TestFaultsOfCalls(t *testing.T) {
	t.Parallel()

	a := key(t, "a")

	for op, call := range map[string]func(*memory.Table) error{
		memory.OpGet: func(made *memory.Table) error {
			_, err := made.Get(t.Context(), a)

			return err
		},
		memory.OpQuery: func(made *memory.Table) error {
			_, err := made.Query(t.Context(), table.Query{Partition: a.Partition(), Limit: 1})

			return err
		},
		memory.OpWrite: func(made *memory.Table) error { return made.Write(t.Context(), table.Check(a, 1)) },
	} {
		plan := &scripted{op: op}
		made := memory.New(clock.NewManual(start), plan)
		require.NoError(t, made.Write(t.Context(), table.Create(table.Row{Key: a})))

		plan.kinds = []fault.Kind{fault.FailBefore, fault.Throttle, fault.FailAfter}
		assert.Equal(t, errs.Unavailable, errs.CodeOf(call(made)), op)
		assert.Equal(t, errs.Limited, errs.CodeOf(call(made)), op)
		assert.Equal(t, errs.Unavailable, errs.CodeOf(call(made)), op)
		assert.NoError(t, call(made), op)
	}
}

func TestEffectOfFailedWrites(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.NewManual(start), &scripted{op: memory.OpWrite, kinds: []fault.Kind{
		fault.FailBefore, fault.Throttle, fault.FailAfter,
	}})

	for _, name := range []string{"before", "throttled", "after"} {
		require.ErrorIs(t, made.Write(t.Context(), table.Create(table.Row{Key: key(t, name)})), fault.ErrInjected)
	}

	rows := made.All()
	require.Len(t, rows, 1)
	assert.Equal(t, key(t, "after"), rows[0].Key)
}

func TestContention(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.NewManual(start), &scripted{op: memory.OpContention, kinds: []fault.Kind{
		fault.FailBefore, fault.Throttle,
	}})
	write := func() error {
		return made.Write(t.Context(), table.Create(table.Row{Key: key(t, "a")}), table.Check(key(t, "b"), 0))
	}

	for _, reason := range []table.Reason{table.ReasonContention, table.ReasonThrottled} {
		err := write()

		var canceled *table.Canceled

		require.ErrorAs(t, err, &canceled)
		assert.Equal(t, []table.Reason{reason, table.ReasonNone}, canceled.Reasons)
		assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
		assert.Empty(t, made.All())
	}

	assert.NoError(t, write())
}

func TestIndexLags(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start)
	plan := &scripted{op: memory.OpIndex, kinds: []fault.Kind{fault.Delay}, wait: time.Second}
	made := memory.New(now, plan)
	shelf := key(t, "a").Partition()
	row := table.Row{Key: key(t, "a"), Index: shelf.Key("place", "1")}

	indexed := func() []table.Row {
		page, err := made.Query(t.Context(), table.Query{Partition: shelf, Index: true, Limit: 10})
		require.NoError(t, err)

		return page.Rows
	}

	require.NoError(t, made.Write(t.Context(), table.Create(row)))
	require.NoError(t, made.Write(t.Context(), table.Create(table.Row{Key: key(t, "b"), Index: shelf.Key("place", "2")})))
	assert.Len(t, indexed(), 1, "the first row lags, the second does not")

	row.Version, row.Index = 1, shelf.Key("place", "3")
	require.NoError(t, made.Write(t.Context(), table.Replace(row)))
	assert.Len(t, indexed(), 1, "a change does not overtake the one before it")

	now.Advance(time.Second)

	rows := indexed()
	require.Len(t, rows, 2)
	assert.Equal(t, row.Index, rows[1].Index)
}

func TestChanges(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start)
	made := memory.New(now, fault.None{})
	a := table.Row{Key: key(t, "a"), Body: []byte(`1`), Counters: map[string]int64{"n": 1}}

	require.NoError(t, made.Write(t.Context(), table.Create(a), table.Check(key(t, "b"), 0)))
	require.Error(t, made.Write(t.Context(), table.Create(a)))

	a.Version, a.Body, a.Expires = 1, []byte(`2`), now.Now().Add(time.Minute)
	require.NoError(t, made.Write(t.Context(), table.Replace(a)))
	now.Advance(time.Minute)
	assert.Empty(t, made.All())
	made.Expire()
	made.Expire()

	changes, err := made.Changes("")
	require.NoError(t, err)
	require.Len(t, changes, 3, "neither a check nor a canceled write is a change")
	assert.True(t, changes[0].Inserted())
	assert.Equal(t, `1`, string(changes[1].Old.Body))
	assert.Equal(t, `2`, string(changes[1].New.Body))
	assert.True(t, changes[2].Removed(), "expiry removes a row")

	changes[0].New.Body[0], changes[0].New.Counters["n"] = 'X', 9

	behind, err := made.Changes(changes[1].ID)
	require.NoError(t, err)
	require.Len(t, behind, 1)
	assert.Equal(t, changes[2].ID, behind[0].ID)

	again, err := made.Changes("")
	require.NoError(t, err)
	assert.Equal(t, `1`, string(again[0].New.Body), "a reader shares nothing")
	assert.EqualValues(t, 1, again[0].New.Counters["n"])

	_, err = made.Changes("not a change")
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestChangesOverAnExpiredRow(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.NewManual(start), fault.None{})
	row := table.Row{Key: key(t, "a"), Expires: start}
	require.NoError(t, made.Write(t.Context(), table.Create(row)))
	require.NoError(t, made.Write(t.Context(), table.Create(table.Row{Key: row.Key})))

	changes, err := made.Changes("")
	require.NoError(t, err)
	require.Len(t, changes, 2)
	assert.False(t, changes[1].Inserted(), "the expired row was still stored")
}

func TestChangesAreTrimmed(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start)
	made := memory.New(now, fault.None{})
	require.NoError(t, made.Write(t.Context(), table.Create(table.Row{Key: key(t, "a")})))
	now.Advance(25 * time.Hour)
	require.NoError(t, made.Write(t.Context(), table.Create(table.Row{Key: key(t, "b")})))

	changes, err := made.Changes("")
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.Equal(t, key(t, "b"), changes[0].New.Key)
}
