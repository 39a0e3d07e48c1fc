package transcript_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	blobmemory "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestPremiumGoesByThePriorityQueue(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(5)
	request.Premium = true
	job, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)

	require.NoError(t, w.handlers[queue.Downloads](w.ctx, w.take(t, queue.Downloads)))

	priority := w.take(t, queue.TranscriptionsPriority)
	assert.Empty(t, w.queues[queue.Transcriptions].All())
	require.NoError(t, w.handlers[queue.TranscriptionsPriority](w.ctx, priority))
	assert.Equal(t, transcript.Transcribed, w.job(t, job.ID).State)
}

func TestAFileBecomesAMessage(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.clock.Advance(time.Second)
	w.run(t)

	done := w.job(t, job.ID)
	assert.Equal(t, transcript.Delivered, done.State)
	assert.Equal(t, shaOf(spoken), done.SHA256)
	assert.Equal(t, []string{spoken}, w.provider.heard)
	assert.Equal(t, "result: "+words, w.messenger.shown[job.Progress])
	assert.Len(t, w.messenger.shown, 1, "one living message a task")
	assert.Equal(t, 3, done.Result.Words)
	assert.Equal(t, words, done.Result.Preview)
	assert.False(t, done.Result.Cached)
	assert.Equal(t, time.Second, done.UpdatedAt.Sub(done.CreatedAt))
	assert.Empty(t, w.objects(t, "media/"), "the file has done its duty")
	assert.Len(t, w.objects(t, "transcripts/kopi/"), 1)
	assert.Equal(t, []transcript.Attempt{{Provider: "test", Model: "whisper", Audio: partTakes, Cost: 7}}, done.Attempts)
	assert.Contains(t, w.metrics.String(), `"Level":"miss"`)
}

func TestTheSameFileIsNotHeardTwice(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.start(t)
	w.run(t)

	second, err := w.jobs.Start(w.ctx, w.request(6))
	require.NoError(t, err)
	w.run(t)

	done := w.job(t, second.ID)
	assert.Equal(t, transcript.Delivered, done.State)
	assert.True(t, done.Result.Cached)
	assert.Equal(t, 1, w.provider.calls)
	assert.Equal(t, 2, w.messenger.count("result: "+words))
	assert.Empty(t, w.objects(t, "media/"))

	w.clock.Advance(transcript.CacheFor)

	third, err := w.jobs.Start(w.ctx, w.request(7))
	require.NoError(t, err)
	w.run(t)
	assert.False(t, w.job(t, third.ID).Result.Cached)
	assert.Equal(t, 2, w.provider.calls, "the cache forgets after 7 days")
}

// The first file is still being heard when the second one arrives.
func TestTheSameFileTwiceAtOnceIsHeardOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	first := w.start(t)
	second, err := w.jobs.Start(w.ctx, w.request(6))
	require.NoError(t, err)

	w.forward(t)

	for range 2 { // both are downloaded before either is transcribed
		require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
	}

	assert.Len(t, w.objects(t, "media/"), 2)
	w.run(t)
	assert.Equal(t, 1, w.provider.calls)
	assert.Equal(t, transcript.Delivered, w.job(t, first.ID).State)
	assert.Equal(t, transcript.Delivered, w.job(t, second.ID).State)
	assert.Empty(t, w.objects(t, "media/"))
}

func TestStoresShareNoCache(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.start(t)
	w.run(t)

	request := w.request(5)
	request.Store = "teh"
	_, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	w.run(t)

	assert.Equal(t, 2, w.provider.calls)
	assert.Len(t, w.objects(t, "transcripts/teh/"), 1)
}

func TestDoubledDeliveriesChangeNothing(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)

	for _, name := range []queue.Name{queue.Downloads, queue.Transcriptions, queue.Deliveries} {
		delivery := w.take(t, name)
		require.NoError(t, w.handlers[name](w.ctx, delivery))
		before := w.job(t, job.ID)
		w.clock.Advance(time.Minute)
		require.NoError(t, w.handlers[name](w.ctx, at(delivery, 2)))
		assert.Equal(t, before, w.job(t, job.ID), "%s again", name)
	}

	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
	assert.Equal(t, 1, w.provider.calls)
	assert.Equal(t, 1, w.messenger.count("result"))
}

