// Package pakasir provides payments by QRIS, virtual account and payment link
// through Pakasir, API v2. All amounts on its wire are whole rupiah, without
// the fee that it adds for the payer; only its transaction-status counts, since
// its notifications are not signed.
package pakasir

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
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

// Name is Pakasir's in settings, rows and addresses.
const Name = "pakasir"

const (
	// statusPause is how long Pakasir wants between two questions about one
	// transaction.
	statusPause = 4 * time.Second
	// maxAsked is how many transactions' last questions are remembered.
	maxAsked = 4096
)

// Gateway is Pakasir. It implements payment.Notifier and is safe for
// concurrent use.
type Gateway struct {
	vault   secret.Vault
	baseURL string
	caller  *call.Caller
	clock   clock.Clock
	fees    *feeTable

	mu    sync.Mutex
	asked map[string]time.Time // by project and transaction: when its status was asked last
}

var _ payment.Notifier = (*Gateway)(nil)

// New makes the gateway at baseURL, such as https://app.pakasir.com. Keys of
// stores come from the vault, under store.GatewayKeyName and GatewayHookName.
func New(vault secret.Vault, baseURL string) *Gateway {
	g := &Gateway{
		vault: vault, baseURL: strings.TrimRight(baseURL, "/"), caller: call.New("Pakasir"), clock: clock.System{},
		asked: map[string]time.Time{},
	}
	g.fees = newFeeTable(g.fetchFees)

	return g
}

// Close ends the connections that are kept open.
func (g *Gateway) Close() { g.caller.Close() }

// Name implements payment.Gateway.
func (g *Gateway) Name() string { return Name }

// Methods implements payment.Gateway.
func (g *Gateway) Methods(of store.Store, amount money.Amount) []payment.Method {
	if _, ok := of.Shop.At(Name); !ok || amount.Currency != money.Rupiah {
		return nil
	}

	var offered []payment.Method

	for _, method := range methods() {
		if asked := askFor(of, method.name, amount.Value); method.least <= asked && asked <= method.most {
			offered = append(offered, method.name)
		}
	}

	return offered
}

// Fee implements payment.Gateway. Where Pakasir's table is out of reach it
// answers by the rates that Pakasir publishes; the bill has the real fee.
func (g *Gateway) Fee(ctx context.Context, of store.Store, method payment.Method, amount money.Amount) (int64, error) {
	if _, ok := methodOf(method); !ok || amount.Currency != money.Rupiah {
		return 0, errs.New(errs.Invalid, "price method %q of Pakasir for %s: it has none such", method, amount)
	}

	if of.Shop.StoreBearsFee || method == payment.Link { // what a link costs is chosen on its page
		return 0, nil
	}

	table, err := g.fees.of(ctx, amount.Value, g.clock.Now())
	if err != nil {
		slog.WarnContext(ctx, "Pakasir's fees are out of reach; its published rates are shown", "error", err)
	}

	if fee, ok := table[wireName(method)]; ok {
		return fee, nil
	}

	return rate(method, amount.Value), nil
}

// bill is the answer of create-transaction.
type bill struct {
	Transaction string `json:"txn_id"`
	Project     string `json:"project"`
	Order       string `json:"order_id"`
	Amount      int64  `json:"amount"`
	Fee         int64  `json:"fee"`
	Total       int64  `json:"total_payment"`
	Method      string `json:"payment_method"`
	QR          string `json:"qr_string"`
	Account     string `json:"va_number"`
	Link        string `json:"payment_link"`
	ExpiredAt   string `json:"expired_at"`
	Sandbox     bool   `json:"is_sandbox"`
	Status      string `json:"status"`
}

