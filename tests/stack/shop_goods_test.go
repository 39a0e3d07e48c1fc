package stack_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/wallet"
)

// What the stalls of the tests sell.
const (
	product      = "akun"
	price        = int64(49_000)
	priceInStars = int64(150)
)

// What buyers tap.
const (
	buyButton     = "⚡"
	qrisButton    = "QRIS"
	starsButton   = "Stars"
	walletButton  = "Saldo ·"
	checkButton   = "🔄"
	giveUpButton  = "✖️"
	depositButton = "➕"
)

// stall is a shop that sells: it is open, has an account at the payment
// gateway, and goods on its shelf.
type stall struct {
	shop

	state table.Table
}

// openStall opens a shop that sells so many accounts.
func openStall(t *testing.T, units int) stall {
	t.Helper()

	return stock(t, openShop(t), units)
}

func stock(t *testing.T, of shop, units int) stall {
	t.Helper()

	if err := cloud.AddAccount(t.Context(), of.ID); err != nil {
		t.Fatal(err)
	}

	if err := cloud.Operate(t.Context(), "", "gateway", "set", of.ID, "stars"); err != nil {
		t.Fatal(err)
	}

	goods := cloud.Catalog()
	by := catalog.Editor{User: of.Owner, Role: "owner", Cause: t.Name()}

	err := goods.SaveCategory(t.Context(), of.ID, catalog.Category{ID: "premium", Name: catalog.Text{"id": "Akun premium"}}, by)
	if err != nil {
		t.Fatal(err)
	}

	err = goods.SaveProduct(t.Context(), of.ID, catalog.Product{
		ID: product, Category: "premium", Policy: catalog.Units, Price: money.IDR(price), Stars: priceInStars, Warranty: 30,
		Name:        catalog.Text{"id": "Netflix 1 bulan"},
		Description: catalog.Text{"id": "Akun privat, garansi 30 hari."},
	}, by)
	if err != nil {
		t.Fatal(err)
	}

	made := stall{of, stateTable()}
	made.restock(t, 0, units)

	return made
}

// stateTable opens the state table as the functions do.
func stateTable() table.Table {
	return dynamo.New(dynamodb.NewFromConfig(cloud.AWS()), cloud.Outputs["StateTableName"], "index1", clock.System{})
}

// restock adds units, numbered from behind the first ones.
func (s stall) restock(t *testing.T, behind, units int) {
	t.Helper()

	var contents [][]byte
	for number := range units {
		contents = append(contents, []byte(s.content(behind+number)))
	}

	by := catalog.Editor{User: s.Owner, Role: "owner", Cause: fmt.Sprintf("%s %d", t.Name(), behind)}

	made, err := cloud.Catalog().Stock(t.Context(), s.ID, product, contents, by)
	if err != nil {
		t.Fatal(err)
	}

	if made.Added != units {
		t.Fatalf("%d of %d units were stocked", made.Added, units)
	}
}

// content is what a buyer gets: no two units of all shops are alike.
func (s stall) content(number int) string {
	return fmt.Sprintf("%s%03d@contoh.id / rahasia", s.mark(), number)
}

func (s stall) mark() string { return "akun-" + s.ID + "-" }

// got gives the units that a message holds.
func (s stall) got(text string) []string {
	var found []string

	for _, part := range strings.Split(text, s.mark())[1:] {
		number, _, _ := strings.Cut(part, "@")
		found = append(found, number)
	}

	return found
}

// checkout has a new buyer come by a link to the product and ask to buy it. It
// gives the screen that offers the ways of paying.
func (c *customer) checkout() control.Message {
	c.t.Helper()

	hello, err := c.Start(c.t.Context(), "p_"+product)
	if err != nil {
		c.t.Fatal(err)
	}

	c.seen = max(c.seen, hello.Seq)
	offer := c.wait(control.Condition{Button: buyButton})
	c.taps(offer, buyButton)

	return c.wait(control.Condition{MessageID: offer.ID, Button: giveBack})
}

// giveBack is the button that leads back from any screen.
const giveBack = "«"

// orders places an order by QRIS and gives the message with its code.
func (c *customer) orders() control.Message {
	c.t.Helper()

	c.taps(c.checkout(), qrisButton)

	return c.wait(control.Condition{Kind: "photo"})
}

