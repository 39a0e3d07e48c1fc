package transcript_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
)

// within gives the terms of a tier in a store in Jakarta, 7 hours before UTC.
func within(tier transcript.Tier) transcript.Terms {
	return transcript.Terms{Tier: tier, Zone: "Asia/Jakarta"}
}

func (w *world) used(t tester, terms transcript.Terms) time.Duration {
	t.Helper()

	allowance, err := w.jobs.Allowance(w.ctx, kopi, person, terms)
	require.NoError(t, err)

	return allowance.Used
}

func TestTierAdmits(t *testing.T) {
	t.Parallel()

	tier := transcript.Tier{Largest: 20 << 20, Longest: time.Hour}

	for name, c := range map[string]struct {
		tier transcript.Tier
		file transcript.Source
		key  string
		args errs.Args
	}{
		"as large as may be": {tier, transcript.Source{Size: 20 << 20, Duration: time.Hour}, "", nil},
		"nothing known":      {tier, transcript.Source{}, "", nil},
		"no limits":          {transcript.Tier{}, transcript.Source{Size: 1 << 40, Duration: 99 * time.Hour}, "", nil},
		"a byte more":        {tier, transcript.Source{Size: 20<<20 + 1}, "error.too_big", errs.Args{"Limit": 20}},
		"a second more": {
			tier,
			transcript.Source{Duration: time.Hour + time.Second},
			"error.too_long_for_tier",
			errs.Args{"Length": 61, "Limit": 60},
		},
		"both: size says more": {tier, transcript.Source{Size: 1 << 40, Duration: 2 * time.Hour}, "error.too_big", errs.Args{"Limit": 20}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			err := c.tier.Admit(c.file)
			key, args, _ := errs.Sentence(err)
			assert.Equal(t, c.key, key)
			assert.Equal(t, c.args, args)

			if c.key != "" {
				requireCode(t, errs.Invalid, err)
			}
		})
	}
}

func TestStartRefusesWhatTheTierDoesNotAllow(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(1)
	request.Terms = within(transcript.Tier{Largest: 10})
	request.Source.Size = 11

	_, err := w.jobs.Start(w.ctx, request)
	requireCode(t, errs.Invalid, err)
	assert.Zero(t, w.used(t, request.Terms), "nothing was taken")
}

func TestQuotaIsWhatWasReallyHeard(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	terms := within(transcript.Tier{Daily: time.Hour})
	request := w.request(1)
	request.Terms, request.Source.Duration = terms, 90*time.Second+time.Millisecond

	_, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	assert.Equal(t, 91*time.Second, w.used(t, terms), "reserved, in whole seconds")

	w.run(t)
	heard := w.used(t, terms)
	assert.Equal(t, 3*time.Second, heard, "as the provider says")

	again := w.request(2)
	again.Terms, again.Source.Duration = terms, 90*time.Second
	_, err = w.jobs.Start(w.ctx, again)
	require.NoError(t, err)
	w.run(t)
	assert.Equal(t, heard, w.used(t, terms), "the same file again costs nothing")
}

func TestAFileOfUnknownLengthReservesAMinute(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	terms := within(transcript.Tier{Daily: time.Hour})
	request := w.request(1)
	request.Terms = terms

	_, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, w.used(t, terms))
}

