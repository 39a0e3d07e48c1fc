package mtproto_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/mtproto"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Methods of MTProto that tests spoil.
const (
	getFile = "upload.getFile"
	login   = "auth.importBotAuthorization"
)

// refusal spoils one chunk, not the first.
func refusal(status int, text string) []control.Fault {
	return []control.Fault{{Kind: "error", Status: status, Description: text, Skip: 2}}
}

// What Telegram may do to a download, and what comes of it: the whole file.
func TestDownloadOutlives(t *testing.T) {
	t.Parallel()

	for name, trouble := range map[string]struct {
		faults []control.Fault
		before func(w *world, of *transcript.FileRef)
		logins int
	}{
		"a wait":                    {faults: refusal(420, "FLOOD_WAIT_1"), logins: 1},
		"a wait of few readers":     {faults: refusal(420, "FLOOD_PREMIUM_WAIT_1"), logins: 1},
		"a failure of Telegram":     {faults: refusal(500, "RPC_CALL_FAIL"), logins: 1},
		"an overload of Telegram":   {faults: refusal(-503, "Timeout"), logins: 1},
		"a short answer":            {faults: []control.Fault{{Kind: "cut", Skip: 3}}, logins: 1},
		"an answer of another kind": {faults: []control.Fault{{Kind: "garbage", Skip: 3}}, logins: 1},
		"a cut connection":          {faults: []control.Fault{{Kind: "drop_before", Skip: 3}}, logins: 1},
		"connections cut together":  {faults: []control.Fault{{Kind: "drop_before", Skip: 2, Count: 3}}, logins: 1},
		"a slow answer":             {faults: []control.Fault{{Kind: "delay", DelayMS: 700, Skip: 1}}, logins: 1},
		"a session that Telegram forgot": {
			faults: refusal(401, "AUTH_KEY_UNREGISTERED"), logins: 2,
		},
		"a session that was ended": {
			faults: refusal(401, "SESSION_REVOKED"), logins: 2,
		},
		"a session that is in use elsewhere": {
			faults: refusal(406, "AUTH_KEY_DUPLICATED"), logins: 2,
		},
		"a reference that was refused once": {
			faults: refusal(400, "FILE_REFERENCE_INVALID"), logins: 1,
		},
		"a reference that has expired": {
			before: func(w *world, _ *transcript.FileRef) { _, _ = w.ExpireReferences(w.t.Context()) }, logins: 1,
		},
		"a file in another data centre": {
			before: func(w *world, of *transcript.FileRef) {
				_, _ = w.MoveFiles(w.t.Context(), 4)
				*of = w.sent(made(3<<20 + 99))
			}, logins: 1,
		},
		"a file that has moved": {
			before: func(w *world, _ *transcript.FileRef) { _, _ = w.MoveFiles(w.t.Context(), 4) }, logins: 1,
		},
		"a file that has moved and a reference that has expired": {
			before: func(w *world, _ *transcript.FileRef) {
				_, _ = w.MoveFiles(w.t.Context(), 4)
				_, _ = w.ExpireReferences(w.t.Context())
			}, logins: 1,
		},
		"a bot at home in another data centre": {
			faults: []control.Fault{{Method: login, Kind: "error", Status: 303, Description: "USER_MIGRATE_4"}}, logins: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := start(t)
			content := made(3<<20 + 99)
			of := w.sent(content)

			if trouble.before != nil {
				trouble.before(w, &of)
			}

			for _, spoiled := range trouble.faults {
				if spoiled.Method == "" {
					spoiled.Method = getFile
				}

				w.spoil(spoiled)
			}

			got, size, err := read(t.Context(), w.files, of, 1234)
			require.NoError(t, err)
			assert.Equal(t, int64(len(content)), size)
			assert.True(t, bytes.Equal(content[1234:], got))
			assert.Equal(t, trouble.logins, w.logins())

			state, err := w.State(t.Context())
			require.NoError(t, err)
			assert.Empty(t, state.Faults, "it was spoiled as meant")
		})
	}
}

// What cannot be mended is told with the code by which the job goes on.
func TestDownloadGivesUp(t *testing.T) {
	t.Parallel()

	for name, trouble := range map[string]struct {
		fault control.Fault
		code  errs.Code
		key   string
		after time.Duration
	}{
		"for a long wait": {
			control.Fault{Kind: "error", Status: 420, Description: "FLOOD_WAIT_300", Count: -1}, errs.Limited, "", 300 * time.Second,
		},
		"for a file that is gone": {
			control.Fault{Kind: "error", Status: 400, Description: "FILE_ID_INVALID", Count: -1}, errs.Invalid, "error.file_gone", 0,
		},
		"for a log in that must wait": {
			control.Fault{Method: login, Kind: "error", Status: 420, Description: "FLOOD_WAIT_900", Count: -1},
			errs.Limited, "", 900 * time.Second,
		},
		"for a token that was revoked": {
			control.Fault{Method: login, Kind: "error", Status: 400, Description: "ACCESS_TOKEN_EXPIRED", Count: -1},
			errs.Internal, "", 0,
		},
		"for an application that is refused": {
			control.Fault{Method: login, Kind: "error", Status: 400, Description: "API_ID_INVALID", Count: -1},
			errs.Internal, "", 0,
		},
		"for answers that are always short": {control.Fault{Kind: "cut", Count: -1}, errs.Unavailable, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := start(t)
			of := w.sent(made(1 << 20))

			if trouble.fault.Method == "" {
				trouble.fault.Method = getFile
			}

			w.spoil(trouble.fault)

			_, _, err := read(t.Context(), w.files, of, 0)
			require.Equal(t, trouble.code, errs.CodeOf(err), "%v", err)
			assert.Equal(t, trouble.after, errs.RetryAfter(err))

			key, _, _ := errs.Sentence(err)
			assert.Equal(t, trouble.key, key)

			// What was broken is whole again: nothing of it is left in the session.
			require.NoError(t, w.ClearFaults(t.Context()))
			_, _, err = read(t.Context(), w.files, of, 0)
			require.NoError(t, err)
		})
	}
}

