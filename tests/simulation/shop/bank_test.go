package shop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/callback"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
)

const (
	hookSecret = "a-secret-that-the-gateway-knows"
	// feeOnTop is what a bank adds for the payer, feeInside what it keeps of
	// what the store gets where the store bears the fee.
	feeOnTop  = 310
	feeInside = 7
	// unpaidFor is how long a transaction can be paid.
	unpaidFor = 24 * time.Hour
)

// transaction is what a bank knows of one.
type transaction struct {
	id        string
	store     string
	reference string
	method    payment.Method
	asked     money.Amount
	paid      money.Amount // zero: not paid
	sandbox   bool         // no true money
	ended     bool
	createdAt time.Time
	paidAt    time.Time

	lie   lie // what status says instead of the truth
	until time.Time
}

// lie is how a bank's answers differ from the truth for a while.
type lie int

const (
	truth         lie = iota
	stillPending      // though it is paid
	silent            // no answer at all
	anothersID        // another transaction's answer
	anothersOrder     // it says another order's reference
	claimsSandbox     // it says that it was a test
	claimsPaid        // … with the right reference and amount, of another transaction
)

// bank is a gateway that keeps no promise but one: what its status says of a
// transaction in full is so in the end.
type bank struct {
	world *world
	name  string
	// leaky: it tells stores of each other's transactions.
	leaky        bool
	transactions []*transaction
}

var _ payment.Notifier = (*bank)(nil)

func newBank(w *world, name string, leaky bool) *bank {
	return &bank{world: w, name: name, leaky: leaky}
}

// Name implements payment.Gateway.
func (b *bank) Name() string { return b.name }

// Methods implements payment.Gateway.
func (b *bank) Methods(store.Store, money.Amount) []payment.Method {
	return []payment.Method{payment.QRIS, payment.Link}
}

// Fee implements payment.Gateway.
func (b *bank) Fee(context.Context, store.Store, payment.Method, money.Amount) (int64, error) {
	return feeOnTop, nil
}

// Bill implements payment.Gateway: it finds or creates, and at times forgets
// what it has.
func (b *bank) Bill(ctx context.Context, invoice payment.Invoice) (order.Bill, error) {
	var made *transaction

	_, err := fault.Around(ctx, b.world.plan, "gateway.bill", func() error {
		made = b.find(invoice)

		if made == nil || made.paid.IsZero() && b.world.odds(8) {
			made = &transaction{
				id: fmt.Sprintf("%s-%d", b.name, len(b.transactions)+1), store: invoice.Store.ID,
				reference: invoice.Reference, method: invoice.Method, asked: asked(invoice), createdAt: b.world.clock.Now(),
			}
			b.transactions = append(b.transactions, made)
		}

		return nil
	})
	if err != nil {
		return order.Bill{}, err
	}

	if b.world.odds(12) && !b.world.calm {
		b.payAtOnce(made)
		b.world.hearOfPayment() //nolint:contextcheck // these are processes of their own
	}

	bill := order.Bill{
		Gateway: b.name, Method: string(invoice.Method), Transaction: made.id, Amount: made.asked,
		Cost: invoice.Amount.Value - made.asked.Value, QR: "qr of " + made.id, Until: made.createdAt.Add(unpaidFor),
	}
	if bill.Cost == 0 {
		bill.Fee = feeOnTop
	}

	return bill, nil
}

// payAtOnce has a transaction paid, and told, before the call that made it has
// returned. Should its answer be lost, nobody but the bank knows of it: then it
// does not lie, and tells until it is heard.
func (b *bank) payAtOnce(of *transaction) {
	if !of.paid.IsZero() || of.ended {
		return
	}

	b.pay(of)

	if of.lie != stillPending {
		of.lie = truth
	}

	b.tell(of.store, of.reference, of.id)
	b.world.notices[len(b.world.notices)-1].insists = true
}

func asked(invoice payment.Invoice) money.Amount {
	amount := invoice.Amount
	if invoice.Store.Shop.StoreBearsFee {
		amount.Value -= feeInside
	}

	return amount
}

func (b *bank) find(invoice payment.Invoice) *transaction {
	for _, known := range b.transactions {
		if known.store == invoice.Store.ID && known.reference == invoice.Reference && known.method == invoice.Method && !known.ended {
			return known
		}
	}

	return nil
}

// by gives a transaction by its id, as a store may ask for it.
func (b *bank) by(of store.Store, id string) *transaction {
	for _, known := range b.transactions {
		if known.id == id && (known.store == of.ID || b.leaky) {
			return known
		}
	}

	return nil
}

