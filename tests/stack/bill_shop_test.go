package stack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// What a sale costs us: the calls of AWS, what DynamoDB bills for them, and the
// questions to the gateway, by functions that are warm. A change that makes it
// dearer must change these figures, and those of the README with them.
func TestShopBill(t *testing.T) {
	const sales = 2 // one to warm up

	stall := openStall(t, sales)
	warm := stall.customer(t, "id")
	warm.orders()
	acts(t, stall.bill(t, warm), pakasir.Pay)
	stall.goods(t, warm)

	sari := stall.customer(t, "id")
	shelves := sari.says("/shop")
	settle(t)
	drained(t, shopQueues...)

	// A page of the shelf.
	from := stall.beginBill(t)

	sari.taps(shelves, "Akun premium")
	shelf := sari.wait(control.Condition{MessageID: shelves.ID, Button: "Netflix"})
	settle(t)
	stall.compareBill(t, from, "a page of the shelf", expense{
		calls: map[string]int{
			"webhook SQS.SendMessageBatch": 1,
			"bot DynamoDB.GetItem":         4, // session, user, limit of the store; the category
			"bot DynamoDB.Query":           1, // the page with what is in stock
			"bot DynamoDB.PutItem":         2, // limit of the store, session
		},
		reads: 4.5, writes: 2,
	})

	sari.taps(shelf, "Netflix")
	offer := sari.wait(control.Condition{MessageID: shelves.ID, Button: buyButton})
	sari.taps(offer, buyButton)
	till := sari.wait(control.Condition{After: offer.Seq, MessageID: shelves.ID, Button: qrisButton})
	settle(t)

	// From the tap on QRIS to the code in the chat.
	from = stall.beginBill(t)

	sari.taps(till, qrisButton)
	sari.wait(control.Condition{Kind: "photo"})
	settle(t)
	stall.compareBill(t, from, "an order", expense{
		calls: map[string]int{
			"webhook SQS.SendMessageBatch":        1,
			"bot DynamoDB.GetItem":                4, // session, user, limit of the store; the cart, for its coupon
			"bot DynamoDB.Query":                  1, // the product with its stock
			"bot DynamoDB.PutItem":                2, // limit of the store, session
			"bot DynamoDB.TransactWriteItems":     1, // the order, its stock, its outbox row
			"relay SQS.SendMessageBatch":          3, // to payment, deliver, and deliver again in a minute, for the countdown
			"relay DynamoDB.DeleteItem":           3,
			"payment DynamoDB.GetItem":            2, // the order: to see what is asked, to note the bill
			"payment DynamoDB.TransactWriteItems": 1, // the bill and its outbox row
			"deliver DynamoDB.GetItem":            2, // the order: to show it, to note the message
			"deliver DynamoDB.PutItem":            2, // the message; the outbox row of the countdown
		},
		reads: 9, writes: 38, gateway: 1,
	})

	// From the payment to the goods.
	from = stall.beginBill(t)

	acts(t, stall.bill(t, sari), pakasir.Pay)
	stall.goods(t, sari)
	settle(t)
	stall.compareBill(t, from, "a settlement", expense{
		calls: map[string]int{
			"callback DynamoDB.TransactWriteItems": 1, // the notification as it came, and its outbox row
			"relay SQS.SendMessageBatch":           2, // to payment, deliver
			"relay DynamoDB.DeleteItem":            2,
			"payment DynamoDB.GetItem":             3, // the order: to know its bill, to settle it; the unit
			"payment DynamoDB.Query":               2, // free units, from a place in the index and, of few, from its beginning
			"payment DynamoDB.TransactWriteItems":  1, // order, charge, ledger, unit and outbox rows
			"deliver DynamoDB.GetItem":             5, // the order: to read it, to mark it before and behind; the unit; the profile
			"deliver DynamoDB.Query":               2, // what the product holds, for the owner who is told when few are left
			"deliver DynamoDB.TransactWriteItems":  1, // marked as under way, and counted in the report
			"deliver DynamoDB.PutItem":             2, // marked as delivered; what was bought, at a person's first unit of a product
		},
		reads: 11, writes: 53, gateway: 1, saved: "payment DynamoDB.Query", // where the unit is behind the place
	})
}

// expense is what an action costs: calls of AWS by function and operation,
// units of DynamoDB, invocations of functions, and calls of the gateway.
type expense struct {
	calls       map[string]int
	reads       float64
	writes      int
	invocations int
	requests    int // of those, by HTTP
	gateway     int
	// saved is a query of one read for half a unit that may, by chance, not be needed.
	saved string
}

// billing is a moment from which calls are counted.
type billing struct{ aws, gateway, journal int }

func (s stall) beginBill(t *testing.T) billing {
	t.Helper()

	return billing{aws: gateway.mark(), gateway: len(s.asked(t)), journal: len(journal.ended())}
}

// asked gives the calls of the gateway for a stall.
func (s stall) asked(t *testing.T) []string {
	t.Helper()

	state, err := gatewayControl().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return slices.DeleteFunc(state.Calls, func(call string) bool { return !strings.Contains(call, "/"+s.ID+"/") })
}

// ended gives the functions whose invocations have ended, but for those that
// come by the clock.
func (j *functionJournal) ended() []string {
	j.mu.Lock()
	defer j.mu.Unlock()

	var ended []string

	for _, event := range j.events {
		if event.Kind == stack.InvocationEnded && !byTheClock(event.Function) {
			ended = append(ended, event.Function)
		}
	}

	return ended
}

