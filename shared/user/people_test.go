package user_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

func TestADayIsThatOfTheStore(t *testing.T) {
	t.Parallel()

	late := time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC)
	require.Equal(t, "2026-11-22", user.Day(store.Store{TimeZone: "Asia/Jakarta"}, late))
	require.Equal(t, "2026-11-21", user.Day(store.Store{TimeZone: "Europe/London"}, late))
	require.Equal(t, "2026-11-21", user.Day(store.Store{TimeZone: "Nowhere/Land"}, late))
}

func TestSomebodyIsSeenOnceADay(t *testing.T) {
	t.Parallel()

	users, state := newRepository()
	ctx := t.Context()

	seen := func(day string) string {
		person := ani()
		person.Day = day

		met, err := users.Meet(ctx, demo, person, "id")
		require.NoError(t, err)

		return met.SeenDay
	}

	require.Equal(t, "2026-11-21", seen("2026-11-21"))
	require.Equal(t, "2026-11-21", seen("2026-11-21"))
	require.Equal(t, 1, state.writes, "the same day is written once")

	require.Equal(t, "2026-11-22", seen("2026-11-22"))
	require.Equal(t, "2026-11-22", seen("2026-11-21"), "an update that comes late takes nothing back")
	require.Equal(t, "2026-11-22", seen(""))
	require.Equal(t, 2, state.writes)
}

func TestWhatWasBoughtIsRememberedOnce(t *testing.T) {
	t.Parallel()

	users, state := newRepository()
	ctx := t.Context()
	require.NoError(t, users.Buy(ctx, demo, 7, "netflix"), "a stranger is no error")

	_, err := users.Meet(ctx, demo, ani(), "id")
	require.NoError(t, err)

	before := state.writes
	require.NoError(t, users.Buy(ctx, demo, 7, "netflix", "spotify", "netflix", ""))
	require.NoError(t, users.Buy(ctx, demo, 7, "spotify"))
	require.Equal(t, before+1, state.writes, "told again, nothing is written")

	found, err := users.Get(ctx, demo, 7)
	require.NoError(t, err)
	require.Equal(t, []string{"netflix", "spotify"}, found.Bought)

	for at := range user.MaxBought - 1 {
		require.NoError(t, users.Buy(ctx, demo, 7, strconv.Itoa(at)))
	}

	found, err = users.Get(ctx, demo, 7)
	require.NoError(t, err)
	require.Len(t, found.Bought, user.MaxBought)
	require.Equal(t, "spotify", found.Bought[0], "the first of too many is forgotten")
}

// A name that is given up and taken again, in capitals or small letters, finds
// its holder and nobody else.
func TestPeopleAreFoundByTheNameThatTheyHave(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		users, _ := newRepository()
		ctx := t.Context()
		names := map[int64]string{}

		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			id := rapid.Int64Range(1, 3).Draw(rt, "person")
			names[id] = rapid.SampledFrom([]string{"", "ani", "ANI", "budi", "Citra"}).Draw(rt, "name")

			_, err := users.Meet(ctx, demo, user.Person{ID: id, Name: "P", Username: names[id]}, "id")
			if err != nil {
				rt.Fatal(err)
			}
		}

		for _, text := range []string{"ani", "budi", "citra"} {
			var want, got []int64

			for id, name := range names {
				if lower := map[string]string{"ANI": "ani", "Citra": "citra"}[name]; name == text || lower == text {
					want = append(want, id)
				}
			}

			found, err := users.Find(ctx, demo, "@"+text)
			if err != nil {
				rt.Fatal(err)
			}

			for _, one := range found {
				got = append(got, one.ID)
			}

			slices.Sort(want)
			slices.Sort(got)

			if !slices.Equal(want, got) {
				rt.Fatalf("@%s finds %v, want %v of %v", text, got, want, names)
			}
		}
	})
}

func TestPagesHoldEverybodyOfAStoreOnce(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	users := user.NewRepository(memory.New(now, fault.None{}), now)
	ctx := t.Context()

	for id := range int64(25) {
		of := demo
		if id%5 == 0 {
			of = "other"
		}

		_, err := users.Meet(ctx, of, user.Person{ID: id + 1, Name: "P"}, "id")
		require.NoError(t, err)
	}

	_, err := users.Change(ctx, demo, 2, func(of *user.User) { of.Banned, of.Username = true, "two" })
	require.NoError(t, err)

	seen := map[int64]bool{}
	cursor := ""

	for {
		page, next, err := users.Page(ctx, demo, cursor, 7)
		require.NoError(t, err)

		for _, one := range page {
			require.False(t, seen[one.ID], "user %d comes twice", one.ID)
			seen[one.ID] = true
		}

		if cursor = next; cursor == "" {
			break
		}
	}

	require.Len(t, seen, 20)
	require.True(t, seen[2], "a change of a profile keeps it in its place")

	_, _, err = users.Page(ctx, "NO STORE", "", 7)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}
