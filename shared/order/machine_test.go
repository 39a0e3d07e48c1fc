package order_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
)

// machine does anything to orders, in any order, over a table that fails.
type machine struct {
	*world

	plan   *changeable
	people []int64
	causes int
	placed []order.Ref
	paid   []payment // that were made at gateways: they may be confirmed again
}

type payment struct {
	of      order.Ref
	receipt order.Receipt
}

// may takes the errors that a caller must live with: what the state forbids,
// and what may work later.
func (m *machine) may(err error) {
	m.Helper()

	if errs.Is(err, errs.Internal) {
		require.NoError(m, err)
	}

	// A condition that nobody explains is a guard that was not thought of.
	if errs.Is(err, errs.Conflict) {
		_, _, told := errs.Sentence(err)
		require.True(m, told || !errors.Is(err, fault.ErrInjected), "%v", err)
	}
}

func (m *machine) order(t *rapid.T) order.Ref {
	if len(m.placed) == 0 {
		t.Skip("there is no order yet")
	}

	return rapid.SampledFrom(m.placed).Draw(t, "order")
}

func (m *machine) place(t *rapid.T) {
	m.causes++

	request := m.request(rapid.SampledFrom(m.people).Draw(t, "buyer"), fmt.Sprint("tap ", rapid.IntRange(1, m.causes).Draw(t, "tap")))
	request.Items[0].Count = rapid.Int64Range(1, 3).Draw(t, "count")
	request.Method = rapid.SampledFrom([]string{"qris", "stars", "wallet", "manual"}).Draw(t, "method")

	if rapid.Bool().Draw(t, "coupon") {
		request.Coupon = coupon
	}

	if rapid.Bool().Draw(t, "guide") && request.Method != "stars" {
		request.Items = append(request.Items, order.Item{Product: guide, Count: 1})
	}

	if rapid.IntRange(0, 4).Draw(t, "deposit") == 0 {
		request.Kind, request.Amount, request.Items, request.Coupon = order.Deposit, 100_000, nil, ""
	}

	made, err := m.orders.Place(ctx, request)
	m.may(err)

	if err == nil {
		m.placed = append(m.placed, made.Ref())
	}
}

func (m *machine) bill(t *rapid.T) {
	ref := m.order(t)

	found, err := m.orders.Get(ctx, ref)
	if err != nil {
		return
	}

	_, err = m.orders.Billed(ctx, ref, m.billFor(found, rapid.IntRange(1, 2).Draw(t, "bill")))
	m.may(err)
}

func (m *machine) billFor(of order.Order, number int) order.Bill {
	return order.Bill{
		Gateway: "pakasir", Method: of.Method, Transaction: fmt.Sprint("txn-", of.ID, "-", number), Amount: of.Total,
	}
}

// pay confirms a payment: of a bill, or one that nobody knows of, of the right
// amount or a wrong one.
func (m *machine) pay(t *rapid.T) {
	ref := m.order(t)

	found, err := m.orders.Get(ctx, ref)
	if err != nil {
		return
	}

	receipt := order.Receipt{
		Gateway: "pakasir", Transaction: fmt.Sprint("txn-", ref.ID, "-", rapid.IntRange(1, 3).Draw(t, "transaction")),
		Amount: found.Total, At: m.clock.Now(),
	}

	switch {
	case found.Method == "stars":
		receipt.Gateway = order.StarsGateway
	case found.Method == "wallet":
		receipt.Gateway, receipt.Transaction = order.WalletGateway, ref.ID
	case rapid.IntRange(0, 5).Draw(t, "wrong") == 0:
		receipt.Amount.Value -= 500
	}

	m.paid = append(m.paid, payment{ref, receipt})
	m.confirm(ref, receipt)
}

func (m *machine) confirm(ref order.Ref, receipt order.Receipt) {
	outcome, err := m.orders.Settle(ctx, ref, receipt)
	m.may(err)

	if err == nil {
		require.NotEmpty(m, outcome)
	}
}

func (m *machine) replay(t *rapid.T) {
	if len(m.paid) == 0 {
		t.Skip("nobody has paid yet")
	}

	again := rapid.SampledFrom(m.paid).Draw(t, "payment")
	m.confirm(again.of, again.receipt)
}

