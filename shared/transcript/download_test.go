package transcript_test

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/blob"
	blobmemory "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/transcript"
)

// smallPart is the size of a part in these tests.
const smallPart = 10

// large is a file of ten parts and a half.
var large = "OggS\x00" + strings.Repeat("0123456789", 10)

// source is Telegram with one file.
type source struct {
	content string
	size    func() int64                                                      // nil: as it is
	serve   func(ctx context.Context, offset int64, rest io.Reader) io.Reader // nil: as it is
	fail    error

	mu      sync.Mutex
	offsets []int64 // at which it was opened
}

func (s *source) Open(ctx context.Context, _ transcript.FileRef, offset int64) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	s.offsets = append(s.offsets, offset)
	s.mu.Unlock()

	if s.fail != nil {
		return nil, 0, s.fail
	}

	var rest io.Reader = strings.NewReader(s.content[min(offset, int64(len(s.content))):])
	if s.serve != nil {
		rest = s.serve(ctx, offset, rest)
	}

	size := int64(len(s.content))
	if s.size != nil {
		size = s.size()
	}

	return io.NopCloser(rest), size, nil
}

// downloads is a world with a downloader of small parts.
type downloads struct {
	*world

	source *source
	handle queue.Handler
}

func newDownloads(t tester, plan fault.Plan, options ...transcript.DownloadOption) *downloads {
	t.Helper()

	w := newFaultyWorld(t, plan)
	w.bucket.SetMinPartBytes(smallPart)

	d := &downloads{world: w, source: &source{content: large}}
	d.handle = transcript.NewDownloader(w.jobs, d.source, w.bucket, w.cache, w.messenger, texts{}, nil,
		append([]transcript.DownloadOption{transcript.PartBytes(smallPart)}, options...)...).Handle
	w.handlers[queue.Downloads] = d.handle

	return d
}

// tick has time pass with each read, so that each part is noted.
func (d *downloads) tick() {
	d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
		return readerFunc(func(into []byte) (int, error) {
			d.clock.Advance(3 * time.Second)

			return rest.Read(into[:min(len(into), smallPart)])
		})
	}
}

// stops has the source give so many bytes of the file, and then nothing until
// its reader's time is over.
func (d *downloads) stops(behind int64) {
	d.source.serve = func(ctx context.Context, offset int64, rest io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(rest, behind-offset), readerFunc(func([]byte) (int, error) {
			<-ctx.Done()

			return 0, errs.Wrap(ctx.Err(), errs.Unavailable, "read a file")
		}))
	}
}

// hurried handles a delivery in an invocation that has little time.
func (d *downloads) hurried(t tester, delivery queue.Delivery) error {
	t.Helper()

	ctx, cancel := context.WithTimeout(d.ctx, 200*time.Millisecond)
	defer cancel()

	return d.handle(ctx, delivery)
}

// stored expects that all of the file is where the job says, and nothing else.
func (d *downloads) stored(t tester, id string) {
	t.Helper()

	job := d.job(t, id)
	require.Equal(t, transcript.Downloaded, job.State)
	assert.Equal(t, shaOf(d.source.content), job.SHA256)
	assert.Nil(t, job.Checkpoint)

	stored, object, err := d.bucket.Get(d.ctx, job.Media, blob.Range{})
	require.NoError(t, err)
	content, err := io.ReadAll(stored)
	require.NoError(t, err)
	assert.Equal(t, d.source.content, string(content))
	assert.Equal(t, "application/ogg", object.ContentType)
	assert.Empty(t, d.bucket.Uploads())
}

func TestAFileGoesInParts(t *testing.T) {
	t.Parallel()

	for _, size := range []int{5, 9, 10, 11, 20, 21, 95, 105} {
		for name, options := range map[string][]transcript.DownloadOption{"beside": nil, "in turn": {transcript.InTurn()}} {
			for _, known := range []bool{true, false} {
				d := newDownloads(t, fault.None{}, options...)
				d.source.content = large[:size]

				if !known {
					d.source.size = func() int64 { return -1 }
				}

				job := d.start(t)
				require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)), "%s, %d bytes", name, size)
				d.stored(t, job.ID)
			}
		}
	}
}