// Bill implements payment.Gateway. Pakasir finds or creates: the same
// reference, method and amount is the same transaction. Conflict where that
// one has ended.
func (g *Gateway) Bill(ctx context.Context, invoice payment.Invoice) (order.Bill, error) {
	account, err := accountOf(invoice.Store)
	if err != nil {
		return order.Bill{}, err
	}

	method, ok := methodOf(invoice.Method)
	if !ok || invoice.Amount.Currency != money.Rupiah {
		return order.Bill{}, errs.New(errs.Invalid, "bill %s at Pakasir by %q: it has none such", invoice.Amount, invoice.Method)
	}

	asked := askFor(invoice.Store, invoice.Method, invoice.Amount.Value)
	if asked < method.least || asked > method.most {
		return order.Bill{}, errs.New(errs.Invalid, "bill %s at Pakasir by %s: it takes %d to %d",
			invoice.Amount, invoice.Method, method.least, method.most)
	}

	body, err := json.Marshal(map[string]any{"method": wireName(invoice.Method), "amount": asked})
	if err != nil {
		return order.Bill{}, errs.Wrap(err, errs.Internal, "bill order %s at Pakasir", invoice.Reference)
	}

	var made bill

	err = g.call(ctx, invoice.Store, call.Request{
		Method: http.MethodPost, Body: body, Again: true,
		URL: g.address("create-transaction", account.Project, invoice.Reference),
	}, &made)
	if err != nil {
		return order.Bill{}, errs.Context(err, "bill order %s at Pakasir", invoice.Reference)
	}

	if err := made.check(invoice, account, asked); err != nil {
		return order.Bill{}, err
	}

	return made.bill(invoice, asked), nil
}

// check compares the answer with what was asked, before anybody is shown it. A
// payment link is answered with no more than itself: the status has the rest.
func (b bill) check(invoice payment.Invoice, account store.Account, asked int64) error {
	link := invoice.Method == payment.Link

	switch {
	case !sound(b.Transaction):
		return errs.New(errs.Unavailable, "Pakasir's answer for order %s names no transaction", invoice.Reference)
	case link && !isWebPage(b.Link), invoice.Method == payment.QRIS && b.QR == "",
		strings.HasSuffix(string(invoice.Method), "_va") && b.Account == "":
		return errs.New(errs.Unavailable, "Pakasir's answer for order %s holds no way to pay", invoice.Reference)
	case b.Sandbox && !account.Sandbox:
		return errs.New(errs.Unauthorized,
			"Pakasir's project %s is in its sandbox mode and the store is not: change one of the two", account.Project)
	case link:
		return nil
	case b.Order != invoice.Reference, b.Project != account.Project, b.Amount != asked,
		b.Method != wireName(invoice.Method), b.Fee < 0, b.Fee > money.Max:
		return errs.New(errs.Unavailable, "Pakasir's answer for order %s of %d by %s is of order %q, project %q, %d by %q with fee %d",
			invoice.Reference, asked, invoice.Method, b.Order, b.Project, b.Amount, b.Method, b.Fee)
	case b.Status == wireCanceled:
		return errs.New(errs.Conflict, "Pakasir's transaction %s for order %s has ended: it cannot be paid any more",
			b.Transaction, invoice.Reference)
	default:
		return nil
	}
}

// bill gives what the order keeps. A time that cannot be read is left out: the
// order's own deadline comes first anyway.
func (b bill) bill(invoice payment.Invoice, asked int64) order.Bill {
	until, err := time.Parse(time.RFC3339, b.ExpiredAt)
	if err != nil {
		until = time.Time{}
	}

	made := order.Bill{
		Gateway: Name, Method: string(invoice.Method), Transaction: b.Transaction, Amount: money.IDR(asked), Fee: b.Fee,
		Account: b.Account, Until: until.UTC(), Cost: invoice.Amount.Value - asked,
	}

	switch invoice.Method {
	case payment.QRIS:
		made.QR = b.QR
	case payment.Link:
		made.URL = b.Link
	default:
	}

	return made
}

// The states of a transaction on Pakasir's wire.
const (
	wirePending   = "pending"
	wireCompleted = "completed"
	wireCanceled  = "canceled"
)

