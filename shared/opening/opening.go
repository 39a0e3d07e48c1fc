// Package opening provides how a store comes to life, from the token of a bot
// to a bot that answers, and how its token and its secrets change later. The
// operator's command line and the wizard in the owner's bot do the same by it.
//
// Every step can be repeated after it was interrupted anywhere, and no step
// loses an update: those that Telegram cannot push meanwhile wait there.
package opening

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/telegram"
)

const (
	// secretBytes make a webhook secret of 43 characters.
	secretBytes = 32
	// longestName is as long as Telegram lets the name of a bot be.
	longestName = 64
	// anyStore stands in the address of the webhook for the id of a store.
	anyStore = "STORE"
)

// Bot is a bot as its operator sets it up: telegram.Client.
type Bot interface {
	Me(ctx context.Context) (telegram.Profile, error)
	Webhook(ctx context.Context) (health.Webhook, error)
	SetWebhook(ctx context.Context, webhook telegram.Webhook) error
	SetCommands(ctx context.Context, language string, commands []telegram.Command) error
}

// Menu is what a bot's menu offers: chat.Catalog.
type Menu interface {
	Languages() []string
	Commands(language string, selling, transcribing bool) []telegram.Command
}

// Options are what a Service works with.
type Options struct {
	Stores  *store.Registry
	Vault   secret.Vault
	Bot     func(token secret.Value) (Bot, error)
	Menu    Menu
	Updates []string // the kinds of updates that bots understand
	// Webhook is where updates go, with STORE for the store's id. Empty: Open is
	// told where.
	Webhook string
	Clock   clock.Clock
}

// Service opens stores.
type Service struct{ Options }

// New makes a service.
func New(options Options) *Service { return &Service{options} }

// Check asks Telegram whose token it is. Unauthorized where it is not valid,
// Conflict where the bot serves a store other than except already: a bot has
// one webhook.
func (s *Service) Check(ctx context.Context, token secret.Value, except string) (telegram.Profile, error) {
	bot, err := s.Bot(token)
	if err != nil {
		return telegram.Profile{}, err
	}

	me, err := bot.Me(ctx)
	if err != nil {
		return telegram.Profile{}, err
	}

	stores, err := s.Stores.List(ctx)
	if err != nil {
		return telegram.Profile{}, errs.Context(err, "look whose bot @%s is", me.Username)
	}

	for _, known := range stores {
		if known.BotID == me.ID && known.ID != except {
			return telegram.Profile{}, errs.New(errs.Conflict,
				"@%s is the bot of store %s already: take another bot", me.Username, known.ID)
		}
	}

	return me, nil
}

// Open registers a store, or changes its name, owner, language, time zone,
// mode (where one is given) and bot: everything else of a store that exists stays as it is. Its token is
// kept, Telegram pushes its updates to hook (empty: by the setting), and its
// menu is set in all languages. with goes into the same write as the store.
// Invalid where something that was given cannot be; as Check for the token.
func (s *Service) Open(
	ctx context.Context, given store.Store, token secret.Value, hook string, with ...table.Op,
) (store.Store, error) {
	if err := s.CheckNew(given, hook); err != nil {
		return store.Store{}, err
	}

	hook = s.HookOf(given.ID, hook)

	me, err := s.Check(ctx, token, given.ID)
	if err != nil {
		return store.Store{}, errs.Context(err, "open store %s", given.ID)
	}

	opened, err := s.known(ctx, given)
	if err != nil {
		return store.Store{}, err
	}

	opened.BotID, opened.BotUsername, opened.Hook = me.ID, me.Username, hook

	if err := s.Vault.Rotate(ctx, store.TokenName(opened.ID), token); err != nil {
		return store.Store{}, errs.Context(err, "keep the token of store %s", opened.ID)
	}

	if err := s.Stores.Save(ctx, opened, with...); err != nil {
		return store.Store{}, errs.Context(err, "register store %s", opened.ID)
	}

	if err := s.Connect(ctx, opened, token); err != nil {
		return store.Store{}, errs.Context(err, "connect the bot of store %s", opened.ID)
	}

	return opened, s.RefreshMenu(ctx, opened)
}

// Keep checks a token as Check does and keeps it in the vault until OpenKept
// takes it: nobody else has to hold it while a person decides on the rest. A
// token that was revoked in between is replaced by keeping the next one.
func (s *Service) Keep(ctx context.Context, token secret.Value) (telegram.Profile, error) {
	me, err := s.Check(ctx, token, "")
	if err != nil {
		return telegram.Profile{}, err
	}

	if err := s.Vault.Rotate(ctx, keptName(me.ID), token); err != nil {
		return telegram.Profile{}, errs.Context(err, "keep the token of @%s", me.Username)
	}

	return me, nil
}

// keptName names the token of a bot that serves no store yet: no store is
// called so, for its id would be longer than ids are.
func keptName(bot int64) string {
	return store.TokenName("opening-of-a-store-for-the-bot-" + strconv.FormatInt(bot, 10))
}