// nth is a plan in which one call of an operation meets its fate.
type nth struct {
	mu   sync.Mutex
	op   string
	call int // from 1
	kind fault.Kind
}

func (n *nth) Next(op string) fault.Kind {
	n.mu.Lock()
	defer n.mu.Unlock()

	if op != n.op {
		return fault.Pass
	}

	if n.call--; n.call != 0 {
		return fault.Pass
	}

	return n.kind
}

func (*nth) Wait(string) time.Duration { return 0 }

// A process that dies leaves a lease that runs out; the next round goes on from
// the last whole part that was noted.
func TestKilledAtEachPart(t *testing.T) {
	t.Parallel()

	for _, kind := range []fault.Kind{fault.KillBefore, fault.KillAfter} {
		for part := 1; part <= 11; part++ {
			d := newDownloads(t, &nth{op: blobmemory.OpPart, call: part, kind: kind}, transcript.InTurn())
			d.tick()

			job := d.start(t)
			d.dies(t)

			require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))

			if part == 1 { // nobody has heard of that upload: it is the lifecycle's
				require.NoError(t, d.bucket.AbortUpload(d.ctx, d.bucket.Uploads()[0]))
			}

			d.stored(t, job.ID)
			assert.Equal(t, []int64{0, int64(part-1) * smallPart}, d.source.offsets, "killed at part %d", part)
		}
	}
}

// dies handles the delivery in a process that the plan kills, and has the
// rescuer find its job.
func (d *downloads) dies(t tester) {
	t.Helper()

	ctx, cancel := fault.Invocation(d.ctx)
	defer cancel()

	require.Error(t, d.handle(ctx, d.take(t, queue.Downloads)))
	d.clock.Advance(time.Minute)

	rescued, err := d.rescuer.Rescue(d.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, rescued)
}

// Nothing is read again where all parts had arrived.
func TestKilledAtTheEnd(t *testing.T) {
	t.Parallel()

	for _, kind := range []fault.Kind{fault.KillBefore, fault.KillAfter, fault.FailBefore, fault.FailAfter} {
		d := newDownloads(t, &nth{op: blobmemory.OpComplete, call: 1, kind: kind})
		job := d.start(t)

		if kind == fault.KillBefore || kind == fault.KillAfter {
			d.dies(t)
		} else {
			require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)), "another message goes on")
		}

		require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
		d.stored(t, job.ID)
		assert.Equal(t, []int64{0}, d.source.offsets)
	}
}

// Whatever call of the bucket fails, once or for a while, the file arrives.
func TestABucketThatFails(t *testing.T) {
	t.Parallel()

	for _, op := range []string{blobmemory.OpStart, blobmemory.OpPart, blobmemory.OpParts, blobmemory.OpComplete} {
		for _, kind := range []fault.Kind{fault.FailBefore, fault.FailAfter, fault.Throttle} {
			for call := 1; call <= 3; call++ {
				d := newDownloads(t, &nth{op: op, call: call, kind: kind})
				job := d.start(t)
				d.run(t)
				assert.Equal(t, transcript.Delivered, d.job(t, job.ID).State, "%s fails at call %d by %d", op, call, kind)
			}
		}
	}
}

// A connection that is cut is followed by another one in the same step, as long
// as each brings something.
func TestACutConnection(t *testing.T) {
	t.Parallel()

	for name, cut := range map[string]io.Reader{
		"with an error":  iotest.ErrReader(errs.New(errs.Unavailable, "reset by peer")),
		"without a word": strings.NewReader(""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDownloads(t, fault.None{})
			d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
				return io.MultiReader(io.LimitReader(rest, 33), cut)
			}

			job := d.start(t)
			require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
			d.stored(t, job.ID)
			assert.Equal(t, []int64{0, 33, 66, 99}, d.source.offsets)
		})
	}
}