func TestMessagesThatNameNoJob(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	for name, handle := range w.handlers {
		for _, body := range []string{``, `null`, `[]`, `{}`, `{"store":"kopi"}`, `{"job":"J"}`, `{"store":5,"job":"J"}`} {
			err := handle(w.ctx, queue.Delivery{Message: queue.Message{Body: []byte(body)}, Attempt: 1})
			requireCode(t, errs.Invalid, err)
		}

		for of, want := range map[string]errs.Code{"../x": errs.Invalid, "KOPI": errs.Invalid, kopi: ""} {
			body, err := json.Marshal(map[string]any{"store": of, "user": 1, "job": "DELETED", "round": 1})
			require.NoError(t, err)

			for attempt := range 2 {
				err = handle(w.ctx, queue.Delivery{Message: queue.Message{Body: body}, Attempt: attempt + 1})
				assert.Equal(t, want, errs.CodeOf(err), "%s %s", name, of)
			}
		}
	}
}

// What a failing provider leads to, by the code of its error.
func TestProviderFailures(t *testing.T) {
	t.Parallel()

	for code, calls := range map[errs.Code]int{
		errs.Invalid: 1, errs.Unauthorized: 1, errs.NotFound: 1,
		errs.Unavailable: transcript.MaxAttempts, errs.Limited: transcript.MaxAttempts,
		errs.Internal: transcript.MaxAttempts, errs.Conflict: transcript.MaxAttempts,
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			w.provider.err = errs.New(code, "the provider fails").Tell("error.too_long", errs.Args{"max": 7})
			job := w.start(t)
			w.run(t)

			failed := w.job(t, job.ID)
			assert.Equal(t, transcript.Apologised, failed.State)
			assert.Equal(t, calls, w.provider.calls)
			assert.Equal(t, id.Reference(kopi, job.ID, "1"), failed.Reference)
			assert.Equal(t, "failure: error.too_long 7 #"+failed.Reference, w.messenger.shown[job.Progress])
			assert.Len(t, w.objects(t, "media/"), 1, "for another try")

			w.provider.err = nil
			again, err := w.jobs.Retry(w.ctx, kopi, person, job.ID, transcript.Terms{})
			require.NoError(t, err)
			assert.Equal(t, 2, again.Round)
			assert.Empty(t, again.Reference)
			assert.Empty(t, again.Reason)
			w.run(t)
			assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
			assert.Equal(t, "result: "+words, w.messenger.shown[job.Progress])
		})
	}
}

func TestATransientFailureHeals(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.provider.err = errs.New(errs.Unavailable, "down")

	require.NoError(t, w.handlers[queue.Downloads](w.ctx, w.take(t, queue.Downloads)))
	delivery := w.take(t, queue.Transcriptions)
	requireCode(t, errs.Unavailable, w.handlers[queue.Transcriptions](w.ctx, at(delivery, 1)))
	requireCode(t, errs.Unavailable, w.handlers[queue.Transcriptions](w.ctx, at(delivery, 2)))
	assert.Equal(t, transcript.Downloaded, w.job(t, job.ID).State)
	assert.Equal(t, "transcribing", w.messenger.shown[job.Progress])

	w.provider.err = nil
	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, at(delivery, 3)))
	w.run(t)
	assert.Equal(t, "result: "+words, w.messenger.shown[job.Progress])
}

// A conflict at an outside system (S3 and Telegram both answer 409) is no sign
// that the job has moved on: swallowing it would leave the person waiting.
func TestAForeignConflictIsTriedAgain(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.files.err = errs.New(errs.Conflict, "409: terminated by another request")
	delivery := w.take(t, queue.Downloads)

	requireCode(t, errs.Conflict, w.handlers[queue.Downloads](w.ctx, at(delivery, 1)))
	assert.Equal(t, transcript.Waiting, w.job(t, job.ID).State)
	require.NoError(t, w.handlers[queue.Downloads](w.ctx, at(delivery, 3)))
	assert.Equal(t, transcript.Failed, w.job(t, job.ID).State)
}

// The deadline of the last try is over: its person must hear of it all the same.
func TestAStepThatRunsOutOfTimeStillGivesUp(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	require.NoError(t, w.handlers[queue.Downloads](w.ctx, w.take(t, queue.Downloads)))

	delivery := w.take(t, queue.Transcriptions)
	w.encoder.before = func(ctx context.Context) { <-ctx.Done() }

	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
	defer cancel()

	require.NoError(t, w.handlers[queue.Transcriptions](ctx, at(delivery, transcript.MaxAttempts)))
	assert.Equal(t, transcript.Failed, w.job(t, job.ID).State)
	w.run(t)
	assert.Equal(t, 1, w.messenger.count("failure"))
}