// OpenKept is Open for a new store with the token of a bot that Keep has kept,
// and forgets where it was kept. Conflict where another store has the id.
func (s *Service) OpenKept(
	ctx context.Context, given store.Store, bot int64, hook string, with ...table.Op,
) (store.Store, error) {
	found, err := s.Stores.Get(ctx, given.ID)
	if err == nil && found.BotID != bot {
		return store.Store{}, errs.New(errs.Conflict, "open store %s: there is one that is called so", given.ID)
	}

	if err != nil && !errs.Is(err, errs.NotFound) {
		return store.Store{}, err
	}

	token, err := s.Vault.Fresh(ctx, keptName(bot))
	if errs.Is(err, errs.NotFound) && found.BotID == bot { // done before: the token is where it belongs
		return found, nil
	}

	if err != nil {
		return store.Store{}, errs.Context(err, "read the token of bot %d", bot)
	}

	if found.BotID == bot { // begun before, and recorded
		with = nil
	}

	opened, err := s.Open(ctx, given, token.Current, hook, with...)
	if err != nil {
		return store.Store{}, err
	}

	return opened, s.Forget(ctx, bot)
}

// Forget forgets a token that Keep has kept. It is fine where there is none.
func (s *Service) Forget(ctx context.Context, bot int64) error {
	return s.Vault.Delete(ctx, keptName(bot))
}

// HookOf gives the address of a store's webhook: the one given, or else by the
// setting.
func (s *Service) HookOf(id, given string) string {
	if given != "" {
		return given
	}

	return strings.Replace(s.Webhook, anyStore, id, 1)
}

// CheckNew looks whether a store can be opened as it says, with its updates
// going to hook (empty: by the setting). Invalid where not.
func (s *Service) CheckNew(given store.Store, hook string) error {
	if given.ID == store.OwnerBot {
		return errs.New(errs.Invalid, "store id %q is that of the owner's own bot: take another", given.ID)
	}

	if _, err := table.TenantOf(given.ID); err != nil {
		return err
	}

	if err := CheckHook(s.HookOf(given.ID, hook)); err != nil {
		return err
	}

	return s.CheckSettings(given)
}

// CheckHook returns Invalid where updates cannot be pushed to an address.
func CheckHook(hook string) error {
	if parsed, err := url.Parse(hook); err != nil || parsed.Host == "" {
		return errs.New(errs.Invalid, "webhook %q is not an address: output WebhookUrl of the stack shows its form", hook)
	}

	return nil
}

// CheckSettings looks whether a store may be called, owned and spoken to as it
// says. Invalid where not.
func (s *Service) CheckSettings(given store.Store) error {
	switch {
	case strings.TrimSpace(given.Name) == "" || utf8.RuneCountInString(given.Name) > longestName:
		return errs.New(errs.Invalid, "name %q: give the store one of up to %d characters", given.Name, longestName)
	case given.Owner <= 0:
		return errs.New(errs.Invalid, "owner %d: give the owner's Telegram user id, a positive number (@userinfobot tells it)",
			given.Owner)
	case !slices.Contains(s.Menu.Languages(), given.Language):
		return errs.New(errs.Invalid, "language %q: the bot speaks %v", given.Language, s.Menu.Languages())
	}

	return given.CheckTimeZone()
}

// known gives the store as it was, with what Open changes; one that begins now
// if it is new.
func (s *Service) known(ctx context.Context, given store.Store) (store.Store, error) {
	found, err := s.Stores.Get(ctx, given.ID)
	if errs.Is(err, errs.NotFound) {
		found, err = store.Store{ID: given.ID, CreatedAt: s.Clock.Now().UTC()}, nil
	}

	found.Name, found.Owner, found.Language, found.TimeZone = given.Name, given.Owner, given.Language, given.TimeZone

	if given.Mode != "" {
		found = found.In(given.Mode, s.Clock.Now())
	}

	return found, err
}

// Connect has Telegram push a bot's updates to of.Hook, proving itself by the
// store's webhook secret, which is made where there is none. While the updates
// are fetched, it is left to whoever turns the store back to its webhook.
func (s *Service) Connect(ctx context.Context, of store.Store, token secret.Value) error {
	known, err := s.Vault.Get(ctx, store.WebhookSecretName(of.ID))

	switch errs.CodeOf(err) {
	case "":
	case errs.NotFound:
		known.Current = newSecret()
		if err := s.Vault.Rotate(ctx, store.WebhookSecretName(of.ID), known.Current); err != nil {
			return errs.Context(err, "keep the webhook secret")
		}
	default:
		return errs.Context(err, "read the webhook secret")
	}

	if of.Polling {
		return nil
	}

	return s.setWebhook(ctx, token, of.Hook, known.Current)
}

func (s *Service) setWebhook(ctx context.Context, token secret.Value, hook string, proof secret.Value) error {
	bot, err := s.Bot(token)
	if err != nil {
		return err
	}

	return bot.SetWebhook(ctx, telegram.Webhook{
		URL: hook, Secret: proof, MaxConnections: telegram.Connections, Updates: s.Updates,
	})
}

func newSecret() secret.Value {
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // it never fails: https://pkg.go.dev/crypto/rand#Read

	return secret.Value(base64.RawURLEncoding.EncodeToString(random))
}

