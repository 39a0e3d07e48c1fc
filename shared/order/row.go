package order

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	orderKind  = "order"
	boughtKind = "bought"
	chargeKind = "charge"
	counter    = "count" // of a person's purchases of a product
)

func ordersOf(tenant table.Tenant, user int64) table.Partition {
	return tenant.Partition("user", userText(user))
}

func userText(user int64) string { return strconv.FormatInt(user, 10) }

// openOrders is the partition of the index in which the orders of a store
// stand by when the clock has to look after them.
func openOrders(tenant table.Tenant) table.Partition { return tenant.Partition("open-orders") }

// rowOf makes the row of an order; order.Version is the one read, 0 for a new one.
func rowOf(order Order) (table.Row, error) {
	tenant, err := table.TenantOf(order.Store)
	if err != nil {
		return table.Row{}, err
	}

	body, err := table.Encode(order)
	if err != nil {
		return table.Row{}, err
	}

	made := table.Row{Key: ordersOf(tenant, order.User).Key(orderKind, order.ID), Version: order.Version, Body: body}
	if !order.Due.IsZero() {
		made.Index = openOrders(tenant).Due(order.Due, order.ID)
	}

	return made, nil
}

func fromRow(row table.Row) (Order, error) {
	order, err := table.Decode[Order](row)
	order.Version = row.Version

	return order, err
}

// boughtKey is the row that counts what a person has bought of a product.
func boughtKey(tenant table.Tenant, user int64, product string) table.Key {
	return ordersOf(tenant, user).Key(boughtKind, product)
}

// charge is what is noted of a payment that was counted.
type charge struct {
	Ref
	Receipt

	Outcome Outcome   `json:"outcome"`
	At      time.Time `json:"counted_at"`
}

func chargeRow(ref Ref, receipt Receipt, outcome Outcome, now time.Time) (table.Row, error) {
	tenant, err := table.TenantOf(ref.Store)
	if err != nil {
		return table.Row{}, err
	}

	if receipt.Gateway == "" || receipt.Transaction == "" {
		return table.Row{}, errs.New(errs.Invalid, "count a payment of order %s: it names no gateway or transaction", ref.ID)
	}

	body, err := table.Encode(charge{Ref: ref, Receipt: receipt, Outcome: outcome, At: now})

	return table.Row{
		Key:  tenant.Partition(chargeKind, receipt.Gateway).Key(chargeKind, receipt.Transaction),
		Body: body,
	}, err
}

// send gives the outbox row of a message. cause, with the message's order and
// task, names what it follows from, so that it is written once.
func send(
	ctx context.Context, to queue.Name, message Message, after time.Duration, now time.Time, cause ...string,
) (table.Op, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return table.Op{}, errs.Wrap(err, errs.Internal, "encode the message %s of order %s", message.Task, message.ID)
	}

	user := strconv.FormatInt(message.User, 10)

	return outbox.Op(outbox.Entry{
		ID:        id.Derive(append([]string{message.Store, user, message.ID, string(message.Task)}, cause...)...),
		Store:     message.Store,
		Queue:     to,
		Body:      body,
		Delay:     after,
		Trace:     queue.TraceOf(ctx),
		CreatedAt: now,
	})
}