// Where connections bring nothing any more the next message goes on from the
// last whole part, and only tries without any gain count.
func TestTelegramFailsForAWhile(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	d.source.serve = func(_ context.Context, offset int64, rest io.Reader) io.Reader {
		d.source.fail = errs.New(errs.Unavailable, "502")

		return io.LimitReader(rest, 38-offset%38)
	}

	job := d.start(t)
	require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)), "there was a gain")
	assert.Equal(t, []int64{0, 38}, d.source.offsets)

	delivery := d.take(t, queue.Downloads)
	assert.Equal(t, 1, delivery.Attempt)

	for attempt := 1; attempt < transcript.MaxAttempts; attempt++ {
		requireCode(t, errs.Unavailable, d.handle(d.ctx, at(delivery, attempt)))
	}

	waiting := d.job(t, job.ID)
	require.NotNil(t, waiting.Checkpoint)
	assert.EqualValues(t, 30, waiting.Checkpoint.Bytes)
	assert.Len(t, d.bucket.Uploads(), 1)

	d.source.fail, d.source.serve = nil, nil
	require.NoError(t, d.handle(d.ctx, at(delivery, transcript.MaxAttempts)))
	d.stored(t, job.ID)
	assert.EqualValues(t, 30, d.source.offsets[len(d.source.offsets)-1])
}

func TestAJobThatFailsLeavesNoUpload(t *testing.T) {
	t.Parallel()

	for name, fail := range map[string]error{
		"for good":       errs.New(errs.Invalid, "gone").Tell("error.file_gone", nil),
		"once too often": errs.New(errs.Unavailable, "502"),
	} {
		d := newDownloads(t, fault.None{})
		d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
			d.source.fail = fail

			return io.LimitReader(rest, 38)
		}

		job := d.start(t)
		d.run(t)
		assert.Equal(t, transcript.Apologised, d.job(t, job.ID).State, name)
		assert.Empty(t, d.bucket.Uploads(), name)
		assert.Empty(t, d.objects(t, ""), name)

		d.source.fail, d.source.serve = nil, nil
		_, err := d.jobs.Retry(d.ctx, kopi, person, job.ID, transcript.Terms{})
		require.NoError(t, err)
		d.run(t)
		assert.Equal(t, transcript.Delivered, d.job(t, job.ID).State, "%s: what was noted is no hindrance", name)
	}
}

// Telegram's word on how long to wait is the queue's to obey.
func TestTelegramWantsAPause(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
		d.source.serve = nil

		return io.MultiReader(io.LimitReader(rest, 38),
			iotest.ErrReader(errs.New(errs.Limited, "FLOOD_WAIT").After(30*time.Second)))
	}

	job := d.start(t)
	delivery := d.take(t, queue.Downloads)
	err := d.handle(d.ctx, delivery)
	requireCode(t, errs.Limited, err)
	assert.Equal(t, 30*time.Second, errs.RetryAfter(err))

	require.NoError(t, d.handle(d.ctx, at(delivery, 2)))
	d.stored(t, job.ID)
	assert.Equal(t, []int64{0, 30}, d.source.offsets)
}

// What Telegram says of the size is held against what comes.
func TestSizesThatAreNot(t *testing.T) {
	t.Parallel()

	for name, size := range map[string]int64{
		"fewer came": int64(len(large)) + 1, "more came": int64(len(large)) - 1, "parts more came": 55,
	} {
		d := newDownloads(t, fault.None{})
		d.source.size = func() int64 { return size }

		job := d.start(t)
		d.run(t)

		failed := d.job(t, job.ID)
		assert.Equal(t, transcript.Apologised, failed.State, name)
		assert.Empty(t, failed.Reason, "%s: our trouble", name)
		assert.Greater(t, len(d.source.offsets), transcript.MaxAttempts-1, "%s: it was tried again", name)
		assert.Empty(t, d.objects(t, ""), name)
		assert.Empty(t, d.bucket.Uploads(), name)
	}
}

