package transcript_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/blob"
	blobmemory "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	queuememory "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/store"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // thousands of lines that say nothing of a failure
	goleak.VerifyTestMain(m)
}

const (
	partsAtOnce = 3
	// storeWorkers is more than four workers that meet, and what waits behind them.
	storeWorkers = 8

	kopi    = "kopi"
	person  = int64(1001)
	spoken  = "OggS\x00 the sound of a voice"
	words   = "good morning everyone"
	started = "2026-11-21T07:00:00Z"
)

// tester is what both *testing.T and *rapid.T are.
type tester interface {
	require.TestingT
	Helper()
}

// world is the part of Lapak that transcribes, over memory.
type world struct {
	ctx        context.Context
	clock      *clock.Manual
	state      *tablememory.Table
	scratch    *tablememory.Table
	bucket     *blobmemory.Bucket
	bucketPlan *changeable
	queues     map[queue.Name]*queuememory.Queue
	relay      *outbox.Relay
	metrics    *bytes.Buffer

	files     *files
	encoder   *encoder
	provider  *provider
	messenger *messenger

	jobs       *transcript.Service
	cache      *transcript.Cache
	rescuer    *transcript.Rescuer
	downloader *transcript.Downloader
	deliverer  *transcript.Deliverer
	handlers   map[queue.Name]queue.Handler
}

func newWorld(t tester) *world {
	t.Helper()

	return newFaultyWorld(t, fault.None{})
}

// changeable is a plan that can be another one from some moment on.
type changeable struct {
	mu  sync.Mutex
	now fault.Plan
}

func (c *changeable) set(plan fault.Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.now = plan
}

func (c *changeable) get() fault.Plan {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.now
}

func (c *changeable) Next(op string) fault.Kind    { return c.get().Next(op) }
func (c *changeable) Wait(op string) time.Duration { return c.get().Wait(op) }

// newFaultyWorld makes a world whose bucket obeys a plan.
func newFaultyWorld(t tester, bucketPlan fault.Plan) *world {
	t.Helper()

	start, err := time.Parse(time.RFC3339, started)
	require.NoError(t, err)

	now := clock.NewManual(start)
	plan := &changeable{now: bucketPlan}
	w := &world{
		bucketPlan: plan,

		ctx:     context.Background(),
		clock:   now,
		state:   tablememory.New(now, fault.None{}),
		scratch: tablememory.New(now, fault.None{}),
		bucket:  blobmemory.New(now, plan),
		queues:  map[queue.Name]*queuememory.Queue{},
		metrics: &bytes.Buffer{},

		files:     &files{content: map[string]string{"voice": spoken}},
		encoder:   &encoder{},
		messenger: newMessenger(),
	}

	w.provider = &provider{text: words, encoder: w.encoder}
	senders := map[queue.Name]queue.Sender{}

	for _, name := range []queue.Name{
		queue.Downloads, queue.Transcriptions, queue.TranscriptionsPriority, queue.Deliveries,
	} {
		w.queues[name] = queuememory.New(now, fault.None{}, queuememory.Options{Name: name})
		senders[name] = w.queues[name]
	}

	stores := store.NewRegistry(w.state, now)
	require.NoError(t, stores.Save(w.ctx, store.Store{ID: kopi, TimeZone: store.DefaultTimeZone}))

	metrics := metric.New(&lockedWriter{to: w.metrics}, now)
	w.relay = outbox.NewRelay(w.state, senders, now)
	w.jobs = transcript.NewService(w.state, now)
	w.cache = transcript.NewCache(w.scratch, w.bucket, now, metrics)
	w.rescuer = transcript.NewRescuer(w.jobs, stores, metrics)
	w.downloader = transcript.NewDownloader(w.jobs, w.files, w.bucket, w.cache, w.messenger, texts{}, metrics,
		transcript.InTurn())
	w.deliverer = transcript.NewDeliverer(w.jobs, w.bucket, w.scratch, now, w.messenger, texts{}, metrics)
	transcriber, err := transcript.NewTranscriber(transcript.TranscriberOptions{
		Jobs: w.jobs, Preparer: w.encoder, Speech: w.provider, Bucket: w.bucket, Cache: w.cache,
		Flights:   transcript.NewFlights(w.scratch, w.jobs),
		Messenger: w.messenger, Texts: texts{}, Metrics: metrics, PartsAtOnce: partsAtOnce, Longest: time.Hour,
		Slots: limit.NewSlots(w.scratch, now), StoreWorkers: storeWorkers,
	})
	require.NoError(t, err)

	w.handlers = map[queue.Name]queue.Handler{
		queue.Downloads:      w.downloader.Handle,
		queue.Transcriptions: transcriber.Handle,
		queue.Deliveries:     w.deliverer.Handle,

		queue.TranscriptionsPriority: transcriber.Handle,
	}

	return w
}

