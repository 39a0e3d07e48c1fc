package broadcast_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
)

func TestEverybodyGetsItOnceAtTheRate(t *testing.T) {
	t.Parallel()
	inWorld(t, 3000, func(w *world) {
		t := w.T // of the bubble

		made := w.schedule(func(c *broadcast.Campaign) { c.StartAt = time.Now().Add(7 * time.Minute) })
		assert.Equal(t, broadcast.Scheduled, made.State)

		done := w.until(broadcast.Done, 20*time.Minute)
		assert.Equal(t, broadcast.Counts{Planned: 3000, Sent: 3000, All: true}, done.Counts)
		assert.Len(t, w.phone.got(), 3000)

		for person, count := range w.phone.got() {
			assert.Equal(t, 1, count, "person %d", person)
		}

		assert.False(t, w.phone.seen().sentAt[0].Before(done.StartAt), "not before it starts")
		assert.InDelta(t, 100, done.Took(time.Now()).Seconds(), 4, "30 a second")

		// Telegram's own bucket of 30, filled with 30 a second, never runs dry.
		tokens, filled := 30.0, w.phone.seen().sentAt[0]
		for _, at := range w.phone.seen().sentAt {
			tokens = min(30, tokens+30*at.Sub(filled).Seconds()) - 1
			filled = at

			assert.GreaterOrEqual(t, tokens, 0.0)
		}

		sleep(t.Context(), 2*time.Second)
		assert.Equal(t, []string{"done {Planned:3000 Sent:3000 Failed:0 Blocked:0 Unsure:0 All:true}"}, w.phone.seen().told)
		assert.Equal(t, 1, w.phone.seen().deleted, "the report takes the place of the progress")
		assert.NotEmpty(t, w.phone.seen().shown, "progress was shown")
	})
}

// Until all functions know that they are counted, a third is left to them.
func TestTheFirstMinuteLeavesRoom(t *testing.T) {
	t.Parallel()
	inWorld(t, 1000, func(w *world) {
		t := w.T // of the bubble

		w.schedule(nil)
		done := w.until(broadcast.Done, 5*time.Minute)
		assert.InDelta(t, 50, done.Took(time.Now()).Seconds(), 4)
	})
}

func TestWhatOthersSayIsMadeRoomFor(t *testing.T) {
	t.Parallel()
	inWorld(t, 1500, func(w *world) {
		t := w.T // of the bubble

		w.schedule(func(c *broadcast.Campaign) { c.StartAt = time.Now().Add(3 * time.Minute) })
		sleep(t.Context(), 3*time.Minute)

		meter := broadcast.NewMeter(store.NewRegistry(w.state, clock.System{}), w.pace, clock.System{})

		for range 40 { // 10 a second, in place of broadcasts
			for range 10 {
				meter.Count(t.Context(), shop)
			}

			sleep(t.Context(), time.Second)
		}

		done := w.until(broadcast.Done, 5*time.Minute)
		assert.InDelta(t, 50+400/30, done.Took(time.Now()).Seconds(), 5)

		_, err := w.stores.Change(t.Context(), shop, func(of *store.Store) { of.Broadcast = store.Broadcast{} })
		require.NoError(t, err)

		broadcast.NewMeter(store.NewRegistry(w.state, clock.System{}), w.pace, clock.System{}).Count(t.Context(), "none")

		for _, row := range w.scratch.All() {
			assert.NotContains(t, row.Key.String(), "none", "a store that is not there is not counted")
		}
	})
}