// A killed process writes nothing more, even if it was about to give up.
func TestAKilledStepDoesNothingMore(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	delivery := w.take(t, queue.Downloads)

	ctx, cancel := fault.Invocation(w.ctx)
	w.files.wrap = func(r io.Reader) io.Reader {
		cancel()

		return r
	}

	require.Error(t, w.handlers[queue.Downloads](ctx, at(delivery, transcript.MaxAttempts)))
	assert.Equal(t, transcript.Waiting, w.job(t, job.ID).State)
	assert.Empty(t, w.objects(t, ""))
}

func TestDownloadFailures(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		files files
		code  errs.Code // "": fails for good at once
	}{
		"gone at Telegram": {files: files{}, code: ""},
		"too large":        {files: files{err: errs.New(errs.Invalid, "21 MB").Tell("error.too_big", nil)}, code: ""},
		"Telegram down":    {files: files{err: errs.New(errs.Unavailable, "502")}, code: errs.Unavailable},
		"cut without a word": {
			files: files{content: map[string]string{"voice": spoken}, size: func(size int64) int64 { return size + 1 }},
			code:  errs.Unavailable,
		},
		"more than was said": {
			files: files{content: map[string]string{"voice": spoken}, size: func(size int64) int64 { return size - 1 }},
			code:  errs.Unavailable,
		},
		"cut": {
			files: files{content: map[string]string{"voice": spoken}, wrap: func(io.Reader) io.Reader {
				return iotest.ErrReader(errs.New(errs.Unavailable, "reset by peer"))
			}},
			code: errs.Unavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			*w.files = c.files
			job := w.start(t)
			delivery := w.take(t, queue.Downloads)

			err := w.handlers[queue.Downloads](w.ctx, delivery)
			assert.Equal(t, c.code, errs.CodeOf(err))
			assert.Empty(t, w.objects(t, ""), "nothing half is ever stored")

			if c.code == "" {
				assert.Equal(t, transcript.Failed, w.job(t, job.ID).State)

				return
			}

			assert.Equal(t, transcript.Waiting, w.job(t, job.ID).State)
			*w.files = files{content: map[string]string{"voice": spoken}}
			require.NoError(t, w.handlers[queue.Downloads](w.ctx, at(delivery, 2)))
			w.run(t)
			assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
		})
	}
}

// A doubled delivery that is cut must not harm what the first one has stored.
func TestACutDoubleLeavesTheWholeFile(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.start(t)
	delivery := w.take(t, queue.Downloads)

	// The second worker is past its look at the job when the first one finishes.
	w.files.wrap = func(r io.Reader) io.Reader {
		w.files.wrap = nil
		w.clock.Advance(time.Minute) // it takes so long that its lease runs out
		require.NoError(t, w.downloader.Handle(w.ctx, delivery))
		w.files.err = errs.New(errs.Unavailable, "502") // no second connection either

		return io.LimitReader(r, 4)
	}
	require.Error(t, w.downloader.Handle(w.ctx, at(delivery, 2)))
	w.run(t)
	assert.Equal(t, []string{spoken}, w.provider.heard)
}

func TestAFileOfUnknownSize(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.files.size = func(int64) int64 { return -1 }
	job := w.start(t)
	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
}

func TestProgressIsShownNowAndThen(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.files.content["voice"] = "OggS\x00" + strings.Repeat("x", 95)

		var shown []string

		job := w.start(t)
		w.files.wrap = func(r io.Reader) io.Reader {
			return readerFunc(func(into []byte) (int, error) {
				time.Sleep(2 * time.Second)
				synctest.Wait()

				shown = append(shown, w.messenger.shown[job.Progress])

				return r.Read(into[:min(10, len(into))])
			})
		}

		require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
		assert.Equal(t, []string{ // one every 3 s
			"received", "downloading 10 for 30s", "downloading 20 for 30s", "downloading 40 for 20s",
			"downloading 50 for 20s", "downloading 70 for 10s", "downloading 80 for 10s", "downloading 100 for 0s",
		}, slices.Compact(shown))
	})
}

