package chat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/opening"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

const (
	botToken = "5550001:simulated-token-of-the-new-store-000"
	hookURL  = "https://api.example.com/telegram/owner"
)

// botFather knows the bots that there are, and is each of them.
type botFather struct {
	mu    sync.Mutex
	bots  map[secret.Value]telegram.Profile
	hooks map[string]bool
	menus int
}

func (b *botFather) bot(token secret.Value) (opening.Bot, error) {
	if !strings.Contains(token.Reveal(), ":") {
		return nil, errs.New(errs.Invalid, "make a Telegram client")
	}

	return newBot{b, token}, nil
}

type newBot struct {
	*botFather

	token secret.Value
}

func (b newBot) Me(context.Context) (telegram.Profile, error) {
	found, ok := b.bots[b.token]
	if !ok {
		return telegram.Profile{}, errs.New(errs.Unauthorized, "the bot token is not valid")
	}

	return found, nil
}

func (newBot) Webhook(context.Context) (health.Webhook, error) { return health.Webhook{}, nil }

func (b newBot) SetWebhook(_ context.Context, hook telegram.Webhook) error {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.hooks[hook.URL] = true

	return nil
}

func (b newBot) SetCommands(context.Context, string, []telegram.Command) error {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.botFather.menus++

	return nil
}

// newWizard makes an office whose operator can open stores.
func newWizard(t *testing.T) (*world, *botFather, secret.Vault) {
	t.Helper()

	father := &botFather{hooks: map[string]bool{}, bots: map[secret.Value]telegram.Profile{
		botToken: {ID: 5550001, Name: "Toko Baru", Username: "Toko_Baru_bot"}, "1:used": {ID: 99, Username: "teh_bot"},
	}}
	vault := vaults.New(clock.System{}, fault.None{})

	w := newOffice(t)
	options := w.options
	options.Opening = opening.New(opening.Options{
		Stores: w.stores, Vault: vault, Bot: father.bot, Menu: w.catalog, Updates: chat.Updates(), Clock: w.now,
	})
	w.chat = chat.New(options)

	_, err := w.stores.Change(t.Context(), store.OwnerBot, func(of *store.Store) { of.Hook = hookURL })
	require.NoError(t, err)
	_, err = w.stores.Change(t.Context(), "teh", func(of *store.Store) { of.BotID = 99 })
	require.NoError(t, err)

	return w, father, vault
}

// The operator opens a store without leaving the chat.
func TestTheWizardOpensAStore(t *testing.T) {
	t.Parallel()

	for _, language := range []string{"id", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()

			w, father, vault := newWizard(t)

			for _, text := range []string{
				"/newstore", "not a token", "1:unknown", "1:used", botToken, "Owner", "teh", "Toko <Baru>", "nobody", "3003",
				"tap form:pick:3:" + language, "tap form:save:4", "tap form:change:4:0", "toko-baru", "tap form:save:4", "/stores",
				"/newstore", "/cancel",
			} {
				w.says(operator, language, text)
			}

			w.golden("wizard." + language + ".txt")

			made, err := w.stores.Get(t.Context(), "toko-baru")
			require.NoError(t, err)
			require.Equal(t, store.Store{
				ID: "toko-baru", Name: "Toko <Baru>", BotID: 5550001, BotUsername: "Toko_Baru_bot", Owner: 3003,
				Language: language, TimeZone: "Asia/Jakarta", CreatedAt: made.CreatedAt,
				Hook: "https://api.example.com/telegram/toko-baru",
			}, made)
			require.True(t, father.hooks[made.Hook])
			require.Equal(t, 3, father.menus)

			kept, err := vault.Get(t.Context(), store.TokenName("toko-baru"))
			require.NoError(t, err)
			require.Equal(t, botToken, kept.Current.Reveal())

			log, _, err := audit.NewLog(w.state, w.now).Page(t.Context(), store.OwnerBot, "", 1)
			require.NoError(t, err)
			require.Equal(t, "store toko-baru", log[0].Target)
			require.EqualValues(t, operator, log[0].By)
		})
	}
}