func TestPauseResumeCancel(t *testing.T) {
	t.Parallel()
	inWorld(t, 2000, func(w *world) {
		t := w.T // of the bubble

		w.schedule(nil)
		sleep(t.Context(), 20*time.Second)

		paused, err := w.service.Pause(t.Context(), shop, "c1")
		require.NoError(t, err)
		assert.Equal(t, broadcast.Paused, paused.State)

		_, err = w.service.Pause(t.Context(), shop, "c1")
		require.NoError(t, err, "twice is once")

		sleep(t.Context(), 2*time.Second)

		before := len(w.phone.got())
		assert.Greater(t, before, 300)
		sleep(t.Context(), time.Hour)
		assert.Len(t, w.phone.got(), before)

		standing, err := w.service.Get(t.Context(), shop, "c1")
		require.NoError(t, err)
		assert.Equal(t, before, standing.Counts.Sent, "who was seen to is counted when it stands")
		assert.InDelta(t, 20, standing.Took(time.Now()).Seconds(), 1)

		_, err = w.service.Resume(t.Context(), shop, "c1")
		require.NoError(t, err)
		_, err = w.service.Resume(t.Context(), shop, "c1")
		require.NoError(t, err, "twice is once")

		sleep(t.Context(), 10*time.Second)

		_, err = w.service.Cancel(t.Context(), shop, "c1")
		require.NoError(t, err)
		_, err = w.service.Cancel(t.Context(), shop, "c1")
		require.NoError(t, err, "twice is once")

		_, err = w.service.Resume(t.Context(), shop, "c1")
		assert.Equal(t, errs.Conflict, errs.CodeOf(err))
		_, err = w.service.Pause(t.Context(), shop, "c1")
		assert.Equal(t, errs.Conflict, errs.CodeOf(err))

		sleep(t.Context(), time.Minute)

		got := len(w.phone.got())
		cancelled, err := w.service.Get(t.Context(), shop, "c1")
		require.NoError(t, err)
		assert.Greater(t, got, before)
		assert.Less(t, got, 2000)
		assert.Equal(t, got, cancelled.Counts.Sent)
		assert.Positive(t, cancelled.Counts.Left())
		assert.Len(t, w.phone.seen().told, 1)
		assert.Contains(t, w.phone.seen().told[0], "cancelled")

		all, err := w.service.List(t.Context(), shop)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, cancelled.ID, all[0].ID)

		for _, row := range w.state.All() {
			assert.NotContains(t, row.Key.SK(), "page#", "nothing is left to be sent")
		}
	})
}

func TestWhatBecomesOfPeople(t *testing.T) {
	t.Parallel()
	inWorld(t, 100, func(w *world) {
		t := w.T // of the bubble

		limited := time.Time{}
		w.phone.fail = func(chat int64, try int) error {
			switch {
			case chat == person(10):
				return errs.New(errs.Unauthorized, "blocked")
			case chat == person(20):
				return errs.New(errs.NotFound, "chat not found")
			case chat == person(95) && try == 1:
				limited = time.Now()

				return errs.New(errs.Limited, "too many requests").After(7 * time.Second)
			case chat == person(5) && try == 1:
				return errs.New(errs.Unavailable, "the request is lost")
			case chat == person(55) && try == 1:
				return errs.New(errs.Conflict, "it is sent, the answer is lost")
			default:
				return nil
			}
		}

		w.schedule(nil)

		done := w.until(broadcast.Done, 5*time.Minute)
		assert.Equal(t, broadcast.Counts{Planned: 100, Sent: 98, Failed: 1, Blocked: 1, All: true}, done.Counts)

		for chat, count := range w.phone.got() {
			assert.Equal(t, 1, count, "person %d", chat)
		}

		gap := 0
		for _, at := range w.phone.seen().sentAt {
			if at.After(limited.Add(1100*time.Millisecond)) && at.Before(limited.Add(7*time.Second)) {
				gap++
			}
		}

		assert.Zero(t, gap, "nothing is sent while Telegram says to wait, but for what was on its way")

		known, err := w.users.Get(t.Context(), shop, person(10))
		require.NoError(t, err)
		assert.True(t, known.Blocked)

		w.schedule(func(c *broadcast.Campaign) { c.ID = "c2" })
		sleep(t.Context(), time.Minute)

		second, err := w.service.Get(t.Context(), shop, "c2")
		require.NoError(t, err)
		assert.Equal(t, 99, second.Counts.Planned, "who has blocked the bot is left out")
	})
}

// What cannot be found out is said, and nobody is written to twice.
func TestUnsure(t *testing.T) {
	t.Parallel()
	inWorld(t, 100, func(w *world) {
		t := w.T // of the bubble

		w.phone.blind = errs.New(errs.Invalid, "the author has blocked the bot")
		w.phone.fail = func(chat int64, _ int) error {
			if chat == person(50) {
				return errs.New(errs.Conflict, "it is sent, the answer is lost")
			}

			return nil
		}

		w.schedule(nil)

		done := w.until(broadcast.Done, 5*time.Minute)
		assert.Equal(t, broadcast.Counts{Planned: 100, Sent: 99, Unsure: 1, All: true}, done.Counts)
		assert.Equal(t, 1, w.phone.got()[person(50)])
	})
}