// status is the answer of transaction-status.
type status struct {
	Transaction string `json:"txn_id"`
	Order       string `json:"order_id"`
	Amount      int64  `json:"amount"`
	Sandbox     bool   `json:"is_sandbox"`
	Status      string `json:"status"`
	CompletedAt string `json:"completed_at"`
}

// Status implements payment.Gateway. Limited within 4 seconds of the last
// question about the transaction.
func (g *Gateway) Status(ctx context.Context, of store.Store, transaction string) (payment.Status, error) {
	account, err := accountOf(of)
	if err != nil {
		return payment.Status{}, err
	}

	if !sound(transaction) {
		return payment.Status{}, errs.New(errs.NotFound, "ask Pakasir for transaction %.64q: it is none", transaction)
	}

	if wait := g.pause(account.Project + "/" + transaction); wait > 0 {
		return payment.Status{}, errs.New(errs.Limited, "ask Pakasir for transaction %s again so soon", transaction).After(wait)
	}

	var said status

	err = g.call(ctx, of, call.Request{Method: http.MethodGet, URL: g.address("transaction-status", account.Project, transaction)}, &said)
	if errs.Is(err, errs.Limited) {
		return payment.Status{}, errs.Wrap(err, errs.Limited, "ask Pakasir for transaction %s", transaction).
			After(cmp.Or(errs.RetryAfter(err), statusPause))
	}

	if err != nil {
		return payment.Status{}, errs.Context(err, "ask Pakasir for transaction %s", transaction)
	}

	return said.status(transaction)
}

// status puts an answer into the words of payment. Another transaction's
// answer, or a state that nobody knows, is none.
func (s status) status(transaction string) (payment.Status, error) {
	if s.Transaction != transaction {
		return payment.Status{}, errs.New(errs.Unavailable, "Pakasir's answer for transaction %s is of %.64q", transaction, s.Transaction)
	}

	states := map[string]payment.StatusState{
		wirePending: payment.Pending, wireCompleted: payment.Completed, wireCanceled: payment.Ended,
	}

	state, ok := states[s.Status]
	if !ok {
		return payment.Status{}, errs.New(errs.Unavailable, "Pakasir says %.64q of transaction %s: that is no state", s.Status, transaction)
	}

	at, err := time.Parse(time.RFC3339, s.CompletedAt)
	if err != nil {
		at = time.Time{} // of one that was not paid; else it counts from when it is heard of
	}

	return payment.Status{
		State: state, Reference: s.Order, Transaction: s.Transaction, Amount: money.IDR(s.Amount), Sandbox: s.Sandbox, At: at.UTC(),
	}, nil
}

// pause gives how long a transaction is not to be asked for, or notes that it
// is asked for now.
func (g *Gateway) pause(transaction string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()

	now := g.clock.Now()
	if wait := g.asked[transaction].Add(statusPause).Sub(now); wait > 0 {
		return wait
	}

	if len(g.asked) >= maxAsked {
		for known, at := range g.asked {
			if !now.Before(at.Add(statusPause)) {
				delete(g.asked, known)
			}
		}
	}

	g.asked[transaction] = now

	return 0
}

// Cancel implements payment.Gateway.
func (g *Gateway) Cancel(ctx context.Context, of store.Store, transaction string) error {
	account, err := accountOf(of)
	if err != nil {
		return err
	}

	if !sound(transaction) {
		return errs.New(errs.NotFound, "cancel transaction %.64q at Pakasir: it is none", transaction)
	}

	err = g.call(ctx, of, call.Request{
		Method: http.MethodPost, URL: g.address("cancel-transaction", account.Project, transaction), Body: []byte("{}"), Again: true,
	}, nil)
	if !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Invalid) {
		return wrapped(err, "cancel transaction %s at Pakasir", transaction)
	}

	// It is refused for one that is paid or was cancelled before; which, its
	// status says.
	said, asking := g.Status(ctx, of, transaction)

	switch {
	case asking != nil:
		return errs.Context(asking, "find out why Pakasir does not cancel transaction %s", transaction)
	case said.State == payment.Ended:
		return nil
	case said.State == payment.Completed:
		return errs.Wrap(err, errs.Conflict, "cancel transaction %s at Pakasir: it is paid", transaction)
	default:
		return errs.Wrap(err, errs.Unavailable, "cancel transaction %s at Pakasir", transaction)
	}
}