// RefreshMenu gives the bot the menu of what its store has now, in all
// languages and, for everyone else, in the store's own.
func (s *Service) RefreshMenu(ctx context.Context, of store.Store) error {
	bot, err := s.botOf(ctx, of.ID)
	if err != nil {
		return err
	}

	for _, language := range append([]string{""}, s.Menu.Languages()...) {
		spoken := language
		if spoken == "" {
			spoken = of.Language
		}

		menu := s.Menu.Commands(spoken, of.Sells(), of.Has(store.Transcription))
		if err := bot.SetCommands(ctx, language, menu); err != nil {
			return errs.Context(err, "set the menu of store %s", of.ID)
		}
	}

	return nil
}

// botOf gives the bot of a store by the token that is kept now.
func (s *Service) botOf(ctx context.Context, id string) (Bot, error) {
	token, err := s.Vault.Fresh(ctx, store.TokenName(id))
	if err != nil {
		return nil, errs.Context(err, "read the token of store %s", id)
	}

	return s.Bot(token.Current)
}

// RotateToken gives a store's bot the token that BotFather has made for it,
// after which Telegram does not know the one before any more. It is kept first:
// functions whose token is refused read it again at once. Then the webhook is
// set by it, to hook or, where that is empty, as before; the store is given back
// with it. Invalid where it is the token of another bot.
func (s *Service) RotateToken(ctx context.Context, of store.Store, token secret.Value, hook string) (store.Store, error) {
	me, err := s.Check(ctx, token, of.ID)
	if err != nil {
		return store.Store{}, errs.Context(err, "rotate the token of store %s", of.ID)
	}

	if me.ID != of.BotID {
		return store.Store{}, errs.New(errs.Invalid,
			"rotate the token of store %s: this is the token of @%s, not of @%s (to change the bot: store add)",
			of.ID, me.Username, of.BotUsername)
	}

	bot, err := s.Bot(token)
	if err != nil {
		return store.Store{}, err
	}

	// Where updates went, before anything changes: it may be an address of the operator's own.
	hook = cmp.Or(hook, of.Hook)
	if hook == "" {
		present, err := bot.Webhook(ctx)
		if err != nil {
			return store.Store{}, errs.Context(err, "ask where the updates of store %s go", of.ID)
		}

		hook = present.URL
	}

	of.Hook = s.HookOf(of.ID, hook)
	if err := CheckHook(of.Hook); err != nil {
		return store.Store{}, err
	}

	if err := s.Vault.Rotate(ctx, store.TokenName(of.ID), token); err != nil {
		return store.Store{}, errs.Context(err, "keep the token of store %s", of.ID)
	}

	if err := s.Connect(ctx, of, token); err != nil {
		return store.Store{}, errs.Context(err, "set the webhook of store %s by the new token", of.ID)
	}

	return of, nil
}

// RotateSecret makes a new webhook secret in an order in which no update is
// refused: Telegram always proves itself with one of the two that count.
// Functions remember secrets, so wait has to last until every one knows the
// new secret; only then does Telegram get it.
func (s *Service) RotateSecret(ctx context.Context, id string, wait func(context.Context) error) error {
	token, err := s.Vault.Fresh(ctx, store.TokenName(id))
	if err != nil {
		return errs.Context(err, "read the token of store %s", id)
	}

	bot, err := s.Bot(token.Current)
	if err != nil {
		return err
	}

	hook, err := bot.Webhook(ctx)
	if err != nil {
		return errs.Context(err, "ask where the updates of store %s go", id)
	}

	of, err := s.Stores.Latest(ctx, id)
	if err != nil {
		return errs.Context(err, "rotate the webhook secret of store %s", id)
	}

	// Its updates are fetched: the webhook is set again with the secret of then.
	if hook.URL == "" && of.Polling {
		if err := s.Vault.Rotate(ctx, store.WebhookSecretName(id), newSecret()); err != nil {
			return errs.Context(err, "keep the new webhook secret of store %s", id)
		}

		return nil
	}

	if hook.URL == "" {
		return errs.New(errs.NotFound, "store %s has no webhook to rotate the secret of: set one by store add", id)
	}

	known, err := s.Vault.Fresh(ctx, store.WebhookSecretName(id))
	if err != nil {
		return errs.Context(err, "read the webhook secret of store %s", id)
	}

	// After an interrupted rotation Telegram may still have the previous one,
	// which the next step forgets.
	if err := s.setWebhook(ctx, token.Current, hook.URL, known.Current); err != nil {
		return errs.Context(err, "give Telegram the present secret of store %s", id)
	}

	fresh := newSecret()
	if err := s.Vault.Rotate(ctx, store.WebhookSecretName(id), fresh); err != nil {
		return errs.Context(err, "keep the new webhook secret of store %s", id)
	}

	if err := wait(ctx); err != nil {
		return errs.Context(err, "store %s goes on with its old secret; rotate again", id)
	}

	if err := s.setWebhook(ctx, token.Current, hook.URL, fresh); err != nil {
		return errs.Context(err, "store %s goes on with its old secret; rotate again", id)
	}

	return nil
}
