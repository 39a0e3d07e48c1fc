package transcript_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	blobmemory "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

var errBlocked = errs.New(errs.Unauthorized, "403: bot was blocked by the user")

func TestResultOfADeletedProgressMessageIsSaidAnew(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.messenger.remove(job.Progress)
	w.run(t)

	done := w.job(t, job.ID)
	assert.NotEqual(t, job.Progress, done.Progress)
	assert.Equal(t, "result: "+words, w.messenger.shown[done.Progress])
	assert.Equal(t, 1, w.messenger.count("result"))
}

// A job may have begun without a message of its own, when that could not be sent.
func TestResultWithoutAProgressMessage(t *testing.T) {
	t.Parallel()

	for want, providerFails := range map[string]error{"result": nil, "failure": errs.New(errs.Invalid, "noise")} {
		w := newWorld(t)
		w.provider.err = providerFails
		request := w.request(5)
		w.messenger.remove(request.Progress)
		request.Progress = 0
		job, err := w.jobs.Start(w.ctx, request)
		require.NoError(t, err)
		w.run(t)

		done := w.job(t, job.ID)
		assert.False(t, done.State.Open())
		assert.Equal(t, 1, w.messenger.count(want))
		assert.NotZero(t, done.Progress)
	}
}

func TestApologyOfADeletedProgressMessageIsSaidAnew(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.files.err = errs.New(errs.Invalid, "too big").Tell("error.too_big", nil)
	job := w.start(t)
	w.messenger.remove(job.Progress)
	w.run(t)
	assert.Equal(t, transcript.Apologised, w.job(t, job.ID).State)
	assert.Equal(t, 1, w.messenger.count("failure: error.too_big"))
}

func TestAPersonWhoHasBlockedTheBot(t *testing.T) {
	t.Parallel()

	for want, providerFails := range map[transcript.State]error{
		transcript.Delivered: nil, transcript.Apologised: errs.New(errs.Invalid, "noise"),
	} {
		w := newWorld(t)
		w.provider.err = providerFails
		w.messenger.fail = func(string) error { return errBlocked }
		job := w.start(t)
		w.run(t)

		done := w.job(t, job.ID)
		assert.Equal(t, want, done.State, "the history keeps the outcome")
		assert.Equal(t, job.Progress, done.Progress)
	}
}

// What cannot be said keeps its reason and reference until it can be.
func TestAnApologyThatFailsKeepsItsReason(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.files.err = errs.New(errs.Invalid, "too big").Tell("error.too_big", errs.Args{"max": 20})
	w.messenger.fail = func(string) error { return errs.New(errs.Unavailable, "Telegram is down") }
	job := w.start(t)
	w.run(t)

	failed := w.job(t, job.ID)
	assert.Equal(t, transcript.Failed, failed.State)
	assert.Equal(t, "error.too_big", failed.Reason)

	w.messenger.fail = nil
	w.clock.Advance(transcript.StandsStill + time.Second)
	rescued, err := w.rescuer.Rescue(w.ctx)
	require.NoError(t, err)
	assert.Equal(t, 1, rescued)
	w.run(t)
	assert.Equal(t, transcript.Apologised, w.job(t, job.ID).State)
	assert.Equal(t, "failure: error.too_big 20 #"+failed.Reference, w.messenger.shown[job.Progress])
}

func TestAResultThatCannotBeShown(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.messenger.fail = func(call string) error {
		if call == "edit" && w.job(t, job.ID).State == transcript.Transcribed {
			return errs.New(errs.Invalid, "400: can't parse entities")
		}

		return nil
	}

	w.run(t)
	assert.Equal(t, transcript.Apologised, w.job(t, job.ID).State)
	assert.Equal(t, 1, w.messenger.count("failure"))
}

func TestAStoredTranscriptThatIsBroken(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, w.take(t, queue.Transcriptions)))
	w.put(t, w.job(t, job.ID).Result.Blob, `{"text": "cut`)

	require.NoError(t, w.deliverer.Handle(w.ctx, w.take(t, queue.Deliveries)))
	assert.Equal(t, transcript.Failed, w.job(t, job.ID).State)
}