func TestACampaignThatCannotGoOnPauses(t *testing.T) {
	t.Parallel()

	for why, failure := range map[broadcast.Stop]error{
		broadcast.StopToken:   errs.New(errs.Internal, "unknown to Telegram"),
		broadcast.StopContent: errs.New(errs.Invalid, "can't parse entities"),
	} {
		t.Run(string(why), func(t *testing.T) {
			t.Parallel()
			inWorld(t, 500, func(w *world) {
				t := w.T // of the bubble

				w.phone.fail = func(int64, int) error { return failure }
				w.schedule(nil)

				paused := w.until(broadcast.Paused, time.Minute)
				assert.Equal(t, why, paused.Stopped)
				sleep(t.Context(), 5*time.Second)

				seen := w.phone.seen()
				assert.Less(t, len(seen.tries), 100, "it is not tried with everybody")
				assert.Contains(t, seen.shown[len(seen.shown)-1], "paused "+string(why))

				w.phone.mu.Lock()
				w.phone.fail = nil
				w.phone.mu.Unlock()

				_, err := w.service.Resume(t.Context(), shop, "c1")
				require.NoError(t, err)

				done := w.until(broadcast.Done, 5*time.Minute)
				assert.Equal(t, 500, done.Counts.Seen())
				assert.Equal(t, len(w.phone.got()), done.Counts.Sent)
			})
		})
	}
}

// A store that is paused says nothing, before a campaign begins and in its midst.
func TestACampaignOfAPausedStorePauses(t *testing.T) {
	t.Parallel()

	for name, after := range map[string]time.Duration{"before it begins": 0, "in its midst": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, 5000, func(w *world) {
				t := w.T // of the bubble

				w.schedule(nil)
				sleep(t.Context(), after)

				_, err := w.stores.Change(t.Context(), shop, func(of *store.Store) { of.Paused = true })
				require.NoError(t, err)

				paused := w.until(broadcast.Paused, 2*time.Minute)
				assert.Equal(t, broadcast.StopStore, paused.Stopped)

				_, err = w.stores.Change(t.Context(), shop, func(of *store.Store) { of.Paused = false })
				require.NoError(t, err)
				_, err = w.service.Resume(t.Context(), shop, "c1")
				require.NoError(t, err)

				done := w.until(broadcast.Done, 10*time.Minute)
				assert.Equal(t, 5000, done.Counts.Sent)
			})
		})
	}
}

// Messages that are lost, whatever became of them, cost minutes.
func TestACampaignThatStandsStillGoesOn(t *testing.T) {
	t.Parallel()
	inWorld(t, 100, func(w *world) {
		t := w.T // of the bubble

		w.schedule(func(c *broadcast.Campaign) { c.StartAt = time.Now().Add(6 * time.Minute) })
		sleep(t.Context(), 30*time.Second)

		for { // all that was sent to begin it
			lost, err := w.queue.Receive(t.Context(), 10, 0)
			require.NoError(t, err)

			for _, delivery := range lost {
				require.NoError(t, w.queue.Delete(t.Context(), delivery))
			}

			if found, err := w.service.Get(t.Context(), shop, "c1"); err != nil || found.State == broadcast.Running {
				break
			}

			sleep(t.Context(), 100*time.Millisecond)
		}

		done := w.until(broadcast.Done, 20*time.Minute)
		assert.Equal(t, 100, done.Counts.Sent)
	})
}

func TestNobodyToWriteTo(t *testing.T) {
	t.Parallel()
	inWorld(t, 0, func(w *world) {
		t := w.T // of the bubble

		w.schedule(nil)
		assert.Zero(t, w.until(broadcast.Done, time.Minute).Counts.Planned)
	})
}

func TestMessagesThatSayNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, 1, func(w *world) {
		t := w.T // of the bubble

		handle := func(m queue.Message) error {
			return w.runner.Handle(t.Context(), queue.Delivery{Message: m, ID: "x", Receipt: "x"})
		}

		assert.Equal(t, errs.Invalid, errs.CodeOf(handle(queue.Message{Body: []byte("{")})))
		assert.Equal(t, errs.Invalid, errs.CodeOf(handle(body(broadcast.Message{Task: "dance", Store: shop, Campaign: "c1"}))))

		for _, task := range []broadcast.Task{broadcast.Plan, broadcast.Send, broadcast.Clear, broadcast.Report} {
			assert.Equal(t, errs.NotFound, errs.CodeOf(handle(body(broadcast.Message{Task: task, Store: shop, Campaign: "c9"}))), task)
		}
	})
}
