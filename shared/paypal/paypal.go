// Package paypal provides payments by card and PayPal balance through PayPal
// Orders v2. PayPal knows no rupiah: a bill is in US dollars by the operator's
// rate, and carries, signed, the rupiah that it stands for.
// API: https://developer.paypal.com/docs/api/orders/v2/
package paypal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
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

// Name is PayPal's in settings, rows and addresses.
const Name = "paypal"

const (
	// live and sandbox are PayPal's two worlds: a store in its sandbox is asked
	// for there.
	live, sandbox = "https://api-m.paypal.com", "https://api-m.sandbox.paypal.com"

	cents       = 100    // of a dollar
	leastCents  = 50     // below, the fixed part of PayPal's fee eats the payment
	most        = 10_000 // dollars, what PayPal takes at once
	longestName = 120    // bytes of a title; PayPal takes 127 characters
	// tokenMargin is how long before its end a token is not used any more.
	tokenMargin = time.Minute
)

// Gateway is PayPal. It implements payment.Notifier and is safe for concurrent
// use.
type Gateway struct {
	vault   secret.Vault
	baseURL string
	rate    int64 // rupiah for a dollar
	caller  *call.Caller
	clock   clock.Clock

	mu     sync.Mutex
	tokens map[string]token // by the hash of what they were given for
}

type token struct {
	value secret.Value
	until time.Time
}

var _ payment.Notifier = (*Gateway)(nil)

// New makes the gateway at baseURL, such as https://api-m.paypal.com, at a rate
// of so many rupiah for a dollar; 0 offers nothing. A store's account names its
// client id as Project and its webhook's id as Hook; the client's secret comes
// from the vault, under store.GatewayKeyName.
func New(vault secret.Vault, baseURL string, rupiahPerDollar int64) *Gateway {
	return &Gateway{
		vault: vault, baseURL: strings.TrimRight(baseURL, "/"), rate: rupiahPerDollar, caller: call.New("PayPal"), clock: clock.System{},
		tokens: map[string]token{},
	}
}

// Close ends the connections that are kept open.
func (g *Gateway) Close() { g.caller.Close() }

// Name implements payment.Gateway.
func (g *Gateway) Name() string { return Name }

// Methods implements payment.Gateway.
func (g *Gateway) Methods(of store.Store, amount money.Amount) []payment.Method {
	if _, ok := of.Shop.At(Name); !ok || amount.Currency != money.Rupiah || g.rate <= 0 || amount.Value <= 0 {
		return nil
	}

	if dollars := g.centsOf(amount); dollars < leastCents || dollars > most*cents {
		return nil
	}

	return []payment.Method{payment.Card}
}

// centsOf converts rupiah, rounded up: the store gets no less than it asks.
func (g *Gateway) centsOf(amount money.Amount) int64 {
	if amount.Value > money.Max {
		return most*cents + 1
	}

	return (amount.Value*cents + g.rate - 1) / g.rate
}

// Fee implements payment.Gateway. PayPal takes its fee from the store.
func (g *Gateway) Fee(_ context.Context, _ store.Store, method payment.Method, amount money.Amount) (int64, error) {
	if method != payment.Card || amount.Currency != money.Rupiah {
		return 0, errs.New(errs.Invalid, "price method %q of PayPal for %s: it has none such", method, amount)
	}

	return 0, nil
}

// wireOrder is an order of PayPal's, as far as it is read.
type wireOrder struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Units  []struct {
		Custom   string `json:"custom_id"`
		Amount   amount `json:"amount"`
		Payments struct {
			Captures []capture `json:"captures"`
		} `json:"payments"`
	} `json:"purchase_units"`
	Links []struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	} `json:"links"`
}

type amount struct {
	Currency string `json:"currency_code"`
	Value    string `json:"value"` // "3.10"
}

type capture struct {
	Status  string    `json:"status"`
	Amount  amount    `json:"amount"`
	Created time.Time `json:"create_time"`
}

// The states of an order on PayPal's wire; all others are on the way to them.
const (
	wireApproved  = "APPROVED"
	wireCompleted = "COMPLETED"
	wireVoided    = "VOIDED"
)