// ask wishes for a file of a job.
func (w *world) ask(job string, format transcript.Format, cause string) error {
	return w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person, Job: job, Format: format, Cause: cause})
}

func TestExport(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	requireCode(t, errs.Conflict, w.jobs.Send(w.ctx, transcript.Wish{
		Store: kopi, User: person, Job: job.ID, Format: transcript.Text, Cause: "10",
	}))
	requireCode(t, errs.NotFound, w.jobs.Send(w.ctx, transcript.Wish{
		Store: kopi, User: person, Job: "NOSUCHJOB", Format: transcript.Text, Cause: "10",
	}))
	requireCode(t, errs.NotFound, w.jobs.Send(w.ctx, transcript.Wish{
		Store: kopi, User: person + 1, Job: job.ID, Format: transcript.Text, Cause: "10",
	})) // of another
	requireCode(t, errs.Invalid, w.jobs.Send(w.ctx, transcript.Wish{
		Store: "../kopi", User: person, Job: job.ID, Format: transcript.Text, Cause: "10",
	}))
	w.run(t)

	for range 2 { // the update comes twice: before and after the file was sent
		require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{
			Store: kopi, User: person, Job: job.ID, Format: transcript.Text, Cause: "11",
		}))
		require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{
			Store: kopi, User: person, Job: job.ID, Format: transcript.Text, Cause: "11",
		}))
		require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{
			Store: kopi, User: person, Job: job.ID, Format: transcript.SubRip, Cause: "11",
		}))
		w.run(t)
	}

	assert.ElementsMatch(t, []document{
		{"rapat senin.txt", "text/plain", words + "\n", "caption txt"},
		{
			"rapat senin.srt", "application/x-subrip",
			"\ufeff1\n00:00:00,000 --> 00:00:03,000\n" + words + "\n", "caption srt",
		},
	}, w.messenger.files)

	require.NoError(t, w.ask(job.ID, transcript.Text, "12"))
	require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person, Job: job.ID, Cause: "12"}))
	require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person, Job: job.ID, Cause: "12"}))
	w.run(t)
	assert.Len(t, w.messenger.files, 3, "asking again sends again")
	assert.Equal(t, 2, w.messenger.count("result"), "the first and the one asked for")
}

func TestExportDoubledDelivery(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{
		Store: kopi, User: person, Job: job.ID, Format: transcript.SubRip, Cause: "11",
	}))
	delivery := w.take(t, queue.Deliveries)

	w.messenger.fail = func(string) error { return errs.New(errs.Limited, "429") }
	requireCode(t, errs.Limited, w.deliverer.Handle(w.ctx, delivery))

	w.messenger.fail = nil
	require.NoError(t, w.deliverer.Handle(w.ctx, at(delivery, 2)))
	require.NoError(t, w.deliverer.Handle(w.ctx, at(delivery, 3)))
	assert.Len(t, w.messenger.files, 1)

	delivery.Attrs = nil
	requireCode(t, errs.Invalid, w.deliverer.Handle(w.ctx, delivery))
}

func TestExportOfAFileWithoutAName(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(5)
	request.Source.Name = ""
	job, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	w.run(t)
	require.NoError(t, w.ask(job.ID, transcript.Text, "11"))
	w.run(t)
	require.Len(t, w.messenger.files, 1)
	assert.Equal(t, "voice.txt", w.messenger.files[0].name)
}

// Telegram refuses an empty file, and silence has no cues.
func TestExportOfSilence(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.provider.text = ""
	job := w.start(t)
	w.run(t)

	for _, format := range []transcript.Format{transcript.Text, transcript.SubRip} {
		require.NoError(t, w.ask(job.ID, format, "11"))
	}

	w.run(t)
	require.Len(t, w.messenger.files, 2)

	for _, sent := range w.messenger.files {
		assert.Equal(t, "\n", sent.content, sent.name)
	}
}