// The token stands nowhere but in the vault: not in the chat, not in any table.
func TestTheWizardLeavesNoTokenBehind(t *testing.T) {
	t.Parallel()

	w, _, _ := newWizard(t)
	w.says(operator, "id", "/newstore")
	w.says(operator, "id", botToken)

	require.Contains(t, strings.Join(w.phone.log, "\n"), fmt.Sprintf("bot, message %d removed", w.phone.last-1))

	for _, text := range []string{"tap form:pick:0:toko-baru", "Toko Baru", "tap form:pick:2:2002", "tap form:pick:3:id"} {
		w.says(operator, "id", text)
	}

	for _, rows := range [][]string{w.bodies(w.state), w.bodies(w.scratch)} {
		require.NotEmpty(t, rows)

		for _, body := range rows {
			require.NotContains(t, body, "simulated-token")
		}
	}

	for _, shown := range w.phone.shown {
		require.NotContains(t, shown.HTML, "simulated-token")
	}

	// It cannot be removed: the operator is told to.
	w.says(operator, "id", "/newstore")

	sent := w.text(botToken)
	sent.Message.From = from(operator, "id")
	w.phone.fail(errors.New("message can't be deleted"))
	w.do(sent)
	require.Contains(t, strings.Join(w.phone.log, "\n"), "Hapus sendiri ya")
}

func TestOnlyTheOperatorOpensStores(t *testing.T) {
	t.Parallel()

	w, _, _ := newWizard(t)

	w.says(ani, "id", "/newstore")
	require.NotContains(t, w.phone.message(0).HTML, "Toko baru")
	w.says(ani, "id", botToken)
	require.NotContains(t, w.phone.message(0).HTML, "ID")

	w.says(ani, "id", "tap form:save:4")
	require.Contains(t, w.phone.message(0).HTML, "Ini bot pemilik")

	// Where it cannot be done in the chat, the operator is told how.
	plain := newOffice(t)
	plain.says(operator, "id", "/newstore")
	require.Contains(t, plain.phone.message(0).HTML, "ctl store add")
}

func TestOwnersPauseTheirStores(t *testing.T) {
	t.Parallel()

	w := newOffice(t)
	paused := func(id string) bool {
		found, err := w.stores.Get(t.Context(), id)
		require.NoError(t, err)

		return found.Paused
	}

	w.says(ani, "id", "/stores")
	require.NotContains(t, w.phone.message(0).HTML, "Kopi", "who owns a store sees no other")

	w.says(ani, "id", "tap pause:teh:1")
	require.True(t, paused("teh"))
	require.Contains(t, picture(w.phone.message(0)), "resume:teh:1")
	require.Contains(t, w.phone.toast(), "Dijeda")

	log, _, err := audit.NewLog(w.state, w.now).Page(t.Context(), "teh", "", 1)
	require.NoError(t, err)
	require.Equal(t, "store_pause", log[0].Action)

	w.says(ani, "id", "tap resume:teh:1")
	require.False(t, paused("teh"))

	w.says(ani, "id", "tap pause:"+demo+":1")
	require.False(t, paused(demo), "not theirs")

	w.says(ani, "id", "tap pause:teh:x")
	require.False(t, paused("teh"))

	w.says(3003, "id", "tap pause:teh:1")
	require.False(t, paused("teh"), "a stranger's")

	for at := range 9 {
		require.NoError(t, w.stores.Save(t.Context(), store.Store{
			ID: fmt.Sprintf("more-%d", at), Name: fmt.Sprintf("Toko %d", at), Owner: ani, Language: "id", TimeZone: "Asia/Jakarta",
		}))
	}

	w.says(operator, "id", "/stores")
	require.Contains(t, picture(w.phone.message(0)), "stores:2")
	w.says(operator, "id", "tap stores:2")
	require.Contains(t, picture(w.phone.message(0)), "stores:1")
	w.says(operator, "id", "tap pause:teh:2")
	require.True(t, paused("teh"), "the operator may all of them")
	w.says(operator, "id", "tap stores:99")
	require.Contains(t, picture(w.phone.message(0)), "resume:teh:2")
	w.says(operator, "id", "tap stores:x")
	require.Contains(t, w.phone.message(0).HTML, "Ini bot pemilik")
}

func forwarded(sent telego.Update, whose int64) telego.Update {
	sent.Message.ForwardOrigin = &telego.MessageOriginUser{SenderUser: telego.User{ID: whose}}

	return sent
}

func TestTheOwnerOfANewStoreMayBeForwarded(t *testing.T) {
	t.Parallel()

	w, _, _ := newWizard(t)
	for _, text := range []string{"/newstore", botToken, "tap form:pick:0:toko-baru", "Toko Baru"} {
		w.says(operator, "id", text)
	}

	sent := forwarded(w.text("halo"), 4004)
	sent.Message.From = from(operator, "id")
	w.do(sent)
	w.says(operator, "id", "tap form:pick:3:en")
	w.says(operator, "id", "tap form:save:4")

	made, err := w.stores.Get(t.Context(), "toko-baru")
	require.NoError(t, err)
	require.EqualValues(t, 4004, made.Owner)
}
