package order_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	sealmemory "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/store"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	topicmemory "github.com/lapak-id/lapak/shared/topic/memory"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/wallet"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	kopi   = "kopi"
	buyer  = int64(1001)
	keys   = "keys"
	guide  = "guide"
	admin  = int64(7)
	price  = int64(49_000)
	stars  = int64(250)
	coupon = "HEMAT"

	perBuyer   = 5
	couponUses = 3
)

var (
	ctx   = context.Background()
	start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)
)

// tester is a test or a run of rapid.
type tester interface {
	require.TestingT
	Helper()
}

// world is a store that sells keys, which are units, and a guide, a file.
type world struct {
	tester

	clock  *clock.Manual
	state  *tablememory.Table
	goods  *catalog.Service
	ledger *wallet.Ledger
	orders *order.Service
	asked  int

	messenger  *messenger
	alerts     *topicmemory.Topic
	deliverer  *order.Deliverer
	reconciler *order.Reconciler
}

func newWorld(t tester, plan fault.Plan) *world {
	t.Helper()

	w := &world{tester: t, clock: clock.NewManual(start)}
	w.state = tablememory.New(w.clock, plan)
	w.goods = catalog.NewService(w.state, sealmemory.New("master", fault.None{}), w.clock)
	w.ledger = wallet.NewLedger(w.state, w.clock)
	w.orders = order.NewService(w.state, w.goods, w.ledger, w.clock)
	w.messenger, w.alerts = &messenger{}, topicmemory.New(w.clock, fault.None{})

	stores := store.NewRegistry(w.state, w.clock)
	require.NoError(t, stores.Save(ctx, store.Store{
		ID: kopi, Name: "Toko Kopi", Owner: admin, Language: "id", TimeZone: store.DefaultTimeZone,
	}))

	w.deliverer = order.NewDeliverer(order.DelivererOptions{
		Orders: w.orders, Catalog: w.goods, Stores: stores, Users: user.NewRepository(w.state, w.clock), Staff: staff{},
		Scratch: tablememory.New(w.clock, fault.None{}), Alerts: w.alerts, Messenger: w.messenger, Texts: texts{}, Clock: w.clock,
	})
	w.reconciler = order.NewReconciler(w.orders, stores, nil)

	require.NoError(t, w.goods.SaveCategory(ctx, kopi, catalog.Category{ID: "c", Name: catalog.Text{"id": "Akun"}}, w.editor()))
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: keys, Category: "c", Name: catalog.Text{"id": "Kunci"}, Price: money.IDR(price), Stars: stars, PerBuyer: perBuyer,
		Policy: catalog.Units, Warranty: 30,
	}, w.editor()))
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: guide, Category: "c", Name: catalog.Text{"id": "Panduan"}, Price: money.IDR(10_000),
		Policy: catalog.File, File: &catalog.Download{FileID: "file", Name: "panduan.pdf", Size: 10},
		Terms: catalog.Text{"id": "Kirim namamu"},
	}, w.editor()))
	require.NoError(t, w.goods.SaveCoupon(ctx, kopi, catalog.Coupon{Code: coupon, Percent: 10, Uses: couponUses, PerBuyer: 2}, w.editor()))

	return w
}

func (w *world) editor() catalog.Editor {
	w.asked++

	return catalog.Editor{User: admin, Role: "admin", Cause: fmt.Sprint("update ", w.asked)}
}

func (w *world) stock(count int) {
	w.Helper()

	contents := make([][]byte, 0, count)
	for n := range count {
		contents = append(contents, fmt.Appendf(nil, "key %d of %d", n, w.asked))
	}

	_, err := w.goods.Stock(ctx, kopi, keys, contents, w.editor())
	require.NoError(w, err)
}

func (w *world) request(user int64, cause string) order.Request {
	return order.Request{
		Store: kopi, User: user, Chat: user, Language: "id", Kind: order.Purchase,
		Items: []order.Item{{Product: keys, Count: 1}}, Method: "qris", PayIn: 15 * time.Minute,
		Cause: cause, SentAt: w.clock.Now(),
	}
}

// place orders a key and bills it.
func (w *world) place(user int64, cause string) order.Order {
	w.Helper()

	return w.placed(w.request(user, cause))
}

func (w *world) placed(request order.Request) order.Order {
	w.Helper()

	made, err := w.orders.Place(ctx, request)
	require.NoError(w, err)

	made, err = w.orders.Billed(ctx, made.Ref(), order.Bill{
		Gateway: "pakasir", Method: "qris", Transaction: "txn-" + made.ID, Amount: made.Total, Fee: 653,
	})
	require.NoError(w, err)

	return made
}

func receiptOf(of order.Order) order.Receipt {
	bill, _ := of.Bill()

	return order.Receipt{Gateway: bill.Gateway, Transaction: bill.Transaction, Amount: bill.Amount, At: start}
}

func (w *world) get(ref order.Ref) order.Order {
	w.Helper()

	found, err := w.orders.Get(ctx, ref)
	require.NoError(w, err)

	return found
}

func (w *world) balance() int64 {
	w.Helper()

	holds, err := w.ledger.Balance(ctx, kopi, buyer)
	require.NoError(w, err)

	return holds.Value
}

// changeable is a plan that can be another one from some moment on.
type changeable struct{ now fault.Plan }

func (c *changeable) set(plan fault.Plan)          { c.now = plan }
func (c *changeable) Next(op string) fault.Kind    { return c.now.Next(op) }
func (c *changeable) Wait(op string) time.Duration { return c.now.Wait(op) }

