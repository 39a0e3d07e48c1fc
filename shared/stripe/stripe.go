// Package stripe provides payments by card through Stripe Checkout: a page of
// Stripe's for each bill, whose session alone says whether it is paid.
// API: https://docs.stripe.com/api/checkout/sessions
package stripe

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/payment/call"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
)

// Name is Stripe's in settings, rows and addresses.
const Name = "stripe"

const (
	// minor is how many of Stripe's smallest units are a rupiah: it counts
	// rupiah with two decimals. https://docs.stripe.com/currencies
	minor = 100
	// least is about the half dollar below which Stripe takes no card; most is
	// ours, far below Stripe's twelve digits.
	least, most = 10_000, 100_000_000
	// A session lives for 30 minutes to 24 hours. Ours live for so much longer
	// than the order, whose end closes them, that clocks may differ; those of
	// orders that live for nearly a day live for a day.
	sessionMore, longOrder = 35 * time.Minute, 23 * time.Hour
	longestTitle           = 250 // bytes
)

// Gateway is Stripe. It implements payment.Notifier and is safe for concurrent
// use.
type Gateway struct {
	vault   secret.Vault
	baseURL string
	caller  *call.Caller
	clock   clock.Clock
}

var _ payment.Notifier = (*Gateway)(nil)

// New makes the gateway at baseURL, such as https://api.stripe.com. Keys of
// stores come from the vault, under store.GatewayKeyName and GatewayHookName.
func New(vault secret.Vault, baseURL string) *Gateway {
	return &Gateway{vault: vault, baseURL: strings.TrimRight(baseURL, "/"), caller: call.New("Stripe"), clock: clock.System{}}
}

// Close ends the connections that are kept open.
func (g *Gateway) Close() { g.caller.Close() }

// Name implements payment.Gateway.
func (g *Gateway) Name() string { return Name }

// Methods implements payment.Gateway.
func (g *Gateway) Methods(of store.Store, amount money.Amount) []payment.Method {
	_, ok := of.Shop.At(Name)
	if !ok || amount.Currency != money.Rupiah || amount.Value < least || amount.Value > most {
		return nil
	}

	return []payment.Method{payment.Card}
}

// Fee implements payment.Gateway. Stripe takes its fee from the store.
func (g *Gateway) Fee(_ context.Context, _ store.Store, method payment.Method, amount money.Amount) (int64, error) {
	if method != payment.Card || amount.Currency != money.Rupiah {
		return 0, errs.New(errs.Invalid, "price method %q of Stripe for %s: it has none such", method, amount)
	}

	return 0, nil
}

// session is a Checkout Session, as far as it is read.
type session struct {
	ID            string `json:"id"`
	Object        string `json:"object"`
	Reference     string `json:"client_reference_id"`
	Amount        int64  `json:"amount_total"`
	Currency      string `json:"currency"`
	Live          bool   `json:"livemode"`
	Status        string `json:"status"`         // open, complete, expired
	PaymentStatus string `json:"payment_status"` // paid, unpaid, no_payment_required
	URL           string `json:"url"`
	ExpiresAt     int64  `json:"expires_at"`
	Created       int64  `json:"created"`
	// Intent is expanded where the status is asked; else only its id.
	Intent json.RawMessage `json:"payment_intent"`
}

