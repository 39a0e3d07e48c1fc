package shop_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
)

// chatKey names a chat of a store's bot.
type chatKey struct {
	store string
	chat  int64
}

// invoice is a bill in Stars in a chat.
type invoice struct {
	chatKey

	payload string
	stars   int64
}

// telegram is what people see, and the Stars that they pay.
type telegram struct {
	world    *world
	chats    map[chatKey][]string // what stands in each message now
	blocked  map[chatKey]bool
	refused  map[order.Ref]bool // what could not be said of which order
	invoices []invoice
	refunded map[string]bool // charges
	charges  int
}

func newTelegram(w *world) *telegram {
	return &telegram{
		world: w, chats: map[chatKey][]string{}, blocked: map[chatKey]bool{}, refused: map[order.Ref]bool{},
		refunded: map[string]bool{},
	}
}

// say puts a message into a chat.
func (g *telegram) say(ctx context.Context, op string, to message.Address, text string) (int, error) {
	var number int

	key := chatKey{to.Store, to.Chat}

	_, err := fault.Around(ctx, g.world.plan, op, func() error {
		if g.blocked[key] {
			return g.refuse(key, text)
		}

		g.chats[key] = append(g.chats[key], text)
		number = len(g.chats[key])
		g.world.watched.shown(key, text)

		return nil
	})

	return number, err
}

func (g *telegram) change(ctx context.Context, op string, to message.Address, text string) error {
	key := chatKey{to.Store, to.Chat}

	_, err := fault.Around(ctx, g.world.plan, op, func() error {
		if g.blocked[key] {
			return g.refuse(key, text)
		}

		if to.Message < 1 || to.Message > len(g.chats[key]) || g.chats[key][to.Message-1] == "" {
			return errs.New(errs.NotFound, "no message %d", to.Message)
		}

		g.chats[key][to.Message-1] = text
		g.world.watched.shown(key, text)

		return nil
	})

	return err
}

// refuse refuses what is said to somebody who does not want to hear from the bot.
func (g *telegram) refuse(key chatKey, text string) error {
	if words := strings.Fields(text); len(words) > 3 {
		g.refused[order.Ref{Store: key.store, User: key.chat, ID: words[3]}] = true
	}

	return errs.New(errs.Unauthorized, "chat %v has blocked the bot", key)
}

// Send implements order.Messenger.
func (g *telegram) Send(ctx context.Context, to message.Address, text message.Text) (int, error) {
	return g.say(ctx, "telegram.send", to, text.HTML)
}

// Edit implements order.Messenger.
func (g *telegram) Edit(ctx context.Context, to message.Address, text message.Text) error {
	return g.change(ctx, "telegram.edit", to, text.HTML)
}

// EditCaption implements order.Messenger.
func (g *telegram) EditCaption(ctx context.Context, to message.Address, text message.Text) error {
	return g.change(ctx, "telegram.caption", to, text.HTML)
}

// Delete implements order.Messenger.
func (g *telegram) Delete(ctx context.Context, to message.Address) error {
	return g.change(ctx, "telegram.delete", to, "")
}

// SendPhoto implements order.Messenger.
func (g *telegram) SendPhoto(ctx context.Context, to message.Address, photo message.Photo) (int, error) {
	return g.say(ctx, "telegram.photo", to, photo.Caption.HTML)
}

// SendInvoice implements order.Messenger.
func (g *telegram) SendInvoice(ctx context.Context, to message.Address, asked message.StarsInvoice) (int, error) {
	number, err := g.say(ctx, "telegram.invoice", to, asked.Title)
	if number > 0 {
		g.invoices = append(g.invoices, invoice{chatKey{to.Store, to.Chat}, asked.Payload, asked.Stars})
	}

	return number, err
}

// SendFile implements order.Messenger.
func (g *telegram) SendFile(ctx context.Context, to message.Address, file message.Document) (int, error) {
	return g.say(ctx, "telegram.file", to, file.FileID+" "+file.Caption.HTML)
}

// SendDocument implements order.Messenger.
func (g *telegram) SendDocument(
	ctx context.Context, to message.Address, name, _ string, content io.Reader, caption message.Text,
) error {
	text, err := io.ReadAll(content)
	if err != nil {
		return fmt.Errorf("read document %s: %w", name, err)
	}

	_, err = g.say(ctx, "telegram.document", to, name+" "+string(text)+" "+caption.HTML)

	return err
}

