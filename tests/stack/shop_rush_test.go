package stack_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/sync/errgroup"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Two hundred people want fifty units at the same moment, and functions die all
// the while: fifty people get one each, the others are told, and money, stock
// and goods agree to the last unit. It runs alone, for it kills functions
// whoever they work for.
func TestRush(t *testing.T) {
	if testing.Short() {
		t.Skip("a rush takes two minutes: make long")
	}

	const (
		buyers = 200
		units  = 50
		within = 3 * time.Minute
	)

	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()

	dead := deadLetters(t)
	stall := openStall(t, units)
	hasten(t)

	began := time.Now()
	crowd := stall.crowd(ctx, t, buyers)
	t.Logf("%d buyers stand at the till after %s", buyers, time.Since(began).Round(time.Second))

	began = time.Now()
	killed := killAll(ctx, t)

	var group errgroup.Group

	for _, buyer := range crowd {
		group.Go(func() error { return buyer.buys(ctx, stall) })
	}

	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	t.Logf("all have goods or know better after %s; killed: %v", time.Since(began).Round(time.Second), killed())
	drained(t, shopQueues...)
	t.Logf("all queues are empty after %s", time.Since(began).Round(time.Second))

	if more := deadLetters(t); more != dead {
		t.Errorf("there are %d dead letters, %d before", more, dead)
	}

	stall.checkRush(t, crowd, buyers, units)
}

// shopper is one of the crowd.
type shopper struct {
	control.Person

	till  control.Message // the screen that offers the ways of paying
	units []string        // that came
	told  bool            // that there is nothing left
}

// crowd brings people to where they choose how to pay.
func (s stall) crowd(ctx context.Context, t *testing.T, count int) []*shopper {
	t.Helper()

	const atOnce = 20

	crowd := make([]*shopper, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)

	for at := range crowd {
		group.Go(func() error {
			var err error

			crowd[at], err = s.shopper(ctx)

			return err
		})
	}

	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	return crowd
}

func (s stall) shopper(ctx context.Context) (*shopper, error) {
	user, err := people.CreateUser(ctx, control.User{FirstName: "Wati", LanguageCode: "id"})
	if err != nil {
		return nil, fmt.Errorf("make a shopper: %w", err)
	}

	made := &shopper{Person: people.As(user.ID, s.BotID())}

	hello, err := made.Start(ctx, "p_"+product)
	if err != nil {
		return nil, fmt.Errorf("shopper %d comes in: %w", user.ID, err)
	}

	offer, err := made.Wait(ctx, control.Condition{After: hello.Seq, Button: buyButton, Timeout: answerWithin})
	if err != nil {
		return nil, fmt.Errorf("shopper %d waits for the product: %w", user.ID, err)
	}

	if _, err = made.PressText(ctx, offer.ID, buyButton, answerWithin); err != nil {
		return nil, fmt.Errorf("shopper %d goes to the till: %w", user.ID, err)
	}

	made.till, err = made.Wait(ctx, control.Condition{After: offer.Seq, Button: qrisButton, Timeout: answerWithin})
	if err != nil {
		return nil, fmt.Errorf("shopper %d waits for the till: %w", user.ID, err)
	}

	return made, nil
}

// buys orders, pays, and waits for the goods, or until it is told that there
// are none. A shopper who is asked to try again does.
func (s *shopper) buys(ctx context.Context, of stall) error {
	const (
		soldOut = "tidak cukup"
		noHurry = 0 // an answer that a killed bot owes is not waited for
	)

	if _, err := s.PressText(ctx, s.till.ID, qrisButton, noHurry); err != nil {
		return fmt.Errorf("shopper %d orders: %w", s.User, err)
	}

	paid := map[string]bool{}
	seen := s.till.Seq

	for len(s.units) == 0 && !s.told {
		shown, err := s.Wait(ctx, control.Condition{After: seen, Timeout: answerWithin})
		if err != nil {
			return fmt.Errorf("shopper %d waits: %w", s.User, err)
		}

		seen = shown.Seq
		s.units = of.got(shown.Text)
		s.told = strings.Contains(shown.Text, soldOut)

		again := ""

		switch {
		case shown.Kind == "photo" && hasButton(shown, checkButton):
			err = s.pays(ctx, of, paid)
		case s.told:
		case hasButton(shown, "🔁"):
			again = "🔁"
		case hasButton(shown, qrisButton):
			again = qrisButton
		}

		if err == nil && again != "" {
			_, err = s.PressText(ctx, shown.ID, again, noHurry)
		}

		if err != nil {
			return fmt.Errorf("shopper %d, shown %q: %w", s.User, shown.Text, err)
		}
	}

	return nil
}

// pays the bill that the shopper was shown, once.
func (s *shopper) pays(ctx context.Context, of stall, paid map[string]bool) error {
	state, err := gatewayControl().State(ctx)
	if err != nil {
		return fmt.Errorf("look for the bill: %w", err)
	}

	for _, bill := range state.Transactions {
		if bill.Project != of.ID || !strings.HasSuffix(bill.Order, "-"+strconv.FormatInt(s.User, 10)) || paid[bill.Order] {
			continue
		}

		paid[bill.Order] = true

		if err := gatewayControl().Act(ctx, bill.ID, pakasir.Pay); err != nil {
			return fmt.Errorf("pay: %w", err)
		}
	}

	return nil
}