func TestExportOfAGoneTranscript(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.bucket.Delete(w.ctx, w.job(t, job.ID).Result.Blob))
	require.NoError(t, w.ask(job.ID, transcript.Text, "11"))
	require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person, Job: job.ID, Cause: "12"}))
	w.run(t)
	assert.Equal(t, 2, w.messenger.count("gone"))
	assert.Empty(t, w.messenger.files)
}

func TestExportToAPersonWhoHasBlockedTheBot(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.ask(job.ID, transcript.Text, "11"))
	w.messenger.fail = func(string) error { return errBlocked }
	require.NoError(t, w.deliverer.Handle(w.ctx, w.take(t, queue.Deliveries)))
	assert.Empty(t, w.messenger.files)
}

// Where the bucket refuses, the person has not blocked anything: they are told,
// with a reference, and the next tap may work.
func TestExportThatTheBucketRefuses(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.ask(job.ID, transcript.Text, "11"))

	refusing := transcript.NewDeliverer(w.jobs, refused{w.bucket}, w.scratch, w.clock, w.messenger, texts{}, nil)
	require.NoError(t, refusing.Handle(w.ctx, w.take(t, queue.Deliveries)))
	assert.Equal(t, 1, w.messenger.count("unsent "))
	assert.Empty(t, w.messenger.files)

	require.NoError(t, w.ask(job.ID, transcript.Text, "12"))
	require.NoError(t, w.deliverer.Handle(w.ctx, w.take(t, queue.Deliveries)))
	assert.Len(t, w.messenger.files, 1)
}

// A file that fails at each try is answered at the last one.
func TestExportThatFailsForGoodIsTold(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.ask(job.ID, transcript.Text, "11"))
	delivery := w.take(t, queue.Deliveries)
	w.messenger.fail = func(call string) error {
		if call == "document" {
			return errs.New(errs.Unavailable, "502")
		}

		return nil
	}

	requireCode(t, errs.Unavailable, w.deliverer.Handle(w.ctx, delivery))
	assert.Zero(t, w.messenger.count("unsent "), "it may still come")
	require.NoError(t, w.deliverer.Handle(w.ctx, at(delivery, transcript.MaxAttempts)))
	assert.Equal(t, 1, w.messenger.count("unsent "))
}

func TestExportWhileTablesAreDown(t *testing.T) {
	t.Parallel()

	for name, plan := range map[string]fault.Kind{"before": fault.FailBefore, "after": fault.FailAfter} {
		w := newFaultyWorld(t, &planned{op: blobmemory.OpGet, kind: plan, times: 0})
		job := w.start(t)
		w.run(t)
		require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{
			Store: kopi, User: person, Job: job.ID, Format: transcript.Text, Cause: "11",
		}), name)
		delivery := w.take(t, queue.Deliveries)

		ctx, cancel := fault.Invocation(w.ctx)
		cancel()
		requireCode(t, errs.Unavailable, w.deliverer.Handle(ctx, delivery))
		require.NoError(t, w.deliverer.Handle(w.ctx, delivery))
		assert.Len(t, w.messenger.files, 1)
	}
}

func TestRescueBringsBackLostMessages(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)

	for _, name := range []queue.Name{queue.Downloads, queue.Transcriptions, queue.Deliveries} {
		lost := w.take(t, name)

		w.clock.Advance(transcript.StandsStill - time.Second)
		rescued, err := w.rescuer.Rescue(w.ctx)
		require.NoError(t, err)
		assert.Zero(t, rescued, "it may still come")

		w.clock.Advance(2 * time.Second)
		rescued, err = w.rescuer.Rescue(w.ctx)
		require.NoError(t, err)
		assert.Equal(t, 1, rescued)

		rescued, err = w.rescuer.Rescue(w.ctx)
		require.NoError(t, err)
		assert.Zero(t, rescued, "it is on its way again")

		again := w.take(t, name)
		require.NoError(t, w.handlers[name](w.ctx, lost), "the lost one turns up after all")
		require.NoError(t, w.handlers[name](w.ctx, again))
	}

	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
	assert.Equal(t, 1, w.provider.calls)

	w.clock.Advance(24 * time.Hour)
	rescued, err := w.rescuer.Rescue(w.ctx)
	require.NoError(t, err)
	assert.Zero(t, rescued, "nothing is open")
	assert.Contains(t, w.metrics.String(), `"JobsRescued":1`)
}

