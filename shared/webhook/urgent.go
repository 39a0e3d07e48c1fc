package webhook

import (
	"context"
	_ "embed"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// urgentTexts are the few sentences that are said from here. The bot's own
// catalogs would cost every cold start of the webhook.
//
//go:embed locales/urgent.json
var urgentTexts []byte

const (
	// preCheckout is the kind of update that must be answered within 10 seconds,
	// or Telegram cancels the payment.
	preCheckout = "pre_checkout_query"
	// readWithin bounds the look at the order, so that the answer comes in time.
	readWithin = 3 * time.Second
)

// Checkout answers whether an order may be paid in Stars: it reads the order
// that the invoice names, once.
type Checkout struct {
	state table.Table
	clock clock.Clock
	texts map[string]map[string]string // by key and language
}

// NewCheckout makes a checkout over the state table.
func NewCheckout(state table.Table, now clock.Clock) (*Checkout, error) {
	made := &Checkout{state: state, clock: now}
	if err := json.Unmarshal(urgentTexts, &made.texts); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "read the texts of urgent answers")
	}

	return made, nil
}

// checkoutQuery is what is read of one.
// https://core.telegram.org/bots/api#precheckoutquery
type checkoutQuery struct {
	ID   string `json:"id"`
	From struct {
		ID       int64  `json:"id"`
		Language string `json:"language_code"`
	} `json:"from"`
	Currency string `json:"currency"`
	Total    int64  `json:"total_amount"`
	Payload  string `json:"invoice_payload"`
}

// checkoutReply is a call that Telegram makes for us when it stands in the
// answer of a webhook: https://core.telegram.org/bots/api#making-requests-when-getting-updates
type checkoutReply struct {
	Method       string `json:"method"`
	QueryID      string `json:"pre_checkout_query_id"`
	OK           bool   `json:"ok"`
	ErrorMessage string `json:"error_message,omitempty"`
}

// Answer is an Urgent. It says yes only where the order awaits just this
// payment, and else why not, in the payer's language. A table that does not
// answer is a no: nobody is charged for what may be sold already.
func (c *Checkout) Answer(ctx context.Context, of, kind string, content []byte) (any, bool) {
	if kind != preCheckout {
		return nil, false
	}

	var query checkoutQuery
	if err := json.Unmarshal(content, &query); err != nil || query.ID == "" {
		return nil, false // malformed: the bot logs what it was
	}

	reply := checkoutReply{Method: "answerPreCheckoutQuery", QueryID: query.ID}

	refusal := c.refusal(ctx, of, query)
	if refusal == "" {
		reply.OK = true

		return reply, true
	}

	slog.InfoContext(ctx, "checkout declined", "reason", refusal, "payload", query.Payload, "amount", query.Total)

	reply.ErrorMessage = c.say(refusal, query.From.Language)

	return reply, true
}

// refusal gives the key of the sentence that says why an order may not be paid
// like this; empty where it may.
func (c *Checkout) refusal(ctx context.Context, of string, query checkoutQuery) string {
	ref, err := order.ParseReference(of, query.Payload)
	if err != nil {
		return "checkout_unknown"
	}

	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()

	asked, err := order.Read(ctx, c.state, ref)

	switch {
	case errs.Is(err, errs.NotFound):
		return "checkout_unknown"
	case err != nil:
		slog.ErrorContext(ctx, "order of a checkout is out of reach", "order", ref.ID, "error", err)

		return "checkout_trouble"
	case asked.User != query.From.ID: // a receipt and a refund go to whoever ordered
		return "checkout_stranger"
	case asked.State != order.Awaiting:
		return "checkout_closed"
	case !c.clock.Now().Before(asked.Deadline):
		return "checkout_late"
	case query.Currency != string(money.Stars) || asked.Total != money.XTR(query.Total):
		return "checkout_changed"
	default:
		return ""
	}
}

func (c *Checkout) say(key, language string) string {
	language, _, _ = strings.Cut(language, "-")

	if text, ok := c.texts[key][language]; ok {
		return text
	}

	return c.texts[key][store.DefaultLanguage]
}
