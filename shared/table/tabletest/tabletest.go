// Package tabletest provides the conformance suite of the port table: what
// DynamoDB promises and the domain relies on. Every adapter must pass it.
package tabletest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Make gives the table to be held to the suite, with the clock by which rows
// expire. The table may be the same one each time and hold other rows: each
// case keeps to a tenant of its own.
type Make func(t *testing.T, clock clock.Clock) table.Table

// Options say what the table has.
type Options struct {
	Index bool // it has an index
}

// Run holds a table to the suite.
func Run(t *testing.T, create Make, options Options) {
	t.Helper()

	cases := map[string]func(*subject){
		"RoundTrip":            roundTrip,
		"Create":               createRow,
		"Replace":              replace,
		"Delete":               remove,
		"Check":                check,
		"Atomicity":            atomicity,
		"ReasonsInOrder":       reasonsInOrder,
		"AddWithinBounds":      addWithinBounds,
		"AddAtTheEdges":        addAtTheEdges,
		"AddUntil":             addUntil,
		"Expired":              expired,
		"ExpiredCounters":      expiredCounters,
		"ExpiryComes":          expiryComes,
		"RefusesBadWrites":     refusesBadWrites,
		"TakesTheLargest":      takesTheLargest,
		"GrownTooLarge":        grownTooLarge,
		"QueryOrder":           queryOrder,
		"QueryBounds":          queryBounds,
		"QueryPages":           queryPages,
		"QueryEndsAtTheLimit":  queryEndsAtTheLimit,
		"QueryLargePages":      queryLargePages,
		"QueryRefuses":         queryRefuses,
		"QuerySkipsExpired":    querySkipsExpired,
		"KeysKeepApart":        keysKeepApart,
		"NothingIsShared":      nothingIsShared,
		"CallerHasGone":        callerHasGone,
		"NoUpdateIsLost":       noUpdateIsLost,
		"BoundsUnderContest":   boundsUnderContest,
		"OneCreatorWins":       oneCreatorWins,
		"TransfersKeepTheSum":  transfersKeepTheSum,
		"SameAsTheModel":       sameAsTheModel,
		"Scan":                 scan,
		"IndexIsSparse":        indexIsSparse,
		"IndexFollows":         indexFollows,
		"IndexPages":           indexPages,
		"IndexBounds":          indexBounds,
		"IndexSkipsExpired":    indexSkipsExpired,
		"IndexCursorIsChecked": indexCursorIsChecked,
	}

	for name, run := range cases {
		if strings.HasPrefix(name, "Index") && !options.Index {
			continue
		}

		t.Run(name, func(t *testing.T) {
			t.Parallel()

			run(newSubject(t, create, options))
		})
	}
}

// subject is a table under test with a tenant of its own.
type subject struct {
	*testing.T

	table  table.Table
	clock  *clock.Manual
	tenant table.Tenant
	rows   table.Partition
	index  bool
}

func newSubject(t *testing.T, create Make, options Options) *subject {
	t.Helper()

	time := clock.NewManual(time.Now().Truncate(time.Second))
	tenant := newTenant(t)

	return &subject{
		T: t, table: create(t, time), clock: time, tenant: tenant,
		rows: tenant.Partition("test"), index: options.Index,
	}
}

func newTenant(t require.TestingT) table.Tenant {
	tenant, err := table.TenantOf("t-" + strings.ToLower(rand.Text()))
	require.NoError(t, err)

	return tenant
}

func (s *subject) key(ids ...string) table.Key { return s.rows.Key("row", ids...) }

// row makes a row of the partition with a body that tells it from others.
func (s *subject) row(name string) table.Row {
	return table.Row{Key: s.key(name), Body: fmt.Appendf(nil, `{"name":%q}`, name)}
}

func (s *subject) write(ops ...table.Op) {
	s.Helper()
	require.NoError(s, s.table.Write(s.Context(), ops...))
}

func (s *subject) get(key table.Key) table.Row {
	s.Helper()

	row, err := s.table.Get(s.Context(), key)
	require.NoError(s, err)

	return row
}

func (s *subject) absent(key table.Key) {
	s.Helper()

	_, err := s.table.Get(s.Context(), key)
	require.Equal(s, errs.NotFound, errs.CodeOf(err), "get %s: %v", key, err)
}

// canceled expects a Write to be canceled by conditions, for these reasons.
func (s *subject) canceled(err error, reasons ...table.Reason) {
	s.Helper()

	var canceled *table.Canceled

	require.ErrorAs(s, err, &canceled)
	assert.Equal(s, reasons, canceled.Reasons)
	assert.Equal(s, errs.Conflict, errs.CodeOf(err))
}

// all reads every page of a query and checks that each one keeps its limit.
func (s *subject) all(query table.Query) []table.Row {
	s.Helper()

	var rows []table.Row

	for {
		page, err := s.table.Query(s.Context(), query)
		require.NoError(s, err)
		require.LessOrEqual(s, len(page.Rows), query.Limit)

		rows = append(rows, page.Rows...)

		if page.Next == "" {
			return rows
		}

		require.NotEqual(s, query.Cursor, page.Next, "the cursor stands still")
		query.Cursor = page.Next
	}
}

// names gives the last parts of the keys.
func names(rows []table.Row) []string {
	names := []string{}

	for _, row := range rows {
		_, name, _ := strings.Cut(row.Key.SK(), "#")
		names = append(names, name)
	}

	return names
}

// settle waits until the index shows these rows in this order: an index of
// DynamoDB follows its table within moments and gives no signal when.
func (s *subject) settle(query table.Query, want ...string) {
	s.Helper()

	require.EventuallyWithT(s, func(c *assert.CollectT) {
		var rows []table.Row

		next := query

		for {
			page, err := s.table.Query(s.Context(), next)
			if !assert.NoError(c, err) {
				return
			}

			rows = append(rows, page.Rows...)

			if page.Next == "" {
				break
			}

			next.Cursor = page.Next
		}

		assert.Equal(c, want, names(rows))
	}, 10*time.Second, 20*time.Millisecond)
}

// until tries a call again while other writers are in its way.
func until(ctx context.Context, call func() error) error {
	for {
		err := call()
		if !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.Limited) || ctx.Err() != nil {
			return err
		}
	}
}
