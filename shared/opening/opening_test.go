package opening_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/opening"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/telegram"
)

const (
	token = secret.Value("5:first")
	next  = secret.Value("5:next")
)

// world is Telegram, as far as those who open stores see it, and what is kept.
type world struct {
	*opening.Service

	stores *store.Registry
	vault  *vaults.Vault
	bots   map[secret.Value]telegram.Profile
	hook   telegram.Webhook
	menus  map[string]int
	fails  error // setWebhook does, once
}

func newWorld() *world {
	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	w := &world{
		stores: store.NewRegistry(tables.New(now, fault.None{}), now), vault: vaults.New(now, fault.None{}), menus: map[string]int{},
		bots: map[secret.Value]telegram.Profile{token: {ID: 5, Username: "kopi_bot"}},
	}
	w.Service = opening.New(opening.Options{
		Stores: w.stores, Vault: w.vault, Menu: w, Updates: []string{"message"}, Webhook: "https://x.example/telegram/STORE",
		Clock: now, Bot: func(token secret.Value) (opening.Bot, error) { return bot{w, token}, nil },
	})

	return w
}

func (*world) Languages() []string { return []string{"id", "en"} }

func (*world) Commands(language string, selling, _ bool) []telegram.Command {
	menu := []telegram.Command{{Name: "start", Text: language}}
	if selling {
		menu = append(menu, telegram.Command{Name: "shop"})
	}

	return menu
}

type bot struct {
	*world

	token secret.Value
}

func (b bot) Me(context.Context) (telegram.Profile, error) {
	found, ok := b.bots[b.token]
	if !ok {
		return found, errs.New(errs.Unauthorized, "the bot token is not valid")
	}

	return found, nil
}

func (b bot) Webhook(context.Context) (health.Webhook, error) {
	return health.Webhook{URL: b.hook.URL}, nil
}

func (b bot) SetWebhook(_ context.Context, hook telegram.Webhook) error {
	if err := b.fails; err != nil {
		b.world.fails = nil

		return err
	}

	b.world.hook = hook

	return nil
}

func (b bot) SetCommands(_ context.Context, language string, menu []telegram.Command) error {
	b.menus[language] = len(menu)

	return nil
}

func kopi() store.Store {
	return store.Store{ID: "kopi", Name: "Toko Kopi", Owner: 7, Language: "id", TimeZone: "Asia/Jakarta"}
}

func TestOpenIsRepeatedWhereItStopped(t *testing.T) {
	t.Parallel()

	w := newWorld()
	w.fails = errors.New("cut off")

	_, err := w.Open(t.Context(), kopi(), token, "")
	require.ErrorContains(t, err, "cut off")

	_, err = w.stores.Change(t.Context(), "kopi", func(of *store.Store) { of.Shop.Open, of.Paused = true, true })
	require.NoError(t, err)

	opened, err := w.Open(t.Context(), kopi(), token, "")
	require.NoError(t, err)
	require.True(t, opened.Paused, "what a store has stays")
	require.Equal(t, "https://x.example/telegram/kopi", w.hook.URL)
	require.Equal(t, telegram.Connections, w.hook.MaxConnections)
	require.Equal(t, map[string]int{"": 2, "id": 2, "en": 2}, w.menus)

	kept, err := w.vault.Get(t.Context(), store.WebhookSecretName("kopi"))
	require.NoError(t, err)
	require.Equal(t, kept.Current, w.hook.Secret)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()

	w := newWorld()
	_, err := w.Open(t.Context(), kopi(), token, "")
	require.NoError(t, err)

	for want, change := range map[string]func(*store.Store){
		"store id":                 func(of *store.Store) { of.ID = "NO" },
		"that of the owner's own":  func(of *store.Store) { of.ID = store.OwnerBot },
		"name":                     func(of *store.Store) { of.Name = " " },
		"owner 0":                  func(of *store.Store) { of.Owner = 0 },
		"language":                 func(of *store.Store) { of.Language = "de" },
		"time zone":                func(of *store.Store) { of.TimeZone = "Mars" },
		"is the bot of store kopi": func(of *store.Store) { of.ID = "teh" },
	} {
		given := kopi()
		change(&given)

		_, err := w.Open(t.Context(), given, token, "")
		require.ErrorContains(t, err, want)
	}

	_, err = w.Open(t.Context(), kopi(), "9:unknown", "")
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	require.Equal(t, errs.Invalid, errs.CodeOf(w.CheckNew(kopi(), "nowhere")))
}

func TestATokenIsKeptUntilItsStoreIsOpened(t *testing.T) {
	t.Parallel()

	w := newWorld()
	me, err := w.Keep(t.Context(), token)
	require.NoError(t, err)

	opened, err := w.OpenKept(t.Context(), kopi(), me.ID, "https://y.example/kopi")
	require.NoError(t, err)
	require.Equal(t, "https://y.example/kopi", opened.Hook)

	// The same once more, as after an answer that was lost.
	again, err := w.OpenKept(t.Context(), kopi(), me.ID, "https://y.example/kopi")
	require.NoError(t, err)
	require.Equal(t, opened.BotID, again.BotID)

	w.bots["6:other"] = telegram.Profile{ID: 6, Username: "teh_bot"}
	other, err := w.Keep(t.Context(), "6:other")
	require.NoError(t, err)

	_, err = w.OpenKept(t.Context(), kopi(), other.ID, "https://y.example/kopi")
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "the id is taken")

	require.NoError(t, w.Forget(t.Context(), other.ID))

	given := kopi()
	given.ID = "teh"
	_, err = w.OpenKept(t.Context(), given, other.ID, "https://y.example/teh")
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "forgotten")

	_, err = w.Keep(t.Context(), token)
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "it serves a store")
}

func TestRotations(t *testing.T) {
	t.Parallel()

	w := newWorld()
	opened, err := w.Open(t.Context(), kopi(), token, "")
	require.NoError(t, err)

	// BotFather has made a new token, and the one before is no more.
	w.bots = map[secret.Value]telegram.Profile{next: {ID: 5, Username: "kopi_bot"}, "6:other": {ID: 6, Username: "teh_bot"}}

	_, err = w.RotateToken(t.Context(), opened, "6:other", "")
	require.Equal(t, errs.Invalid, errs.CodeOf(err))

	w.hook = telegram.Webhook{}
	rotated, err := w.RotateToken(t.Context(), opened, next, "")
	require.NoError(t, err)
	require.Equal(t, opened.Hook, rotated.Hook)
	require.Equal(t, opened.Hook, w.hook.URL)

	before := w.hook.Secret
	stopped := func(context.Context) error { return errors.New("stopped") }
	require.ErrorContains(t, w.RotateSecret(t.Context(), "kopi", stopped), "rotate again")
	require.Equal(t, before, w.hook.Secret)
	require.NoError(t, w.RotateSecret(t.Context(), "kopi", func(context.Context) error { return nil }))
	require.NotEqual(t, before, w.hook.Secret)

	// While updates are fetched, setting the webhook would end that.
	w.hook = telegram.Webhook{}
	opened.Polling = true
	_, err = w.RotateToken(t.Context(), opened, next, "")
	require.NoError(t, err)
	require.Empty(t, w.hook.URL)

	require.Equal(t, errs.NotFound, errs.CodeOf(w.RotateSecret(t.Context(), "kopi", nil)), "there is no webhook")
}
