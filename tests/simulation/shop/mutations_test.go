package shop_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/lapak-id/lapak/tests/simulation/seeds"
)

// root is the top of the repository, from here.
const root = "../../.."

// mutation takes one guard out of the product's code.
type mutation struct {
	name string
	file string // below root
	text string // the guard; it stands there once
	with string // what takes its place
	// wrong matches what the simulation must say then.
	wrong string
}

// mutations are guards that orders and money depend on. Each was seen to be
// found within a few dozen runs; what matches is what follows first.
func mutations() []mutation {
	return []mutation{
		{
			name: "a payment is counted under its own name", file: "shared/order/row.go",
			text: `Key(chargeKind, receipt.Transaction),`, with: `Key(chargeKind, receipt.Transaction, now.String()),`,
			wrong: `dead letter`,
		},
		{
			name: "one cause is one order", file: "shared/order/place.go",
			text:  `strconv.FormatInt(request.User, 10), request.Cause),`,
			with:  `strconv.FormatInt(request.User, 10), request.Cause, s.clock.Now().String()),`,
			wrong: `has made orders`,
		},
		{
			name: "no more is reserved than there is", file: "shared/catalog/claim.go",
			text: `available, direction*count, 0, plenty)}, nil`, with: `available, direction*count, -plenty, plenty)}, nil`,
			wrong: `available and`,
		},
		{
			name: "a unit is free by its row, not by the index", file: "shared/catalog/claim.go",
			text: `		case unit.Order != "":`, with: `		case unit.Order == "nobody":`,
			wrong: `is given to order`,
		},
		{
			name: "the amount is what was asked", file: "shared/order/settle.go",
			text:  `			return bill, receipt.Amount == bill.Amount`,
			with:  `			return bill, receipt.Amount.Currency == bill.Amount.Currency`,
			wrong: `it was paid as asked: false|the ledger says`,
		},
		{
			name: "the currency is what was asked", file: "shared/order/settle.go",
			text:  `			return bill, receipt.Amount == bill.Amount`,
			with:  `			return bill, receipt.Amount.Value == bill.Amount.Value`,
			wrong: `it was paid as asked: false`,
		},
		{
			name: "payments of a test mode do not count", file: "shared/payment/ask.go",
			text: `	case status.Sandbox && !account.Sandbox:`, with: `	case status.Sandbox && account.Sandbox:`,
			wrong: `nobody has paid it`,
		},
		{
			name: "a payment is of the order that it is said of", file: "shared/payment/ask.go",
			text:  `	case status.Reference != job.order.Ref().Reference(), status.Transaction != transaction:`,
			with:  `	case status.Transaction != transaction:`,
			wrong: `it was paid for`,
		},
		{
			name: "an answer is of the transaction that was asked about", file: "shared/payment/ask.go",
			text:  `	case status.Reference != job.order.Ref().Reference(), status.Transaction != transaction:`,
			with:  `	case status.Reference != job.order.Ref().Reference():`,
			wrong: `nobody has paid it`,
		},
		{
			name: "an order is paid once", file: "shared/order/settle.go",
			text: `		return Twice`, with: `		return Settled`,
			wrong: `went from|other units|available and|was never counted|dead letter`,
		},
		{
			name: "a late payment takes its stock again", file: "shared/order/settle.go",
			text: `		if err := s.takeAgain(ctx, made); err != nil {`, with: `		if err := error(nil); err != nil {`,
			wrong: `available and|are counted, orders hold`,
		},
		{
			name: "an order that is closed gives its stock back", file: "shared/order/close.go",
			text: `ops: append(stock, limits...), lenient: used}, nil`, with: `ops: append(stock[:0], limits...), lenient: used}, nil`,
			wrong: `available and`,
		},
		{
			name: "stock is given back once", file: "shared/order/close.go",
			text: `		case Cancelled:
			return effects{}, errAsItIs
		case Awaiting:`,
			with:  `		case Cancelled, Awaiting:`,
			wrong: `available and|dead letter`,
		},
		{
			name: "money that comes late is entered", file: "shared/order/settle.go",
			text: `	if amount.IsZero() {`, with: `	if amount.IsZero() || made.outcome == Late {`,
			wrong: `the ledger says`,
		},
		{
			name: "no wallet falls below zero", file: "shared/wallet/ledger.go",
			text: `balance, line.Amount.Value, 0, money.Max)`, with: `balance, line.Amount.Value, -money.Max, money.Max)`,
			wrong: `the wallet -`,
		},
		{
			name: "what follows from a payment is written with it", file: "shared/order/settle.go",
			text: `	made.tasks = append(made.tasks, task{message: Message{Task: SendGoods}})`, with: ``,
			wrong: `were not sent at once`,
		},
		{
			name: "goods are marked before they are sent", file: "shared/order/goods.go",
			text: `		order.State, order.Lease = Delivering, now.Add(leaseFor)`, with: `		order.Lease = now.Add(leaseFor)`,
			wrong: `which is paid|nobody there has bought`,
		},
		{
			name: "goods are delivered when they were sent", file: "shared/order/goods.go",
			text: `			return d.unsent(ctx, job, err)`, with: `			break`,
			wrong: `was never shown`,
		},
		{
			name: "gateways are asked before an order is given up", file: "shared/payment/ask.go",
			text: `		if !bill.Outside() || `, with: `		if true || !bill.Outside() || `,
			wrong: `was never counted`,
		},
		{
			name: "what cannot be closed was paid", file: "shared/payment/ask.go",
			text: `	if errs.Is(err, errs.Conflict) { // it was paid`, with: `	if false {`,
			wrong: `was never counted`,
		},
		{
			name: "notifications prove where they come from", file: "shared/callback/callback.go",
			text: `	notice, err := h.authenticate(ctx, request)
`,
			with: `	notice, err := h.authenticate(ctx, request)
	if errs.Is(err, errs.Unauthorized) {
		err = nil
	}
`,
			wrong: `a forged notification was taken`,
		},
		{
			name: "coupons have limits", file: "shared/catalog/coupon.go",
			text: `limitOf(coupon.PerBuyer)),`, with: `plenty),`,
			wrong: `is used`,
		},
		{
			name: "buyers have limits", file: "shared/order/place.go",
			text: `	if had+item.Count > offer.PerBuyer {`, with: `	if had < 0 {`,
			wrong: `dead letter|are allowed`,
		},
		{
			name: "units that were sent are not sold again", file: "shared/order/refund.go",
			text: `	if err != nil || order.State != Paid {`, with: `	if err != nil || order.State == Disputed {`,
			wrong: `is free again`,
		},
		{
			name: "a message leaves the outbox when it was sent", file: "shared/outbox/outbox.go",
			text:  `	if err := sender.Send(ctx, entry.message()); err != nil {`,
			with:  `	if err := sender.Send(ctx, entry.message()); err != nil && ctx.Err() != nil {`,
			wrong: `was never counted|the ledger says`,
		},
	}
}

