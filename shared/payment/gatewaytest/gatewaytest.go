// Package gatewaytest provides the conformance suite that every payment
// gateway's adapter must pass, each against something that behaves like its
// gateway.
package gatewaytest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
)

// The secrets that a subject is set up with.
const (
	Key     = "key-of-the-account-0123456789"
	HookKey = "hook-secret-of-the-account-0123456789"
)

// Subject is an adapter with what stands for its gateway.
type Subject struct {
	Gateway payment.Notifier
	// Account is the store's, whose key is Key and whose webhook secret, where
	// the gateway has one, is HookKey.
	Account store.Account
	// Method is one that the gateway offers for Price.
	Method payment.Method
	// Pay has the payer pay a transaction in full.
	Pay func(t *testing.T, transaction string)
	// Notify gives the notification that the gateway sends about a transaction.
	Notify func(t *testing.T, transaction, reference string) payment.Notification
	// Settle makes it fine to ask for the status again: time passes.
	Settle func(t *testing.T)
	// Outage switches the gateway off and on.
	Outage func(t *testing.T, off bool)
	// Cut has the answer of the next call that makes or cancels be lost, once it
	// took effect, and of every try of it again.
	Cut func(t *testing.T)
	// Busy has the gateway answer that it is asked too often.
	Busy func(t *testing.T, busy bool)
	// Fixed: a bill cannot be cancelled at the gateway, it can only run out;
	// Cancel makes sure that it is not charged.
	Fixed bool
}

// Price is what the suite's invoices ask.
func Price() money.Amount { return money.IDR(49_000) }

// Run runs the suite. open makes a subject that reads its keys from the vault.
func Run(t *testing.T, open func(t *testing.T, vault secret.Vault) Subject) {
	t.Helper()

	for name, test := range map[string]func(*testing.T, *bench){
		"a bill is found again":                 billIsFoundAgain,
		"a bill says what is to be paid":        billSaysWhatIsToBePaid,
		"a status tells of the payment":         statusTellsOfThePayment,
		"an unknown transaction":                unknownTransaction,
		"a transaction with a trick in it":      trickyTransaction,
		"cancelling":                            cancelling,
		"cancelling what is paid":               cancellingWhatIsPaid,
		"a bill whose answer was lost":          billWhoseAnswerWasLost,
		"an outage":                             outage,
		"a busy gateway":                        busy,
		"a key that is refused":                 refusedKey,
		"a key that was just rotated":           rotatedKey,
		"no key":                                noKey,
		"a vault out of reach":                  vaultOutOfReach,
		"no account":                            noAccount,
		"another currency":                      anotherCurrency,
		"a caller that gives up":                callerGivesUp,
		"an authentic notification":             authenticNotification,
		"a notification that proves nothing":    notificationProvesNothing,
		"a notification of an unknown standing": notificationOfUnknownStanding,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := &bench{
				until: time.Now().Add(15 * time.Minute), plan: &switched{},
				store: store.Store{ID: "kopi", Name: "Toko Kopi", BotUsername: "kopi_bot", Shop: store.Shop{Open: true}},
			}
			b.vault = vaults.New(clock.System{}, b.plan)
			b.Subject = open(t, b.vault)
			b.store.Shop.Gateways = []store.Account{b.Account}
			b.rotate(t, Key)
			require.NoError(t, b.vault.Rotate(t.Context(), store.GatewayHookName("kopi", b.Gateway.Name()), HookKey))

			test(t, b)
		})
	}
}

// bench is a subject with the store that uses it.
type bench struct {
	Subject

	vault *vaults.Vault
	plan  *switched
	store store.Store
	until time.Time // the order's deadline: the same however often its bill is asked for
}

// switched is a plan that fails everything while it is set to.
type switched struct{ kind fault.Kind }

func (s *switched) Next(string) fault.Kind    { return s.kind }
func (s *switched) Wait(string) time.Duration { return 0 }

func (b *bench) rotate(t *testing.T, key secret.Value) {
	t.Helper()

	require.NoError(t, b.vault.Rotate(t.Context(), store.GatewayKeyName("kopi", b.Gateway.Name()), key))
}

// reference is one that the store's orders have.
func reference() string {
	return order.Ref{Store: "kopi", User: 1001, ID: "1G7KQ2M4ABCDEFGHJ"}.Reference()
}

func (b *bench) invoice() payment.Invoice {
	return payment.Invoice{
		Store: b.store, Reference: reference(), Method: b.Method, Amount: Price(), Title: "Netflix 1 bulan",
		Until: b.until,
	}
}

