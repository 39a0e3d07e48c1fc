package payment_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	topicmemory "github.com/lapak-id/lapak/shared/topic/memory"
)

// counter is two functions' tills of one store with two gateways.
type counter struct {
	one, two *payment.Gateways
	clock    *clock.Manual
	calls    *tableCalls
	alerts   *topicmemory.Topic
	plan     *alertPlan
	shop     store.Store
}

// tableCalls counts what goes to the scratch table, and fails it.
type tableCalls struct {
	mu           sync.Mutex
	reads, write int
	down         bool
}

func (c *tableCalls) Next(op string) fault.Kind {
	c.mu.Lock()
	defer c.mu.Unlock()

	switch op {
	case tablememory.OpGet:
		c.reads++
	case tablememory.OpWrite:
		c.write++
	}

	if c.down && (op == tablememory.OpGet || op == tablememory.OpWrite) {
		return fault.FailBefore
	}

	return fault.Pass
}

func (c *tableCalls) Wait(string) time.Duration { return 0 }

// alertPlan fails the topic.
type alertPlan struct {
	fault.None

	down bool
}

func (a *alertPlan) Next(string) fault.Kind {
	if a.down {
		return fault.FailBefore
	}

	return fault.Pass
}

func newCounter() *counter {
	now := clock.NewManual(start)
	c := &counter{clock: now, calls: &tableCalls{}, plan: &alertPlan{}}
	c.alerts = topicmemory.New(now, c.plan)
	scratch := tablememory.New(now, c.calls)
	first, second := newGateway("pakasir", now), newGateway("stripe", now)
	c.one = payment.NewGateways(scratch, c.alerts, now, second, first)
	c.two = payment.NewGateways(scratch, c.alerts, now, second, first)
	c.shop = store.Store{ID: kopi, Shop: store.Shop{Gateways: []store.Account{
		{Gateway: "pakasir"}, {Gateway: "gone"}, {Gateway: "stripe"},
	}}}

	return c
}

func (c *counter) chosen(till *payment.Gateways) []string {
	var names []string
	for _, gateway := range till.Choose(ctx, c.shop, payment.QRIS, money.IDR(price)) {
		names = append(names, gateway.Name())
	}

	return names
}

// told gives the alerts that were published since the last time.
func (c *counter) told(t *testing.T) []alert.Alert {
	t.Helper()

	var told []alert.Alert

	for _, note := range c.alerts.Take() {
		var one alert.Alert
		require.NoError(t, json.Unmarshal(note.Body, &one))

		told = append(told, one)
	}

	return told
}

func failure() error { return errs.New(errs.Unavailable, "the gateway is down") }

func TestTheStoresOrderCounts(t *testing.T) {
	t.Parallel()

	c := newCounter()
	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.one))
	assert.Empty(t, c.one.Choose(ctx, c.shop, payment.Card, money.IDR(price)), "none offers it")

	c.shop.Shop.Gateways[0], c.shop.Shop.Gateways[2] = c.shop.Shop.Gateways[2], c.shop.Shop.Gateways[0]
	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.one))

	_, ok := c.one.By("gone")
	assert.False(t, ok)
}

func TestOptions(t *testing.T) {
	t.Parallel()

	c := newCounter()
	options := func(amount money.Amount) []payment.Option {
		found, err := c.one.Options(ctx, c.shop, amount)
		require.NoError(t, err)

		return found
	}

	assert.Equal(t, []payment.Option{{Method: payment.QRIS, Fee: 653}}, options(money.IDR(price)), "once, by the gateway that is preferred")
	assert.Empty(t, options(money.XTR(250)))

	c.shop.Shop.Manual = map[string]string{"id": "Transfer ke …"}
	c.shop.Shop.Gateways = append(c.shop.Shop.Gateways, store.Account{Gateway: "stars"})
	assert.Equal(t, []payment.Option{{Method: payment.QRIS, Fee: 653}, {Method: payment.Manual}}, options(money.IDR(price)))
	assert.Equal(t, []payment.Option{{Method: payment.Stars}}, options(money.XTR(250)))

	for range 3 {
		c.one.Report(ctx, c.shop, "pakasir", failure())
		c.one.Report(ctx, c.shop, "stripe", failure())
	}

	assert.Equal(t, []payment.Option{{Method: payment.Manual}}, options(money.IDR(price)), "none whose gateways are all down")
}