func TestALargerFileThanTheTierAllows(t *testing.T) {
	t.Parallel()

	for name, said := range map[string]int64{"said": int64(len(large)), "unsaid": -1, "lied about": 42} {
		d := newDownloads(t, fault.None{})
		d.source.size = func() int64 { return said }

		request := d.request(5)
		request.Terms.Tier.Largest = 50
		job, err := d.jobs.Start(d.ctx, request)
		require.NoError(t, err)

		d.run(t)

		failed := d.job(t, job.ID)
		if name == "lied about" { // by the time 42 bytes have come it is a wrong size
			assert.Empty(t, failed.Reason)
		} else {
			assert.Equal(t, "error.too_big", failed.Reason, name)
			assert.Len(t, d.source.offsets, 1, name)
		}

		assert.Empty(t, d.bucket.Uploads(), name)
		assert.Empty(t, d.objects(t, ""), name)
	}
}

// The function's time is nearly over: what came so far is kept, another message
// goes on, and no try is lost.
func TestADeadlineLosesNothing(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	job := d.start(t)

	for leg := 1; leg <= 3; leg++ {
		d.stops(int64(leg*30 + 4))
		delivery := d.take(t, queue.Downloads)
		assert.Equal(t, 1, delivery.Attempt)
		require.NoError(t, d.hurried(t, at(delivery, transcript.MaxAttempts)), "no try is lost")

		waiting := d.job(t, job.ID)
		assert.Equal(t, transcript.Waiting, waiting.State)
		require.NotNil(t, waiting.Checkpoint)
		assert.EqualValues(t, leg*30, waiting.Checkpoint.Bytes)
		assert.True(t, waiting.Lease.IsZero())
	}

	d.source.serve = nil
	require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
	d.stored(t, job.ID)
	assert.Equal(t, []int64{0, 30, 60, 90}, d.source.offsets)
}

// Where time brings nothing the tries count, and the person hears of it.
func TestADeadlineWithoutGain(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	d.stops(4)

	job := d.start(t)
	delivery := d.take(t, queue.Downloads)

	for attempt := 1; attempt < transcript.MaxAttempts; attempt++ {
		requireCode(t, errs.Unavailable, d.hurried(t, at(delivery, attempt)))
	}

	require.NoError(t, d.hurried(t, at(delivery, transcript.MaxAttempts)))
	assert.Equal(t, transcript.Failed, d.job(t, job.ID).State)
	d.run(t)
	assert.Equal(t, 1, d.messenger.count("failure"))
}

func TestCancelledInTheMiddle(t *testing.T) {
	t.Parallel()

	for _, byteAt := range []int64{5, 15, 50, 100} {
		d := newDownloads(t, fault.None{}, transcript.InTurn())
		job := d.start(t)
		d.tick()
		ticking := d.source.serve
		d.source.serve = func(ctx context.Context, offset int64, rest io.Reader) io.Reader {
			rest = ticking(ctx, offset, rest)

			return io.MultiReader(io.LimitReader(rest, byteAt), readerFunc(func([]byte) (int, error) {
				_, err := d.jobs.CancelOne(d.ctx, kopi, person, job.ID)
				require.NoError(t, err) // the reader runs in the test's own goroutine

				return 0, io.EOF
			}), rest)
		}

		require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
		assert.Equal(t, transcript.Cancelled, d.job(t, job.ID).State)
		assert.Empty(t, d.bucket.Uploads(), "cancelled at byte %d", byteAt)
	}
}

// Cancelled while no worker has it: the message that comes in vain tidies up.
func TestCancelledBetweenTwoLegs(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	job := d.start(t)
	d.stops(34)
	require.NoError(t, d.hurried(t, d.take(t, queue.Downloads)))
	require.Len(t, d.bucket.Uploads(), 1)

	_, err := d.jobs.CancelOne(d.ctx, kopi, person, job.ID)
	require.NoError(t, err)

	require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
	assert.Empty(t, d.bucket.Uploads())
}

