package mtproto

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/table"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
)

const (
	kopi  = "kopi"
	token = secret.Value("123:secret")
)

func desk() (sessions, *tablememory.Table, *clock.Manual) {
	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	scratch := tablememory.New(now, fault.None{})

	return sessions{scratch: scratch, clock: now}, scratch, now
}

// logged is a session that somebody has logged in and given back.
func logged(t *testing.T, of sessions) *session {
	t.Helper()

	first, err := of.lease(t.Context(), kopi, token)
	require.NoError(t, err)

	made := &session{DC: 5, Key: []byte("the auth key"), KeyID: []byte("its id"), Salt: -7}
	require.NoError(t, first.save(t.Context(), made))
	require.NoError(t, first.release(t.Context()))

	return made
}

func TestSessionIsKeptSealed(t *testing.T) {
	t.Parallel()

	of, scratch, _ := desk()
	made := logged(t, of)

	again, err := of.lease(t.Context(), kopi, token)
	require.NoError(t, err)
	assert.Equal(t, made, again.current())

	rows := scratch.All()
	require.Len(t, rows, 1)
	assert.NotContains(t, string(rows[0].Body), "auth key")
	assert.NotContains(t, string(rows[0].Body), "dGhlIGF1dGgga2V5", "nor as base64")

	require.NoError(t, again.save(t.Context(), nil))
	require.NoError(t, again.release(t.Context()))

	forgotten, err := of.lease(t.Context(), kopi, token)
	require.NoError(t, err)
	assert.Nil(t, forgotten.current())
}

// Whoever can write the table can neither read a session, nor put one bot's in
// the place of another's, nor have a damaged one used.
func TestSessionOfAnotherIsNotUsed(t *testing.T) {
	t.Parallel()

	of, scratch, _ := desk()
	logged(t, of)

	row := scratch.All()[0]
	tenant, err := table.TenantOf("teh")
	require.NoError(t, err)
	require.NoError(t, scratch.Write(t.Context(),
		table.Create(table.Row{Key: tenant.Partition("mtproto").Key("session", "0"), Body: row.Body})))

	moved, err := of.lease(t.Context(), "teh", token)
	require.NoError(t, err)
	assert.Nil(t, moved.current(), "sealed for another row")

	rotated, err := of.lease(t.Context(), kopi, "123:another")
	require.NoError(t, err)
	assert.Nil(t, rotated.current(), "sealed with another token")
	require.NoError(t, rotated.release(t.Context()))

	for _, body := range []string{`{"sealed":"AAAA"}`, `{"sealed":7}`, `[]`, `{"sealed":null}`} {
		row, err := scratch.Get(t.Context(), row.Key)
		require.NoError(t, err)

		row.Body = []byte(body)
		require.NoError(t, scratch.Write(t.Context(), table.Replace(row)))

		damaged, err := of.lease(t.Context(), kopi, token)
		require.NoError(t, err, body)
		assert.Nil(t, damaged.current(), body)
		require.NoError(t, damaged.release(t.Context()))
	}
}

func TestSessionIsOneWorkersAlone(t *testing.T) {
	t.Parallel()

	of, scratch, now := desk()
	logged(t, of)

	first, err := of.lease(t.Context(), kopi, token)
	require.NoError(t, err)
	second, err := of.lease(t.Context(), kopi, token)
	require.NoError(t, err)
	assert.NotEqual(t, first.key, second.key)
	assert.Nil(t, second.current(), "it has to log in")

	// A worker that dies holds its session up for a minute.
	now.Advance(leaseFor - time.Second)
	require.NoError(t, second.extend(t.Context()))
	now.Advance(time.Second)

	third, err := of.lease(t.Context(), kopi, token)
	require.NoError(t, err)
	assert.Equal(t, first.key, third.key)
	assert.NotNil(t, third.current())

	// The one that was only slow learns that it has lost it.
	require.Equal(t, errs.Conflict, errs.CodeOf(first.extend(t.Context())))
	require.Equal(t, errs.Conflict, errs.CodeOf(first.release(t.Context())))
	require.NoError(t, third.extend(t.Context()))

	require.Len(t, scratch.All(), 2)
}