// Status implements payment.Gateway.
func (b *bank) Status(ctx context.Context, of store.Store, id string) (payment.Status, error) {
	var said payment.Status

	_, err := fault.Around(ctx, b.world.plan, "gateway.status", func() error {
		found := b.by(of, id)
		if found == nil {
			return errs.New(errs.NotFound, "bank %s knows no transaction %s", b.name, id)
		}

		var err error
		said, err = b.say(found)

		return err
	})
	if err != nil {
		return payment.Status{}, err
	}

	return said, nil
}

func (b *bank) say(of *transaction) (payment.Status, error) {
	now := b.world.clock.Now()
	said := payment.Status{
		State: payment.Pending, Reference: of.reference, Transaction: of.id, Amount: of.asked, Sandbox: of.sandbox,
	}

	switch {
	case !of.paid.IsZero():
		said.State, said.Amount, said.At = payment.Completed, of.paid, of.paidAt
	case of.ended || !now.Before(of.createdAt.Add(unpaidFor)):
		said.State = payment.Ended
	}

	if !now.Before(of.until) {
		return said, nil
	}

	switch of.lie {
	case truth:
	case stillPending:
		said.State, said.Amount, said.At = payment.Pending, of.asked, time.Time{}
	case silent:
		return payment.Status{}, errs.New(errs.Unavailable, "bank %s does not answer", b.name)
	case anothersID:
		said.Transaction = "pakasir-0"
	case anothersOrder:
		said.Reference = "LP-0000000000-101"
	case claimsSandbox:
		said.Sandbox = true
	case claimsPaid:
		said.State, said.Transaction, said.At = payment.Completed, of.id+"0", now
	}

	return said, nil
}

// Cancel implements payment.Gateway.
func (b *bank) Cancel(ctx context.Context, of store.Store, id string) error {
	_, err := fault.Around(ctx, b.world.plan, "gateway.cancel", func() error {
		found := b.by(of, id)

		switch {
		case found == nil || found.store != of.ID:
			return errs.New(errs.NotFound, "bank %s knows no transaction %s", b.name, id)
		case !found.paid.IsZero():
			return errs.New(errs.Conflict, "transaction %s is paid", id)
		}

		found.ended = true

		return nil
	})

	return err
}

// Authenticate implements payment.Notifier.
func (b *bank) Authenticate(
	ctx context.Context, of store.Store, notification payment.Notification,
) (payment.Notice, error) {
	var said notice

	_, err := fault.Around(ctx, b.world.plan, "gateway.authenticate", func() error {
		if err := json.Unmarshal(notification.Body, &said); err != nil {
			return errs.Wrap(err, errs.Invalid, "read a notification")
		}

		if notification.Headers["x-secret"] != hookSecret+of.ID {
			return errs.New(errs.Unauthorized, "wrong secret")
		}

		return nil
	})

	return payment.Notice{Reference: said.Reference, Transaction: said.Transaction}, err
}

// notice is the body of a notification.
type notice struct {
	Reference   string `json:"order_id"`
	Transaction string `json:"txn_id"`
	Status      string `json:"status"`
	Number      int    `json:"number"` // tells tries of different kinds apart
}

// notification is one on its way.
type notification struct {
	store, gateway, reference, transaction string
	secret                                 string
	number                                 int
	tries                                  int
	insists                                bool // it comes until it is taken
}

// payable gives the transactions that could be paid now.
func (b *bank) payable() []*transaction {
	var found []*transaction

	now := b.world.clock.Now()
	for _, known := range b.transactions {
		if known.paid.IsZero() && !known.ended && now.Before(known.createdAt.Add(unpaidFor)) && b.world.watched.billed(known) {
			found = append(found, known)
		}
	}

	return found
}

// pay has somebody pay a transaction, most often as was asked, and lets the
// bank lie about it for a while.
func (b *bank) pay(of *transaction) {
	w := b.world
	if !of.paid.IsZero() || of.ended {
		return
	}

	of.paid, of.paidAt = of.asked, w.clock.Now()
	of.lie, of.until = truth, time.Time{}

	switch w.random.IntN(24) {
	case 0:
		of.paid.Value--
	case 1:
		of.paid.Value += 1000
	case 2:
		of.paid.Currency = "USD"
	case 3:
		of.sandbox = true
	case 4, 5, 6, 7:
		of.lie = stillPending
	case 8, 9:
		of.lie = silent
	case 10, 11:
		of.lie = anothersID
	case 12, 13:
		of.lie = anothersOrder
	case 14, 15:
		of.lie = claimsSandbox
	}

	if of.lie != truth {
		of.until = of.paidAt.Add(time.Duration(w.random.Int64N(int64(15 * time.Minute))))
	}

	if !of.sandbox {
		w.books.take(of.store, of.receipt(), of.reference, of.paid == of.asked)
	}

	switch w.random.IntN(8) {
	case 0, 1: // it never tells
	case 2:
		b.tell(of.store, of.reference, of.id)
		b.tell(of.store, of.reference, of.id)
	default:
		b.tell(of.store, of.reference, of.id)
	}
}