// Bill implements payment.Gateway. The idempotency key has Stripe give the same
// session for a day; what is asked of it depends on the invoice alone. Conflict
// where that session has ended.
func (g *Gateway) Bill(ctx context.Context, invoice payment.Invoice) (order.Bill, error) {
	account, err := accountOf(invoice.Store)
	if err != nil {
		return order.Bill{}, err
	}

	if len(g.Methods(invoice.Store, invoice.Amount)) == 0 || invoice.Method != payment.Card {
		return order.Bill{}, errs.New(errs.Invalid, "bill %s at Stripe by %q: it takes cards for %d to %d rupiah",
			invoice.Amount, invoice.Method, least, most)
	}

	var made session

	err = g.call(ctx, invoice.Store, call.Request{
		Method: http.MethodPost, URL: g.baseURL + "/v1/checkout/sessions", Again: true,
		Headers: map[string]string{"Idempotency-Key": invoice.Reference},
		Body:    []byte(form(invoice).Encode()),
	}, &made)
	if err != nil {
		return order.Bill{}, errs.Context(err, "bill order %s at Stripe", invoice.Reference)
	}

	switch {
	case !sound(made.ID), made.Reference != invoice.Reference, made.Amount != invoice.Amount.Value*minor, made.Currency != "idr":
		return order.Bill{}, errs.New(errs.Unavailable, "Stripe's answer for order %s of %s is of order %.64q, %d %.8s",
			invoice.Reference, invoice.Amount, made.Reference, made.Amount, made.Currency)
	case !made.Live && !account.Sandbox:
		return order.Bill{}, errs.New(errs.Unauthorized, "Stripe's key is of its test mode and the store is not: change one of the two")
	case made.Status == "expired":
		return order.Bill{}, errs.New(errs.Conflict, "Stripe's session %s for order %s has ended: it cannot be paid any more",
			made.ID, invoice.Reference)
	case made.Status == "open" && !isWebPage(made.URL):
		return order.Bill{}, errs.New(errs.Unavailable, "Stripe's answer for order %s holds no page to pay at", invoice.Reference)
	}

	return order.Bill{
		Gateway: Name, Method: string(payment.Card), Transaction: made.ID, Amount: invoice.Amount, URL: made.URL,
		Until: time.Unix(made.ExpiresAt, 0).UTC(),
	}, nil
}

// form asks for a session. It depends on the invoice alone: Stripe refuses an
// idempotency key that comes with something else.
func form(invoice payment.Invoice) url.Values {
	home := "https://t.me/" + invoice.Store.BotUsername
	values := url.Values{
		"mode":                                   {"payment"},
		"client_reference_id":                    {invoice.Reference},
		"success_url":                            {home},
		"cancel_url":                             {home},
		"line_items[0][price_data][currency]":    {"idr"},
		"line_items[0][price_data][unit_amount]": {strconv.FormatInt(invoice.Amount.Value*minor, 10)},
		"line_items[0][price_data][product_data][name]": {titleOf(invoice)},
		"line_items[0][quantity]":                       {"1"},
	}

	if !invoice.Until.IsZero() && invoice.Store.Shop.PayIn() < longOrder {
		values.Set("expires_at", strconv.FormatInt(invoice.Until.Add(sessionMore).Unix(), 10))
	}

	return values
}

func titleOf(invoice payment.Invoice) string {
	title := strings.ToValidUTF8(invoice.Title[:min(len(invoice.Title), longestTitle)], "")
	if title == "" {
		title = invoice.Reference
	}

	return title
}

// Status implements payment.Gateway.
func (g *Gateway) Status(ctx context.Context, of store.Store, transaction string) (payment.Status, error) {
	found, err := g.session(ctx, of, transaction)
	if err != nil {
		return payment.Status{}, err
	}

	return found.status()
}

func (g *Gateway) session(ctx context.Context, of store.Store, transaction string) (session, error) {
	if _, err := accountOf(of); err != nil {
		return session{}, err
	}

	if !sound(transaction) {
		return session{}, errs.New(errs.NotFound, "ask Stripe for session %.64q: it is none", transaction)
	}

	var found session

	err := g.call(ctx, of, call.Request{
		Method: http.MethodGet, Again: true,
		URL: g.baseURL + "/v1/checkout/sessions/" + url.PathEscape(transaction) + "?expand%5B%5D=payment_intent.latest_charge",
	}, &found)
	if errs.Is(err, errs.Limited) && errs.RetryAfter(err) == 0 {
		return session{}, errs.Wrap(err, errs.Limited, "ask Stripe for session %s", transaction).After(time.Second)
	}

	if err != nil {
		return session{}, errs.Context(err, "ask Stripe for session %s", transaction)
	}

	if found.ID != transaction {
		return session{}, errs.New(errs.Unavailable, "Stripe's answer for session %s is of %.64q", transaction, found.ID)
	}

	return found, nil
}

