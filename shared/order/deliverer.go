package order

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/topic"
	"github.com/lapak-id/lapak/shared/user"
)

// Messenger speaks to people. Its errors: NotFound where the message is gone,
// Unauthorized where the person does not want to hear from the bot.
type Messenger interface {
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	Edit(ctx context.Context, to message.Address, text message.Text) error
	EditCaption(ctx context.Context, to message.Address, caption message.Text) error
	Delete(ctx context.Context, which message.Address) error
	SendPhoto(ctx context.Context, to message.Address, photo message.Photo) (int, error)
	SendInvoice(ctx context.Context, to message.Address, invoice message.StarsInvoice) (int, error)
	// SendFile sends a file that Telegram has.
	SendFile(ctx context.Context, to message.Address, file message.Document) (int, error)
	// SendDocument sends a file under a name.
	SendDocument(
		ctx context.Context, to message.Address, name, mimeType string, content io.Reader, caption message.Text,
	) error
}

// Texts puts orders into words, in the language of the order.
type Texts interface {
	// Bill tells how an order that awaits its payment is paid, and how long
	// there still is. Content is the picture to scan; where it is empty the
	// caption is a message of its own. Stars are asked for by Invoice instead.
	Bill(of store.Store, order Order, now time.Time) (message.Photo, error)
	// Invoice asks for an order's Stars. Its payload is the order's reference.
	Invoice(of store.Store, order Order) message.StarsInvoice
	// Unbilled tells, in the place of the bill, that none could be made for now
	// (every gateway is down): the order is cancelled, no money has moved.
	Unbilled(of store.Store, order Order, reference string) message.Text
	// Outcome tells the state of an order that was paid or closed, in the place
	// of its bill: at most 1,024 UTF-16 units, since it may be a caption.
	Outcome(of store.Store, order Order) message.Text
	// Goods tells the contents of some units of a line, part of parts of them
	// (both from 1). It is asked for less at a time where it is too long.
	Goods(of store.Store, order Order, line Line, contents []string, part, parts int) message.Text
	// GoodsFile names and captions a line's goods that come as a file: the file
	// of the product, or units too long or many for messages.
	GoodsFile(of store.Store, order Order, line Line) (name string, caption message.Text)
	// Handmade tells that somebody of the store is at work on a line of policy Manual.
	Handmade(of store.Store, order Order, line Line) message.Text
	// Delivered is said below the goods: that it was all, where to find it
	// again, buttons for the receipt and the warranty.
	Delivered(of store.Store, order Order) message.Text
	// Terms asks a buyer to answer the terms of a product.
	Terms(of store.Store, order Order, product catalog.Product) message.Text
	// Notice tells a person something: a text of the catalog.
	Notice(of store.Store, language, key string, args map[string]any) message.Text
}

// Staff knows who works in a store.
type Staff interface {
	// Who gives the people of a store who may do something, the owner among them.
	Who(ctx context.Context, of store.Store, may user.Permission) ([]int64, error)
}

// DelivererOptions are what a Deliverer needs. All but Metrics are required.
type DelivererOptions struct {
	Orders    *Service
	Catalog   *catalog.Service
	Stores    *store.Registry
	Users     *user.Repository // the languages of people, and who has blocked the bot
	Staff     Staff
	Scratch   table.Table // what was said: doubled messages are recognised
	Alerts    topic.Publisher
	Messenger Messenger
	Texts     Texts
	Clock     clock.Clock
	Metrics   *metric.Emitter // counts GoodsSent, and GoodsTime from the payment on
}

// Deliverer brings bills, goods, terms and notices to people.
type Deliverer struct{ DelivererOptions }

// NewDeliverer makes the delivery of orders.
func NewDeliverer(options DelivererOptions) *Deliverer { return &Deliverer{options} }

// job is one message with what it is about.
type job struct {
	of      store.Store
	order   Order
	message Message
	cause   string // of the message: the same however often it is delivered
}

func (j job) address(number int) message.Address {
	return message.Address{Store: j.of.ID, Chat: j.order.Chat, Message: number}
}

// Handle does one task of the deliveries queue. An error has the message come
// again; a person who has blocked the bot is no error.
func (d *Deliverer) Handle(ctx context.Context, delivery queue.Delivery) error {
	var asked Message
	if err := json.Unmarshal(delivery.Body, &asked); err != nil {
		return errs.Wrap(err, errs.Invalid, "read a message about an order")
	}

	ctx = logging.With(ctx, logging.Store, asked.Store, logging.Order, asked.ID)

	of, err := d.Stores.Get(ctx, asked.Store)
	if err != nil {
		return errs.Context(err, "%s of order %s", asked.Task, asked.ID)
	}

	job := job{of: of, message: asked, cause: delivery.Attrs[queue.AttrCause]}

	if asked.ID != "" {
		if job.order, err = d.Orders.Get(ctx, asked.Ref); err != nil {
			return errs.Context(err, "%s", asked.Task)
		}
	}

	err = d.do(ctx, job)

	// These two come with every order that takes units for good, or gives them back.
	if err == nil && (asked.Task == SendGoods || asked.Task == ShowOutcome) {
		err = d.shelves(ctx, job.order)
	}

	if err != nil {
		return errs.Context(err, "%s of order %s", asked.Task, asked.ID)
	}

	return nil
}

func (d *Deliverer) do(ctx context.Context, job job) error {
	switch task := job.message.Task; {
	case task == Notify:
		return d.notify(ctx, job)
	case job.order.ID == "":
	case task == ShowBill:
		return d.showBill(ctx, job)
	case task == ShowOutcome:
		return d.showOutcome(ctx, job)
	case task == SendTerms:
		return d.sendTerms(ctx, job)
	case task == SendGoods && (job.message.Cause != "" || len(job.message.Units) > 0):
		return d.sendAgain(ctx, job)
	case task == SendGoods:
		return d.sendGoods(ctx, job)
	}

	return errs.New(errs.Invalid, "the deliveries queue has no task %q for an order %q", job.message.Task, job.order.ID)
}
