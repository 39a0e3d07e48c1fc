package user_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/broadcast"
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

// audience goes through all pages of an audience and fails where somebody comes twice.
func audience(t require.TestingT, users *user.Repository, of broadcast.Audience, limit int) []int64 {
	var (
		all    []int64
		cursor string
	)

	for {
		page, next, err := users.Audience(context.Background(), jakarta(), of, cursor, limit)
		require.NoError(t, err)

		for _, one := range page {
			require.NotContains(t, all, one, "somebody comes twice")

			all = append(all, one)
		}

		if cursor = next; cursor == "" {
			slices.Sort(all)

			return all
		}
	}
}

func jakarta() store.Store { return store.Store{ID: demo, TimeZone: "Asia/Jakarta"} }

func TestAnAudience(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	users := user.NewRepository(memory.New(now, fault.None{}), now)
	ctx := t.Context()
	premium := now.Now().Add(time.Hour)

	for id, change := range map[int64]func(*user.User){
		1:  func(*user.User) {},
		2:  func(of *user.User) { of.PremiumUntil = premium },
		3:  func(of *user.User) { of.PremiumUntil = now.Now() }, // it has just ended
		4:  func(of *user.User) { of.Language = "en" },
		5:  func(of *user.User) { of.Bought = []string{"netflix", "spotify"} },
		6:  func(of *user.User) { of.SeenDay = "2026-10-22" },
		7:  func(of *user.User) { of.SeenDay = "2026-10-23" },
		8:  func(of *user.User) { of.Banned = true },
		9:  func(of *user.User) { of.Blocked = true },
		10: func(of *user.User) { of.NoBroadcasts = true },
		11: func(of *user.User) { of.SeenDay, of.CreatedAt = "", now.Now().AddDate(0, -2, 0) },
		12: func(of *user.User) { of.PremiumUntil, of.Language, of.Bought = premium, "en", []string{"netflix"} },
		13: func(of *user.User) { of.Username = "named" },
	} {
		_, err := users.Meet(ctx, demo, user.Person{ID: id, Name: "P", Day: "2026-11-21"}, "id")
		require.NoError(t, err)
		_, err = users.Change(ctx, demo, id, change)
		require.NoError(t, err)
	}

	_, err := users.Meet(ctx, "other", user.Person{ID: 99, Name: "P"}, "id")
	require.NoError(t, err)

	for _, one := range []struct {
		of   broadcast.Audience
		want []int64
	}{
		{broadcast.Audience{}, []int64{1, 2, 3, 4, 5, 6, 7, 11, 12, 13}},
		{broadcast.Audience{Tier: broadcast.Premium}, []int64{2, 12}},
		{broadcast.Audience{Tier: broadcast.Free}, []int64{1, 3, 4, 5, 6, 7, 11, 13}},
		{broadcast.Audience{Language: "en"}, []int64{4, 12}},
		{broadcast.Audience{Bought: "netflix"}, []int64{5, 12}},
		{broadcast.Audience{Bought: "spotify"}, []int64{5}},
		{broadcast.Audience{InactiveDays: 30}, []int64{6, 11}},
		{broadcast.Audience{InactiveDays: 29}, []int64{6, 7, 11}},
		{broadcast.Audience{Tier: broadcast.Premium, Language: "en", Bought: "netflix"}, []int64{12}},
		{broadcast.Audience{Bought: "netflix", InactiveDays: 1}, nil},
	} {
		for _, limit := range []int{1, 3, 500} {
			require.Equal(t, one.want, audience(t, users, one.of, limit), "%+v by %d", one.of, limit)
		}
	}

	require.NoError(t, users.Block(ctx, demo, 1))
	require.NoError(t, users.Block(ctx, demo, 1000), "a stranger is no error")
	require.NotContains(t, audience(t, users, broadcast.Audience{}, 500), int64(1), "who has blocked the bot is left out next time")

	_, _, err = users.Audience(ctx, store.Store{ID: "NO STORE"}, broadcast.Audience{}, "", 7)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}