// Bill implements payment.Gateway. The request id has PayPal give the same
// order for some hours.
func (g *Gateway) Bill(ctx context.Context, invoice payment.Invoice) (order.Bill, error) {
	keys, account, err := g.keys(ctx, invoice.Store)
	if err != nil {
		return order.Bill{}, err
	}

	if len(g.Methods(invoice.Store, invoice.Amount)) == 0 || invoice.Method != payment.Card {
		return order.Bill{}, errs.New(errs.Invalid, "bill %s at PayPal by %q: it takes cards for half a dollar to %d dollars",
			invoice.Amount, invoice.Method, most)
	}

	stands := mark{reference: invoice.Reference, rupiah: invoice.Amount.Value, cents: g.centsOf(invoice.Amount)}

	body, err := json.Marshal(wish(invoice, stands.sign(keys.Current)))
	if err != nil {
		return order.Bill{}, errs.Wrap(err, errs.Internal, "bill order %s at PayPal", invoice.Reference)
	}

	var made wireOrder

	err = g.call(ctx, account, keys, call.Request{
		Method: http.MethodPost, URL: g.base(account) + "/v2/checkout/orders", Body: body, Again: true,
		Headers: map[string]string{"PayPal-Request-Id": invoice.Reference},
	}, &made)
	if err != nil {
		return order.Bill{}, errs.Context(err, "bill order %s at PayPal", invoice.Reference)
	}

	page := made.page()
	waiting := made.Status != wireApproved && made.Status != wireCompleted

	if !sound(made.ID) || waiting && page == "" {
		return order.Bill{}, errs.New(errs.Unavailable, "PayPal's answer for order %s names no order or no page", invoice.Reference)
	}

	return order.Bill{Gateway: Name, Method: string(payment.Card), Transaction: made.ID, Amount: invoice.Amount, URL: page}, nil
}

// wish asks for an order that is charged once its payer has approved it.
func wish(invoice payment.Invoice, custom string) map[string]any {
	home := "https://t.me/" + invoice.Store.BotUsername
	stands, _ := parseMark(custom)

	return map[string]any{
		"intent": "CAPTURE",
		"purchase_units": []any{map[string]any{
			"custom_id":   custom,
			"description": strings.ToValidUTF8(invoice.Title[:min(len(invoice.Title), longestName)], ""),
			"amount":      amount{Currency: "USD", Value: dollars(stands.cents)},
		}},
		"payment_source": map[string]any{"paypal": map[string]any{"experience_context": map[string]any{
			"return_url": home, "cancel_url": home, "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
		}}},
	}
}

// page is where the payer approves.
func (o wireOrder) page() string {
	for _, link := range o.Links {
		if link.Rel != "payer-action" && link.Rel != "approve" {
			continue
		}

		if page, err := url.Parse(link.Href); err == nil && page.Scheme == "https" && page.Host != "" {
			return link.Href
		}
	}

	return ""
}

// Status implements payment.Gateway. An order that its payer has approved is
// charged here, once: that is when it is paid.
func (g *Gateway) Status(ctx context.Context, of store.Store, transaction string) (payment.Status, error) {
	keys, account, found, stands, err := g.look(ctx, of, transaction)
	if err != nil {
		return payment.Status{}, err
	}

	said := payment.Status{
		Reference: stands.reference, Transaction: transaction, Amount: money.IDR(stands.rupiah), Sandbox: account.Sandbox,
	}

	// Without our mark it is not ours, or was cancelled: nobody is charged.
	if stands.rupiah == 0 || found.Status == wireVoided {
		said.State = payment.Ended

		return said, nil
	}

	if found.Status == wireApproved {
		if found, err = g.charge(ctx, account, keys, transaction, stands); err != nil {
			return payment.Status{}, err
		}
	}

	return found.settled(said, stands), nil
}

// look reads an order, and what of ours it stands for: nothing where it bears
// no mark of ours.
func (g *Gateway) look(
	ctx context.Context, of store.Store, transaction string,
) (secret.Secret, store.Account, wireOrder, mark, error) {
	var found wireOrder

	keys, account, err := g.keys(ctx, of)
	if err != nil {
		return keys, account, found, mark{}, err
	}

	if !sound(transaction) {
		return keys, account, found, mark{}, errs.New(errs.NotFound, "ask PayPal for order %.64q: it is none", transaction)
	}

	err = g.call(ctx, account, keys, call.Request{
		Method: http.MethodGet, URL: g.base(account) + "/v2/checkout/orders/" + url.PathEscape(transaction), Again: true,
	}, &found)
	if errs.Is(err, errs.Limited) && errs.RetryAfter(err) == 0 {
		return keys, account, found, mark{}, errs.Wrap(err, errs.Limited, "ask PayPal for order %s", transaction).After(time.Second)
	}

	if err != nil {
		return keys, account, found, mark{}, errs.Context(err, "ask PayPal for order %s", transaction)
	}

	if found.ID != transaction || len(found.Units) != 1 {
		return keys, account, found, mark{}, errs.New(errs.Unavailable, "PayPal's answer for order %s is of %.64q, %d parts",
			transaction, found.ID, len(found.Units))
	}

	return keys, account, found, readMark(found.Units[0].Custom, keys), nil
}

