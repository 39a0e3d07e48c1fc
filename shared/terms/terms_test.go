package terms_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/terms"
)

var which = terms.Which{Store: "demo", Order: "O1", Product: "P1"}

const answer = "alamatku Jalan Mawar 5"

// scripted gives the writes their fates in turn, then Pass.
type scripted struct{ kinds []fault.Kind }

func (s *scripted) Next(op string) fault.Kind {
	if op != tables.OpWrite || len(s.kinds) == 0 {
		return fault.Pass
	}

	next := s.kinds[0]
	s.kinds = s.kinds[1:]

	return next
}

func (s *scripted) Wait(string) time.Duration { return 0 }

type world struct {
	clock *clock.Manual
	plan  *scripted
	state *tables.Table
	terms *terms.Service
}

func newWorld() *world {
	w := &world{clock: clock.NewManual(time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)), plan: &scripted{}}
	w.state = tables.New(w.clock, w.plan)
	w.terms = terms.NewService(w.state, memory.New("master", fault.None{}), w.clock)

	return w
}

func submission(text string) terms.Submission {
	return terms.Submission{Which: which, User: 9, Answer: terms.Answer{Text: text, Photo: "file-1"}}
}

func staff(cause string) catalog.Editor { return catalog.Editor{User: 7, Role: "seller", Cause: cause} }

func TestSubmitAndRead(t *testing.T) {
	t.Parallel()

	w := newWorld()

	_, err := w.terms.Read(t.Context(), which, staff("r0"))
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))

	w.plan.kinds = []fault.Kind{fault.FailAfter}
	require.Error(t, w.terms.Submit(t.Context(), submission(answer), "update 1", store.Shop{}.KeepTerms()))
	require.NoError(t, w.terms.Submit(t.Context(), submission(answer), "update 1", store.Shop{}.KeepTerms()), "the same update again")

	err = w.terms.Submit(t.Context(), submission("another"), "update 2", store.Shop{}.KeepTerms())
	assert.Equal(t, errs.Conflict, errs.CodeOf(err))

	key, _, _ := errs.Sentence(err)
	assert.Equal(t, "catalog.terms_given", key)

	for _, row := range w.state.All() {
		assert.NotContains(t, string(row.Body), "Mawar")
		assert.NotContains(t, string(row.Body), "file-1")
	}

	w.plan.kinds = []fault.Kind{fault.FailBefore}
	_, err = w.terms.Read(t.Context(), which, staff("r1"))
	require.Error(t, err, "nobody reads what is not recorded")

	read, err := w.terms.Read(t.Context(), which, staff("r1"))
	require.NoError(t, err)
	assert.Equal(t, terms.Answer{Text: answer, Photo: "file-1"}, read.Answer)
	assert.Equal(t, int64(9), read.User)

	entries, _, err := audit.NewLog(w.state, w.clock).Page(t.Context(), "demo", "", 10)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "read_terms", entries[0].Action)
	assert.Equal(t, int64(7), entries[0].By)
	assert.NotContains(t, entries[0].After+entries[0].Target, "Mawar")

	there, err := w.terms.Submitted(t.Context(), which)
	require.NoError(t, err)
	assert.True(t, there)

	// When its time is over it is gone.
	w.clock.Advance(30*24*time.Hour - time.Second)
	_, err = w.terms.Read(t.Context(), which, staff("r2"))
	require.NoError(t, err)
	w.clock.Advance(time.Second)
	_, err = w.terms.Read(t.Context(), which, staff("r3"))
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))

	key, _, _ = errs.Sentence(err)
	assert.Equal(t, "catalog.terms_none", key)
}

func TestKeptForAsLongAsTheStoreSays(t *testing.T) {
	t.Parallel()

	w := newWorld()
	require.NoError(t, w.terms.Submit(t.Context(), submission("a"), "1", store.Shop{TermsDays: 2}.KeepTerms()))
	w.clock.Advance(48 * time.Hour)

	there, err := w.terms.Submitted(t.Context(), which)
	require.NoError(t, err)
	assert.False(t, there)
}

func TestKeptApart(t *testing.T) {
	t.Parallel()

	w := newWorld()
	require.NoError(t, w.terms.Submit(t.Context(), submission(answer), "1", time.Hour))

	for _, other := range []terms.Which{
		{Store: "demo-2", Order: "O1", Product: "P1"},
		{Store: "demo", Order: "O2", Product: "P1"},
		{Store: "demo", Order: "O1", Product: "P2"},
	} {
		there, err := w.terms.Submitted(t.Context(), other)
		require.NoError(t, err)
		assert.False(t, there)

		// What was put in the place of another's does not open.
		tenant, err := table.TenantOf(other.Store)
		require.NoError(t, err)

		moved := table.Row{Key: tenant.Partition("terms", other.Order).Key("answer", other.Product), Body: w.state.All()[0].Body}
		require.NoError(t, w.state.Write(t.Context(), table.Create(moved)))

		_, err = w.terms.Read(t.Context(), other, staff("r"))
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%v", err)
		require.NoError(t, w.state.Write(t.Context(), table.Delete(moved.Key, 1)))
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()

	w := newWorld()

	for key, answer := range map[string]terms.Answer{
		"catalog.terms_empty": {}, "catalog.terms_answer_long": {Text: strings.Repeat("é", terms.MaxText+1)},
	} {
		err := w.terms.Submit(t.Context(), terms.Submission{Which: which, Answer: answer}, "1", time.Hour)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err))

		said, _, _ := errs.Sentence(err)
		assert.Equal(t, key, said)
	}
}