func TestQuotaComesBack(t *testing.T) {
	t.Parallel()

	for name, undo := range map[string]func(*world, transcript.Job){
		"cancelled": func(w *world, job transcript.Job) {
			_, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
			require.NoError(t, err)
		},
		"failed": func(w *world, _ transcript.Job) {
			w.provider.err = errs.New(errs.Invalid, "noise")
			w.run(t)
		},
		"rescued in vain": func(w *world, job transcript.Job) {
			for w.job(t, job.ID).State == transcript.Waiting {
				w.clock.Advance(transcript.StandsStill + time.Minute)

				_, err := w.rescuer.Rescue(w.ctx)
				require.NoError(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			terms := within(transcript.Tier{Daily: time.Minute})
			request := w.request(1)
			request.Terms, request.Source.Duration = terms, time.Minute

			job, err := w.jobs.Start(w.ctx, request)
			require.NoError(t, err)
			require.Equal(t, time.Minute, w.used(t, terms))

			undo(w, job)
			assert.Zero(t, w.used(t, terms))

			if name == "cancelled" {
				return
			}

			w.run(t)
			w.provider.err = nil

			_, err = w.jobs.Retry(w.ctx, kopi, person, job.ID, terms)
			require.NoError(t, err)
			assert.Equal(t, time.Minute, w.used(t, terms), "another try takes it again")
		})
	}
}

func TestQuotaThatDoesNotLast(t *testing.T) {
	t.Parallel()

	w := newWorld(t) // 14.00 in Jakarta
	terms := within(transcript.Tier{Daily: 3 * time.Minute})
	request := w.request(1)
	request.Terms, request.Source.Duration = terms, 2*time.Minute
	first, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)

	next := w.request(2)
	next.Terms, next.Source.Duration = terms, 61*time.Second
	_, err = w.jobs.Start(w.ctx, next)
	requireCode(t, errs.Limited, err)

	key, args, _ := errs.Sentence(err)
	assert.Equal(t, "error.quota", key)
	assert.Equal(t, errs.Args{"Left": 1, "Limit": 3, "When": 10 * time.Hour}, args)
	assert.Equal(t, 10*time.Hour, errs.RetryAfter(err))
	assert.Equal(t, 2*time.Minute, w.used(t, terms), "nothing was taken")

	again, err := w.jobs.Start(w.ctx, request)
	requireCode(t, errs.Conflict, err)
	assert.Equal(t, first.ID, again.ID, "an update that comes twice is one job, whatever the quota")

	w.provider.err = errs.New(errs.Invalid, "noise")
	w.run(t)
	w.provider.err = nil

	_, err = w.jobs.Start(w.ctx, next)
	require.NoError(t, err)
	_, err = w.jobs.Retry(w.ctx, kopi, person, first.ID, terms)
	requireCode(t, errs.Limited, err)
	assert.Equal(t, transcript.Apologised, w.job(t, first.ID).State)

	w.clock.Advance(10 * time.Hour) // midnight there
	assert.Zero(t, w.used(t, terms))
	_, err = w.jobs.Retry(w.ctx, kopi, person, first.ID, terms)
	require.NoError(t, err)
	assert.Equal(t, 2*time.Minute, w.used(t, terms))
}

func TestTasksAtOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	terms := within(transcript.Tier{Tasks: 2})
	start := func(number int) (transcript.Job, error) {
		request := w.request(number)
		request.Terms = terms

		return w.jobs.Start(w.ctx, request)
	}

	first, err := start(1)
	require.NoError(t, err)
	_, err = start(2)
	require.NoError(t, err)

	_, err = start(3)
	requireCode(t, errs.Limited, err)

	key, args, _ := errs.Sentence(err)
	assert.Equal(t, "error.too_many_tasks", key)
	assert.Equal(t, errs.Args{"Limit": 2}, args)

	_, err = start(2)
	requireCode(t, errs.Conflict, err)

	_, err = w.jobs.CancelOne(w.ctx, kopi, person, first.ID)
	require.NoError(t, err)
	_, err = start(3)
	require.NoError(t, err)
}

// TestQuotaUnderRaces has many messages of one person begin at once: as many
// get through as the quota lasts for, however they meet.
func TestQuotaUnderRaces(t *testing.T) {
	t.Parallel()

	const enough = 5

	w := newWorld(t)
	terms := within(transcript.Tier{Daily: enough * time.Minute})

	var (
		everyone sync.WaitGroup
		mu       sync.Mutex
		began    int
	)

	for number := range 40 {
		request := w.request(number % 20) // each message twice
		request.Terms, request.Source.Duration = terms, time.Minute

		everyone.Go(func() {
			_, err := w.jobs.Start(w.ctx, request)

			mu.Lock()
			defer mu.Unlock()

			if err == nil {
				began++
			}
		})
	}

	everyone.Wait()
	assert.Equal(t, enough, began)
	assert.Equal(t, enough*time.Minute, w.used(t, terms))
}