// request asks for the transcript of the file in a message.
func (w *world) request(number int) transcript.Request {
	return transcript.Request{
		Store: kopi, Chat: person, User: person, Message: number,
		SentAt: w.clock.Now(), Progress: w.messenger.show(person, "received"), Language: "id",
		Source: transcript.Source{FileID: "voice", Kind: transcript.Voice, Name: "rapat senin.ogg"},
		Cause:  "1",
	}
}

func (w *world) start(t tester) transcript.Job {
	t.Helper()

	job, err := w.jobs.Start(w.ctx, w.request(5))
	require.NoError(t, err)

	return job
}

func (w *world) job(t tester, id string) transcript.Job {
	t.Helper()

	job, err := w.jobs.Get(w.ctx, kopi, person, id)
	require.NoError(t, err)

	return job
}

// forward does relay's work.
func (w *world) forward(t tester) {
	t.Helper()

	for _, row := range w.state.All() {
		if strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) {
			require.NoError(t, w.relay.Forward(w.ctx, row))
		}
	}
}

// take receives the one message that waits in a queue.
func (w *world) take(t tester, name queue.Name) queue.Delivery {
	t.Helper()
	w.forward(t)

	batch, err := w.queues[name].Receive(w.ctx, 1, 0)
	require.NoError(t, err)
	require.Len(t, batch, 1, "messages in %s", name)
	require.NoError(t, w.queues[name].Delete(w.ctx, batch[0]))

	return batch[0]
}

// run lets all workers work until nothing is left to do. A message that fails
// comes again at once, up to four times as template.yaml says.
func (w *world) run(t tester) {
	t.Helper()

	for busy := true; busy; {
		busy = false

		w.forward(t)

		for name, handle := range w.handlers {
			batch, err := w.queues[name].Receive(w.ctx, queue.MaxBatch, 0)
			require.NoError(t, err)

			for _, delivery := range batch {
				busy = true

				if err := handle(w.ctx, delivery); err != nil && delivery.Attempt < 4 {
					require.NoError(t, w.queues[name].Extend(w.ctx, delivery, 0))

					continue
				}

				require.NoError(t, w.queues[name].Delete(w.ctx, delivery))
			}
		}
	}
}

// at gives a delivery at its attempt.
func at(delivery queue.Delivery, attempt int) queue.Delivery {
	delivery.Attempt = attempt

	return delivery
}

// objects lists the keys in the bucket below a prefix.
func (w *world) objects(t tester, prefix string) []string {
	t.Helper()

	page, err := w.bucket.List(w.ctx, prefix, "", 100)
	require.NoError(t, err)

	keys := make([]string, 0, len(page.Objects))
	for _, object := range page.Objects {
		keys = append(keys, object.Key)
	}

	return keys
}

// files are the files at Telegram.
type files struct {
	content map[string]string
	wrap    func(io.Reader) io.Reader
	size    func(int64) int64
	err     error
}

func (f *files) Open(_ context.Context, of transcript.FileRef, offset int64) (io.ReadCloser, int64, error) {
	if f.err != nil {
		return nil, 0, f.err
	}

	content, ok := f.content[of.FileID]
	if !ok {
		return nil, 0, errs.New(errs.Invalid, "no file %s", of.FileID).Tell("error.file_gone", nil)
	}

	var reader io.Reader = strings.NewReader(content[offset:])
	if f.wrap != nil {
		reader = f.wrap(reader)
	}

	size := int64(len(content))
	if f.size != nil {
		size = f.size(size)
	}

	return io.NopCloser(reader), size, nil
}

// encoder makes parts of media as they are: one, or those of a few bytes each.
type encoder struct {
	mu       sync.Mutex
	err      error // of Prepare
	nextErr  error // behind the last part
	closeErr error
	missing  time.Duration
	bytes    int // of a part; 0: all in one
	before   func(context.Context)
	asked    transcript.Bounds
	longest  time.Duration
	out      int // parts that were given and not heard yet
	mostOut  int
}