// handle hands a message to the deliveries' worker.
func (w *world) handle(asked order.Message, cause string) error {
	w.Helper()

	body, err := json.Marshal(asked)
	require.NoError(w, err)

	w.asked++

	return w.deliverer.Handle(ctx, queue.Delivery{
		ID: strconv.Itoa(w.asked), Attempt: 1,
		Message: queue.Message{Body: body, Attrs: queue.Attrs{queue.AttrStore: asked.Store, queue.AttrCause: cause}},
	})
}

// tasks gives the newest message of each task that waits in the outbox.
func (w *world) tasks() map[order.Task]order.Message {
	w.Helper()

	found := map[order.Task]order.Message{}
	made := map[order.Task]time.Time{}

	for _, row := range w.state.All() {
		if !strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) {
			continue
		}

		entry := decode[outbox.Entry](w, row)

		var asked order.Message
		require.NoError(w, json.Unmarshal(entry.Body, &asked))

		if !entry.CreatedAt.Before(made[asked.Task]) {
			found[asked.Task], made[asked.Task] = asked, entry.CreatedAt
		}
	}

	return found
}

// ledgerGift puts money into a wallet as an owner does.
func (w *world) ledgerGift(user, amount int64) (int64, error) {
	err := w.ledger.Adjust(ctx, wallet.Adjustment{
		Store: kopi, User: user, Amount: money.IDR(amount), Reason: "gift", By: admin, Role: "owner", Cause: "gift",
	})

	return amount, err
}

// messenger remembers what it was told to say.
type messenger struct {
	blocked bool
	gone    bool // the living messages of all chats
	fails   error
	failAt  int    // the number of the one message that fails; 0: none
	hang    func() // happens while the next message is on its way
	number  int
	said    []said
}

type said struct {
	what string // "send", "edit", "caption", "photo", "invoice", "file", "document", "delete"
	to   message.Address
	text string
}

func (m *messenger) say(what string, to message.Address, text string) (int, error) {
	switch {
	case m.fails != nil:
		return 0, m.fails
	case m.blocked:
		return 0, errs.New(errs.Unauthorized, "the person has blocked the bot")
	case m.gone && (what == "edit" || what == "caption"):
		return 0, errs.New(errs.NotFound, "the message is gone")
	}

	if hang := m.hang; hang != nil {
		m.hang = nil

		hang()
	}

	m.number++
	if m.number == m.failAt {
		return 0, errs.New(errs.Unavailable, "telegram is down")
	}

	m.said = append(m.said, said{what, to, text})

	return m.number, nil
}

func (m *messenger) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	return m.say("send", to, text.HTML)
}

func (m *messenger) Edit(_ context.Context, to message.Address, text message.Text) error {
	_, err := m.say("edit", to, text.HTML)

	return err
}

func (m *messenger) EditCaption(_ context.Context, to message.Address, text message.Text) error {
	_, err := m.say("caption", to, text.HTML)

	return err
}

func (m *messenger) Delete(_ context.Context, which message.Address) error {
	_, err := m.say("delete", which, "")

	return err
}

func (m *messenger) SendPhoto(_ context.Context, to message.Address, photo message.Photo) (int, error) {
	return m.say("photo", to, photo.Caption.HTML)
}

func (m *messenger) SendInvoice(_ context.Context, to message.Address, invoice message.StarsInvoice) (int, error) {
	return m.say("invoice", to, invoice.Payload)
}

func (m *messenger) SendFile(_ context.Context, to message.Address, file message.Document) (int, error) {
	return m.say("file", to, file.FileID+": "+file.Caption.HTML)
}

func (m *messenger) SendDocument(
	_ context.Context, to message.Address, name, _ string, content io.Reader, caption message.Text,
) error {
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}

	_, err = m.say("document", to, name+" "+caption.HTML+" "+string(text))

	return err
}

// texts are plain: what they say is tested where they are written.
type texts struct{}

func (texts) Bill(_ store.Store, of order.Order, now time.Time) (message.Photo, error) {
	bill, _ := of.Bill()

	return message.Photo{
		Content: []byte(bill.QR),
		Caption: message.Text{HTML: fmt.Sprintf("pay %s within %s", bill.Total(), of.Deadline.Sub(now))},
	}, nil
}

func (texts) Invoice(_ store.Store, of order.Order) message.StarsInvoice {
	return message.StarsInvoice{Payload: of.Ref().Reference(), Stars: of.Total.Value}
}

func (texts) Unbilled(_ store.Store, of order.Order, reference string) message.Text {
	return message.Text{HTML: "unbilled " + of.Label() + " " + reference}
}

func (texts) Outcome(_ store.Store, of order.Order) message.Text {
	return message.Text{HTML: "outcome " + string(of.State)}
}

func (texts) Goods(_ store.Store, _ order.Order, line order.Line, contents []string, part, parts int) message.Text {
	return message.Text{HTML: fmt.Sprintf("goods %s %d/%d: %s", line.Product, part, parts, strings.Join(contents, "|"))}
}

func (texts) GoodsFile(_ store.Store, of order.Order, line order.Line) (string, message.Text) {
	return of.Label() + ".txt", message.Text{HTML: "file of " + line.Product}
}

func (texts) Handmade(_ store.Store, _ order.Order, line order.Line) message.Text {
	return message.Text{HTML: "handmade " + line.Product}
}

func (texts) Delivered(store.Store, order.Order) message.Text {
	return message.Text{HTML: "keep it", Buttons: [][]message.Button{{{Text: "receipt", Data: "r"}}}}
}

func (texts) Terms(_ store.Store, _ order.Order, product catalog.Product) message.Text {
	return message.Text{HTML: "terms of " + product.ID}
}

func (texts) Notice(_ store.Store, language, key string, _ map[string]any) message.Text {
	return message.Text{HTML: language + " " + key}
}

// staff are those of every store.
type staff struct{}

func (staff) Who(context.Context, store.Store, user.Permission) ([]int64, error) {
	return []int64{admin}, nil
}