// What is left of a download and does not fit together is begun anew.
func TestCheckpointsThatDoNotFit(t *testing.T) {
	t.Parallel()

	for name, spoil := range map[string]func(*testing.T, *downloads, *transcript.Job){
		"the upload is gone": func(t *testing.T, d *downloads, _ *transcript.Job) {
			t.Helper()
			require.NoError(t, d.bucket.AbortUpload(d.ctx, d.bucket.Uploads()[0]))
		},
		"another file": func(_ *testing.T, d *downloads, _ *transcript.Job) {
			d.source.content = "OggS\x00" + strings.Repeat("another one ", 10)
		},
		"a shorter file": func(_ *testing.T, d *downloads, _ *transcript.Job) { d.source.content = large[:20] },
		"no hash":        func(_ *testing.T, _ *downloads, job *transcript.Job) { job.Checkpoint.Hash = nil },
		"an odd hash": func(_ *testing.T, _ *downloads, job *transcript.Job) {
			job.Checkpoint.Hash = []byte("sha\x03 or so")
		},
		"more parts than there are": func(_ *testing.T, _ *downloads, job *transcript.Job) { job.Checkpoint.Parts = 9 },
		"no parts":                  func(_ *testing.T, _ *downloads, job *transcript.Job) { job.Checkpoint.Parts = 0 },
		"other bytes":               func(_ *testing.T, _ *downloads, job *transcript.Job) { job.Checkpoint.Bytes++ },
		"the upload of another key": func(_ *testing.T, _ *downloads, job *transcript.Job) { job.Checkpoint.Key += "1" },
		"a part that is no longer there": func(t *testing.T, d *downloads, job *transcript.Job) {
			t.Helper()

			to, err := d.bucket.StartUpload(d.ctx, job.Checkpoint.Key, blob.PutOptions{})
			require.NoError(t, err)
			_, err = d.bucket.PutPart(d.ctx, to, 2, make([]byte, smallPart))
			require.NoError(t, err)
			require.NoError(t, d.bucket.AbortUpload(d.ctx, d.bucket.Uploads()[0]))

			job.Checkpoint.Upload = to.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDownloads(t, fault.None{})
			job := d.start(t)
			d.stops(34)
			require.NoError(t, d.hurried(t, d.take(t, queue.Downloads)))

			d.rewrite(t, job.ID, func(job *transcript.Job) { spoil(t, d, job) })

			d.source.serve = nil
			require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
			assert.EqualValues(t, 0, d.source.offsets[len(d.source.offsets)-1])

			if name == "the upload of another key" { // the one that is there nobody knows any more: the lifecycle's
				require.Len(t, d.bucket.Uploads(), 1)
				require.NoError(t, d.bucket.AbortUpload(d.ctx, d.bucket.Uploads()[0]))
			}

			d.stored(t, job.ID)
		})
	}
}

// rewrite changes the row of a job behind everybody's back.
func (d *downloads) rewrite(t tester, id string, change func(*transcript.Job)) {
	t.Helper()

	for _, row := range d.state.All() {
		if !strings.HasSuffix(row.Key.SK(), id) {
			continue
		}

		job, err := table.Decode[transcript.Job](row)
		require.NoError(t, err)
		change(&job)

		row.Body, err = table.Encode(job)
		require.NoError(t, err)
		require.NoError(t, d.state.Write(d.ctx, table.Replace(row)))

		return
	}

	require.Fail(t, "no such job")
}

// A worker is held up for so long that another one takes its job over, in the
// middle of the same upload, and comes to life when that one is done.
func TestAWorkerThatWasTakenOver(t *testing.T) {
	t.Parallel()

	for _, byteAt := range []int64{34, 105} {
		d := newDownloads(t, fault.None{}, transcript.InTurn())
		job := d.start(t)
		d.tick()
		ticking := d.source.serve
		d.source.serve = func(ctx context.Context, offset int64, rest io.Reader) io.Reader {
			d.source.serve = ticking
			rest = ticking(ctx, offset, rest)

			return io.MultiReader(io.LimitReader(rest, byteAt), readerFunc(func([]byte) (int, error) {
				d.clock.Advance(time.Minute)

				_, err := d.rescuer.Rescue(d.ctx)
				require.NoError(t, err)
				require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
				d.stored(t, job.ID)

				return 0, io.EOF
			}), rest)
		}

		require.NoError(t, d.handle(d.ctx, d.take(t, queue.Downloads)))
		d.stored(t, job.ID)
		assert.Equal(t, 2, d.job(t, job.ID).Round)
	}
}