// TestQuotaIsNeverLostNorDoubled begins, cancels, retries and rescues jobs over
// a table that fails before and after its effect: at every moment a day's
// counter is the sum of what the jobs of that day say that they have taken.
func TestQuotaIsNeverLostNorDoubled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
		plan := fault.NewSeeded(rapid.Uint64().Draw(t, "seed"), 0.2, 0,
			fault.FailBefore, fault.FailAfter, fault.Throttle, fault.KillBefore, fault.KillAfter)
		state := tablememory.New(now, plan)
		jobs := transcript.NewService(state, now)
		terms := within(transcript.Tier{Daily: 10 * time.Minute, Tasks: 3})
		seconds := rapid.IntRange(0, 300)
		message := rapid.IntRange(1, 6)
		name := func(number int) string { return transcript.JobID(kopi, person, number, time.Unix(0, 0)) }

		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { requireBalance(t, state.All(), now.Now()) },
			"start": func(t *rapid.T) {
				number := message.Draw(t, "message")
				_, _ = jobs.Start(mortal(t), transcript.Request{
					Store: kopi, Chat: person, User: person, Message: number, SentAt: time.Unix(0, 0), Terms: terms,
					Source: transcript.Source{
						FileID: strconv.Itoa(number), Duration: time.Duration(seconds.Draw(t, "seconds")) * time.Second,
					},
				}) // may fail, as may all that follows
			},
			"cancel": func(t *rapid.T) {
				_, _ = jobs.CancelOne(mortal(t), kopi, person, name(message.Draw(t, "message")))
			},
			"fail": func(t *rapid.T) {
				_ = transcript.Fail(mortal(t), jobs, kopi, person, name(message.Draw(t, "message")))
			},
			"finish": func(t *rapid.T) {
				_ = transcript.Finish(mortal(t), jobs, kopi, person, name(message.Draw(t, "message")), transcript.Summary{
					Duration: time.Duration(seconds.Draw(t, "seconds")) * time.Second, Cached: rapid.Bool().Draw(t, "cached"),
				})
			},
			"retry": func(t *rapid.T) {
				_, _ = jobs.Retry(mortal(t), kopi, person, name(message.Draw(t, "message")), terms)
			},
			"night": func(*rapid.T) { now.Advance(13 * time.Hour) },
		})
	})
}

// mortal gives the context of an invocation that a plan can kill.
func mortal(t *rapid.T) context.Context {
	ctx, cancel := fault.Invocation(t.Context())
	t.Cleanup(cancel)

	return ctx
}

func requireBalance(t *rapid.T, rows []table.Row, now time.Time) {
	t.Helper()

	taken, counted := map[string]int64{}, map[string]int64{}

	for _, row := range rows {
		switch {
		case row.Expired(now):
		case row.Counters != nil:
			day := row.Key.SK()[len("quota#"):]
			counted[day] = row.Counters["seconds"]
		case row.Key.SK()[:len("job#")] == "job#":
			job, err := table.Decode[transcript.Job](row)
			require.NoError(t, err)

			taken[job.Charge.Day] += int64(job.Charge.Audio / time.Second)
		}
	}

	oldest := now.Add(-3 * 24 * time.Hour).Format("20060102") // the quota of an older day may have expired

	for day, seconds := range taken {
		if day > oldest && counted[day] != seconds {
			t.Fatalf("day %s: jobs have taken %d s, the quota says %d s", day, seconds, counted[day])
		}
	}

	for day, seconds := range counted {
		if day > oldest && (seconds < 0 || taken[day] != seconds) {
			t.Fatalf("day %s: the quota says %d s, jobs have taken %d s", day, seconds, taken[day])
		}
	}
}
