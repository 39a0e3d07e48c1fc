package chat_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/queue"
	sealmemory "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/terms"
	topicmemory "github.com/lapak-id/lapak/shared/topic/memory"
	"github.com/lapak-id/lapak/shared/wallet"
)

// The products of the market.
const (
	netflix = "netflix" // units with a warranty
	spotify = "spotify" // units, sold out
	ebook   = "ebook"   // a file, with a picture
	joki    = "joki"    // made by hand, with terms
)

// market is a world whose store sells, with the workers that orders go through.
type market struct {
	*world

	goods   *catalog.Service
	ledger  *wallet.Ledger
	orders  *order.Service
	terms   *terms.Service
	gateway *gateway
	desk    *payment.Desk
	courier *order.Deliverer
	edits   int

	broadcasts []string // what was asked of those who send them
}

// newMarket opens the shop; change may set how the store sells.
func newMarket(t *testing.T, change ...func(*store.Shop)) *market {
	t.Helper()

	w := newWorld(t)
	sealer := sealmemory.New("master", fault.None{})
	m := &market{world: w, gateway: &gateway{now: w.now, billed: map[string]money.Amount{}, paid: map[string]bool{}}}
	m.goods = catalog.NewService(w.state, sealer, w.now)
	m.ledger = wallet.NewLedger(w.state, w.now)
	m.orders = order.NewService(w.state, m.goods, m.ledger, w.now)
	m.terms = terms.NewService(w.state, sealer, w.now)

	alerts := topicmemory.New(w.now, fault.None{})
	till := payment.NewGateways(w.scratch, alerts, w.now, m.gateway)
	m.desk = payment.NewDesk(payment.DeskOptions{
		Orders: m.orders, Stores: w.stores, Till: till, Stars: refunds{}, Clock: w.now,
	})
	m.courier = order.NewDeliverer(order.DelivererOptions{
		Orders: m.orders, Catalog: m.goods, Stores: w.stores, Users: w.users, Staff: w.users, Scratch: w.scratch,
		Alerts: alerts, Messenger: w.phone, Texts: w.catalog, Clock: w.now,
	})

	options := w.options
	options.Shop, options.Orders, options.Wallets, options.Till, options.Terms = m.goods, m.orders, m.ledger, till, m.terms
	options.Backroom = m.backroom()
	options.Campaigns, options.Previewer = broadcast.NewService(w.state, w.stores, w.users, w.now), w.phone
	w.chat = chat.New(options)

	m.open(change)
	m.fill()

	return m
}

// open opens the shop of the store.
func (m *market) open(change []func(*store.Shop)) {
	m.t.Helper()

	of, err := m.stores.Get(m.t.Context(), demo)
	require.NoError(m.t, err)

	of.Shop = store.Shop{
		Open:     true,
		Gateways: []store.Account{{Gateway: "pakasir", Project: "kopi"}, {Gateway: order.StarsGateway}},
		Manual:   map[string]string{"id": "Transfer ke BCA 123456 a.n. Toko <Kopi>.", "en": "Transfer to BCA 123456, Toko <Kopi>."},
	}
	for _, set := range change {
		set(&of.Shop)
	}

	require.NoError(m.t, m.stores.Save(m.t.Context(), of))
}

// fill puts products on the shelves.
func (m *market) fill() {
	m.t.Helper()

	shelf := func(id, indonesian, english string) {
		require.NoError(m.t, m.goods.SaveCategory(m.t.Context(), demo, catalog.Category{
			ID: id, Name: catalog.Text{"id": indonesian, "en": english},
		}, m.editor()))
	}
	shelf("akun", "Akun <premium>", "Premium <accounts>")
	shelf("buku", "Buku", "Books")
	shelf("kosong", "Kosong", "Empty")

	m.sell(catalog.Product{
		ID: netflix, Category: "akun", Name: catalog.Text{"id": "Netflix 1 bulan", "en": "Netflix for a month"},
		Description: catalog.Text{"id": "Akun privat & aman.", "en": "A private & safe account."},
		Price:       money.IDR(49_000), Stars: 250, Policy: catalog.Units, Warranty: 30,
	})
	m.sell(catalog.Product{
		ID: spotify, Category: "akun", Name: catalog.Text{"id": "Spotify"}, Price: money.IDR(20_000), Policy: catalog.Units,
	})
	m.sell(catalog.Product{
		ID: ebook, Category: "buku", Name: catalog.Text{"id": "Resep kopi", "en": "Coffee recipes"}, Price: money.IDR(15_000),
		Photo: "cover", Policy: catalog.File, File: &catalog.Download{FileID: "pdf", Name: "resep.pdf", Size: 9},
	})
	m.sell(catalog.Product{
		ID: joki, Category: "akun", Name: catalog.Text{"id": "Joki rank"}, Price: money.IDR(120_000), Policy: catalog.Manual,
		PerBuyer: 2, Terms: catalog.Text{"id": "Tulis ID akunmu.", "en": "Write the id of your account."},
	})

	contents := make([][]byte, 0, 12)
	for n := range 12 {
		contents = append(contents, fmt.Appendf(nil, "user: ani%d / pass: <rahasia>", n))
	}

	_, err := m.goods.Stock(m.t.Context(), demo, netflix, contents, m.editor())
	require.NoError(m.t, err)
	require.NoError(m.t, m.goods.SaveCoupon(m.t.Context(), demo, catalog.Coupon{Code: "KOPI10", Percent: 10}, m.editor()))
}

