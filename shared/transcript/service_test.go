package transcript_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/transcript"
)

func (w *world) put(t tester, key, content string) {
	t.Helper()

	_, err := w.bucket.Put(w.ctx, key, strings.NewReader(content), blob.PutOptions{})
	require.NoError(t, err)
}

// corrupt makes the row of a job unreadable.
func (w *world) corrupt(t tester, job string) {
	t.Helper()

	for _, row := range w.state.All() {
		if strings.HasSuffix(row.Key.SK(), job) {
			row.Body = []byte(`{"id": 5}`)
			require.NoError(t, w.state.Write(w.ctx, table.Replace(row)))
		}
	}
}

// refused is a bucket that its reader may not read.
type refused struct{ blob.Bucket }

func (refused) Get(context.Context, string, blob.Range) (io.ReadCloser, blob.Object, error) {
	return nil, blob.Object{}, errs.New(errs.Unauthorized, "AccessDenied")
}

func TestStartTwiceIsOneJob(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(5)
	first, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	w.run(t)

	request.Progress = 99
	second, err := w.jobs.Start(w.ctx, request)
	requireCode(t, errs.Conflict, err)
	assert.Equal(t, first.ID, second.ID)
	assert.Equal(t, transcript.Delivered, second.State)
	assert.Equal(t, first.Progress, second.Progress)
	w.run(t)
	assert.Equal(t, 1, w.provider.calls)
}

func TestStartCarriesTheTrace(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	_, err := w.jobs.Start(queue.WithTrace(w.ctx, "Root=1-5e1b4151-43a0913a12345678"), w.request(5))
	require.NoError(t, err)

	delivery := w.take(t, queue.Downloads)
	assert.Equal(t, "Root=1-5e1b4151-43a0913a12345678", delivery.Trace)
	assert.Equal(t, kopi, delivery.Attrs[queue.AttrStore])
	assert.NotEmpty(t, delivery.Attrs[queue.AttrCause])
}

func TestServiceRefusesWhatIsNoStore(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(5)
	request.Store = "../kopi"
	_, err := w.jobs.Start(w.ctx, request)
	requireCode(t, errs.Invalid, err)
	_, err = w.jobs.History(w.ctx, "", person, "", 5)
	requireCode(t, errs.Invalid, err)
	_, err = w.jobs.Cancel(w.ctx, "KOPI", person)
	requireCode(t, errs.Invalid, err)
	_, err = w.jobs.Get(w.ctx, "k", person, "J")
	requireCode(t, errs.Invalid, err)
}

func TestServiceWhileTheTableIsDown(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)

	ctx, cancel := fault.Invocation(w.ctx)
	cancel()

	_, err := w.jobs.Start(ctx, w.request(6))
	requireCode(t, errs.Unavailable, err)
	_, err = w.jobs.Cancel(ctx, kopi, person)
	requireCode(t, errs.Unavailable, err)
	requireCode(t, errs.Unavailable, w.jobs.Send(ctx, transcript.Wish{
		Store: kopi, User: person, Job: job.ID, Format: transcript.Text, Cause: "1",
	}))
	requireCode(t, errs.Unavailable, w.downloader.Handle(ctx, w.take(t, queue.Downloads)))
}

func TestHistoryIsNewestFirstInPages(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	var want []string

	for number := range 14 {
		job, err := w.jobs.Start(w.ctx, w.request(number+1))
		require.NoError(t, err)

		want = append(want, job.ID)
		w.clock.Advance(time.Second)
	}

	slices.Reverse(want)

	var got []string

	cursor := ""

	for {
		page, err := w.jobs.History(w.ctx, kopi, person, cursor, 6)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Jobs), 6)

		for _, job := range page.Jobs {
			got = append(got, job.ID)
		}

		if cursor = page.Next; cursor == "" {
			break
		}

		_, err = w.jobs.History(w.ctx, kopi, person+1, cursor, 6)
		requireCode(t, errs.Invalid, err)
	}

	assert.Equal(t, want, got)

	for _, bad := range []struct {
		cursor string
		limit  int
	}{{"not a cursor", 6}, {"", 0}, {"", 100000}} {
		_, err := w.jobs.History(w.ctx, kopi, person, bad.cursor, bad.limit)
		requireCode(t, errs.Invalid, err)
	}

	page, err := w.jobs.History(w.ctx, kopi, person+1, "", 6)
	require.NoError(t, err)
	assert.Empty(t, page.Jobs, "another person has another history")

	w.corrupt(t, want[0])
	_, err = w.jobs.History(w.ctx, kopi, person, "", 6)
	requireCode(t, errs.Internal, err)
}

func TestTitle(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"": "", "  ": "", "a.mp3": "a", " rapat senin.tar.gz ": "rapat senin.tar", ".ogg": ".ogg", "noending": "noending",
	} {
		assert.Equal(t, want, transcript.Job{Source: transcript.Source{Name: name}}.Title(), "%q", name)
	}
}