// partTakes is how long a part of a few bytes lasts.
const partTakes = 10 * time.Second

func (e *encoder) Prepare(
	ctx context.Context, media transcript.Media, bounds transcript.Bounds, longest time.Duration,
) (transcript.Prepared, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.asked, e.longest = bounds, longest

	if e.before != nil {
		e.before(ctx)
	}

	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}

	if e.err != nil {
		return nil, e.err
	}

	content, err := media.Open(ctx, blob.Range{})
	if err != nil {
		return nil, err
	}
	defer content.Close()

	sound, err := io.ReadAll(content)
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "read media")
	}

	return &prepared{encoder: e, rest: string(sound)}, nil
}

type prepared struct {
	*encoder

	rest  string
	given int
}

func (p *prepared) About() transcript.About {
	if p.bytes == 0 {
		return transcript.About{Parts: 1}
	}

	parts := (len(p.rest) + p.bytes - 1) / p.bytes

	return transcript.About{Parts: parts, Duration: time.Duration(parts) * partTakes}
}

func (p *prepared) Next(ctx context.Context) (transcript.Part, error) {
	if err := ctx.Err(); err != nil {
		return transcript.Part{}, fmt.Errorf("encode: %w", err)
	}

	if p.rest == "" && p.given > 0 {
		if p.nextErr != nil {
			return transcript.Part{}, p.nextErr
		}

		return transcript.Part{}, io.EOF
	}

	size := len(p.rest)
	if p.bytes > 0 {
		size = min(p.bytes, size)
	}

	sound := p.rest[:size]
	p.rest, p.given = p.rest[size:], p.given+1
	part := transcript.Part{
		Number: p.given, Name: "audio.ogg", Size: int64(size),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(sound)), nil },
	}

	if p.bytes > 0 {
		part.Start, part.Length = time.Duration(p.given-1)*partTakes, partTakes
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	p.out++
	p.mostOut = max(p.mostOut, p.out)

	return part, nil
}

func (*prepared) Done() time.Duration      { return 0 }
func (p *prepared) Missing() time.Duration { return p.missing }
func (p *prepared) Close() error           { return p.closeErr }

// provider hears the same words in everything, unless it is to repeat what it
// is given.
type provider struct {
	mu      sync.Mutex
	text    string
	echo    bool // the text is what it is given
	err     error
	calls   int
	heard   []string
	while   func()
	hear    func(ctx context.Context, sound string) error // in parallel
	encoder *encoder
}

func (*provider) Bounds(context.Context, string, transcript.Options) (transcript.Bounds, error) {
	return transcript.Bounds{Bytes: 1 << 20}, nil
}

func (p *provider) Recognize(
	ctx context.Context, ask transcript.Ask,
) (transcript.Transcript, []transcript.Attempt, error) {
	content, err := ask.Part.Open(ctx)
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	defer content.Close()

	sound, err := io.ReadAll(content)
	if err != nil {
		return transcript.Transcript{}, nil, fmt.Errorf("hear: %w", err)
	}

	if p.hear != nil {
		err = p.hear(ctx, string(sound))
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	p.calls++

	if p.while != nil {
		p.while()
	}

	err = cmp.Or(err, p.err)

	p.encoder.mu.Lock()
	p.encoder.out--
	p.encoder.mu.Unlock()

	made := transcript.Attempt{Provider: "test", Model: "whisper", Audio: partTakes, Cost: 7, Error: errs.CodeOf(err)}
	if err != nil {
		return transcript.Transcript{}, []transcript.Attempt{made}, err
	}

	p.heard = append(p.heard, string(sound))
	text := p.text
	if p.echo {
		text = string(sound)
	}

	return transcript.Transcript{
		Text: text, Language: "en", Duration: 3 * time.Second,
		Segments: []transcript.Segment{{Start: 0, End: 3 * time.Second, Text: text}},
	}, []transcript.Attempt{made}, nil
}

// messenger is the chat of one person.
type messenger struct {
	mu    sync.Mutex
	shown map[int]string
	last  int
	edits int
	said  []string // by edits
	files []document
	// fail is asked before each call: "edit", "send" or "document".
	fail func(call string) error
}

type document struct{ name, mimeType, content, caption string }

func newMessenger() *messenger { return &messenger{shown: map[int]string{}} }

func (m *messenger) ask(call string) error {
	if m.fail == nil {
		return nil
	}

	return m.fail(call)
}

func (m *messenger) show(_ int64, html string) int {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.last++
	m.shown[m.last] = html

	return m.last
}

func (m *messenger) remove(number int) {
	m.mu.Lock()
	defer m.mu.Unlock()

	delete(m.shown, number)
}

func (m *messenger) Edit(_ context.Context, to message.Address, text message.Text) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if err := m.ask("edit"); err != nil {
		return err
	}

	if to.Message == 0 {
		return errs.New(errs.Invalid, "edit: message identifier is not specified")
	}

	if _, there := m.shown[to.Message]; !there {
		return errs.New(errs.NotFound, "edit: no message %d", to.Message)
	}

	m.edits++
	m.said = append(m.said, text.HTML)
	m.shown[to.Message] = text.HTML

	return nil
}