// tell has the bank notify a store.
func (b *bank) tell(of, reference, transaction string) {
	w := b.world
	w.causes++
	w.notices = append(w.notices, notification{
		store: of, gateway: b.name, reference: reference, transaction: transaction, secret: hookSecret + of, number: w.causes,
	})
}

// mislead sends a notification that is not what it seems.
func (b *bank) mislead() {
	w := b.world

	if len(b.transactions) == 0 {
		return
	}

	one := b.transactions[w.random.IntN(len(b.transactions))]
	other := b.transactions[w.random.IntN(len(b.transactions))]

	switch w.random.IntN(8) {
	case 0: // forged
		b.tell(one.store, one.reference, one.id)
		w.notices[len(w.notices)-1].secret = "a-guess"
	case 1: // replayed, or early
		b.tell(one.store, one.reference, one.id)
	case 2:
		b.mixUp(one, other)
	case 3: // to another store, with its right secret
		i := slices.Index(stores(), one.store)
		b.tell(stores()[1-i], one.reference, one.id)
	case 4: // of nothing
		b.tell(one.store, one.reference, one.id+"x")
	case 5: // it says for a moment that something was paid, of another transaction
		if one.paid.IsZero() {
			one.lie, one.until = claimsPaid, w.clock.Now().Add(5*time.Minute)
			b.tell(one.store, one.reference, one.id)
		}
	default:
		b.chargeTwice(one)
	}
}

// mixUp has one paid transaction told of another order, best of all of one that
// costs the same; its own order hears nothing.
func (b *bank) mixUp(one, other *transaction) {
	w := b.world

	if waiting := b.payable(); len(waiting) > 0 {
		one = waiting[w.random.IntN(len(waiting))]

		heard := len(w.notices)
		b.pay(one)
		w.notices = w.notices[:heard]
	}

	for _, like := range b.transactions {
		if like.store == one.store && like.reference != one.reference && like.asked == one.asked {
			other = like
		}
	}

	b.tell(other.store, other.reference, one.id)
}

// chargeTwice has the bank make a transaction that nobody has asked for, of an
// order that it knows, and take the money. It tells until it is heard, since
// nobody else knows.
func (b *bank) chargeTwice(of *transaction) {
	w := b.world
	if !w.watched.billed(of) {
		return
	}

	twin := &transaction{
		id: fmt.Sprintf("%s-%d", b.name, len(b.transactions)+1), store: of.store, reference: of.reference, method: of.method,
		asked: of.asked, paid: of.asked, createdAt: w.clock.Now(), paidAt: w.clock.Now(),
	}
	b.transactions = append(b.transactions, twin)
	w.books.take(twin.store, twin.receipt(), twin.reference, true)
	b.tell(twin.store, twin.reference, twin.id)
	w.notices[len(w.notices)-1].insists = true
}

func (t *transaction) receipt() order.Receipt {
	return order.Receipt{Gateway: strings.Split(t.id, "-")[0], Transaction: t.id, Amount: t.paid, At: t.paidAt}
}

// stepNotice has a bank send one notification. It comes again, a few times,
// after any answer but a 2xx.
func (w *world) stepNotice() {
	if len(w.notices) == 0 {
		return
	}

	at := w.random.IntN(len(w.notices))
	next := w.notices[at]
	w.notices[at].tries++

	const giveUp = 6
	if next.tries >= giveUp && !next.insists {
		w.notices = append(w.notices[:at], w.notices[at+1:]...)
	}

	w.depth++
	defer func() { w.depth-- }()

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	body, err := json.Marshal(notice{next.reference, next.transaction, "completed", next.number})
	w.must(err)

	response := w.door.Serve(ctx, callback.Request{
		Store: next.store, Gateway: next.gateway, Headers: map[string]string{"x-secret": next.secret}, Body: body,
	})

	forged := next.secret != hookSecret+next.store
	if forged && response.Status == 200 {
		w.wrongf("a forged notification was taken: %s", body)
	}

	if (forged || response.Status == 200) && !w.odds(20) {
		w.notices = slices.DeleteFunc(w.notices, func(n notification) bool { return n.number == next.number })
	}
}
