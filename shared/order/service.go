package order

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Service moves orders.
//
// Rows of the state table: store#ID#user#USER / order#ORDER, which stands in
// the index store#ID#open-orders / due#TIME#ORDER while the clock has to look
// after it; store#ID#user#USER / bought#PRODUCT (counter count) for limits per
// buyer; store#ID#charge#GATEWAY / charge#TRANSACTION, created when a payment
// is counted, so that none is counted twice; store#ID#report#MONTH /
// DAY#… (counters) for the owner's report.
type Service struct {
	state   table.Table
	catalog *catalog.Service
	ledger  *wallet.Ledger
	clock   clock.Clock
}

// NewService makes the service over the state table.
func NewService(state table.Table, goods *catalog.Service, ledger *wallet.Ledger, now clock.Clock) *Service {
	return &Service{state: state, catalog: goods, ledger: ledger, clock: now}
}

// Get reads an order. NotFound where there is none.
func (s *Service) Get(ctx context.Context, ref Ref) (Order, error) {
	return Read(ctx, s.state, ref)
}

// Read reads an order of a table, for who has no use for the service. NotFound
// where there is none.
func Read(ctx context.Context, state table.Table, ref Ref) (Order, error) {
	tenant, err := table.TenantOf(ref.Store)
	if err != nil {
		return Order{}, err
	}

	row, err := state.Get(ctx, ordersOf(tenant, ref.User).Key(orderKind, ref.ID))
	if err != nil {
		return Order{}, errs.Context(err, "get order %s of user %d", ref.ID, ref.User)
	}

	return fromRow(row)
}

// Turn gives a page of a person's orders, the newest first, and whether there are more.
func (s *Service) Turn(ctx context.Context, store string, user int64, place catalog.Place) ([]Order, bool, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, false, err
	}

	query := table.Query{
		Partition: ordersOf(tenant, user), Prefix: table.SortPrefix(orderKind),
		Descending: !place.Back, Limit: place.Limit,
	}

	var beside table.Key
	if place.From != "" {
		beside = query.Partition.Key(orderKind, place.From)
	}

	rows, more, err := table.Turn(ctx, s.state, query, beside)
	if err != nil {
		return nil, false, errs.Context(err, "turn the orders of user %d", user)
	}

	orders, err := fromRows(rows)
	if place.Back {
		slices.Reverse(orders)
	}

	return orders, more, err
}

// askEvery is how often a buyer may have the gateway asked: gateways take one
// question for a transaction in 4 seconds.
const askEvery = 4 * time.Second

// Check has the payments worker ask the gateway now: what "check payment" does. It
// is Limited, with how long to wait, within 4 seconds of the last one. cause is
// the tap.
func (s *Service) Check(ctx context.Context, ref Ref, cause string) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if wait := askEvery - now.Sub(order.Asked); wait > 0 && wait <= askEvery {
			return effects{}, errs.New(errs.Limited, "check order %s: it was checked just now", order.ID).
				Tell("ordering.checked", errs.Args{"Seconds": seconds(wait)}).After(wait)
		}

		order.Asked = now

		return effects{tasks: []task{{message: Message{Task: CheckBill, Cause: cause}}}}, nil
	})

	return err
}

// seconds gives a wait in whole seconds as people are told it, at least one.
func seconds(wait time.Duration) int64 { return max(1, int64((wait+time.Second-1)/time.Second)) }

// Report hands a payment that Telegram or an admin vouches for to the payments
// worker, which settles it: task is TakeStars or TakeManual. Handing over the
// same again changes nothing.
func (s *Service) Report(ctx context.Context, ref Ref, what Task, receipt Receipt) error {
	if what != TakeStars && what != TakeManual {
		return errs.New(errs.Invalid, "report a payment of order %s as %q: nobody vouches for such a one", ref.ID, what)
	}

	return s.ask(ctx, queue.Payments, Message{Task: what, Ref: ref, Receipt: &receipt}, receipt.Gateway, receipt.Transaction)
}

// Again has a message of the payments worker come once more after a while, at
// most queue.MaxDelay. Its Try tells it from those before.
func (s *Service) Again(ctx context.Context, message Message, after time.Duration) error {
	return s.askAfter(ctx, queueOf(message.Task), message, after, message.Gateway, message.Transaction, message.Cause,
		"try", strconv.Itoa(message.Try))
}

// Unreturned tells the owner that a payment could not be given back.
func (s *Service) Unreturned(ctx context.Context, order Order, receipt Receipt) error {
	return s.ask(ctx, queue.Deliveries, Message{
		Task: Notify, Ref: order.Ref(), May: user.Adjust, Text: "ordering.unreturned",
		Args: map[string]any{"Order": order.Label(), "Amount": receipt.Amount.Value, "Gateway": receipt.Gateway},
	}, "unreturned", receipt.Gateway, receipt.Transaction)
}

