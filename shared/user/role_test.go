package user_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

func roles() []user.Role {
	return []user.Role{user.Buyer, user.Support, user.Seller, user.Admin, user.Owner}
}

// Who may do what, in full: a change here is a decision.
func TestPermissions(t *testing.T) {
	t.Parallel()

	for permission, want := range map[user.Permission][5]bool{
		//                    buyer  support seller admin owner
		user.SeeOrders:      {false, true, true, true, true},
		user.Replace:        {false, true, true, true, true},
		user.ConfirmPayment: {false, false, true, true, true},
		user.Stock:          {false, false, true, true, true},
		user.Refund:         {false, false, false, true, true},
		user.Edit:           {false, false, false, true, true},
		user.Price:          {false, false, false, true, true},
		user.Ban:            {false, false, false, true, true},
		user.SeeReport:      {false, false, false, true, true},
		user.Staff:          {false, false, false, true, true},
		user.SeeAudit:       {false, false, false, true, true},
		user.Broadcast:      {false, false, false, true, true},
		user.Settings:       {false, false, false, false, true},
		user.Adjust:         {false, false, false, false, true},
		user.SeePlatform:    {false, false, false, false, true},
		"nothing":           {},
	} {
		for i, role := range roles() {
			require.Equal(t, want[i], role.May(permission), "%q may %s", role, permission)
		}
	}

	require.False(t, user.Role("intruder").May(user.SeeOrders))
}

// Nobody reaches a role at or above their own, neither to give it nor to take it.
func TestRolesAreGivenDownwards(t *testing.T) {
	t.Parallel()

	may := map[[3]user.Role]bool{}

	for _, from := range []user.Role{user.Buyer, user.Support, user.Seller} {
		for _, to := range []user.Role{user.Buyer, user.Support, user.Seller} {
			may[[3]user.Role{user.Admin, from, to}] = true
		}
	}

	for _, from := range []user.Role{user.Buyer, user.Support, user.Seller, user.Admin} {
		for _, to := range []user.Role{user.Buyer, user.Support, user.Seller, user.Admin} {
			may[[3]user.Role{user.Owner, from, to}] = true
		}
	}

	for _, by := range append(roles(), "intruder") {
		for _, from := range roles() {
			for _, to := range append(roles(), "intruder") {
				require.Equal(t, may[[3]user.Role{by, from, to}], by.MayAppoint(from, to), "%q makes %q a %q", by, from, to)
			}
		}
	}
}

func TestAppointKeepsTheListOfStaff(t *testing.T) {
	t.Parallel()

	users, state := newRepository()
	ctx := t.Context()

	for _, id := range []int64{7, 8, 9} {
		_, err := users.Meet(ctx, demo, user.Person{ID: id, Name: "A"}, "id")
		require.NoError(t, err)
	}

	for id, role := range map[int64]user.Role{7: user.Support, 8: user.Admin, 9: user.Seller} {
		appointed, err := users.Appoint(ctx, demo, id, role)
		require.NoError(t, err)
		require.Equal(t, role, appointed.Role)
	}

	_, err := users.Appoint(ctx, demo, 7, user.Seller)
	require.NoError(t, err)
	_, err = users.Appoint(ctx, demo, 9, user.Buyer)
	require.NoError(t, err)

	staff, err := users.Staff(ctx, demo)
	require.NoError(t, err)
	require.Equal(t, []user.Member{{User: 7, Role: user.Seller}, {User: 8, Role: user.Admin}}, staff)

	before := state.writes
	_, err = users.Appoint(ctx, demo, 9, user.Buyer)
	require.NoError(t, err)
	require.Equal(t, before, state.writes, "nothing changes, nothing is written")

	people, err := users.Who(ctx, store.Store{ID: demo, Owner: 8}, user.ConfirmPayment)
	require.NoError(t, err)
	require.Equal(t, []int64{8, 7}, people, "the owner first, and once")

	people, err = users.Who(ctx, store.Store{ID: demo}, user.Refund)
	require.NoError(t, err)
	require.Equal(t, []int64{8}, people)

	_, err = users.Appoint(ctx, demo, 7, user.Owner)
	require.Equal(t, errs.Invalid, errs.CodeOf(err), "the owner's role stands in the store")
	_, err = users.Appoint(ctx, demo, 99, user.Admin)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

// What goes with a change is written with it or not at all.
func TestWhatGoesWithAChange(t *testing.T) {
	t.Parallel()

	users, state := newRepository()
	ctx := t.Context()
	_, err := users.Meet(ctx, demo, ani(), "id")
	require.NoError(t, err)

	tenant, err := table.TenantOf(demo)
	require.NoError(t, err)

	key := tenant.Partition("log").Key("row", "1")
	with := table.Create(table.Row{Key: key, Body: []byte(`{}`)})

	_, err = users.Change(ctx, demo, 7, func(user *user.User) { user.Banned = true }, with)
	require.NoError(t, err)
	_, err = state.Get(ctx, key)
	require.NoError(t, err)

	_, err = users.Appoint(ctx, demo, 7, user.Support, with)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), "the row is there already")

	found, err := users.Get(ctx, demo, 7)
	require.NoError(t, err)
	require.Empty(t, found.Role)
}