func (m *market) sell(product catalog.Product) {
	m.t.Helper()
	require.NoError(m.t, m.goods.SaveProduct(m.t.Context(), demo, product, m.editor()))
}

func (m *market) editor() catalog.Editor {
	m.edits++

	return catalog.Editor{User: owner, Role: "owner", Cause: fmt.Sprint("edit ", m.edits)}
}

// work does what is in the outbox and due, and what follows from it.
func (m *market) work() {
	m.t.Helper()

	const enough = 100

	for range enough {
		row, entry, ok := m.due()
		if !ok {
			return
		}

		delivery := queue.Delivery{Message: queue.Message{Body: entry.Body, Attrs: queue.Attrs{
			queue.AttrStore: entry.Store, queue.AttrCause: entry.ID,
		}}, Attempt: 1}

		work := map[queue.Name]func(context.Context, queue.Delivery) error{
			queue.Payments: m.desk.Handle, queue.Deliveries: m.courier.Handle, queue.Broadcasts: m.announced,
		}[entry.Queue]

		require.NoError(m.t, work(m.t.Context(), delivery))
		require.NoError(m.t, m.state.Write(m.t.Context(), table.Delete(row.Key, row.Version)))
	}

	m.t.Fatal("the work does not end")
}

func (m *market) due() (table.Row, outbox.Entry, bool) {
	rows, ok := m.state.Table.(*memory.Table)
	require.True(m.t, ok)

	for _, row := range rows.All() {
		if !strings.HasPrefix(row.Key.SK(), "outbox#") {
			continue
		}

		entry, err := table.Decode[outbox.Entry](row)
		require.NoError(m.t, err)

		if !m.now.Now().Before(entry.CreatedAt.Add(entry.Delay)) {
			return row, entry, true
		}
	}

	return table.Row{}, outbox.Entry{}, false
}

// order gives the newest order of Ani's.
func (m *market) order() order.Order {
	m.t.Helper()

	found, _, err := m.orders.Turn(m.t.Context(), demo, ani, catalog.Place{Limit: 1})
	require.NoError(m.t, err)
	require.Len(m.t, found, 1)

	return found[0]
}

// pay has the gateway say that an order's bill is paid, and the store hear of it.
func (m *market) pay(of order.Order) {
	m.t.Helper()

	bill, ok := of.Bill()
	require.True(m.t, ok)

	m.gateway.paid[bill.Transaction] = true
	require.NoError(m.t, m.orders.Check(m.t.Context(), of.Ref(), "notified"))
	m.work()
}

// data gives what a button of the newest message says, by the start of it.
func (m *market) data(start string) string {
	m.t.Helper()

	for _, row := range m.phone.message(0).Buttons {
		for _, button := range row {
			if strings.HasPrefix(button.Data, start) {
				return button.Data
			}
		}
	}

	m.t.Fatalf("no button %q below %q", start, m.phone.message(0).HTML)

	return ""
}

// announced takes what sets a broadcast going.
func (m *market) announced(_ context.Context, of queue.Delivery) error {
	m.broadcasts = append(m.broadcasts, string(of.Body))

	return nil
}

// press is Ani tapping the button of the newest message that starts so.
func (m *market) press(start string) telego.Update {
	m.t.Helper()

	return m.tap(m.phone.last, m.data(start))
}

// gateway is a payment gateway that does as it is told.
type gateway struct {
	now    interface{ Now() time.Time }
	billed map[string]money.Amount // by transaction
	paid   map[string]bool
	down   bool
}

func (*gateway) Name() string { return "pakasir" }

func (*gateway) Methods(store.Store, money.Amount) []payment.Method {
	return []payment.Method{payment.QRIS, "bri_va", "bni_va", "permata_va", payment.Link}
}

func (*gateway) Fee(_ context.Context, _ store.Store, method payment.Method, amount money.Amount) (int64, error) {
	if method == payment.QRIS {
		return amount.Value*7/1000 + 310, nil
	}

	return 4_000, nil
}

func (g *gateway) Bill(ctx context.Context, invoice payment.Invoice) (order.Bill, error) {
	if g.down {
		return order.Bill{}, errs.New(errs.Unavailable, "the gateway is down")
	}

	fee, err := g.Fee(ctx, invoice.Store, invoice.Method, invoice.Amount)
	bill := order.Bill{
		Gateway: "pakasir", Method: string(invoice.Method), Transaction: "T-" + invoice.Reference, Amount: invoice.Amount, Fee: fee,
	}

	switch invoice.Method {
	case payment.QRIS:
		bill.QR = "00020101021226610014COM.GO-JEK.WWW" + invoice.Reference
	case payment.Link:
		bill.URL = "https://pay.example/" + invoice.Reference
	default:
		bill.Account = "8808123456789"
	}

	g.billed[bill.Transaction] = bill.Amount

	return bill, err
}

func (g *gateway) Status(_ context.Context, _ store.Store, transaction string) (payment.Status, error) {
	state := payment.Pending
	if g.paid[transaction] {
		state = payment.Completed
	}

	return payment.Status{
		State: state, Transaction: transaction, Reference: strings.TrimPrefix(transaction, "T-"), Amount: g.billed[transaction],
		At: g.now.Now(),
	}, nil
}

func (*gateway) Cancel(context.Context, store.Store, string) error { return nil }

// refunds gives Stars back.
type refunds struct{}

func (refunds) Refund(context.Context, store.Store, order.Receipt, int64) error { return nil }