// ask writes an outbox row and nothing else; writing it again is fine.
func (s *Service) ask(ctx context.Context, to queue.Name, message Message, cause ...string) error {
	return s.askAfter(ctx, to, message, 0, cause...)
}

func (s *Service) askAfter(
	ctx context.Context, to queue.Name, message Message, after time.Duration, cause ...string,
) error {
	op, err := send(ctx, to, message, after, s.clock.Now(), cause...)
	if err != nil {
		return err
	}

	if err := s.state.Write(ctx, op); err != nil && !errs.Is(err, errs.Conflict) {
		return errs.Context(err, "ask for %s of order %s", message.Task, message.ID)
	}

	return nil
}

// effects are what goes with a change of an order, in its transaction.
type effects struct {
	tasks []task
	ops   []table.Op
	// lenient are operations that the change does not depend on: counters of a
	// coupon that may be gone. It is made without them where they are refused.
	lenient []table.Op
}

// task is a message that follows from a change of an order.
type task struct {
	message Message
	after   time.Duration
}

// errAsItIs ends a change that has nothing to change: the order is returned as
// it is, without error.
var errAsItIs = errors.New("there is nothing to change")

// rivalries bounds how often a change begins anew because somebody else has
// changed the same rows.
const rivalries = 8

// move reads an order, changes it and writes it with all that goes with it.
// Where rivals are in the way it begins anew, a few times. An error of change
// leaves the order as it is; it is returned with the error.
func (s *Service) move(
	ctx context.Context, ref Ref, change func(order *Order, now time.Time) (effects, error),
) (Order, error) {
	var failure error

	lenient := true

	for range rivalries {
		order, err := s.Get(ctx, ref)
		if err != nil {
			return Order{}, err
		}

		before := order
		now := s.clock.Now()

		follow, err := change(&order, now)
		if errors.Is(err, errAsItIs) {
			return before, nil
		}

		if err != nil {
			return before, err
		}

		if !lenient {
			follow.lenient = nil
		}

		needed, err := s.write(ctx, &order, follow, now)
		if err == nil {
			return order, nil
		}

		if !inTheWay(err) {
			return order, errs.Context(err, "move order %s to %s", order.ID, order.State)
		}

		lenient = lenient && !refusedWithin(err, needed, table.MaxOps)
		failure = err
	}

	return Order{}, errs.Wrap(failure, errs.Unavailable, "move order %s: others keep changing it", ref.ID).
		Tell("ordering.busy", nil)
}

// write writes a changed order with its effects and gives how many operations
// it needs: those behind are lenient. On success the order has its new version.
func (s *Service) write(ctx context.Context, order *Order, follow effects, now time.Time) (int, error) {
	order.UpdatedAt = now

	changed, err := rowOf(*order)
	if err != nil {
		return 0, err
	}

	ops := append([]table.Op{table.Put(changed)}, follow.ops...)

	for at, next := range follow.tasks {
		next.message.Ref = order.Ref()

		op, err := send(ctx, queueOf(next.message.Task), next.message, next.after, now,
			strconv.FormatInt(order.Version+1, 10), strconv.Itoa(at))
		if err != nil {
			return 0, err
		}

		ops = append(ops, op)
	}

	needed := len(ops)
	if err := s.state.Write(ctx, append(ops, follow.lenient...)...); err != nil {
		return needed, err // its callers say what they attempted
	}

	order.Version++

	return needed, nil
}

// inTheWay reports whether a write was not carried out because of others, so
// that it may be begun anew at once: their writes are done.
func inTheWay(err error) bool {
	_, canceled := errors.AsType[*table.Canceled](err)

	return canceled
}

// refusedWithin reports whether an operation from one place up to before another was refused.
func refusedWithin(err error, from, before int) bool {
	for at := from; at < before; at++ {
		if table.Refused(err, at) {
			return true
		}
	}

	return false
}

// queueOf gives the queue whose workers do a task.
func queueOf(task Task) queue.Name {
	switch task {
	case MakeBill, CheckBill, CloseBill, PayBack, TakeStars, TakeManual, TakeNotice:
		return queue.Payments
	case ShowBill, ShowOutcome, SendGoods, SendTerms, Notify:
		return queue.Deliveries
	}

	return queue.Deliveries
}

func fromRows(rows []table.Row) ([]Order, error) {
	orders := make([]Order, 0, len(rows))

	for _, row := range rows {
		order, err := fromRow(row)
		if err != nil {
			return nil, err
		}

		orders = append(orders, order)
	}

	return orders, nil
}
