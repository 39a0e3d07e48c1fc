package stack_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/user"
)

// promo is what the campaigns of these tests say, as people see it.
const promo = "Promo akhir bulan & lainnya"

// crowded is the language of the crowd, which tells it from those who buy and ask
// meanwhile: the campaigns are for the crowd alone.
const crowded = "en"

// A campaign to 900 people while a worker is killed: everybody gets it exactly
// once, at the rate that Telegram allows and never above it; answers of the bot
// and goods that were paid for come less than a second later than without it.
func TestBroadcastReachesEverybodyOnce(t *testing.T) {
	t.Parallel()

	c := openCampaign(t, 900)
	c.runs(t, 1)
}

// The same to 100,000 people, with five workers killed: about 56 minutes.
func TestLongBroadcast(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 people take an hour: make long")
	}

	c := openCampaign(t, 100_000)
	c.runs(t, 5)
}

// campaign is a broadcast of a shop to a crowd.
type campaign struct {
	stall

	crowd   control.Crowd
	service *broadcast.Service
	owner   *customer
	buyers  []*customer // who ask in turn: one alone would be asked to slow down
	notice  message.Address
	blocked int
}

// openCampaign opens a shop that knows many people, some of whom have blocked it.
func openCampaign(t *testing.T, people int) *campaign {
	t.Helper()

	const (
		first      = 20_000_000
		eachBlocks = 150
		asking     = 8
	)

	c := &campaign{stall: openStall(t, people/100+30)} // somebody buys every 5 s: one for each 150 at the full rate
	c.owner = c.customer(t, "id")

	for range asking {
		c.buyers = append(c.buyers, c.customer(t, "id"))
	}

	c.crowd = control.Crowd{Bot: c.BotID(), First: first, Count: people, Language: "id", Text: promo}
	c.notice = message.Address{Store: c.ID, Chat: c.owner.User, Message: int(c.owner.says("/help").ID)}

	began := time.Now()
	c.meet(t, people)
	t.Logf("%d people were made in %s", people, time.Since(began).Round(time.Second))

	for id := int64(first + eachBlocks - 1); id < first+int64(people); id += eachBlocks {
		if err := c.blocks(t.Context(), id); err != nil {
			t.Fatal(err)
		}

		c.blocked++
	}

	state := stateTable()
	c.service = broadcast.NewService(
		state, store.NewRegistry(state, clock.System{}), user.NewRepository(state, clock.System{}), clock.System{})

	return c
}

// meet has the shop know the crowd.
func (c *campaign) meet(t *testing.T, count int) {
	t.Helper()

	const atOnce = 8

	if err := people.CreateCrowd(t.Context(), c.crowd); err != nil {
		t.Fatal(err)
	}

	users := user.NewRepository(stateTable(), clock.System{})
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atOnce)

	for at := range count {
		group.Go(func() error {
			who := user.Person{ID: c.crowd.First + int64(at), Name: fmt.Sprintf("Person %d", at)}
			_, err := users.Meet(ctx, c.ID, who, crowded)

			return err
		})
	}

	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (c *campaign) blocks(ctx context.Context, id int64) error {
	if err := people.As(id, c.BotID()).Block(ctx, true); err != nil {
		return fmt.Errorf("have user %d block the bot: %w", id, err)
	}

	return nil
}