func (s session) status() (payment.Status, error) {
	said := payment.Status{Reference: s.Reference, Transaction: s.ID, Sandbox: !s.Live}

	switch {
	case s.PaymentStatus == "paid":
		said.State, said.At = payment.Completed, s.paidAt()
	case s.Status == "expired":
		said.State = payment.Ended
	case s.Status == "open" || s.Status == "complete": // complete and unpaid: the money is on its way
		said.State = payment.Pending
	default:
		return payment.Status{}, errs.New(errs.Unavailable, "Stripe says %.32q and %.32q of session %s: that is no state",
			s.Status, s.PaymentStatus, s.ID)
	}

	if s.Currency != "idr" || s.Amount%minor != 0 || s.Amount < 0 || s.Amount/minor > money.Max {
		return payment.Status{}, errs.New(errs.Invalid, "Stripe's session %s is of %d %.8s, no whole rupiah", s.ID, s.Amount, s.Currency)
	}

	said.Amount = money.IDR(s.Amount / minor)

	return said, nil
}

// paidAt is when the card was charged; when the session was made, where the
// answer does not hold that.
func (s session) paidAt() time.Time {
	var intent struct {
		Charge struct {
			Created int64 `json:"created"`
		} `json:"latest_charge"`
	}

	at := s.Created
	if err := json.Unmarshal(s.Intent, &intent); err == nil && intent.Charge.Created > 0 {
		at = intent.Charge.Created
	}

	return time.Unix(at, 0).UTC()
}

// Cancel implements payment.Gateway.
func (g *Gateway) Cancel(ctx context.Context, of store.Store, transaction string) error {
	found, err := g.session(ctx, of, transaction)
	if err != nil {
		return errs.Context(err, "cancel at Stripe")
	}

	switch found.Status {
	case "expired":
		return nil
	case "complete":
		return errs.New(errs.Conflict, "cancel session %s at Stripe: it is complete", transaction)
	}

	err = g.call(ctx, of, call.Request{
		Method: http.MethodPost, URL: g.baseURL + "/v1/checkout/sessions/" + url.PathEscape(transaction) + "/expire", Again: true,
	}, nil)
	if errs.Is(err, errs.Invalid) { // it was paid or ended a moment ago: which, the next try sees
		return errs.Wrap(err, errs.Unavailable, "cancel session %s at Stripe", transaction)
	}

	if err != nil {
		return errs.Context(err, "cancel session %s at Stripe", transaction)
	}

	return nil
}

// call sends a request with the store's key.
func (g *Gateway) call(ctx context.Context, of store.Store, request call.Request, answer any) error {
	keys, err := g.caller.KeysOf(ctx, g.vault, of.ID, store.GatewayKeyName(of.ID, Name))
	if err != nil {
		return err
	}

	headers := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	maps.Copy(headers, request.Headers)
	request.Headers = headers
	header := func(key secret.Value) (string, string) { return "Authorization", "Bearer " + key.Reveal() }

	return g.caller.DoWithKeys(ctx, keys, request, header, answer)
}

// accountOf gives the store's account. Unauthorized where it has none.
func accountOf(of store.Store) (store.Account, error) {
	account, ok := of.Shop.At(Name)
	if !ok {
		return store.Account{}, errs.New(errs.Unauthorized, "store %s has no account at Stripe: set it with ctl gateway set", of.ID)
	}

	return account, nil
}

// sound reports whether a session's id can be one: it goes into addresses and
// rows.
func sound(id string) bool {
	const longest = 255

	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}

	return id != "" && len(id) <= longest && strings.IndexFunc(id, odd) < 0
}

func isWebPage(text string) bool {
	page, err := url.Parse(text)

	return err == nil && page.Scheme == "https" && page.Host != ""
}