// A wait that is over only after the function's time is up is not begun.
func TestWaitBeyondTheDeadline(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(1 << 20))
	w.spoil(control.Fault{Method: getFile, Kind: "error", Status: 420, Description: "FLOOD_WAIT_25", Count: -1})

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	_, _, err := read(ctx, w.files, of, 0)
	require.Equal(t, errs.Limited, errs.CodeOf(err), "%v", err)
	require.NoError(t, ctx.Err(), "it said so at once")
}

func TestMessageIsGone(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(1 << 20))
	require.NoError(t, w.As(person, botID).Delete(t.Context(), int64(of.Message)))
	_, err := w.ExpireReferences(t.Context())
	require.NoError(t, err)

	_, _, err = read(t.Context(), w.files, of, 0)
	require.Equal(t, errs.Invalid, errs.CodeOf(err), "%v", err)

	key, _, _ := errs.Sentence(err)
	require.Equal(t, "error.file_gone", key)
}

// The file of a channel's message has its new reference there.
func TestReferenceOfAChannel(t *testing.T) {
	t.Parallel()

	const group = -1001234567890

	w := start(t)
	_, err := w.CreateGroup(t.Context(), control.Group{
		ID: group, Type: "supergroup", Title: "Kopi", Members: map[int64]string{person: "member", botID: "administrator"},
	})
	require.NoError(t, err)

	content := made(1<<20 + 5)
	_, err = w.As(person, group).File(t.Context(), control.Upload{Kind: "document", Name: "a.mkv", Content: bytes.NewReader(content)})
	require.NoError(t, err)

	of := w.received()
	require.Equal(t, int64(group), of.Chat)

	_, err = w.ExpireReferences(t.Context())
	require.NoError(t, err)

	got, _, err := read(t.Context(), w.files, of, 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
}

// A person who cancels, or a function that ends, ends the download at once,
// also while an answer is awaited.
func TestCancelled(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(8 << 20))
	ctx, cancel := context.WithCancel(t.Context())

	opened, _, err := w.files.Open(ctx, of, 0)
	require.NoError(t, err)

	w.spoil(control.Fault{Method: getFile, Kind: "delay", DelayMS: 20_000, Count: -1})

	began := time.Now()
	time.AfterFunc(300*time.Millisecond, cancel)

	_, err = io.Copy(io.Discard, opened)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, opened.Close())
	require.Less(t, time.Since(began), 5*time.Second)
	require.NoError(t, opened.Close(), "closing twice is fine")
	require.NoError(t, w.ClearFaults(t.Context()))

	// The session is free again, and still known.
	_, _, err = read(t.Context(), w.files, of, 0)
	require.NoError(t, err)
	require.Equal(t, 1, w.logins())
}

// A stream that is not read to its end leaves nothing behind.
func TestClosedEarly(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(8 << 20))

	for range 3 {
		opened, _, err := w.files.Open(t.Context(), of, 0)
		require.NoError(t, err)

		_, err = io.ReadFull(opened, make([]byte, 700_000))
		require.NoError(t, err)
		require.NoError(t, opened.Close())
	}

	require.Equal(t, 1, w.logins())
}

// Downloads at once have a session each, and those sessions are used again.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()

	const atOnce = 4

	w := start(t)
	content := made(2<<20 + 1)
	of := w.sent(content)

	for range 2 {
		var all sync.WaitGroup
		for range atOnce {
			all.Go(func() {
				got, _, err := read(t.Context(), w.another(), of, 0)
				if assert.NoError(t, err) {
					assert.True(t, bytes.Equal(content, got))
				}
			})
		}

		all.Wait()
	}

	require.LessOrEqual(t, w.logins(), atOnce)

	for _, row := range w.scratch.All() {
		require.NotContains(t, string(row.Body), "auth", "the session is sealed")
		require.NotContains(t, string(row.Body), `"key"`)
	}
}