// secretHeader proves a notification.
const secretHeader = "x-secret"

// Authenticate implements payment.Notifier. The header holds the project's
// webhook secret; the body may be of any content type.
func (g *Gateway) Authenticate(ctx context.Context, of store.Store, notification payment.Notification) (payment.Notice, error) {
	if _, err := accountOf(of); err != nil {
		return payment.Notice{}, err
	}

	known, err := g.vault.Get(ctx, store.GatewayHookName(of.ID, Name))
	if err != nil && !errs.Is(err, errs.NotFound) {
		return payment.Notice{}, errs.Wrap(err, errs.Unavailable, "authenticate a notification of Pakasir")
	}

	// A store without a secret has an empty one, which accepts nothing.
	if !known.Accepts(notification.Headers[secretHeader]) {
		return payment.Notice{}, errs.New(errs.Unauthorized, "authenticate a notification of Pakasir: wrong secret")
	}

	return parseNotice(notification.Body)
}

// parseNotice reads the two names that a notification is about. Nothing else
// in it counts.
func parseNotice(body []byte) (payment.Notice, error) {
	var said status
	if err := json.Unmarshal(body, &said); err != nil {
		return payment.Notice{}, errs.Wrap(err, errs.Invalid, "read a notification of Pakasir")
	}

	if !sound(said.Transaction) || said.Order == "" {
		return payment.Notice{}, errs.New(errs.Invalid, "read a notification of Pakasir: it names no transaction or no order")
	}

	return payment.Notice{Reference: said.Order, Transaction: said.Transaction}, nil
}

// call sends a request with the store's key.
func (g *Gateway) call(ctx context.Context, of store.Store, request call.Request, answer any) error {
	keys, err := g.caller.KeysOf(ctx, g.vault, of.ID, store.GatewayKeyName(of.ID, Name))
	if err != nil {
		return err
	}

	request.Headers = map[string]string{"Content-Type": "application/json"}
	header := func(key secret.Value) (string, string) { return "X-Api-Key", key.Reveal() }

	return g.caller.DoWithKeys(ctx, keys, request, header, answer)
}

func (g *Gateway) address(action, project, of string) string {
	return g.baseURL + "/api/v2/" + action + "/" + url.PathEscape(project) + "/" + url.PathEscape(of)
}

func (g *Gateway) fetchFees(ctx context.Context, amount int64) (map[string]int64, error) {
	var table map[string]int64

	err := g.caller.Do(ctx, call.Request{
		Method: http.MethodGet, URL: g.baseURL + "/api/v2/payment-fee/" + strconv.FormatInt(amount, 10), Again: true,
	}, &table)

	return table, wrapped(err, "ask Pakasir for its fees on %d", amount)
}

// accountOf gives the store's account. Unauthorized where it has none.
func accountOf(of store.Store) (store.Account, error) {
	account, ok := of.Shop.At(Name)
	if !ok || account.Project == "" {
		return store.Account{}, errs.New(errs.Unauthorized, "store %s has no project at Pakasir: set it with ctl gateway set", of.ID)
	}

	return account, nil
}

// sound reports whether a transaction's id can be one: it goes into addresses
// and rows.
func sound(transaction string) bool {
	const longest = 128

	ordinary := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}

	return transaction != "" && len(transaction) <= longest &&
		strings.IndexFunc(transaction, func(r rune) bool { return !ordinary(r) }) < 0
}

func isWebPage(text string) bool {
	page, err := url.Parse(text)

	return err == nil && (page.Scheme == "https" || page.Scheme == "http") && page.Host != ""
}

func wrapped(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}

	return errs.Context(err, format, args...)
}