func TestProgressThatCannotBeShownDoesNotMatter(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.messenger.fail = func(call string) error {
		if call == "edit" && w.job(t, job.ID).State != transcript.Transcribed {
			return errs.New(errs.Limited, "429").After(time.Minute)
		}

		return nil
	}

	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
}

func TestCancelAtEachState(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	t.Run("while it waits", func(t *testing.T) {
		t.Parallel()

		w := newWorld(t)
		job := w.start(t)
		delivery := w.take(t, queue.Downloads)
		stopped, err := w.jobs.Cancel(w.ctx, kopi, person)
		require.NoError(t, err)
		require.Len(t, stopped, 1)
		assert.Equal(t, transcript.Cancelled, stopped[0].State)
		require.NoError(t, w.downloader.Handle(w.ctx, delivery))
		assert.Equal(t, transcript.Cancelled, w.job(t, job.ID).State)
		assert.Empty(t, w.objects(t, ""))
	})
	t.Run("while it downloads", func(t *testing.T) {
		t.Parallel()

		w := newWorld(t)
		job := w.start(t)
		w.files.wrap = func(r io.Reader) io.Reader {
			_, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
			require.NoError(t, err)      // the reader runs in the test's own goroutine
			w.clock.Advance(time.Minute) // time for a look at the job

			return r
		}

		require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
		assert.Equal(t, transcript.Cancelled, w.job(t, job.ID).State)
		assert.Zero(t, w.messenger.edits)
	})
	t.Run("while it is heard", func(t *testing.T) {
		t.Parallel()

		w := newWorld(t)
		job := w.start(t)
		w.provider.while = func() {
			_, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
			assert.NoError(t, err)
		}

		w.run(t)
		assert.Equal(t, transcript.Cancelled, w.job(t, job.ID).State)
		assert.Zero(t, w.messenger.count("result"))
	})

	job := w.start(t)
	require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, w.take(t, queue.Transcriptions)))

	for _, state := range []transcript.State{transcript.Transcribed, transcript.Delivered} {
		left, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
		requireCode(t, errs.Conflict, err)
		assert.Equal(t, state, left.State)
		assert.False(t, state.Cancellable())

		stopped, err := w.jobs.Cancel(w.ctx, kopi, person)
		require.NoError(t, err)
		assert.Empty(t, stopped)
		w.run(t)
	}

	_, err := w.jobs.CancelOne(w.ctx, kopi, person, "NOSUCHJOB")
	requireCode(t, errs.NotFound, err)
}

func TestRetryOnlyWhatFailed(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)

	for _, state := range []transcript.State{transcript.Waiting, transcript.Delivered} {
		left, err := w.jobs.Retry(w.ctx, kopi, person, job.ID, transcript.Terms{})
		requireCode(t, errs.Conflict, err)
		assert.Equal(t, state, left.State)
		w.run(t)
	}
}

// A worker of the first round comes to its end when the second is on its way.
func TestTicketsOfAnEarlierRoundAreStale(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	first := w.take(t, queue.Downloads)
	w.files.err = errs.New(errs.Invalid, "gone")
	require.NoError(t, w.downloader.Handle(w.ctx, first))

	apology := w.take(t, queue.Deliveries)
	_, err := w.jobs.Retry(w.ctx, kopi, person, job.ID, transcript.Terms{})
	require.NoError(t, err)

	w.files.err = nil
	require.NoError(t, w.downloader.Handle(w.ctx, first), "stale")
	require.NoError(t, w.deliverer.Handle(w.ctx, apology), "stale: nothing to be sorry for now")
	assert.Equal(t, transcript.Waiting, w.job(t, job.ID).State)
	assert.Empty(t, w.objects(t, ""))
	assert.Zero(t, w.messenger.count("failure"))
	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
}

func TestPreparationFails(t *testing.T) {
	t.Parallel()

	notMedia := errs.New(errs.Invalid, "no sound in it").Tell("error.not_media", nil)

	for name, c := range map[string]struct {
		prepare error
		next    error
		reason  string
		calls   int
	}{
		"no ffmpeg":         {prepare: errs.New(errs.Internal, "no ffmpeg")},
		"no media":          {prepare: notMedia, reason: "error.not_media"},
		"it breaks off":     {next: notMedia, reason: "error.not_media", calls: 1},
		"it cannot be read": {next: errs.New(errs.Unavailable, "503"), calls: transcript.MaxAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			w.encoder.err, w.encoder.nextErr = c.prepare, c.next
			job := w.start(t)
			w.run(t)
			assert.Equal(t, transcript.Apologised, w.job(t, job.ID).State)
			assert.Equal(t, c.reason, w.job(t, job.ID).Reason)
			assert.Equal(t, c.calls, w.provider.calls)
			assert.Empty(t, w.objects(t, "transcripts/"), "what was heard of half a file is no transcript")
		})
	}
}