func (b *bench) bill(t *testing.T) order.Bill {
	t.Helper()

	made, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.NoError(t, err)

	return made
}

// harmless checks that an error can be shown to operators.
func harmless(t *testing.T, err error) {
	t.Helper()

	require.Error(t, err)
	assert.NotContains(t, err.Error(), Key)
	assert.NotContains(t, err.Error(), HookKey)
}

func billIsFoundAgain(t *testing.T, b *bench) {
	t.Helper()

	first, again := b.bill(t), b.bill(t)
	require.Equal(t, first.Transaction, again.Transaction)
	require.Equal(t, first.Amount, again.Amount)
}

func billSaysWhatIsToBePaid(t *testing.T, b *bench) {
	t.Helper()

	require.Contains(t, b.Gateway.Methods(b.store, Price()), b.Method)

	made := b.bill(t)
	require.Equal(t, b.Gateway.Name(), made.Gateway)
	require.Equal(t, string(b.Method), made.Method)
	require.Equal(t, Price(), made.Amount)
	require.NotEmpty(t, made.Transaction)
	require.NotEmpty(t, made.QR+made.Account+made.URL, "there is a way to pay")
	require.Zero(t, made.Cost)
	require.False(t, made.Closed)

	fee, err := b.Gateway.Fee(t.Context(), b.store, b.Method, Price())
	require.NoError(t, err)
	require.Equal(t, fee, made.Fee, "what was said before is what is asked")
}

func statusTellsOfThePayment(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)

	said, err := b.Gateway.Status(t.Context(), b.store, made.Transaction)
	require.NoError(t, err)
	require.Equal(t, payment.Pending, said.State)
	require.Equal(t, reference(), said.Reference)
	require.Equal(t, made.Transaction, said.Transaction)
	require.Equal(t, made.Amount, said.Amount)

	b.Pay(t, made.Transaction)
	b.Settle(t)

	for range 2 { // asking changes nothing
		said, err = b.Gateway.Status(t.Context(), b.store, made.Transaction)
		require.NoError(t, err)
		require.Equal(t, payment.Completed, said.State)
		require.Equal(t, reference(), said.Reference)
		require.Equal(t, made.Transaction, said.Transaction)
		require.Equal(t, made.Amount, said.Amount)
		require.Equal(t, b.Account.Sandbox, said.Sandbox)
		require.False(t, said.At.IsZero())
		b.Settle(t)
	}
}

func unknownTransaction(t *testing.T, b *bench) {
	t.Helper()

	_, err := b.Gateway.Status(t.Context(), b.store, "nobody-has-this-1")
	require.Equal(t, errs.NotFound, errs.CodeOf(err), err)
	harmless(t, err)
}

func trickyTransaction(t *testing.T, b *bench) {
	t.Helper()

	for _, transaction := range []string{"", "..", "../x", "a/b", "a?b=c", "a#b", "a b", "%2e%2e", "é", strings.Repeat("a", 1000), "a\nb"} {
		_, err := b.Gateway.Status(t.Context(), b.store, transaction)
		require.Equal(t, errs.NotFound, errs.CodeOf(err), "%q: %v", transaction, err)
		require.Equal(t, errs.NotFound, errs.CodeOf(b.Gateway.Cancel(t.Context(), b.store, transaction)), "%q", transaction)
	}
}

func cancelling(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)

	for range 2 {
		require.NoError(t, b.Gateway.Cancel(t.Context(), b.store, made.Transaction))
		b.Settle(t)
	}

	said, err := b.Gateway.Status(t.Context(), b.store, made.Transaction)
	require.NoError(t, err)
	require.Equal(t, payment.Ended, said.State)

	if b.Fixed {
		b.Pay(t, made.Transaction)
		b.Settle(t)

		said, err = b.Gateway.Status(t.Context(), b.store, made.Transaction)
		require.NoError(t, err)
		require.Equal(t, payment.Ended, said.State, "nobody is charged for what was cancelled")
	}
}

func cancellingWhatIsPaid(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)
	b.Pay(t, made.Transaction)

	if b.Fixed { // it is paid once it was charged
		_, err := b.Gateway.Status(t.Context(), b.store, made.Transaction)
		require.NoError(t, err)
	}

	b.Settle(t)
	require.Equal(t, errs.Conflict, errs.CodeOf(b.Gateway.Cancel(t.Context(), b.store, made.Transaction)))
}

func billWhoseAnswerWasLost(t *testing.T, b *bench) {
	t.Helper()

	b.Cut(t)

	_, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
	harmless(t, err)

	first, again := b.bill(t), b.bill(t)
	require.Equal(t, first.Transaction, again.Transaction, "what took effect is found")
}