// runs sends the campaign and holds it to its promises.
func (c *campaign) runs(t *testing.T, kills int) {
	t.Helper()

	const (
		id      = "promo"
		known   = 70 * time.Second     // all functions know of it then, so that it begins at the full rate
		planned = 3 * time.Millisecond // for each person, two rows: the emulator takes 2 ms
	)

	ready := known + time.Duration(c.crowd.Count)*planned

	length := time.Duration(c.crowd.Count/broadcast.FreeRate) * time.Second

	made, err := c.service.Schedule(t.Context(), broadcast.Campaign{
		ID: id, Store: c.ID, Author: c.owner.User, Notice: c.notice, StartAt: time.Now().Add(ready),
		Audience: broadcast.Audience{Language: crowded},
		Content: broadcast.Content{HTML: "<b>Promo</b> akhir bulan &amp; lainnya", Buttons: [][]message.Button{
			{{Text: "Belanja", URL: "https://example.com/promo"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}

	done := make(chan struct{})

	var meanwhile sync.WaitGroup

	meanwhile.Go(func() { c.answers(t, made.StartAt, done) })

	alone := middle([]time.Duration{c.receipt(t), c.receipt(t), c.receipt(t)})

	<-time.After(time.Until(made.StartAt))
	meanwhile.Go(func() { c.kills(t, kills, length, done) })
	meanwhile.Go(func() { c.receipts(t, alone, done) })

	ended := c.finished(t, id, 2*length+5*time.Minute)

	close(done)
	meanwhile.Wait()
	c.check(t, ended)
}

// kills ends a worker now and then, by SIGKILL.
func (c *campaign) kills(t *testing.T, count int, length time.Duration, done <-chan struct{}) {
	t.Helper()

	for range count {
		select {
		case <-time.After(length / time.Duration(count+2)):
		case <-done:
			t.Error("the broadcast was over before all kills")

			return
		}

		workers := cloud.Processes("broadcast")
		if len(workers) == 0 {
			t.Error("there is no worker to kill")

			continue
		}

		if err := syscall.Kill(workers[rand.IntN(len(workers))], syscall.SIGKILL); err != nil {
			t.Errorf("kill a worker: %v", err)
		}
	}
}

// answers measures how long a buyer waits for the bot, before the campaign sends
// and while it does: it may add a second at most, however slow the machine is.
func (c *campaign) answers(t *testing.T, start time.Time, done <-chan struct{}) {
	t.Helper()

	const (
		every = 2 * time.Second
		most  = time.Second
	)

	var before, waits []time.Duration

	for turn := 0; ; turn++ {
		select {
		case <-done:
			slices.Sort(before)
			slices.Sort(waits)

			if len(waits) == 0 || len(before) == 0 {
				t.Error("nobody asked anything before or while the broadcast ran")

				return
			}

			middle, worst := waits[len(waits)/2], waits[len(waits)-1]
			high, usual := waits[len(waits)*95/100], before[len(before)*95/100]
			t.Logf("%d answers beside the broadcast: half within %s, 95 %% within %s, all within %s; before it 95 %% within %s",
				len(waits), middle, high, worst, usual)

			if high > usual+most {
				t.Errorf("95 %% of the answers come within %s, want within %s of the %s before", high, most, usual)
			}

			return
		case <-time.After(every):
			began := time.Now()

			c.buyers[turn%len(c.buyers)].says("/help")

			if took := time.Since(began); began.Before(start) {
				before = append(before, took)
			} else {
				waits = append(waits, took)
			}
		}
	}
}

// receipts measures how long buyers wait for what they have paid while the
// campaign runs, against how long they wait without it.
func (c *campaign) receipts(t *testing.T, alone time.Duration, done <-chan struct{}) {
	t.Helper()

	const (
		every = 5 * time.Second
		most  = time.Second
	)

	var waits []time.Duration

	for {
		select {
		case <-done:
			if len(waits) == 0 {
				t.Error("nobody bought anything while the broadcast ran")

				return
			}

			t.Logf("%d purchases beside the broadcast: goods come %s after the payment, %s without it", len(waits), middle(waits), alone)

			if more := middle(waits) - alone; more > most {
				t.Errorf("goods wait %s longer beside the broadcast, want less than %s", more, most)
			}

			return
		case <-time.After(every):
			waits = append(waits, c.receipt(t))
		}
	}
}

// receipt has somebody buy, and gives how long the goods take from the payment.
func (c *campaign) receipt(t *testing.T) time.Duration {
	t.Helper()

	buyer := c.visitor(t, "id")
	buyer.taps(buyer.checkout(), qrisButton)
	buyer.wait(control.Condition{Kind: "photo"})

	bill := c.bill(t, buyer)
	began := time.Now()

	acts(t, bill, pakasir.Pay)
	c.goods(t, buyer)

	return time.Since(began)
}

func middle(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))

	return sorted[len(sorted)/2]
}

// finished waits until the campaign is done.
func (c *campaign) finished(t *testing.T, id string, within time.Duration) broadcast.Campaign {
	t.Helper()

	tick := time.NewTicker(time.Second)
	defer tick.Stop()

	for until := time.Now().Add(within); ; <-tick.C {
		found, err := c.service.Get(t.Context(), c.ID, id)
		if err != nil {
			t.Fatal(err)
		}

		if found.State.Finished() {
			return found
		}

		if time.Now().After(until) {
			t.Fatalf("the broadcast is not over after %s: %+v", within, found)
		}
	}
}

func (c *campaign) check(t *testing.T, ended broadcast.Campaign) {
	t.Helper()

	reach, err := people.Reach(t.Context(), c.crowd)
	if err != nil {
		t.Fatal(err)
	}

	took := time.Duration(reach.LastAt-reach.FirstAt+1) * time.Second
	// What the bot says to others, such as receipts, is of the same rate.
	rate := float64(reach.Said) / took.Seconds()
	t.Logf("%d people in %s, %.2f messages and edits a second with what others were told: %.1f %% of what Telegram allows; %+v, %+v",
		c.crowd.Count, took, rate, 100*rate/broadcast.FreeRate, ended.Counts, reach)

	if reach.More != 0 || reach.Once != c.crowd.Count-c.blocked-ended.Counts.Unsure || reach.None != c.blocked+ended.Counts.Unsure {
		t.Errorf("got %+v, want each of %d once but for %d who blocked the bot and %d unsure",
			reach, c.crowd.Count, c.blocked, ended.Counts.Unsure)
	}

	// Of those who have blocked the bot it knows by Telegram, or learns of it.
	if ended.Counts.Sent != reach.Once || ended.Counts.Blocked > c.blocked || ended.Counts.Failed > 0 || ended.Counts.Unsure > 5 {
		t.Errorf("the report says %+v, want %d sent and at most %d blocked", ended.Counts, reach.Once, c.blocked)
	}

	if reach.TooMany != 0 {
		t.Errorf("%d calls were refused for their rate", reach.TooMany)
	}

	const tail = 20_000 // people, so many that the end does not weigh: the last page of a dead worker is seen to later
	if least := 0.97 * broadcast.FreeRate; c.crowd.Count > tail && rate < least {
		t.Errorf("%.2f messages a second, want at least %.2f", rate, least)
	}

	c.owner.wait(control.Condition{MessageID: int64(c.notice.Message), Deleted: true})

	messages := c.owner.history()
	t.Logf("the author was told: %q", messages[len(messages)-1].Text)
}