// killAll ends the processes of one function after the other, wherever they
// are in their work, while the rush is on. It gives how many of each were
// killed, once all kills are done.
func killAll(ctx context.Context, t *testing.T) func() map[string]int {
	t.Helper()

	const (
		rounds = 3
		every  = 1500 * time.Millisecond
	)

	killed := map[string]int{}

	var killing sync.WaitGroup

	killing.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()

		for range rounds {
			for _, function := range []string{"bot", "payment", "deliver", "relay"} {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}

				there := len(cloud.Processes(function))

				switch err := cloud.Kill(function); {
				case errors.Is(err, stack.ErrNotRunning):
				case err != nil:
					t.Error(err)
				default:
					killed[function] += there
				}
			}
		}
	})

	return func() map[string]int {
		killing.Wait()

		return killed
	}
}

// checkRush fails unless what the shoppers hold, the stock, the orders at the
// gateway and the ledger agree.
func (s stall) checkRush(t *testing.T, crowd []*shopper, buyers, units int) {
	t.Helper()

	told := 0
	owners := map[string]int64{}

	for _, shopper := range crowd {
		if shopper.told {
			told++
		}

		history, err := shopper.Messages(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}

		var got []string
		for _, message := range history {
			got = append(got, s.got(message.Text)...)
		}

		slices.Sort(got)

		got = slices.Compact(got) // a deliverer that was killed may have said it twice
		if len(got) > 1 || len(got) > 0 && shopper.told {
			t.Errorf("shopper %d got %v, told that nothing is left: %t", shopper.User, got, shopper.told)
		}

		for _, unit := range got {
			if other, ok := owners[unit]; ok {
				t.Errorf("unit %s went to %d and to %d", unit, other, shopper.User)
			}

			owners[unit] = shopper.User
		}
	}

	if len(owners) != units || told != buyers-units {
		t.Errorf("%d were delivered and %d told, want %d and %d", len(owners), told, units, buyers-units)
	}

	s.left(t, 0, int64(units))

	sum := int64(0)

	balances := s.balances(t)
	for _, balance := range balances {
		sum += balance
	}

	if sold := balances[wallet.Sales]; sold != int64(units)*price || sum != 0 {
		t.Errorf("the ledger has %d sold and sums to %d, want %d and 0: %v", sold, sum, int64(units)*price, balances)
	}

	state, err := gatewayControl().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	state.Transactions = slices.DeleteFunc(state.Transactions, func(bill pakasir.Transaction) bool { return bill.Project != s.ID })
	if count := len(state.Transactions); count != units {
		t.Errorf("%d bills were made at the gateway, want %d", count, units)
	}
}

// hasten shortens how long the messages of killed workers stay invisible, so
// that the test need not wait for minutes: not below the leases that their next
// workers look at. It is as it was when the test ends.
func hasten(t *testing.T) {
	t.Helper()

	client := sqs.NewFromConfig(cloud.AWS())
	change := func(ctx context.Context, queue, seconds string) error {
		_, err := client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
			QueueUrl: aws.String(queue), Attributes: map[string]string{"VisibilityTimeout": seconds},
		})
		if err != nil {
			return fmt.Errorf("change how long messages of %s stay invisible: %w", path.Base(queue), err)
		}

		return nil
	}

	for output, seconds := range map[string][2]string{ // for this test, and as in the template
		"UpdatesQueueUrl":    {"20", "90"},
		"PaymentsQueueUrl":   {"20", "180"},
		"DeliveriesQueueUrl": {"65", "360"},
	} {
		queue := cloud.Outputs[output]
		if err := change(t.Context(), queue, seconds[0]); err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() {
			if err := change(context.Background(), queue, seconds[1]); err != nil {
				t.Error(err)
			}
		})
	}
}

// shopQueues are the template's outputs that name the queues of the shop.
var shopQueues = []string{"UpdatesQueueUrl", "PaymentsQueueUrl", "DeliveriesQueueUrl"}

// drained waits until the queues hold no message, under way or not.
func drained(t *testing.T, queues ...string) {
	t.Helper()

	client := sqs.NewFromConfig(cloud.AWS())

	becomes(t, answerWithin, fmt.Sprintf("%v are empty", queues), func() (bool, error) {
		for _, output := range queues {
			visible, invisible, err := depth(t.Context(), client, cloud.Outputs[output])
			if err != nil || visible+invisible > 0 {
				return false, err
			}
		}

		return true, nil
	})
}

// deadLetters counts the messages that were given up, in all queues.
func deadLetters(t *testing.T) int {
	t.Helper()

	client := sqs.NewFromConfig(cloud.AWS())
	count := 0

	for queue := range strings.SplitSeq(cloud.Outputs["DeadQueueUrls"], ",") {
		dead, _, err := depth(t.Context(), client, queue)
		if err != nil {
			t.Fatal(err)
		}

		count += dead
	}

	return count
}