// giveUp lets every message be lost until rescue has had enough.
func giveUp(t *testing.T, w *world, job string) transcript.Job {
	t.Helper()

	from := w.job(t, job).State
	for range 10 {
		w.clock.Advance(transcript.StandsStill + time.Second)

		_, err := w.rescuer.Rescue(w.ctx)
		require.NoError(t, err)

		if after := w.job(t, job); after.State != from {
			return after
		}

		w.forward(t)

		for _, lossy := range w.queues {
			for _, delivery := range lossy.All() {
				received, err := lossy.Receive(w.ctx, 1, 0)
				require.NoError(t, err, delivery.ID)
				require.NoError(t, lossy.Delete(w.ctx, received[0]))
			}
		}
	}

	t.Fatal("rescue never gives up")

	return transcript.Job{}
}

func TestRescueGivesUpInTheEnd(t *testing.T) {
	t.Parallel()

	t.Run("waiting", func(t *testing.T) {
		t.Parallel()

		w := newWorld(t)
		job := w.start(t)
		failed := giveUp(t, w, job.ID)
		assert.Equal(t, transcript.Failed, failed.State)
		assert.Len(t, failed.Reference, 6, "the apology names a reference")
		w.run(t)
		assert.Equal(t, transcript.Apologised, w.job(t, job.ID).State)
		assert.Equal(t, "failure:  <nil> #"+failed.Reference, w.messenger.shown[job.Progress])
	})
	t.Run("transcribed", func(t *testing.T) {
		t.Parallel()

		w := newWorld(t)
		job := w.start(t)
		require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
		require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, w.take(t, queue.Transcriptions)))
		assert.Equal(t, transcript.Delivered, giveUp(t, w, job.ID).State, "the history has it")
	})
	t.Run("failed", func(t *testing.T) {
		t.Parallel()

		w := newWorld(t)
		w.files.err = errs.New(errs.Invalid, "gone")
		job := w.start(t)
		require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
		assert.Equal(t, transcript.Apologised, giveUp(t, w, job.ID).State)
	})
}

func TestRescueGoesPastWhatIsBroken(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.clock.Advance(time.Second)

	second, err := w.jobs.Start(w.ctx, w.request(6))
	require.NoError(t, err)
	w.corrupt(t, job.ID)
	w.clock.Advance(transcript.StandsStill + time.Second)

	rescued, err := w.rescuer.Rescue(w.ctx)
	requireCode(t, errs.Internal, err)
	assert.Equal(t, 1, rescued)
	assert.Equal(t, 2, w.job(t, second.ID).Round)

	ctx, cancel := fault.Invocation(w.ctx)
	cancel()

	_, err = w.rescuer.Rescue(ctx)
	requireCode(t, errs.Unavailable, err)
}

// What was asked for of a job that is deleted meanwhile comes to nothing.
func TestWishesOfADeletedJob(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	for _, more := range []map[string]any{{"format": "txt"}, {"again": true}, {"rest": map[string]any{"message": 3}}, {}} {
		body := map[string]any{"store": kopi, "user": person, "job": "GONE"}
		maps.Copy(body, more)

		text, err := json.Marshal(body)
		require.NoError(t, err)
		require.NoError(t, w.deliverer.Handle(w.ctx, queue.Delivery{Message: queue.Message{
			Body: text, Attrs: queue.Attrs{queue.AttrCause: "1"},
		}, Attempt: 1}), "%s", text)
	}

	assert.Empty(t, w.messenger.files)
}
