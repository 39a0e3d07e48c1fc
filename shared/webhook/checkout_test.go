package webhook_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/table"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/webhook"
)

// switched is a plan that fails every call while it is told to.
type switched struct{ down bool }

func (f *switched) Next(string) fault.Kind {
	if f.down {
		return fault.FailBefore
	}

	return fault.Pass
}

func (f *switched) Wait(string) time.Duration { return 0 }

// checkouts is a door whose store has one order that awaits 90 Stars of person
// 43 until 07:15.
func checkouts(t *testing.T, change func(*order.Order, *switched)) func(query string) map[string]any {
	t.Helper()

	now, plan := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)), &switched{}
	state := tables.New(now, plan)
	asked := order.Order{
		ID: "A1", Store: "kopi", User: 43, State: order.Awaiting, Total: money.XTR(90), Deadline: now.Now().Add(15 * time.Minute),
	}

	change(&asked, plan)

	down := plan.down
	plan.down = false

	tenant, err := table.TenantOf("kopi")
	require.NoError(t, err)
	body, err := table.Encode(asked)
	require.NoError(t, err)
	require.NoError(t, state.Write(t.Context(), table.Create(table.Row{
		Key: tenant.Partition("user", strconv.FormatInt(asked.User, 10)).Key("order", asked.ID), Body: body,
	})))

	plan.down = down

	checkout, err := webhook.NewCheckout(state, now)
	require.NoError(t, err)

	d := newDoor(t, func(options *webhook.Options) { options.Urgent = checkout.Answer })

	return func(query string) map[string]any {
		response := d.Serve(t.Context(), call(`{"update_id":8,"pre_checkout_query":`+query+`}`))
		require.Equal(t, 200, response.Status)
		require.Empty(t, d.updates.All(), "it is answered here and nowhere else")

		var reply map[string]any

		require.NoError(t, json.Unmarshal(response.Body, &reply))
		require.Equal(t, "answerPreCheckoutQuery", reply["method"])
		require.Equal(t, "q1", reply["pre_checkout_query_id"])

		return reply
	}
}

func query(language, currency, amount, payload, from string) string {
	return `{"id":"q1","from":{"id":` + from + `,"language_code":"` + language + `"},"currency":"` + currency + `","total_amount":` +
		amount + `,"invoice_payload":` + strconv.Quote(payload) + `}`
}

func TestCheckout(t *testing.T) {
	t.Parallel()

	right := query("id", "XTR", "90", "LP-A1-43", "43")
	as := func(state order.State) func(*order.Order, *switched) {
		return func(o *order.Order, _ *switched) { o.State = state }
	}
	asItIs := func(*order.Order, *switched) {}

	for name, c := range map[string]struct {
		query  string
		change func(*order.Order, *switched)
		says   string // part of the refusal; empty: it is taken
	}{
		"as asked":          {right, asItIs, ""},
		"another amount":    {query("id", "XTR", "89", "LP-A1-43", "43"), asItIs, "Harga"},
		"more than asked":   {query("id", "XTR", "91", "LP-A1-43", "43"), asItIs, "Harga"},
		"nothing":           {query("id", "XTR", "0", "LP-A1-43", "43"), asItIs, "Harga"},
		"another currency":  {query("id", "IDR", "90", "LP-A1-43", "43"), asItIs, "Harga"},
		"an order in money": {right, func(o *order.Order, _ *switched) { o.Total = money.IDR(90) }, "Harga"},
		"another order":     {query("id", "XTR", "90", "LP-A2-43", "43"), asItIs, "bukan dari toko ini"},
		"no reference":      {query("id", "XTR", "90", "netflix", "43"), asItIs, "bukan dari toko ini"},
		"no payload":        {query("id", "XTR", "90", "", "43"), asItIs, "bukan dari toko ini"},
		"another's order":   {query("id", "XTR", "90", "LP-A1-43", "44"), asItIs, "orang lain"},
		"paid":              {right, as(order.Paid), "sudah dibayar"},
		"delivered":         {right, as(order.Delivered), "sudah dibayar"},
		"cancelled":         {right, as(order.Cancelled), "sudah ditutup"},
		"expired":           {right, as(order.Expired), "sudah ditutup"},
		"past its deadline": {right, func(o *order.Order, _ *switched) { o.Deadline = o.Deadline.Add(-15 * time.Minute) }, "lewat"},
		"out of reach":      {right, func(_ *order.Order, p *switched) { p.down = true }, "gangguan"},
		"in English":        {query("en-GB", "XTR", "90", "", "43"), asItIs, "not of this shop"},
		"in French":         {query("fr", "XTR", "90", "", "43"), asItIs, "bukan dari toko ini"},
		"without language":  {`{"id":"q1","from":{"id":43},"currency":"XTR","total_amount":1,"invoice_payload":"x"}`, asItIs, "bukan dari"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			reply := checkouts(t, c.change)(c.query)
			assert.Equal(t, c.says == "", reply["ok"], "it must be said, not left out")

			if c.says == "" {
				assert.NotContains(t, reply, "error_message")

				return
			}

			assert.Contains(t, reply["error_message"], c.says)
		})
	}
}

// What is no query is for the bot to look at.
func TestCheckoutLeavesTheRest(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Now())
	checkout, err := webhook.NewCheckout(tables.New(now, fault.None{}), now)
	require.NoError(t, err)

	for _, content := range []string{`{}`, `{"id":5}`, `{"id":""}`, `{"id":"q1","from":3}`, `{"id":"q1","total_amount":"90"}`} {
		_, answered := checkout.Answer(t.Context(), "kopi", "pre_checkout_query", []byte(content))
		assert.False(t, answered, content)
	}

	_, answered := checkout.Answer(t.Context(), "kopi", "message", []byte(`{"id":"q1"}`))
	assert.False(t, answered)
}