// charge captures the money of an approved order. The request id keeps it from
// being captured twice.
func (g *Gateway) charge(
	ctx context.Context, account store.Account, keys secret.Secret, transaction string, stands mark,
) (wireOrder, error) {
	var charged wireOrder

	err := g.call(ctx, account, keys, call.Request{
		Method: http.MethodPost, URL: g.base(account) + "/v2/checkout/orders/" + url.PathEscape(transaction) + "/capture",
		Body: []byte("{}"), Again: true,
		Headers: map[string]string{"PayPal-Request-Id": stands.reference + "-capture", "Prefer": "return=representation"},
	}, &charged)
	if errs.Is(err, errs.Invalid) { // the card was declined: the payer may try another one
		return wireOrder{ID: transaction, Status: wireApproved}, nil
	}

	if err != nil {
		return charged, errs.Context(err, "charge order %s at PayPal", transaction)
	}

	return charged, nil
}

// settled says how an order's charge went.
func (o wireOrder) settled(said payment.Status, stands mark) payment.Status {
	said.State = payment.Pending

	if len(o.Units) != 1 || len(o.Units[0].Payments.Captures) == 0 {
		return said
	}

	charged := o.Units[0].Payments.Captures[0]

	switch charged.Status {
	case wireCompleted:
		said.State, said.At = payment.Completed, charged.Created.UTC()
		said.Amount = money.IDR(stands.worth(charged.Amount))
	case "PENDING":
	default: // declined, failed, refunded
		said.State = payment.Ended
	}

	return said
}

// Cancel implements payment.Gateway. PayPal lets nobody end an order; without
// our mark it is never charged.
func (g *Gateway) Cancel(ctx context.Context, of store.Store, transaction string) error {
	keys, account, found, stands, err := g.look(ctx, of, transaction)
	if err != nil {
		return errs.Context(err, "cancel at PayPal")
	}

	if found.Status == wireCompleted {
		return errs.New(errs.Conflict, "cancel order %s at PayPal: it is paid", transaction)
	}

	if stands.rupiah == 0 || found.Status == wireVoided {
		return nil
	}

	err = g.call(ctx, account, keys, call.Request{
		Method: http.MethodPatch, URL: g.base(account) + "/v2/checkout/orders/" + url.PathEscape(transaction), Again: true,
		Body: []byte(`[{"op":"replace","path":"/purchase_units/@reference_id=='default'/custom_id","value":"cancelled"}]`),
	}, nil)
	if errs.Is(err, errs.Invalid) { // it was charged a moment ago: the next try sees it
		return errs.Wrap(err, errs.Unavailable, "cancel order %s at PayPal", transaction)
	}

	if err != nil {
		return errs.Context(err, "cancel order %s at PayPal", transaction)
	}

	return nil
}

// keys gives a store's account and its client's secret. Unauthorized where it
// has none.
func (g *Gateway) keys(ctx context.Context, of store.Store) (secret.Secret, store.Account, error) {
	account, ok := of.Shop.At(Name)
	if !ok || account.Project == "" {
		return secret.Secret{}, account, errs.New(errs.Unauthorized, "store %s has no account at PayPal: ctl gateway set gives one", of.ID)
	}

	known, err := g.caller.KeysOf(ctx, g.vault, of.ID, store.GatewayKeyName(of.ID, Name))

	return known, account, err
}

func (g *Gateway) base(account store.Account) string {
	if account.Sandbox && g.baseURL == live {
		return sandbox
	}

	return g.baseURL
}

// call sends a request with a token of the account: a new one where the one that
// is remembered is refused, one for the secret before where the current is.
func (g *Gateway) call(ctx context.Context, account store.Account, keys secret.Secret, request call.Request, answer any) error {
	var err error

	for _, key := range call.Keys(keys) {
		for range 2 { // with what is remembered, with a new token
			if err = g.callWith(ctx, account, key, request, answer); !errs.Is(err, errs.Unauthorized) {
				return err
			}

			g.forget(account, key)
		}
	}

	return err
}

func (g *Gateway) callWith(ctx context.Context, account store.Account, key secret.Value, request call.Request, answer any) error {
	bearer, err := g.token(ctx, account, key)
	if err != nil {
		return err
	}

	headers := map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + bearer.Reveal()}
	maps.Copy(headers, request.Headers)

	request.Headers, request.Keys = headers, []secret.Value{key, bearer}

	return g.caller.Do(ctx, request, answer)
}

