// Package chat provides the conversation: what a store's bot does with one
// update, from the middleware that every update passes to the handler of each
// command, file and button, and every text in the languages of locales/.
//
// To add a command, add a line to Chat.commands, its handler, and its texts
// (at least command.<name>) to every file of locales. To add a button, add a
// line to Chat.taps.
package chat

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

// Updates are the kinds of updates that the bots understand: no other is
// asked of Telegram.
func Updates() []string {
	return []string{"message", "callback_query", "my_chat_member", "pre_checkout_query"}
}

// Messenger speaks for a store's bot.
type Messenger interface {
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	Edit(ctx context.Context, to message.Address, text message.Text) error
	Delete(ctx context.Context, which message.Address) error
	Answer(ctx context.Context, store, query, toast string) error
	SendPhoto(ctx context.Context, to message.Address, photo message.Photo) (int, error)
	EditCaption(ctx context.Context, to message.Address, caption message.Text) error
	SendFile(ctx context.Context, to message.Address, file message.Document) (int, error)
}

// Transcripts are the jobs that people start and look at.
type Transcripts interface {
	Start(ctx context.Context, request transcript.Request) (transcript.Job, error)
	Get(ctx context.Context, store string, user int64, job string) (transcript.Job, error)
	Turn(ctx context.Context, turn transcript.Turn) ([]transcript.Job, bool, error)
	Allowance(ctx context.Context, store string, user int64, terms transcript.Terms) (transcript.Allowance, error)
	Cancel(ctx context.Context, store string, user int64) ([]transcript.Job, error)
	CancelOne(ctx context.Context, store string, user int64, job string) (transcript.Job, error)
	Retry(ctx context.Context, store string, user int64, job string, terms transcript.Terms) (transcript.Job, error)
	Send(ctx context.Context, wish transcript.Wish) error
	Delete(ctx context.Context, store string, user int64, job string) error
	DeleteAll(ctx context.Context, erasure transcript.Erasure) error
}

// Options are what a Chat works with. Needed are those up to Clock.
type Options struct {
	Scratch     table.Table
	Stores      *store.Registry
	Users       *user.Repository
	Transcripts Transcripts
	Messenger   Messenger
	Catalog     *Catalog
	Clock       clock.Clock
	Metrics     *metric.Emitter

	// Shop, Orders, Wallets, Till and Terms sell. Default: nothing is sold. They
	// are given all or none.
	Shop    Shop
	Orders  Orders
	Wallets Wallets
	Till    Till
	Terms   Terms

	// Backroom is what staff manage a shop with. Default: they see people only.
	Backroom *Backroom

	// Health tells owners how their stores do. Default: the owner's own bot does
	// not know.
	Health Health

	// Campaigns are broadcasts to all people of a store, Previewer shows one to who
	// writes it. They are given both or none. Default: nobody broadcasts.
	Campaigns Campaigns
	Previewer Previewer

	// Alerts do what the buttons of alerts say. Default: nobody is told any.
	Alerts Alerts

	// Opening opens stores in the owner's own bot. Default: it is done by the
	// command line only.
	Opening Opening

	// Tiers are what people may have transcribed. Default: files of 20 MB, which
	// is what the Bot API gives, and no other limit.
	Tiers transcript.Tiers

	// Models are what people of stores that prefer none may choose to be heard
	// by, "provider/model". Default: they have no choice.
	Models []string

	// UserRate is what one person may ask, StoreRate what all people of one
	// store may. Defaults: 20 at once and 10 a minute; 100 at once and a minute.
	UserRate  limit.Rate
	StoreRate limit.Rate

	// MaxAttempts is how often the queue delivers an update before it gives it
	// up: at the last one the person is told what earlier ones kept quiet.
	// Default: 5.
	MaxAttempts int
}

const (
	defaultUserBurst      = 20
	defaultUserEvery      = 6 * time.Second
	defaultStorePerMinute = 100
	defaultMaxAttempts    = 5
)

// Chat answers updates. It is safe for concurrent use.
type Chat struct {
	Options

	limits *limit.Limiter
	handle handler
}

// New makes a chat.
func New(options Options) *Chat {
	if options.Tiers == (transcript.Tiers{}) {
		served := transcript.Tier{Largest: telegram.MaxDownloadBytes}
		options.Tiers = transcript.Tiers{Free: served, Premium: served}
	}

	if options.UserRate.Burst == 0 {
		options.UserRate = limit.Rate{Burst: defaultUserBurst, Every: defaultUserEvery}
	}

	if options.StoreRate.Burst == 0 {
		options.StoreRate = limit.PerMinute(defaultStorePerMinute)
	}

	if options.MaxAttempts == 0 {
		options.MaxAttempts = defaultMaxAttempts
	}

	chat := &Chat{Options: options, limits: limit.New(options.Scratch, options.Clock)}
	chat.handle = chain(chat.route,
		chat.reported, recovered, chat.logged, chat.once, chat.inStore, chat.met, chat.spoken, ranked, chat.admitted,
		chat.open, chat.listened, chat.single, chat.limited)

	return chat
}

// Handle does what an update of a store asks for. cause names the update, the
// same however often it comes; attempt counts its deliveries from 1. An error
// means that it should be delivered again; everything that another try cannot
// mend is told to the person and to the log instead.
func (c *Chat) Handle(ctx context.Context, storeID string, update telego.Update, cause string, attempt int) error {
	r := newRequest(storeID, update, cause, attempt)
	if r == nil {
		slog.DebugContext(ctx, "update is not for us", "store", storeID, "update", update.UpdateID)

		return nil
	}

	r.words = c.Catalog.In(store.DefaultLanguage)
	if code, ok := c.Catalog.understood(r.from.LanguageCode); ok {
		r.words = c.Catalog.In(code)
	}

	return c.handle(ctx, r)
}

// handler does one step of the work on a request.
type handler func(ctx context.Context, r *request) error

// middleware does something around a handler.
type middleware func(next handler) handler

// chain wraps a handler so that the first of around comes first.
func chain(last handler, around ...middleware) handler {
	for _, wrap := range slices.Backward(around) {
		last = wrap(last)
	}

	return last
}

// undeliverable reports whether an error means that the person cannot be
// reached at all, so that nothing more can be done.
func undeliverable(err error) bool {
	return errs.Is(err, errs.Unauthorized) || errs.Is(err, errs.NotFound)
}
