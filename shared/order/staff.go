package order

import (
	"context"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/table"
)

// What staff do to orders of other people. Who may do it is not asked here.

// labelled is where orders stand by what people call them:
// store#ID#label#LABEL / order#USER#ORDER, written with the order.
func labelled(tenant table.Tenant, label string) table.Partition {
	return tenant.Partition("label", label)
}

// labelOp gives the operation that notes what people call an order.
func labelOp(order Order) (table.Op, error) {
	tenant, err := table.TenantOf(order.Store)
	if err != nil {
		return table.Op{}, err
	}

	body, err := table.Encode(order.Ref())
	if err != nil {
		return table.Op{}, err
	}

	key := labelled(tenant, order.Label()).Key(orderKind, userText(order.User), order.ID)

	return table.Create(table.Row{Key: key, Body: body}), nil
}

// namesakes is how many orders of one label are looked at: there are 33
// million labels, so two in a store are rare.
const namesakes = 8

// alike reads what people write for letters and digits that look the same.
var alike = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// Find gives the orders of a store that a label means, however it is written:
// "#LP-8F3K2", "lp-8f3k2", "8F3K2". None is no error; several may share one.
func (s *Service) Find(ctx context.Context, store, label string) ([]Order, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	label = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(label)), "#")
	label = alike.Replace(strings.TrimPrefix(label, referencePrefix+"-"))

	if label == "" || len(label) > table.MaxKeyBytes/8 {
		return nil, nil
	}

	page, err := s.state.Query(ctx, table.Query{Partition: labelled(tenant, referencePrefix+"-"+label), Limit: namesakes})
	if err != nil {
		return nil, errs.Context(err, "find an order of store %s by its label", store)
	}

	var found []Order

	for _, row := range page.Rows {
		ref, err := table.Decode[Ref](row)
		if err != nil {
			return nil, err
		}

		order, err := s.Get(ctx, ref)
		if err != nil {
			return nil, err
		}

		found = append(found, order)
	}

	return found, nil
}

// Refuse gives up an order whose proof of payment does not convince, and tells
// the buyer why; doing it again changes nothing. Conflict where it does not
// await its payment; Invalid without a reason.
func (s *Service) Refuse(ctx context.Context, ref Ref, reason string, by catalog.Editor) (Order, error) {
	if reason == "" {
		return Order{}, errs.New(errs.Invalid, "refuse the payment of order %s: give a reason", ref.ID).
			Tell("ordering.no_reason", nil)
	}

	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.State == Cancelled && order.Cause == by.Cause {
			return effects{}, errAsItIs
		}

		if order.State != Awaiting {
			return effects{}, errs.New(errs.Conflict, "refuse the payment of order %s: it is %s", order.ID, order.State).
				Tell("ordering.closed", nil)
		}

		record, err := recorded(*order, by, "refuse_payment", reason, now)
		if err != nil {
			return effects{}, err
		}

		order.Cause = by.Cause

		follow, err := s.close(order, Cancelled, reason, now)
		if err != nil {
			return effects{}, err
		}

		follow.ops = append(follow.ops, record)
		follow.tasks = append(follow.tasks, task{message: Message{
			Task: Notify, Text: "ordering.refused", Args: errs.Args{"Order": order.Label(), "Reason": reason},
		}})

		return follow, nil
	})
}

// Fulfil notes that what an order has done by hand is done, and tells the buyer
// with a note of what there is to know; for the same cause it is done once.
// Conflict where nothing is done by hand, the order is not paid, or it was
// noted before.
func (s *Service) Fulfil(ctx context.Context, ref Ref, note string, by catalog.Editor) (Order, error) {
	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		switch {
		case !order.FulfilledAt.IsZero() && order.Cause == by.Cause:
			return effects{}, errAsItIs
		case !order.Unfulfilled():
			return effects{}, errs.New(errs.Conflict, "fulfil order %s: it is %s, nothing is left to do by hand", order.ID, order.State).
				Tell("ordering.nothing_by_hand", nil)
		}

		record, err := recorded(*order, by, "fulfil", "", now)
		if err != nil {
			return effects{}, err
		}

		order.FulfilledAt, order.Cause = now, by.Cause

		return effects{ops: []table.Op{record}, tasks: []task{{message: Message{
			Task: Notify, Text: "ordering.fulfilled", Args: errs.Args{"Order": order.Label(), "Note": note},
		}}}}, nil
	})
}

// Unfulfilled reports whether somebody of the store still has something to do
// by hand for an order that was paid.
func (o Order) Unfulfilled() bool {
	if o.State != Paid && o.State != Delivering && o.State != Delivered || !o.FulfilledAt.IsZero() {
		return false
	}

	for _, line := range o.Lines {
		if line.Policy == catalog.Manual {
			return true
		}
	}

	return false
}

// recorded gives the audit row of what somebody does to an order.
func recorded(order Order, by catalog.Editor, action, reason string, now time.Time) (table.Op, error) {
	return audit.Op(audit.Entry{
		ID: id.Derive(action, order.Store, order.ID, by.Cause), Store: order.Store, By: by.User, Role: by.Role,
		Action: action, Target: "order " + order.ID, Before: string(order.State), Reason: reason, At: now,
	})
}