// Three failures in a row take a gateway out for a minute, for every function;
// then one more takes it out again, and a success ends it.
func TestThreeFailuresInARow(t *testing.T) {
	t.Parallel()

	c := newCounter()
	c.one.Report(ctx, c.shop, "pakasir", failure())
	c.two.Report(ctx, c.shop, "pakasir", failure())
	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.one))
	assert.Empty(t, c.told(t))

	c.one.Report(ctx, c.shop, "pakasir", failure())
	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.one), "last, but not given up")

	told := c.told(t)
	require.Len(t, told, 1)
	assert.Equal(t, kopi, told[0].Store)
	assert.Equal(t, "gateway-pakasir", told[0].Key)
	assert.Equal(t, "trouble.gateway_title", told[0].Keys.Title)
	assert.Equal(t, "trouble.gateway", told[0].Keys.Detail)
	assert.False(t, told[0].Recovered)

	c.clock.Advance(11 * time.Second)
	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.two), "the other function knows within 10 seconds")

	c.clock.Advance(time.Minute)
	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.two), "it is tried again")

	c.two.Report(ctx, c.shop, "pakasir", failure())
	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.two), "one failure is enough now")
	assert.Empty(t, c.told(t), "the owner knows already")

	c.clock.Advance(time.Minute)
	c.two.Report(ctx, c.shop, "pakasir", nil)
	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.two))

	told = c.told(t)
	require.Len(t, told, 1)
	assert.True(t, told[0].Recovered)
	assert.Equal(t, "gateway-pakasir", told[0].Key)

	for range 2 { // counting begins anew
		c.two.Report(ctx, c.shop, "pakasir", failure())
	}

	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.two))
}

func TestASuccessBetweenFailuresEndsTheRow(t *testing.T) {
	t.Parallel()

	c := newCounter()

	for range 5 {
		c.one.Report(ctx, c.shop, "pakasir", failure())
		c.one.Report(ctx, c.shop, "pakasir", failure())
		c.one.Report(ctx, c.shop, "pakasir", nil)
	}

	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.one))
	assert.Empty(t, c.told(t))
}

func TestOnlyTheGatewaysOwnFailuresCount(t *testing.T) {
	t.Parallel()

	c := newCounter()

	for _, code := range []errs.Code{errs.Limited, errs.NotFound, errs.Conflict, errs.Invalid} {
		for range 5 {
			c.one.Report(ctx, c.shop, "pakasir", errs.New(code, "no"))
		}
	}

	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.one))

	for range 3 {
		c.one.Report(ctx, c.shop, "pakasir", errs.New(errs.Unauthorized, "the key is refused"))
	}

	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.one), "a refused key too is no way to be paid")
}

func TestOneStoresTroubleIsNotAnothers(t *testing.T) {
	t.Parallel()

	c := newCounter()
	other := c.shop
	other.ID = teh

	for range 3 {
		c.one.Report(ctx, other, "pakasir", failure())
	}

	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.one))
}

// While all is well nothing is written, and one read serves for 10 seconds.
func TestWellnessCostsLittle(t *testing.T) {
	t.Parallel()

	c := newCounter()

	for range 50 {
		c.chosen(c.one)
		c.one.Report(ctx, c.shop, "pakasir", nil)
	}

	assert.Zero(t, c.calls.write)
	assert.Equal(t, 2, c.calls.reads, "one for each gateway")

	c.one.Report(ctx, c.shop, "pakasir", failure())
	assert.Equal(t, 1, c.calls.write)
	c.one.Report(ctx, c.shop, "pakasir", nil)
	assert.Equal(t, 2, c.calls.write)
	c.one.Report(ctx, c.shop, "pakasir", nil)
	assert.Equal(t, 2, c.calls.write)
}

// Without the table a process goes by what it knows itself.
func TestTheTableOutOfReach(t *testing.T) {
	t.Parallel()

	c := newCounter()
	c.calls.down = true

	for range 3 {
		c.one.Report(ctx, c.shop, "pakasir", failure())
	}

	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.one))
	assert.Len(t, c.told(t), 1)
	assert.Equal(t, []string{"pakasir", "stripe"}, c.chosen(c.two))
}

// An owner who could not be told is told at the next occasion.
func TestAnAlertThatFailsIsToldLater(t *testing.T) {
	t.Parallel()

	c := newCounter()
	c.plan.down = true

	for range 3 {
		c.one.Report(ctx, c.shop, "pakasir", failure())
	}

	c.plan.down = false
	c.one.Report(ctx, c.shop, "pakasir", failure())
	require.Len(t, c.told(t), 1)

	c.plan.down = true
	c.one.Report(ctx, c.shop, "pakasir", nil)
	c.plan.down = false
	c.one.Report(ctx, c.shop, "pakasir", nil)

	told := c.told(t)
	require.Len(t, told, 1)
	assert.True(t, told[0].Recovered)
}

// Functions that count at the same moment count every failure.
func TestFailuresAtOnce(t *testing.T) {
	t.Parallel()

	c := newCounter()

	var all sync.WaitGroup

	for _, till := range []*payment.Gateways{c.one, c.two, c.one} {
		all.Go(func() { till.Report(context.WithoutCancel(ctx), c.shop, "pakasir", failure()) })
	}

	all.Wait()
	c.clock.Advance(11 * time.Second)
	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.one))
	assert.Equal(t, []string{"stripe", "pakasir"}, c.chosen(c.two))
	assert.NotEmpty(t, c.told(t))
}

func TestAStoreWithoutAnotherGatewayIsToldSo(t *testing.T) {
	t.Parallel()

	c := newCounter()
	c.shop.Shop.Gateways = []store.Account{{Gateway: "pakasir"}, {Gateway: "stars"}}

	for range 3 {
		c.one.Report(ctx, c.shop, "pakasir", failure())
	}

	told := c.told(t)
	require.Len(t, told, 1)
	assert.Equal(t, "trouble.gateway_only", told[0].Keys.Detail)
}