// However often and wherever a download is interrupted, the file is whole and
// its hash is that of the file in one go.
func TestInterruptionsLeaveNoTrace(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "content")
		cuts := rapid.SliceOfN(rapid.Int64Range(0, 120), 0, 8).Draw(t, "bytes of each connection")
		mean := rapid.SliceOfN(rapid.IntRange(0, 2), len(cuts), len(cuts)).Draw(t, "how each ends")

		d := newDownloads(t, fault.None{}, transcript.InTurn())
		d.source.content = "OggS\x00" + string(body)

		var kill func()

		d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
			if len(cuts) == 0 {
				return rest
			}

			here, how := cuts[0], mean[0]
			cuts, mean = cuts[1:], mean[1:]

			return io.MultiReader(io.LimitReader(rest, here), readerFunc(func([]byte) (int, error) {
				switch how {
				case 0:
					return 0, io.EOF
				case 1:
					return 0, errs.New(errs.Limited, "FLOOD_WAIT").After(time.Second)
				default:
					kill()

					return 0, errs.New(errs.Unavailable, "killed")
				}
			}))
		}

		job := d.start(t)

		for range 100 {
			if d.job(t, job.ID).State != transcript.Waiting {
				break
			}

			d.clock.Advance(40 * time.Second) // a lease may have to run out
			_, err := d.rescuer.Rescue(d.ctx)
			require.NoError(t, err)
			d.forward(t)

			batch, err := d.queues[queue.Downloads].Receive(d.ctx, 1, 0)
			require.NoError(t, err)

			for _, delivery := range batch {
				ctx, cancel := fault.Invocation(d.ctx)
				kill = cancel

				if d.handle(ctx, at(delivery, 1)) == nil {
					require.NoError(t, d.queues[queue.Downloads].Delete(d.ctx, delivery))
				} else {
					require.NoError(t, d.queues[queue.Downloads].Extend(d.ctx, delivery, 0))
				}

				cancel()
			}
		}

		if d.job(t, job.ID).State != transcript.Failed { // too many rounds: every one of them was killed
			d.stored(t, job.ID)
		}
	})
}

// TestPartsAreHeldInThreeBuffers stops every part on its way: no more is read
// ahead, however long the file.
func TestPartsAreHeldInThreeBuffers(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		d := newDownloads(t, fault.None{})
		slow := &slowBucket{Bucket: d.bucket, release: make(chan struct{})}
		read := 0
		d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
			return readerFunc(func(into []byte) (int, error) {
				count, err := rest.Read(into)
				read += count

				return count, err
			})
		}
		handle := transcript.NewDownloader(d.jobs, d.source, slow, d.cache, d.messenger, texts{}, nil,
			transcript.PartBytes(smallPart)).Handle
		job := d.start(t)
		delivery := d.take(t, queue.Downloads)
		done := make(chan error)

		go func() { done <- handle(d.ctx, delivery) }()

		synctest.Wait()
		assert.Equal(t, 2*smallPart, read, "two on their way, and the third waits for one of them")
		close(slow.release)
		require.NoError(t, <-done)
		d.stored(t, job.ID)
	})
}

type slowBucket struct {
	*blobmemory.Bucket

	release chan struct{}
}

func (s *slowBucket) PutPart(ctx context.Context, to blob.Upload, number int, content []byte) (blob.Part, error) {
	<-s.release

	return s.Bucket.PutPart(ctx, to, number, content)
}

// A messenger that hangs or refuses holds nothing up.
func TestProgressNeverHoldsTheDownloadUp(t *testing.T) {
	t.Parallel()

	for name, edit := range map[string]func(context.Context) error{
		"hangs": func(ctx context.Context) error {
			<-ctx.Done()

			return ctx.Err()
		},
		"refuses": func(context.Context) error { return errs.New(errs.Limited, "429").After(time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDownloads(t, fault.None{})
			d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
				return readerFunc(func(into []byte) (int, error) {
					time.Sleep(time.Second)

					return rest.Read(into)
				})
			}
			edits := &editing{messenger: d.messenger, edit: edit}
			handle := transcript.NewDownloader(d.jobs, d.source, d.bucket, d.cache, edits, texts{}, nil,
				transcript.PartBytes(smallPart)).Handle
			job := d.start(t)
			delivery, began := d.take(t, queue.Downloads), time.Now()
			require.NoError(t, handle(d.ctx, delivery))
			assert.LessOrEqual(t, time.Since(began), 14*time.Second,
				"%s: eleven reads and the end, a second each, and what is left of the last edit's two", name)
			assert.Positive(t, edits.asked, name)

			if name == "refuses" {
				assert.Equal(t, 1, edits.asked, "an hour of quiet was asked for")
			}

			d.stored(t, job.ID)
		})
	}
}

