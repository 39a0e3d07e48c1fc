package order

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// stuckTold is after how many rescues the owner is told that goods do not get
// through: half an hour after the payment.
const stuckTold = 2

// Reconciler looks after orders by the clock: those that await a payment whose
// notification never came, those past their deadline, those that were closed
// and are paid late, those that are paid and whose goods are stuck.
type Reconciler struct {
	orders  *Service
	stores  *store.Registry
	metrics *metric.Emitter
}

// NewReconciler makes a reconciler for all stores.
func NewReconciler(orders *Service, stores *store.Registry, metrics *metric.Emitter) *Reconciler {
	return &Reconciler{orders: orders, stores: stores, metrics: metrics}
}

// Reconcile looks after each order that is due and counts them. One failure
// does not keep the others back. It is run every minute.
func (r *Reconciler) Reconcile(ctx context.Context) (int, error) {
	stores, err := r.stores.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("reconcile orders: %w", err)
	}

	seen, err := store.Each(ctx, stores, r.reconcileStore)
	r.metrics.Put("OrdersReconciled", float64(seen), metric.Count, nil)

	return seen, err
}

func (r *Reconciler) reconcileStore(ctx context.Context, id string) (int, error) {
	tenant, err := table.TenantOf(id)
	if err != nil {
		return 0, err
	}

	return table.EachDue(ctx, r.orders.state, openOrders(tenant), r.orders.clock.Now(), func(row table.Row) error {
		order, err := fromRow(row)
		if err != nil {
			return err
		}

		return r.orders.visit(logging.With(ctx, logging.Order, order.ID), order.Ref())
	})
}

// visit looks after an order that is due, and says when it is due again.
func (s *Service) visit(ctx context.Context, ref Ref) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.Due.IsZero() || order.Due.After(now) {
			return effects{}, errAsItIs // the index lags behind: it is well
		}

		switch order.State {
		case Awaiting:
			return s.visitAwaiting(order, now)
		case Paid, Delivering:
			slog.WarnContext(ctx, "goods are stuck, sent on their way again", "state", order.State, "times", order.Checks)

			return visitStuck(order, now), nil
		case Expired, Cancelled, Disputed:
			order.Checks++
			order.Due = lateLook(*order, now)

			return check(), nil
		case Delivered, Refunded:
			return visitEnded(order, now), nil
		}

		return effects{}, errs.New(errs.Internal, "look after order %s: it is %q", order.ID, order.State)
	})

	return err
}

// visitEnded looks after what an order that was paid may still need: other
// bills closed, and a replacement that waits for its buyer sent again.
func visitEnded(order *Order, now time.Time) effects {
	var follow effects

	if order.toClose() {
		follow.tasks = append(follow.tasks, task{message: Message{Task: CloseBill}})
	}

	if order.Held && order.State == Delivered {
		follow.tasks = append(follow.tasks, task{message: Message{
			// Named, so that they wait again for a buyer who has gone again.
			Task: SendGoods, Cause: "held " + strconv.FormatInt(order.Version, 10), Units: order.working(),
		}})
	}

	order.Held = false
	order.Checks++
	order.Due = secondLook(*order, now)

	return follow
}

// visitAwaiting has the gateway asked; an order that should long have been
// closed, by the one who asks it, is closed here.
func (s *Service) visitAwaiting(order *Order, now time.Time) (effects, error) {
	if now.After(order.Deadline.Add(Grace)) {
		return s.close(order, Expired, "deadline", now)
	}

	order.Checks++
	order.Due = awaitingLook(*order, now)

	return check(), nil
}

// check has the gateways of an order's bills asked.
func check() effects { return effects{tasks: []task{{message: Message{Task: CheckBill}}}} }

// working gives the units of an order but those that were replaced.
func (o Order) working() []string {
	var units []string

	for _, line := range o.Lines {
		for _, unit := range line.Units {
			if !slices.Contains(line.Claimed, unit) {
				units = append(units, unit)
			}
		}
	}

	return units
}

func visitStuck(order *Order, now time.Time) effects {
	order.Checks++
	order.Held = false // it is again where its buyer still does not want to hear
	order.Due = stuckLook(*order, now)

	follow := effects{tasks: []task{{message: Message{Task: SendGoods}}}}
	if order.Checks == stuckTold {
		follow.tasks = append(follow.tasks, task{message: Message{
			Task: Notify, May: user.Adjust, Text: "ordering.stuck", Args: map[string]any{"Order": order.Label()},
		}})
	}

	return follow
}