// token gives an access token. https://developer.paypal.com/api/rest/authentication/
func (g *Gateway) token(ctx context.Context, account store.Account, key secret.Value) (secret.Value, error) {
	name := tokenName(account, key)

	g.mu.Lock()
	known, ok := g.tokens[name]
	g.mu.Unlock()

	if ok && g.clock.Now().Before(known.until) {
		return known.value, nil
	}

	var given struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}

	basic := base64.StdEncoding.EncodeToString([]byte(account.Project + ":" + key.Reveal()))

	err := g.caller.Do(ctx, call.Request{
		Method: http.MethodPost, URL: g.base(account) + "/v1/oauth2/token", Body: []byte("grant_type=client_credentials"), Again: true,
		Headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic " + basic},
		Keys:    []secret.Value{key, secret.Value(basic)},
	}, &given)
	if err != nil {
		return "", errs.Context(err, "get a token of PayPal")
	}

	if given.Token == "" {
		return "", errs.New(errs.Unavailable, "get a token of PayPal: its answer holds none")
	}

	const longest = 24 * time.Hour

	life := min(time.Duration(min(given.Seconds, int64(longest.Seconds())))*time.Second, longest) - tokenMargin

	g.mu.Lock()
	defer g.mu.Unlock()

	g.tokens[name] = token{value: secret.Value(given.Token), until: g.clock.Now().Add(life)}

	return secret.Value(given.Token), nil
}

func (g *Gateway) forget(account store.Account, key secret.Value) {
	g.mu.Lock()
	defer g.mu.Unlock()

	delete(g.tokens, tokenName(account, key))
}

// tokenName tells tokens apart without keeping the secret.
func tokenName(account store.Account, key secret.Value) string {
	sum := sha256.Sum256([]byte(strconv.FormatBool(account.Sandbox) + account.Project + "\x00" + key.Reveal()))

	return hex.EncodeToString(sum[:])
}

// mark is what an order of PayPal's stands for with us, written into its
// custom_id: REFERENCE/RUPIAH/CENTS/SIGNATURE. The signature, by the client's
// secret, tells our orders from those that somebody else makes with the
// client's id, which is no secret.
type mark struct {
	reference string
	rupiah    int64
	cents     int64
}

func (m mark) text() string { return fmt.Sprintf("%s/%d/%d", m.reference, m.rupiah, m.cents) }

func (m mark) sign(key secret.Value) string { return m.text() + "/" + signature(m.text(), key) }

func signature(text string, key secret.Value) string {
	const shown = 16 // bytes

	mac := hmac.New(sha256.New, []byte("lapak paypal order\x00"+key.Reveal()))
	mac.Write([]byte(text))

	return hex.EncodeToString(mac.Sum(nil)[:shown])
}

// readMark reads a mark that a secret of ours has signed; else it gives none.
func readMark(custom string, keys secret.Secret) mark {
	found, signed := parseMark(custom)

	for _, key := range call.Keys(keys) {
		if key != "" && hmac.Equal([]byte(signature(found.text(), key)), []byte(signed)) {
			return found
		}
	}

	return mark{}
}

// parseMark reads a mark and its signature, which is still to be checked.
func parseMark(custom string) (mark, string) {
	const parts = 4

	fields := strings.Split(custom, "/")
	if len(fields) != parts {
		return mark{}, ""
	}

	rupiah, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || rupiah <= 0 || rupiah > money.Max {
		return mark{}, ""
	}

	inCents, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || inCents <= 0 || inCents > most*cents {
		return mark{}, ""
	}

	return mark{reference: fields[0], rupiah: rupiah, cents: inCents}, fields[3]
}

// worth gives the rupiah that an amount stands for: what was asked where it is
// what was asked, else its share of that, rounded down.
func (m mark) worth(paid amount) int64 {
	inCents, ok := parseDollars(paid)

	if !ok {
		return 0
	}

	high, low := bits.Mul64(uint64(m.rupiah), uint64(inCents)) //nolint:gosec // neither is negative
	if high >= uint64(m.cents) {                               //nolint:gosec // as above
		return money.Max
	}

	share, _ := bits.Div64(high, low, uint64(m.cents)) //nolint:gosec // as above

	return int64(min(share, money.Max))
}

// parseDollars reads "3.10" dollars as cents.
func parseDollars(of amount) (int64, bool) {
	whole, part, ok := strings.Cut(of.Value, ".")
	if of.Currency != "USD" || ok && len(part) != 2 {
		return 0, false
	}

	if !ok {
		part = "00"
	}

	inCents, err := strconv.ParseInt(whole+part, 10, 64)

	return inCents, err == nil && inCents >= 0 && inCents <= most*cents*cents
}

func dollars(inCents int64) string { return fmt.Sprintf("%d.%02d", inCents/cents, inCents%cents) }

// sound reports whether an order's id can be one: it goes into addresses and
// rows.
func sound(id string) bool {
	const longest = 64

	odd := func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}

	return id != "" && len(id) <= longest && strings.IndexFunc(id, odd) < 0
}