func TestJobID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.StringMatching(`[a-z0-9-]{1,32}`)
		seconds := rapid.Int64Range(0, 1<<32-1)
		chat, number := rapid.Int64(), rapid.Int()

		s, c, n, at := of.Draw(t, "store"), chat.Draw(t, "chat"), number.Draw(t, "message"), seconds.Draw(t, "at")
		later := seconds.Draw(t, "later")
		id := transcript.JobID(s, c, n, time.Unix(at, 0))

		if len(id) != 15 || strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Fatalf("%q is not 15 letters and digits", id)
		}

		if again := transcript.JobID(s, c, n, time.Unix(at, 999).In(time.FixedZone("WIB", 7*3600))); again != id {
			t.Fatalf("the same message is %s and %s", id, again)
		}

		other := transcript.JobID(of.Draw(t, "other store"), chat.Draw(t, "other chat"), number.Draw(t, "other"), time.Unix(later, 0))
		if at < later && id >= other || at > later && id <= other {
			t.Fatalf("sent at %d: %s; sent at %d: %s", at, id, later, other)
		}

		if next := transcript.JobID(s, c, n+1, time.Unix(at, 0)); next == id {
			t.Fatalf("two messages are both %s", id)
		}
	})
}

// TestAnyCourse drives a job through whatever may happen, in any order. In the
// end it rests in a state of the end, and its person sees one outcome.
func TestAnyCourse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		job := w.start(t)

		var seen []delivered

		states := map[transcript.State][]transcript.State{
			transcript.Waiting:     {transcript.Downloaded, transcript.Transcribed, transcript.Failed, transcript.Cancelled},
			transcript.Downloaded:  {transcript.Transcribed, transcript.Failed, transcript.Cancelled},
			transcript.Transcribed: {transcript.Delivered, transcript.Failed},
			transcript.Failed:      {transcript.Apologised, transcript.Waiting},
			transcript.Apologised:  {transcript.Waiting},
		}
		before := w.job(t, job.ID)

		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				after := w.job(t, job.ID)
				if after.State != before.State && !slices.Contains(states[before.State], after.State) {
					t.Fatalf("%s -> %s", before.State, after.State)
				}

				if shown := w.messenger.count("result") + w.messenger.count("failure"); shown > 1 {
					t.Fatalf("the person sees %d outcomes: %v", shown, w.messenger.shown)
				}

				before = after
			},
			"deliver": func(t *rapid.T) {
				w.forward(t)

				name := rapid.SampledFrom([]queue.Name{queue.Downloads, queue.Transcriptions, queue.Deliveries}).Draw(t, "queue")
				batch, err := w.queues[name].Receive(w.ctx, 1, 0)
				require.NoError(t, err)

				for _, delivery := range batch {
					seen = append(seen, delivered{delivery, name})

					if w.handlers[name](w.ctx, delivery) == nil {
						require.NoError(t, w.queues[name].Delete(w.ctx, delivery))
					} else {
						require.NoError(t, w.queues[name].Extend(w.ctx, delivery, 0))
					}
				}
			},
			"deliver an old one again": func(t *rapid.T) {
				if len(seen) == 0 {
					t.Skip()
				}

				old := rapid.SampledFrom(seen).Draw(t, "old")
				_ = w.handlers[old.from](w.ctx, at(old.Delivery, rapid.IntRange(1, 4).Draw(t, "attempt"))) // may well fail
			},
			"cancel": func(t *rapid.T) {
				_, err := w.jobs.Cancel(w.ctx, kopi, person)
				require.NoError(t, err)
			},
			"retry": func(*rapid.T) {
				_, err := w.jobs.Retry(w.ctx, kopi, person, job.ID, transcript.Terms{})
				if err != nil {
					require.Equal(t, errs.Conflict, errs.CodeOf(err))
				}
			},
			"rescue": func(t *rapid.T) {
				w.clock.Advance(time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute)

				_, err := w.rescuer.Rescue(w.ctx)
				require.NoError(t, err)
			},
			"provider": func(t *rapid.T) {
				w.provider.err = rapid.SampledFrom([]error{
					nil, errs.New(errs.Invalid, "noise"), errs.New(errs.Unavailable, "down"),
				}).Draw(t, "error")
			},
			"telegram": func(t *rapid.T) {
				w.files.err = rapid.SampledFrom([]error{nil, errs.New(errs.Unavailable, "down")}).Draw(t, "error")
			},
		})

		w.provider.err, w.files.err = nil, nil

		for range 12 { // rounds of rescue, at the most
			w.run(t)
			w.clock.Advance(transcript.StandsStill + time.Minute)

			_, err := w.rescuer.Rescue(w.ctx)
			require.NoError(t, err)
		}

		if last := w.job(t, job.ID); last.State.Open() {
			t.Fatalf("the job never comes to rest: it is %s in round %d", last.State, last.Round)
		}
	})
}

type delivered struct {
	queue.Delivery

	from queue.Name
}

func TestPreviewIsShort(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.provider.text = strings.Repeat("kata ", 50)
	job := w.start(t)
	w.run(t)

	summary := w.job(t, job.ID).Result
	assert.Equal(t, 50, summary.Words)
	assert.Len(t, []rune(summary.Preview), 80)
	assert.True(t, strings.HasSuffix(summary.Preview, "…"))
}