// Refund implements payment.Refunder: Telegram gives Stars back once.
func (g *telegram) Refund(ctx context.Context, of store.Store, receipt order.Receipt, user int64) error {
	_, err := fault.Around(ctx, g.world.plan, "telegram.refund", func() error {
		paid, ok := g.world.books.taken[moneyKey{of.ID, receipt.Gateway, receipt.Transaction}]
		if !ok || !strings.HasSuffix(paid.reference, "-"+userName(user)) {
			g.world.wrongf("Stars of nobody are given back: %+v of %d", receipt, user)

			return errs.New(errs.Invalid, "no such charge")
		}

		g.refunded[of.ID+" "+receipt.Transaction] = true

		return nil
	})

	return err
}

// payStars has a person pay an invoice, as Telegram does: asked before, then
// told of it.
func (g *telegram) payStars() {
	w := g.world
	if len(g.invoices) == 0 {
		return
	}

	paid := g.invoices[w.random.IntN(len(g.invoices))]

	ref, err := order.ParseReference(paid.store, paid.payload)
	w.must(err)

	asked, ok := w.watched.orders[ref]
	if !ok || asked.State != order.Awaiting || !w.clock.Now().Before(asked.Deadline) || asked.Total != money.XTR(paid.stars) {
		if !w.odds(10) { // it was asked just before that
			return
		}
	}

	g.charges++
	receipt := order.Receipt{
		Gateway: order.StarsGateway, Transaction: fmt.Sprintf("charge-%d", g.charges), Amount: money.XTR(paid.stars),
		At: w.clock.Now(),
	}
	w.books.take(paid.store, receipt, paid.payload, true)
	w.push(update{Store: paid.store, User: paid.chat, Act: actPaidStars, Order: ref, Receipt: receipt})
}

// comeBack has everybody unblock the bots.
func (g *telegram) comeBack() {
	for _, of := range stores() {
		for _, person := range append(buyers(), owner) {
			if key := (chatKey{of, person}); g.blocked[key] {
				g.unblock(key)
			}
		}
	}
}

// greet has everybody write whose goods wait for them, and reports whether
// there was anybody.
func (g *telegram) greet() bool {
	waiting := g.world.watched.ordersWhere(func(o order.Order) bool { return o.Held && o.State.Open() })
	for _, of := range waiting {
		g.world.push(update{Store: of.Store, User: of.User, Act: actHello})
	}

	return len(waiting) > 0
}

func (g *telegram) unblock(key chatKey) {
	delete(g.blocked, key)
	g.world.push(update{Store: key.store, User: key.chat, Act: actBack})
}

// texts says everything in a form that can be checked: what it is, of which
// store and order, in which state.
type texts struct{}

var _ order.Texts = texts{}

func about(what string, of order.Order) string {
	return fmt.Sprintf("%s of %s %s %s", what, of.Store, of.ID, of.State)
}

// Bill implements order.Texts.
func (texts) Bill(_ store.Store, of order.Order, _ time.Time) (message.Photo, error) {
	bill, _ := of.Bill()

	return message.Photo{Content: []byte(bill.QR), Caption: message.Text{HTML: about("bill", of)}}, nil
}

// Invoice implements order.Texts.
func (texts) Invoice(_ store.Store, of order.Order) message.StarsInvoice {
	return message.StarsInvoice{Title: about("invoice", of), Payload: of.Ref().Reference(), Stars: of.Total.Value}
}

// Unbilled implements order.Texts.
func (texts) Unbilled(_ store.Store, of order.Order, _ string) message.Text {
	return message.Text{HTML: about("unbilled", of)}
}

// Outcome implements order.Texts.
func (texts) Outcome(_ store.Store, of order.Order) message.Text {
	return message.Text{HTML: about("outcome", of)}
}

// Goods implements order.Texts.
func (texts) Goods(_ store.Store, of order.Order, _ order.Line, contents []string, _, _ int) message.Text {
	return message.Text{HTML: about("goods", of) + " " + strings.Join(contents, " ")}
}

// GoodsFile implements order.Texts.
func (texts) GoodsFile(_ store.Store, of order.Order, _ order.Line) (string, message.Text) {
	return "goods.txt", message.Text{HTML: about("file", of)}
}

// Handmade implements order.Texts.
func (texts) Handmade(_ store.Store, of order.Order, _ order.Line) message.Text {
	return message.Text{HTML: about("handmade", of)}
}

// Delivered implements order.Texts.
func (texts) Delivered(_ store.Store, of order.Order) message.Text {
	return message.Text{HTML: about("delivered", of)}
}

// Terms implements order.Texts.
func (texts) Terms(_ store.Store, of order.Order, _ catalog.Product) message.Text {
	return message.Text{HTML: about("terms", of)}
}

// Notice implements order.Texts.
func (texts) Notice(of store.Store, _, key string, args map[string]any) message.Text {
	return message.Text{HTML: fmt.Sprintf("notice of %s %s %v", of.ID, key, args)}
}