// compareBill fails unless an action has cost what it is to cost.
func (s stall) compareBill(t *testing.T, from billing, of string, want expense) {
	t.Helper()

	got := expense{calls: map[string]int{}, gateway: len(s.asked(t)) - from.gateway}

	for _, function := range journal.ended()[from.journal:] {
		got.invocations++

		if function == "webhook" || function == "callback" {
			got.requests++
		}
	}

	for _, call := range gateway.since(from.aws) {
		if beside(call) {
			continue
		}

		got.calls[call.function+" "+call.operation]++

		reads, writes := s.units(t, call)
		got.reads += reads
		got.writes += writes
	}

	var table strings.Builder
	for _, line := range slices.Sorted(maps.Keys(got.calls)) {
		fmt.Fprintf(&table, "\n  %3d  %s", got.calls[line], line)
	}

	t.Logf("%s: %.1f read units, %d write units, %d invocations, %d calls of the gateway; a thousand for $%.4f%s",
		of, got.reads, got.writes, got.invocations, got.gateway, got.dollars(), table.String())

	if want.saved != "" && got.calls[want.saved] == want.calls[want.saved]-1 {
		got.calls[want.saved]++
		got.reads += 0.5
	}

	if !maps.Equal(got.calls, want.calls) || got.reads != want.reads || got.writes != want.writes || got.gateway != want.gateway {
		t.Errorf("%s: the bill has changed, want %+v", of, want)
	}
}

// dollars is what a thousand of them cost on demand in ap-southeast-3, as the
// README assumes: what is invoked runs for 50 ms with 256 MB, and each message
// is sent, received and deleted by itself.
func (e expense) dollars() float64 {
	const (
		million    = 1e6
		perWrite   = 0.7115 / million
		perRead    = 0.1423 / million
		perInvoke  = 0.20 / million
		perSecond  = 0.0000133334 / 4 // arm64, 256 MB
		running    = 0.05             // seconds
		perRequest = 1.25 / million   // of the HTTP API
		perMessage = 0.50 / million   // a call of a queue, FIFO or not
		calls      = 3                // for a message
		thousand   = 1000
	)

	messages := 0

	for call, count := range e.calls {
		if strings.HasSuffix(call, "SQS.SendMessageBatch") {
			messages += count
		}
	}

	return thousand * (e.reads*perRead + float64(e.writes)*perWrite +
		float64(e.invocations)*(perInvoke+running*perSecond) + float64(e.requests)*perRequest + float64(calls*messages)*perMessage)
}

// dynamoRequest is a request of DynamoDB, or one operation of a transaction, as
// far as its price goes.
type dynamoRequest struct {
	IndexName           string                       `json:"IndexName"`           //nolint:tagliatelle // as DynamoDB writes it
	ConditionExpression string                       `json:"ConditionExpression"` //nolint:tagliatelle // see above
	Item                map[string]map[string]string `json:"Item"`                //nolint:tagliatelle // see above
	Key                 map[string]map[string]string `json:"Key"`                 //nolint:tagliatelle // see above
	TransactItems       []map[string]dynamoRequest   `json:"TransactItems"`       //nolint:tagliatelle // see above
}

// units gives what DynamoDB bills for a call: a read unit for 4 KB read
// consistently, half of it from the index, and nothing here reads more at once;
// a write unit for each 1 KB of a row and again for its place in the index,
// twice that in a transaction.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
func (s stall) units(t *testing.T, call awsCall) (float64, int) {
	t.Helper()

	operation, ok := strings.CutPrefix(call.operation, "DynamoDB.")
	if !ok {
		return 0, 0
	}

	var request dynamoRequest
	if err := json.Unmarshal([]byte(call.of), &request); err != nil {
		t.Fatalf("read a %s: %v", call.operation, err)
	}

	const fromIndex, inTransaction = 0.5, 2

	switch operation {
	case "GetItem":
		return 1, 0
	case "Query":
		if request.IndexName != "" {
			return fromIndex, 0
		}

		return 1, 0
	case "TransactWriteItems":
		units := 0

		for _, item := range request.TransactItems {
			for _, one := range item {
				units += inTransaction * s.writeUnits(t, one)
			}
		}

		return 0, units
	default:
		return 0, s.writeUnits(t, request)
	}
}

func (s stall) writeUnits(t *testing.T, request dynamoRequest) int {
	t.Helper()

	const unit = 1024

	size, indexed := 0, 0

	for name, value := range request.Item {
		for _, text := range value {
			size += len(name) + len(text)
		}
	}

	switch replaces := strings.Contains(request.ConditionExpression, "v = "); {
	case request.Item == nil: // a counter, a check, or a row that is deleted: small ones
		row, err := s.state.Get(t.Context(), table.Stored(request.Key["pk"]["S"], request.Key["sk"]["S"]))
		if err != nil && !errs.Is(err, errs.NotFound) {
			t.Fatal(err)
		}

		if !row.Index.IsZero() {
			indexed = 1
		}
	case request.Item["gpk"] != nil && replaces: // it leaves one place in the index and takes another
		indexed = 2
	case request.Item["gpk"] != nil:
		indexed = 1
	}

	return max(1, (size+unit-1)/unit) * (1 + indexed)
}