func (m *messenger) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	m.mu.Lock()
	err := m.ask("send")
	m.mu.Unlock()

	if err != nil {
		return 0, err
	}

	return m.show(to.Chat, text.HTML), nil
}

func (m *messenger) SendDocument(
	_ context.Context, _ message.Address, name, mimeType string, content io.Reader, caption message.Text,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if err := m.ask("document"); err != nil {
		return err
	}

	text, err := io.ReadAll(content)
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}

	if len(text) == 0 {
		return errs.New(errs.Invalid, "send document: file must be non-empty")
	}

	m.files = append(m.files, document{name, mimeType, string(text), caption.HTML})

	return nil
}

// count counts the messages that begin so.
func (m *messenger) count(prefix string) int {
	m.mu.Lock()
	defer m.mu.Unlock()

	count := 0

	for _, html := range m.shown {
		if strings.HasPrefix(html, prefix) {
			count++
		}
	}

	return count
}

type texts struct{}

func (texts) Title(job transcript.Job) string { return cmp.Or(job.Title(), string(job.Source.Kind)) }

func (texts) Speaker(_ transcript.Job, number int) string { return fmt.Sprint("S", number) }

func (texts) Progress(_ transcript.Job, at transcript.Progress) message.Text {
	if at.Stage == transcript.Downloading {
		return message.Text{HTML: fmt.Sprintf("%s %d for %s", at.Stage, at.Percent, at.Left)}
	}

	if at.Parts > 0 {
		return message.Text{HTML: fmt.Sprintf("%s %d/%d for %s", at.Stage, at.Part, at.Parts, at.Left)}
	}

	return message.Text{HTML: string(at.Stage)}
}

func (texts) Result(_ transcript.Job, result transcript.Transcript) message.Text {
	return message.Text{HTML: "result: " + result.Text}
}

// Rest gives each sentence behind the first one a message of its own.
func (texts) Rest(_ transcript.Job, result transcript.Transcript) []message.Text {
	var rest []message.Text
	for _, sentence := range strings.SplitAfter(result.Text, ". ")[1:] {
		rest = append(rest, message.Text{HTML: "rest: " + sentence})
	}

	return rest
}

func (texts) Read(_ transcript.Job, result transcript.Transcript) message.Text {
	return message.Text{HTML: "result, read: " + result.Text}
}

func (texts) Deleted(transcript.Job) message.Text { return message.Text{HTML: "deleted"} }

func (texts) AllDeleted(language string) message.Text {
	return message.Text{HTML: "all deleted " + language}
}

func (texts) Failure(job transcript.Job) message.Text {
	return message.Text{HTML: fmt.Sprintf("failure: %s %v #%s", job.Reason, job.Args["max"], job.Reference)}
}

func (texts) Cancelled(transcript.Job) message.Text { return message.Text{HTML: "cancelled"} }

func (texts) Unsent(_ transcript.Job, reference string) message.Text {
	return message.Text{HTML: "unsent " + reference}
}

func (texts) Caption(_ transcript.Job, format transcript.Format) message.Text {
	return message.Text{HTML: "caption " + string(format)}
}

func (texts) Gone(transcript.Job) message.Text { return message.Text{HTML: "gone"} }

// lockedWriter lets several emitters share a buffer.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lockedWriter) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.to.Write(text) // a buffer does not fail
}

func shaOf(content string) string {
	sum := sha256.Sum256([]byte(content))

	return hex.EncodeToString(sum[:])
}

func requireCode(t *testing.T, want errs.Code, err error) {
	t.Helper()
	require.Error(t, err)
	assert.Equal(t, want, errs.CodeOf(err), err.Error())
}