// After a restart of the server nobody knows its sessions any more.
func TestServerForgetsEverything(t *testing.T) {
	t.Parallel()

	first := start(t)
	content := made(1 << 20)
	_, _, err := read(t.Context(), first.files, first.sent(content), 0)
	require.NoError(t, err)

	second := start(t)
	second.scratch = first.scratch // with the session of the first

	got, _, err := read(t.Context(), second.another(), second.sent(content), 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
	require.Equal(t, 1, second.logins())
}

// A new token makes the sessions of the old one unreadable: the bot logs in.
func TestTokenRotated(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(1 << 20))
	_, _, err := read(t.Context(), w.files, of, 0)
	require.NoError(t, err)

	const fresh = "123:another"

	_, err = w.CreateBot(t.Context(), control.Bot{Token: fresh, FirstName: "Kopi", Username: "kopi_bot"})
	require.NoError(t, err)
	require.NoError(t, w.vault.Rotate(t.Context(), store.TokenName(shop), fresh))

	_, _, err = read(t.Context(), w.files, of, 0)
	require.NoError(t, err)
	require.Equal(t, 2, w.logins())
}

func TestNothingSetUp(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(1 << 20))

	require.NoError(t, w.vault.Delete(t.Context(), mtproto.AppName))
	_, _, err := w.files.Open(t.Context(), of, 0)
	require.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "provider set telegram-app")

	require.NoError(t, w.vault.Delete(t.Context(), store.TokenName(shop)))
	_, _, err = w.files.Open(t.Context(), of, 0)
	require.Equal(t, errs.Internal, errs.CodeOf(err))
	require.ErrorContains(t, err, "store add")
}

func TestServerIsAway(t *testing.T) {
	t.Parallel()

	w := start(t)
	of := w.sent(made(1 << 20))
	w.config.Server = "127.0.0.1:1"

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()

	_, _, err := w.another().Open(ctx, of, 0)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)
}

func TestConfig(t *testing.T) {
	t.Parallel()

	w := start(t)

	for name, config := range map[string]mtproto.Config{
		"no application":     {},
		"no port":            {APIID: 1, Server: "localhost"},
		"no number":          {APIID: 1, Server: "localhost:http"},
		"port 0":             {APIID: 1, Server: "localhost:0"},
		"no PEM":             {APIID: 1, PublicKey: "secret"},
		"no base64":          {APIID: 1, PublicKey: "-----BEGIN PUBLIC KEY-----\n***\n-----END PUBLIC KEY-----"},
		"no key":             {APIID: 1, PublicKey: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"},
		"key without an end": {APIID: 1, PublicKey: "-----BEGIN PUBLIC KEY-----\nAAAA\n"},
		"elliptic key": {APIID: 1, PublicKey: "-----BEGIN PUBLIC KEY-----\n" +
			"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"},
	} {
		_, err := mtproto.NewFiles(config, w.vault, w.scratch, nil)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}

	_, err := mtproto.NewFiles(mtproto.Config{APIID: 1}, w.vault, w.scratch, nil)
	require.NoError(t, err)
}

// Borders of chunks and of the file: what is read from there is what lies there,
// whether the size is known or not.
func TestBorders(t *testing.T) {
	t.Parallel()

	const chunk = 512 << 10

	w := start(t)

	for _, size := range []int{1, chunk - 1, chunk, chunk + 1, 5*chunk + 12345} {
		content := made(size)
		of := w.sent(content)

		for _, offset := range []int{0, 1, chunk - 1, chunk, size - 1, size} {
			if offset > size {
				continue
			}

			for told, of := range map[int64]transcript.FileRef{int64(size): of, -1: withoutSize(of)} {
				got, size, err := read(t.Context(), w.files, of, int64(offset))
				require.NoError(t, err, "size %d offset %d", told, offset)
				require.True(t, bytes.Equal(content[offset:], got), "size %d offset %d: %d bytes came", told, offset, len(got))
				require.Equal(t, told, size)
			}
		}

		_, _, err := w.files.Open(t.Context(), of, int64(size)+1)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), size)
	}
}

func withoutSize(of transcript.FileRef) transcript.FileRef {
	of.Size = 0

	return of
}

// A stream from any offset, read in pieces of any size and as far as wanted, is
// the file's bytes from there.
func TestAnyStretch(t *testing.T) {
	t.Parallel()

	w := start(t)
	content := made(1<<20 + 12345)
	of := w.sent(content)

	rapid.Check(t, func(r *rapid.T) {
		offset := rapid.IntRange(0, len(content)).Draw(r, "offset")
		length := rapid.IntRange(0, len(content)-offset).Draw(r, "length")
		piece := rapid.IntRange(1, 1<<20).Draw(r, "piece")

		opened, _, err := w.files.Open(t.Context(), of, int64(offset))
		require.NoError(r, err)
		defer opened.Close()

		var got bytes.Buffer

		for got.Len() < length {
			// Without require: a million pieces of a byte each.
			if count, err := io.CopyN(&got, opened, int64(min(piece, length-got.Len()))); err != nil || count == 0 {
				r.Fatalf("%d bytes came: %v", count, err)
			}
		}

		require.True(r, bytes.Equal(content[offset:offset+length], got.Bytes()))
	})
}