func TestSessionsAreLimited(t *testing.T) {
	t.Parallel()

	of, _, now := desk()

	for range maxSessions {
		_, err := of.lease(t.Context(), kopi, token)
		require.NoError(t, err)
	}

	_, err := of.lease(t.Context(), kopi, token)
	require.Equal(t, errs.Limited, errs.CodeOf(err))
	require.Equal(t, busyFor, errs.RetryAfter(err))

	_, err = of.lease(t.Context(), "teh", token)
	require.NoError(t, err, "another store has its own")

	now.Advance(leaseFor)

	_, err = of.lease(t.Context(), kopi, token)
	require.NoError(t, err)
}

// Two workers that look at the same moment do not take the same session.
func TestSessionsAreTakenOnce(t *testing.T) {
	t.Parallel()

	of, scratch, _ := desk()
	logged(t, of)

	tenant, err := table.TenantOf(kopi)
	require.NoError(t, err)

	seal, err := sealOf(token)
	require.NoError(t, err)

	seen := of.candidates(tenant.Partition("mtproto"), scratch.All())
	require.Len(t, seen, maxSessions)

	for _, row := range seen[:3] {
		_, err := of.take(t.Context(), row, seal)
		require.NoError(t, err)

		_, err = of.take(t.Context(), row, seal)
		require.Equal(t, errs.Conflict, errs.CodeOf(err))
	}
}

func TestStoreWithoutAnID(t *testing.T) {
	t.Parallel()

	of, _, _ := desk()
	_, err := of.lease(t.Context(), "../kopi", token)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}

// FuzzLocate reads any text as a file_id: it names a document in a data centre,
// or it is refused with a sentence for the person.
func FuzzLocate(f *testing.F) {
	for _, id := range []string{
		"BAACAgIAAxkBAANAYZzjSkCVY7Ttrp2l92eCQzYYxVEAAkoRAAJIYKFIRionwJTz4kIiBA",             // a video
		"AwACAgIAAxkBAANDYZzsXw55-6fljCSeQXEP3dX5_egAAlkSAAJStulIAYO3JdIypKQiBA",             // a voice message
		"AgACAgIAAxkBAAM9YZqXG-B0WHEv7lFlQxOQDs6jrGQAAoa7MRvdfNlIhJa73cDxR0kBAAMCAAN4AAMiBA", // a photo
		"AQADAgAD7a8xG75QcEkACAMAA2jAIuIW____cd7THMWjNdIiBA",                                 // a chat's photo
		"", "AAAA", "AAQ", "/-*-/--+", "AP8A_wD_AP8A_wD_BA", "BAACAgIAAxkBAANAYZzj",
	} {
		f.Add(id)
	}

	f.Fuzz(func(t *testing.T, id string) {
		found, err := locate(id)
		if err == nil {
			require.Positive(t, found.dc)
			require.LessOrEqual(t, found.dc, maxDC)

			return
		}

		key, _, _ := errs.Sentence(err)
		require.Equal(t, errs.Invalid, errs.CodeOf(err))
		require.Equal(t, "error.file_gone", key)
	})
}

func TestLocate(t *testing.T) {
	t.Parallel()

	found, err := locate("BAACAgIAAxkBAANAYZzjSkCVY7Ttrp2l92eCQzYYxVEAAkoRAAJIYKFIRionwJTz4kIiBA")
	require.NoError(t, err)
	assert.Equal(t, 2, found.dc)
	assert.Equal(t, int64(5233570104335143242), found.file.ID)
	assert.Equal(t, int64(4819682371444353606), found.file.AccessHash)

	_, err = locate("AgACAgIAAxkBAAM9YZqXG-B0WHEv7lFlQxOQDs6jrGQAAoa7MRvdfNlIhJa73cDxR0kBAAMCAAN4AAMiBA")
	require.Error(t, err, "a photo has no sound")
}