func TestWhatIsMissingIsKept(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.encoder.missing = time.Minute
	w.encoder.closeErr = errs.New(errs.Unavailable, "ended badly, which nobody needs to know")

	for number := range 2 { // the second from the cache
		job, err := w.jobs.Start(w.ctx, w.request(5+number))
		require.NoError(t, err)
		w.run(t)
		assert.Equal(t, time.Minute, w.job(t, job.ID).Result.Missing)
	}

	assert.Equal(t, 1, w.provider.calls)
	assert.Equal(t, int64(1<<20), w.encoder.asked.Bytes)
	assert.Equal(t, time.Hour, w.encoder.longest)
}

// planned fails the calls of one kind, as often as said.
type planned struct {
	mu    sync.Mutex
	op    string
	kind  fault.Kind
	after int // calls that pass before the first one that fails
	times int
}

func (p *planned) Next(op string) fault.Kind {
	p.mu.Lock()
	defer p.mu.Unlock()

	if op != p.op || p.times == 0 {
		return fault.Pass
	}

	if p.after > 0 {
		p.after--

		return fault.Pass
	}

	p.times--

	return p.kind
}

func (*planned) Wait(string) time.Duration { return 0 }

func TestBucketFailures(t *testing.T) {
	t.Parallel()

	for _, op := range []string{blobmemory.OpPut, blobmemory.OpGet, blobmemory.OpRead, blobmemory.OpDelete} {
		for _, kind := range []fault.Kind{fault.FailBefore, fault.FailAfter, fault.Throttle} {
			for times := 1; times < transcript.MaxAttempts; times++ {
				w := newFaultyWorld(t, &planned{op: op, kind: kind, times: times})
				job := w.start(t)
				w.run(t)
				assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State, "%s fails %d times by %d", op, times, kind)
				assert.Equal(t, 1, w.messenger.count("result"))
			}
		}
	}
}

// A copy that cannot be removed is the lifecycle's to remove: the transcript
// is there, and its person has no part in it.
func TestACopyThatCannotBeRemovedFailsNothing(t *testing.T) {
	t.Parallel()

	plan := &planned{op: blobmemory.OpDelete, kind: fault.FailBefore}
	w := newFaultyWorld(t, plan)
	w.start(t)
	w.run(t)

	plan.mu.Lock()
	plan.times = 100
	plan.mu.Unlock()

	second, err := w.jobs.Start(w.ctx, w.request(6))
	require.NoError(t, err)
	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, second.ID).State)
	assert.True(t, w.job(t, second.ID).Result.Cached)
}

// Two workers of one job at once, at every step.
func TestTwoWorkersAtOnce(t *testing.T) {
	t.Parallel()

	for range 20 {
		w := newWorld(t)
		job := w.start(t)

		for _, name := range []queue.Name{queue.Downloads, queue.Transcriptions, queue.Deliveries} {
			delivery := w.take(t, name)
			failures := make(chan error, 4)

			for range cap(failures) {
				go func() { failures <- w.handlers[name](w.ctx, at(delivery, 1)) }()
			}

			for range cap(failures) {
				if err := <-failures; err != nil { // another has it, or was faster: the next try finds its result
					assert.Contains(t, []errs.Code{errs.Limited, errs.Unavailable}, errs.CodeOf(err), err.Error())
				}
			}
		}

		assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
		assert.Equal(t, 1, w.messenger.count("result"))
		assert.Empty(t, w.state.All()[3:], "a job, its quota and a store, no row of the outbox")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(into []byte) (int, error) { return f(into) }

var errBroken = errors.New("broken")

func TestAnUnknownErrorIsADefectAndTriedAgain(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.files.wrap = func(io.Reader) io.Reader { return iotest.ErrReader(errBroken) }
	w.start(t)
	err := w.downloader.Handle(w.ctx, w.take(t, queue.Downloads))
	requireCode(t, errs.Internal, err)
	require.ErrorIs(t, err, errBroken)
}
