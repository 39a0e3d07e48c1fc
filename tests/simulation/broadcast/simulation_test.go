// Package broadcast_test sends campaigns in one process, with Telegram's flood
// limit, workers that are killed, pauses, receipts and people who block the bot,
// on a clock that jumps from event to event.
package broadcast_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/message"
)

// TestBroadcastToEverybody sends to 100,000 people: each who has not blocked the
// bot gets it exactly once, no call is refused for its rate, and at least 97 % of
// the rate that Telegram allows is used, though workers are killed five times
// and the campaign is paused twice.
func TestBroadcastToEverybody(t *testing.T) {
	people := 100_000
	if text := os.Getenv("BROADCAST_PEOPLE"); text != "" {
		var err error

		people, err = strconv.Atoi(text)
		require.NoError(t, err)
	}

	const (
		kills   = 5
		pauses  = 2
		blocked = 97 // each such one has blocked the bot
	)

	began := time.Now()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, people)
		for id := range people {
			if id%blocked == blocked-1 {
				w.telegram.blocked[person(id)] = true
			}
		}

		ctx, end := context.WithCancel(t.Context())

		var world sync.WaitGroup

		world.Go(func() { w.live(ctx) })

		sleep(ctx, time.Minute)

		campaign, err := w.service.Schedule(ctx, broadcast.Campaign{
			ID: "c1", Store: shop, Author: author, StartAt: time.Now().Add(7 * time.Minute),
			Content: broadcast.Content{HTML: "<b>Promo</b> &amp; more"},
			Notice:  message.Address{Store: shop, Chat: author, Message: 5},
		})
		require.NoError(t, err)
		require.Equal(t, broadcast.Scheduled, campaign.State)

		world.Go(func() { w.receipts(ctx) })

		length := time.Duration(float64(people)/broadcast.FreeRate) * time.Second

		sleep(ctx, 7*time.Minute)

		for at := range kills + pauses {
			sleep(ctx, length/(kills+pauses+2)+time.Duration(w.any(1000))*time.Millisecond)

			if at%3 == 2 {
				w.pauses(ctx, time.Minute)

				continue
			}

			assert.True(t, w.kill(), "somebody was at work")
		}

		for campaign.State != broadcast.Done {
			sleep(ctx, time.Second)

			campaign, err = w.service.Get(ctx, shop, "c1")
			require.NoError(t, err)
			require.Less(t, time.Since(campaign.StartAt), 3*length+10*time.Minute, "%+v", campaign)
		}

		sleep(ctx, time.Minute)
		end()
		world.Wait()

		w.check(t, campaign, people)
	})

	t.Logf("took %s of real time", time.Since(began).Round(time.Second))
}

// receipts sends something to somebody every other second, and has people write.
func (w *world) receipts(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, 2*time.Second)

		to := person(w.any(1000))
		if err := w.telegram.receipt(to); err != nil {
			w.t.Errorf("a receipt had to wait: %v", err)
		}

		w.meter.Count(ctx, shop)
		w.telegram.chatter(person(w.any(1000)))
	}
}

func (w *world) any(below int) int {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.random.IntN(below)
}

// pauses stops the campaign for a while: nothing is sent from two seconds on.
func (w *world) pauses(ctx context.Context, long time.Duration) {
	_, err := w.service.Pause(ctx, shop, "c1")
	require.NoError(w.t, err)
	sleep(ctx, 2*time.Second)

	w.telegram.mu.Lock()
	before := len(w.telegram.got)
	w.telegram.mu.Unlock()

	sleep(ctx, long)

	w.telegram.mu.Lock()
	after := len(w.telegram.got)
	w.telegram.mu.Unlock()

	assert.Equal(w.t, before, after, "nothing is sent while it is paused")

	_, err = w.service.Resume(ctx, shop, "c1")
	require.NoError(w.t, err)
}

func (w *world) check(t *testing.T, campaign broadcast.Campaign, people int) {
	t.Helper()

	twice, none, reached := 0, 0, 0

	for id := range people {
		switch count := w.telegram.got[person(id)]; {
		case w.telegram.blocked[person(id)]:
			assert.Zero(t, count)
		case count == 0:
			none++
		case count > 1:
			twice++
		default:
			reached++
		}
	}

	assert.Zero(t, twice, "got it more than once")
	assert.Equal(t, campaign.Counts.Unsure, none, "did not get it, and are not said to be unsure")
	assert.LessOrEqual(t, campaign.Counts.Unsure, 5)
	assert.Equal(t, reached, campaign.Counts.Sent)
	assert.Len(t, w.telegram.blocked, campaign.Counts.Blocked)
	assert.Empty(t, w.telegram.refused, "no call is refused for its rate")

	took := campaign.Took(time.Now())
	used := float64(w.telegram.taken) / (broadcast.FreeRate * took.Seconds())
	t.Logf("%d people in %s: %.2f %% of the rate; %+v; %d edits; calls %v",
		people, took.Round(time.Second), 100*used, campaign.Counts, w.telegram.edits, w.calls)
	assert.GreaterOrEqual(t, used, 0.97)

	// What a person costs: claimed and marked by a write each, planned and counted
	// fifty in a transaction; the pace, the leases and the looks come on top.
	each := func(what string) float64 { return float64(w.calls[what]) / float64(people) }
	assert.Less(t, each("write"), 2.2)
	assert.Less(t, each("transaction"), 0.05)
	assert.Less(t, each("get")+each("query"), 0.35)

	depth, err := w.queue.Depth(context.Background())
	require.NoError(t, err)
	assert.Zero(t, depth)

	dead, err := w.dead.Depth(context.Background())
	require.NoError(t, err)
	assert.Zero(t, dead)
	assert.Len(t, w.telegram.reports, 1)
}