func outage(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)

	b.Outage(t, true)

	_, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
	harmless(t, err)

	_, err = b.Gateway.Status(t.Context(), b.store, made.Transaction)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
	harmless(t, err)

	err = b.Gateway.Cancel(t.Context(), b.store, made.Transaction)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)

	b.Outage(t, false)
	b.Settle(t)

	_, err = b.Gateway.Status(t.Context(), b.store, made.Transaction)
	require.NoError(t, err)
}

func busy(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)

	b.Busy(t, true)

	_, err := b.Gateway.Status(t.Context(), b.store, made.Transaction)
	require.Equal(t, errs.Limited, errs.CodeOf(err), err)
	require.Positive(t, errs.RetryAfter(err))
}

func refusedKey(t *testing.T, b *bench) {
	t.Helper()

	b.rotate(t, "not-the-key-1")
	b.rotate(t, "not-the-key-2") // the right one is forgotten

	_, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), err)
	assert.NotContains(t, err.Error(), "not-the-key")
}

func rotatedKey(t *testing.T, b *bench) {
	t.Helper()

	b.rotate(t, "a-key-that-the-gateway-does-not-know-yet")
	b.bill(t)
}

func noKey(t *testing.T, b *bench) {
	t.Helper()

	require.NoError(t, b.vault.Delete(t.Context(), store.GatewayKeyName("kopi", b.Gateway.Name())))

	_, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), err)
}

func vaultOutOfReach(t *testing.T, b *bench) {
	t.Helper()

	b.plan.kind = fault.FailBefore

	_, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)

	_, err = b.Gateway.Status(t.Context(), b.store, "known1")
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
}

func noAccount(t *testing.T, b *bench) {
	t.Helper()

	b.store.Shop.Gateways = nil

	require.Empty(t, b.Gateway.Methods(b.store, Price()))

	_, err := b.Gateway.Bill(t.Context(), b.invoice())
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), err)

	_, err = b.Gateway.Status(t.Context(), b.store, "known1")
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), err)

	require.Equal(t, errs.Unauthorized, errs.CodeOf(b.Gateway.Cancel(t.Context(), b.store, "known1")))

	_, err = b.Gateway.Authenticate(t.Context(), b.store, payment.Notification{Gateway: b.Gateway.Name(), Body: []byte(`{}`)})
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), err)
}

func anotherCurrency(t *testing.T, b *bench) {
	t.Helper()

	require.Empty(t, b.Gateway.Methods(b.store, money.XTR(100)))

	invoice := b.invoice()
	invoice.Amount = money.XTR(100)

	_, err := b.Gateway.Bill(t.Context(), invoice)
	require.Equal(t, errs.Invalid, errs.CodeOf(err), err)

	invoice = b.invoice()
	invoice.Method = payment.Wallet

	_, err = b.Gateway.Bill(t.Context(), invoice)
	require.Equal(t, errs.Invalid, errs.CodeOf(err), err)
}

func callerGivesUp(t *testing.T, b *bench) {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := b.Gateway.Bill(ctx, b.invoice())
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
}

func authenticNotification(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)
	b.Pay(t, made.Transaction)

	notice, err := b.Gateway.Authenticate(t.Context(), b.store, b.Notify(t, made.Transaction, reference()))
	require.NoError(t, err)
	require.Equal(t, payment.Notice{Reference: reference(), Transaction: made.Transaction}, notice)
}

func notificationProvesNothing(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)
	sent := b.Notify(t, made.Transaction, reference())

	for name := range sent.Headers {
		forged := b.Notify(t, made.Transaction, reference())
		delete(forged.Headers, name)

		_, err := b.Gateway.Authenticate(t.Context(), b.store, forged)
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "without %s: %v", name, err)

		forged.Headers[name] = "x" + sent.Headers[name]

		_, err = b.Gateway.Authenticate(t.Context(), b.store, forged)
		require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "with another %s: %v", name, err)
		harmless(t, err)
	}

	_, err := b.Gateway.Authenticate(t.Context(), b.store, payment.Notification{Gateway: b.Gateway.Name(), Body: sent.Body})
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), err)
}

func notificationOfUnknownStanding(t *testing.T, b *bench) {
	t.Helper()

	made := b.bill(t)
	sent := b.Notify(t, made.Transaction, reference())

	b.plan.kind = fault.FailBefore

	_, err := b.Gateway.Authenticate(t.Context(), b.store, sent)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err), err)
}