type editing struct {
	*messenger

	edit  func(context.Context) error
	asked int
}

func (e *editing) Edit(ctx context.Context, _ message.Address, _ message.Text) error {
	e.asked++

	return e.edit(ctx)
}

// A file that this store has had before is not fetched, whoever sends it.
func TestAKnownFileIsNotFetched(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	request := d.request(5)
	request.Source.FileUniqueID = "unique"
	_, err := d.jobs.Start(d.ctx, request)
	require.NoError(t, err)
	d.run(t)

	d.source.fail = errs.New(errs.Invalid, "nobody asks for it")
	request = d.request(6)
	request.Source.FileUniqueID, request.Source.FileID = "unique", "another id of the same file"
	second, err := d.jobs.Start(d.ctx, request)
	require.NoError(t, err)
	d.run(t)

	assert.Equal(t, transcript.Delivered, d.job(t, second.ID).State)
	assert.Equal(t, []int64{0}, d.source.offsets)
}

func TestOnlyMediaGoesOn(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct{ head, reason, kind string }{
		"a page":     {"<!DOCTYPE html><html>", "error.other_type", "HTML"},
		"an archive": {beginnings["ZIP"].head, "error.other_type", "ZIP"},
		"a playlist": {"#EXTM3U\n#EXT-X-TARGETDURATION:10\nhttp://169.254.169.254/\n", "error.other_type", "M3U"},
		"noise":      {"\x01\x02\x03\x04\x05\x06\x07\x08", "error.not_media", ""},
		"nothing":    {"", "error.not_media", ""},
	} {
		d := newDownloads(t, fault.None{})
		d.source.content = c.head

		request := d.request(5)
		request.Source.Name, request.Source.MimeType, request.Source.Kind = "song.mp3", "audio/mpeg", transcript.Audio
		job, err := d.jobs.Start(d.ctx, request)
		require.NoError(t, err)

		// Parts hold what tells the type, as they do in earnest.
		handle := transcript.NewDownloader(d.jobs, d.source, d.bucket, d.cache, d.messenger, texts{}, nil,
			transcript.PartBytes(4<<10)).Handle
		require.NoError(t, handle(d.ctx, d.take(t, queue.Downloads)), name)

		failed := d.job(t, job.ID)
		assert.Equal(t, transcript.Failed, failed.State, name)
		assert.Equal(t, c.reason, failed.Reason, name)

		if c.kind != "" {
			assert.Equal(t, c.kind, failed.Args["Type"], name)
		}

		assert.Empty(t, d.objects(t, ""), name)
	}
}

// A large file of another type is not read further than its beginning.
func TestNothingIsReadOfOtherFiles(t *testing.T) {
	t.Parallel()

	d := newDownloads(t, fault.None{})
	d.source.content = "%PDF-1.7\n" + rand.Text() + strings.Repeat("0", 1<<20)
	read := 0
	d.source.serve = func(_ context.Context, _ int64, rest io.Reader) io.Reader {
		return readerFunc(func(into []byte) (int, error) {
			count, err := rest.Read(into)
			read += count

			return count, err
		})
	}
	handle := transcript.NewDownloader(d.jobs, d.source, d.bucket, d.cache, d.messenger, texts{}, nil).Handle
	job := d.start(t)
	require.NoError(t, handle(d.ctx, d.take(t, queue.Downloads)))
	assert.Equal(t, "error.other_type", d.job(t, job.ID).Reason)
	assert.LessOrEqual(t, read, 3<<10)
}