func TestFind(t *testing.T) {
	t.Parallel()

	users, _ := newRepository()
	ctx := t.Context()

	for _, person := range []user.Person{
		{ID: 7, Name: "Ani", Username: "Ani_S"}, {ID: 8, Name: "Budi"}, {ID: 9, Name: "Citra", Username: "citra"},
	} {
		_, err := users.Meet(ctx, demo, person, "id")
		require.NoError(t, err)
	}

	find := func(text string) []int64 {
		found, err := users.Find(ctx, demo, text)
		require.NoError(t, err)

		var ids []int64
		for _, user := range found {
			ids = append(ids, user.ID)
		}

		return ids
	}

	for text, want := range map[string][]int64{
		"@ani_s": {7}, "ANI_S": {7}, "8\n": {8}, "@citra": {9}, "@budi": nil, "": nil, "@": nil, "99": nil, "-8": nil, "8#": nil,
	} {
		require.Equal(t, want, find(text), "%q", text)
	}

	_, err := users.Meet(ctx, demo, user.Person{ID: 7, Name: "Ani", Username: "anisa"}, "id")
	require.NoError(t, err)
	_, err = users.Meet(ctx, demo, user.Person{ID: 8, Name: "Budi", Username: "ani_s"}, "id")
	require.NoError(t, err)
	require.Equal(t, []int64{8}, find("@ani_s"), "the name has changed hands")
	require.Equal(t, []int64{7}, find("@anisa"))

	_, err = users.Meet(ctx, demo, user.Person{ID: 9, Name: "Citra", Username: "anisa"}, "id")
	require.NoError(t, err)
	require.Equal(t, []int64{7, 9}, find("@anisa"), "whoever acts on it must look")

	other, err := users.Find(ctx, "other", "@anisa")
	require.NoError(t, err)
	require.Empty(t, other)
}

func TestMutesEscalateAndAreForgotten(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)

	var ani user.User

	for _, want := range []time.Duration{
		time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour, 24 * time.Hour,
	} {
		ani = ani.Mute(now)
		require.Equal(t, want, ani.MutedUntil.Sub(now))
		require.True(t, ani.Muted(now))

		now = ani.MutedUntil
		require.False(t, ani.Muted(now))
	}

	require.Equal(t, 5, ani.Mutes)

	now = now.Add(4 * 24 * time.Hour)
	ani = ani.Mute(now)
	require.Equal(t, 10*time.Minute, ani.MutedUntil.Sub(now), "four of five are forgotten")

	ani = ani.Unmute()
	ani = ani.Mute(now)
	require.Equal(t, time.Minute, ani.MutedUntil.Sub(now))
}

func TestAMuteIsNeverLongerThanADayNorInThePast(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)

		var ani user.User

		for range rapid.IntRange(1, 20).Draw(t, "mutes") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(100*time.Hour)).Draw(t, "later")))
			ani = ani.Mute(now)

			if length := ani.MutedUntil.Sub(now); length < time.Minute || length > 24*time.Hour || ani.Mutes < 1 {
				t.Fatalf("muted for %s after %d", length, ani.Mutes)
			}
		}
	})
}