// TestMutations takes one guard after the other out of the product's code and
// checks that the simulation finds each. It compiles the simulation anew for
// each, so it runs only where MUTANTS is set: make mutants.
func TestMutations(t *testing.T) {
	t.Parallel()

	if os.Getenv("MUTANTS") == "" {
		t.Skip("it compiles the simulation two dozen times: make mutants")
	}

	slots := make(chan struct{}, runtime.GOMAXPROCS(0))

	for _, mutant := range mutations() {
		t.Run(strings.ReplaceAll(mutant.name, " ", "_"), func(t *testing.T) {
			t.Parallel()

			slots <- struct{}{}
			defer func() { <-slots }()

			found := mutant.hunt(t, mutant.build(t))
			t.Log(found)
		})
	}
}

// build compiles the simulation over the mutant.
func (m mutation) build(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()

	original, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}

	code, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}

	if count := strings.Count(string(code), m.text); count != 1 {
		t.Fatalf("the guard stands %d times in %s, it must stand there once: %s", count, m.file, m.text)
	}

	mutant := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(mutant, []byte(strings.Replace(string(code), m.text, m.with, 1)), 0o600); err != nil {
		t.Fatal(err)
	}

	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutant}})
	if err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}

	program := filepath.Join(dir, "mutant.test")

	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", file, "-o", program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %s\n%s", err, output)
	}

	return program
}

// hunt runs the simulation of a mutant until it fails, and gives what it says.
func (m mutation) hunt(t *testing.T, program string) string {
	t.Helper()

	count := seeds.Number(t, "MUTANT_SEEDS", 1500)

	run := exec.CommandContext(t.Context(), program, "-test.run", "^TestShop$")
	run.Env = append(os.Environ(), fmt.Sprintf("SHOP_SEEDS=%d", count), "GOMAXPROCS=1", "SEED=", "FROM=0")

	output, err := run.CombinedOutput()

	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		t.Fatalf("%d runs of the simulation have not found it (%v): %s in %s", count, err, m.name, m.file)
	}

	if !regexp.MustCompile(m.wrong).Match(output) {
		t.Fatalf("the simulation failed, but says nothing of %q:\n%s", m.wrong, output)
	}

	const told = 400

	return string(output[:min(len(output), told)])
}
