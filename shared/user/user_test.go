package user_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

const demo = "demo"

func ani() user.Person { return user.Person{ID: 7, Name: "Ani", Username: "ani"} }

// counting counts the writes of a table.
type counting struct {
	table.Table

	mu     sync.Mutex
	writes int
}

func (c *counting) Write(ctx context.Context, ops ...table.Op) error {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()

	return c.Table.Write(ctx, ops...)
}

func newRepository() (*user.Repository, *counting) {
	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	state := &counting{Table: memory.New(now, fault.None{})}

	return user.NewRepository(state, now), state
}

func TestMeetKnowsAPersonAgain(t *testing.T) {
	t.Parallel()

	users, state := newRepository()

	made, err := users.Meet(t.Context(), demo, ani(), "en")
	require.NoError(t, err)
	require.Equal(t, user.User{
		ID: 7, Name: "Ani", Username: "ani", Language: "en", CreatedAt: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC),
	}, made)

	again, err := users.Meet(t.Context(), demo, ani(), "id")
	require.NoError(t, err)
	require.Equal(t, made, again, "the language of the first time stays")
	require.Equal(t, 1, state.writes, "nothing has changed, so nothing is written")

	renamed, err := users.Meet(t.Context(), demo, user.Person{ID: 7, Name: "Ani S", Username: "ani"}, "id")
	require.NoError(t, err)
	require.Equal(t, "Ani S", renamed.Name)
	require.Equal(t, made.CreatedAt, renamed.CreatedAt)
}

func TestAUserOfOneStoreIsUnknownInAnother(t *testing.T) {
	t.Parallel()

	users, _ := newRepository()

	_, err := users.Meet(t.Context(), demo, ani(), "en")
	require.NoError(t, err)

	_, err = users.Get(t.Context(), "other", 7)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestMeetTwiceAtOnceMakesOneUser(t *testing.T) {
	t.Parallel()

	users, _ := newRepository()

	var group sync.WaitGroup

	met := make([]user.User, 8)
	failures := make([]error, len(met))

	for i := range met {
		group.Go(func() { met[i], failures[i] = users.Meet(context.Background(), demo, ani(), "id") })
	}

	group.Wait()

	for i := range met {
		require.NoError(t, failures[i])
		require.Equal(t, met[0], met[i])
	}
}

func TestChangesAtOnceLoseNothing(t *testing.T) {
	t.Parallel()

	users, _ := newRepository()
	_, err := users.Meet(t.Context(), demo, ani(), "id")
	require.NoError(t, err)

	var group sync.WaitGroup

	failures := make([]error, 4)
	for i := range failures {
		group.Go(func() {
			_, failures[i] = users.Change(context.Background(), demo, 7, func(user *user.User) {
				user.Name += strconv.Itoa(i)
			})
		})
	}

	group.Wait()

	for _, failure := range failures {
		require.NoError(t, failure)
	}

	changed, err := users.Get(t.Context(), demo, 7)
	require.NoError(t, err)
	require.Len(t, changed.Name, len("Ani")+len(failures))
}

func TestChangeOfNothingWritesNothing(t *testing.T) {
	t.Parallel()

	users, state := newRepository()
	_, err := users.Meet(t.Context(), demo, ani(), "id")
	require.NoError(t, err)

	_, err = users.Change(t.Context(), demo, 7, func(*user.User) {})
	require.NoError(t, err)
	require.Equal(t, 1, state.writes)
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()

	users, _ := newRepository()
	ctx := t.Context()

	_, err := users.Change(ctx, demo, 8, func(user *user.User) { user.Banned = true })
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	require.ErrorContains(t, err, "user 8 of store demo")

	_, err = users.Meet(ctx, "NO STORE", ani(), "id")
	require.Equal(t, errs.Invalid, errs.CodeOf(err))

	gone, cancel := context.WithCancel(ctx)
	cancel()

	_, err = users.Meet(gone, demo, ani(), "id")
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
}

// disturbed lets someone else win each write.
type disturbed struct{ table.Table }

func (disturbed) Write(context.Context, ...table.Op) error {
	return table.Failed([]table.Reason{table.ReasonCondition})
}

func TestChangeGivesUpWhereOthersKeepChanging(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	rows := memory.New(now, fault.None{})
	_, err := user.NewRepository(rows, now).Meet(t.Context(), demo, ani(), "id")
	require.NoError(t, err)

	_, err = user.NewRepository(disturbed{rows}, now).Change(t.Context(), demo, 7, func(user *user.User) { user.Banned = true })
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
}