func (m *machine) replace(t *rapid.T) {
	ref := m.order(t)

	found, err := m.orders.Get(ctx, ref)
	if err != nil || len(found.Lines) == 0 || len(found.Lines[0].Units) == 0 {
		return
	}

	_, err = m.orders.Replace(ctx, ref, rapid.SampledFrom(found.Lines[0].Units).Draw(t, "unit"), m.editor())
	m.may(err)
}

func (m *machine) deliver(t *rapid.T) {
	m.may(m.handle(order.Message{Task: order.SendGoods, Ref: m.order(t)}, "goods"))
}

// settleDown ends all faults and has every payment confirmed once more: what
// was paid must now be somewhere.
func (m *machine) settleDown() {
	m.plan.set(fault.None{})

	for _, made := range m.paid {
		outcome, err := m.orders.Settle(ctx, made.of, made.receipt)
		if made.receipt.Gateway == order.WalletGateway && errs.Is(err, errs.Conflict) {
			continue
		}

		require.NoError(m, err)
		require.NotEmpty(m, outcome)
		require.Equal(m, order.Counted, m.must(m.orders.Settle(ctx, made.of, made.receipt)))
	}

	m.balanced()
}

func (m *machine) must(outcome order.Outcome, err error) order.Outcome {
	m.Helper()
	require.NoError(m, err)

	return outcome
}

// TestMoneyAndStockStandWhateverHappens does anything to orders, in any order,
// doubled, over a table that fails before and after its effect, and checks the
// books after every step.
func TestMoneyAndStockStandWhateverHappens(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		plan := &changeable{now: fault.None{}}
		m := &machine{world: newWorld(t, plan), plan: plan, people: []int64{buyer, buyer + 1, buyer + 2}}
		m.stock(rapid.IntRange(0, 8).Draw(t, "stock"))

		_, err := m.ledgerGift(buyer, 150_000)
		require.NoError(t, err)

		plan.set(fault.NewSeeded(rapid.Uint64().Draw(t, "seed"), 0.1, 0,
			fault.FailBefore, fault.FailAfter, fault.Throttle, fault.Duplicate))

		t.Repeat(map[string]func(*rapid.T){
			"place":   m.place,
			"bill":    m.bill,
			"pay":     m.pay,
			"replay":  m.replay,
			"deliver": m.deliver,
			"replace": m.replace,
			"cancel": func(t *rapid.T) {
				_, err := m.orders.Cancel(ctx, m.order(t), "buyer")
				m.may(err)
			},
			"expire": func(t *rapid.T) { m.may(m.orders.Expire(ctx, m.order(t))) },
			"refund": func(t *rapid.T) {
				_, err := m.orders.Refund(ctx, m.order(t), order.Refunding{
					By: admin, Role: "admin", Reason: "asked", Cause: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "cause"),
				})
				m.may(err)
			},
			"clock": func(t *rapid.T) {
				m.clock.Advance(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute)
			},
			"reconcile": func(*rapid.T) {
				if _, err := m.reconciler.Reconcile(ctx); err != nil {
					require.True(m, errs.Retryable(err), "%v", err)
				}
			},
			"block":  func(*rapid.T) { m.messenger.blocked = !m.messenger.blocked },
			"resume": func(*rapid.T) { m.may(m.orders.Resume(ctx, kopi, buyer, "start")) },
			"":       func(*rapid.T) { m.balanced() },
		})

		m.settleDown()
	})
}

func TestStarsAndRupiahNeverMix(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(2)

	request := w.request(buyer, "tap")
	request.Method = "stars"

	made, err := w.orders.Place(ctx, request)
	require.NoError(t, err)
	require.Equal(t, money.XTR(stars), made.Total)

	outcome, err := w.orders.Settle(ctx, made.Ref(), order.Receipt{
		Gateway: order.StarsGateway, Transaction: "charge", Amount: money.IDR(stars), At: start,
	})
	require.NoError(t, err)
	require.Equal(t, order.Misfit, outcome)
	w.balanced()
}
