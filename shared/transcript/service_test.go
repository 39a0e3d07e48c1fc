package transcript_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astisub"
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

func TestSRT(t *testing.T) {
	t.Parallel()

	assert.Empty(t, transcript.Transcript{}.SRT())
	assert.Empty(t, transcript.Transcript{Segments: []transcript.Segment{{End: time.Second, Text: " \n"}}}.SRT())
	assert.Equal(t, "\ufeff1\n00:00:00,000 --> 01:02:03,004\nTom & Jerry\n\n", string(transcript.Transcript{
		Text: "Tom &\n\nJerry", Duration: time.Hour + 2*time.Minute + 3*time.Second + 4*time.Millisecond,
	}.SRT()))
	assert.Equal(t, "\ufeff1\n00:00:01,000 --> 00:00:02,000\na → b ‹b>\n\n2\n25:00:00,000 --> 26:00:00,000\nc\n\n",
		string(transcript.Transcript{Segments: []transcript.Segment{
			{Start: time.Second, End: 2 * time.Second, Text: "a --> b <b>"},
			{Text: ""},
			{Start: 25 * time.Hour, End: 26 * time.Hour, Text: "c"},
		}}.SRT()))
}

// A player reads back every cue with its times, whatever was said.
func TestSRTIsReadBack(t *testing.T) {
	t.Parallel()

	weird := rapid.SampledFrom([]string{
		"1", "00:00:01,000 --> 00:00:02,000", "-->", "<i>", "</font>",
		"{\\an8}", "&amp;", "&lt;b>", "\u202e", "\ufeff", "\r\n", "\n\n2\n", "\x00", "😀",
	})
	cue := rapid.Custom(func(t *rapid.T) transcript.Segment {
		start := rapid.IntRange(0, 90_000_000).Draw(t, "start")
		text := rapid.OneOf(weird, rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOf(weird).Draw(t, "parts"), " ")
		})).Draw(t, "text")

		return transcript.Segment{
			Start: time.Duration(start) * time.Millisecond,
			End:   time.Duration(start+rapid.IntRange(0, 10_000).Draw(t, "length")) * time.Millisecond,
			Text:  "said " + text + " .",
		}
	})

	rapid.Check(t, func(t *rapid.T) {
		cues := rapid.SliceOfN(cue, 1, 20).Draw(t, "cues")
		written := transcript.Transcript{Segments: cues}.SRT()

		read, err := astisub.ReadFromSRT(strings.NewReader(string(written)))
		if err != nil {
			t.Fatalf("%v in %q", err, written)
		}

		if len(read.Items) != len(cues) {
			t.Fatalf("%d cues became %d: %q", len(cues), len(read.Items), written)
		}

		for at, item := range read.Items {
			if item.StartAt != cues[at].Start || item.EndAt != cues[at].End || len(item.Lines) == 0 ||
				!strings.HasPrefix(item.String(), "said") {
				t.Fatalf("cue %d: %v became %v %v %q", at, cues[at], item.StartAt, item.EndAt, item.String())
			}
		}
	})
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

func ExampleTranscript_SRT() {
	heard := transcript.Transcript{Segments: []transcript.Segment{{
		Start: 300 * time.Millisecond, End: 2 * time.Second, Text: "Selamat pagi semuanya",
	}}}
	fmt.Print(strings.TrimPrefix(string(heard.SRT()), "\ufeff"))
	// Output:
	// 1
	// 00:00:00,300 --> 00:00:02,000
	// Selamat pagi semuanya
}