// bills gives the transactions of a buyer at the payment gateway, the oldest
// first.
func (s stall) bills(t *testing.T, of *customer) []pakasir.Transaction {
	t.Helper()

	state, err := gatewayControl().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return slices.DeleteFunc(state.Transactions, func(bill pakasir.Transaction) bool {
		return bill.Project != s.ID || !strings.HasSuffix(bill.Order, "-"+strconv.FormatInt(of.User, 10))
	})
}

// bill gives the one transaction of a buyer.
func (s stall) bill(t *testing.T, of *customer) pakasir.Transaction {
	t.Helper()

	found := s.bills(t, of)
	if len(found) != 1 {
		t.Fatalf("the buyer has %d bills at the gateway, want 1: %v", len(found), found)
	}

	return found[0]
}

func gatewayControl() *pakasir.Client { return pakasir.New(cloud.Pakasir) }

// acts has something happen to a transaction at the gateway.
func acts(t *testing.T, bill pakasir.Transaction, action pakasir.Action) {
	t.Helper()

	if err := gatewayControl().Act(t.Context(), bill.ID, action); err != nil {
		t.Fatal(err)
	}
}

// goods waits for the message with what was bought and gives the unit in it.
func (s stall) goods(t *testing.T, of *customer) string {
	t.Helper()

	message := of.wait(control.Condition{Text: s.mark()})

	units := s.got(message.Text)
	if len(units) != 1 {
		t.Fatalf("the buyer of one unit got %d: %q", len(units), message.Text)
	}

	return units[0]
}

// balances gives what is on each account of a shop, by the ledger's entries.
// Every entry must sum to zero.
func (s stall) balances(t *testing.T) map[wallet.Account]int64 {
	t.Helper()

	balances, err := s.ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return balances
}

func (s stall) ledger(ctx context.Context) (map[wallet.Account]int64, error) {
	tenant, err := table.TenantOf(s.ID)
	if err != nil {
		return nil, err
	}

	balances := map[wallet.Account]int64{}
	query := table.Query{Partition: tenant.Partition("ledger"), Limit: table.MaxPageRows}

	for {
		page, err := s.state.Query(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("read the ledger of %s: %w", s.ID, err)
		}

		for _, row := range page.Rows {
			entry, err := table.Decode[wallet.Entry](row)
			if err != nil {
				return nil, fmt.Errorf("read the ledger of %s: %w", s.ID, err)
			}

			sum := int64(0)

			for _, line := range entry.Lines {
				sum += line.Amount.Value
				balances[line.Account] += line.Amount.Value
			}

			if sum != 0 {
				return nil, fmt.Errorf("entry %s of the ledger of %s sums to %d", entry.ID, s.ID, sum)
			}
		}

		if query.Cursor = page.Next; query.Cursor == "" {
			return balances, nil
		}
	}
}

// holds fails unless a person's wallet holds so many rupiah, by its balance and
// by the ledger.
func (s stall) holds(t *testing.T, of *customer, want int64) {
	t.Helper()

	held, err := wallet.NewLedger(s.state, clock.System{}).Balance(t.Context(), s.ID, of.User)
	if err != nil {
		t.Fatal(err)
	}

	if entered := s.balances(t)[wallet.Of(of.User)]; held.Value != want || entered != want {
		t.Errorf("the wallet holds %s and the ledger says %d, want %d", held, entered, want)
	}
}

// left fails unless so many units can be ordered and so many were sold.
func (s stall) left(t *testing.T, available, sold int64) {
	t.Helper()

	offer, err := cloud.Catalog().Offer(t.Context(), s.ID, product)
	if err != nil {
		t.Fatal(err)
	}

	if offer.Available != available || offer.Sold != sold {
		t.Errorf("%d units are left and %d sold, want %d and %d", offer.Available, offer.Sold, available, sold)
	}
}

// becomes waits until something is so.
func becomes(t *testing.T, within time.Duration, what string, holds func() (bool, error)) {
	t.Helper()

	const askEvery = 200 * time.Millisecond

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	for until := time.Now().Add(within); ; <-tick.C {
		done, err := holds()
		if err != nil {
			t.Fatal(err)
		}

		if done {
			return
		}

		if time.Now().After(until) {
			t.Fatalf("not so within %s: %s", within, what)
		}
	}
}
