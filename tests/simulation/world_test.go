package simulation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	blobs "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/webhook"
)

const (
	hookSecret = "a-secret-that-telegram-knows"
	partBytes  = 16 // of an upload: most files have several parts
	maxDead    = 4  // deliveries before a message goes to its dead-letter queue, as in template.yaml
)

// premium is the person whose files go by the priority queue.
const premium = int64(102)

// stores are the tenants of a run: two, so that one could leak into the other.
func stores() []string { return []string{"kopi", "musik"} }

// world is the whole of Lapak in one process: the real domain and the real
// conversation over memory adapters that fail by plan.
type world struct {
	random  *rand.Rand
	clock   *clock.Manual
	plan    *interleaved
	state   *tables.Table
	scratch *tables.Table
	bucket  *blobs.Bucket
	queues  map[queue.Name]*queues.Queue
	dead    map[queue.Name]*queues.Queue
	people  *fakeTelegram
	vault   *vaults.Vault

	webhook  *webhook.Handler
	handlers map[queue.Name]queue.Handler
	relay    *outbox.Relay
	rescuer  *transcript.Rescuer

	pending   []pushed       // updates that Telegram has not got rid of
	streamed  string         // the last change that relay has dealt with
	retried   int            // how often relay has failed at the change behind it
	provider  map[string]int // calls that the provider has answered, by store, content and part
	steps     int            // everything that was done
	depth     int            // how many workers are at it
	faultless bool           // nothing fails or stands still in this run, though everything meets
	calm      bool           // nothing fails and nothing comes in between
	outcome   map[jobKey]expectation
	watched   *watch
	jobs      map[string]transcript.Job // by the body of their rows: they are looked at far oftener than they change
}

// pushed is an update on its way to the webhook.
type pushed struct {
	store string
	body  []byte
}

type jobKey struct {
	store string
	chat  int64
	file  string
}

// expectation is what must come of a file that a person has sent.
type expectation struct {
	text   string // what is said in it; empty: nothing can be heard
	speech bool
}

func newWorld(t *testing.T, seed uint64, rate float64) *world {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	plan := &interleaved{Seeded: fault.NewSeeded(seed, rate, time.Minute,
		fault.FailBefore, fault.FailAfter, fault.Throttle, fault.Duplicate, fault.Delay, fault.Reorder,
		fault.KillBefore, fault.KillAfter)}
	w := &world{
		random: rand.New(rand.NewPCG(seed, 1)), clock: now, plan: plan,
		state: tables.New(now, plan), scratch: tables.New(now, plan), bucket: blobs.New(now, plan),
		queues: map[queue.Name]*queues.Queue{}, dead: map[queue.Name]*queues.Queue{},
		people: newFakeTelegram(plan), vault: vaults.New(now, plan), outcome: map[jobKey]expectation{},
		provider: map[string]int{}, faultless: rate == 0, jobs: map[string]transcript.Job{},
	}

	visibility := map[queue.Name]time.Duration{
		queue.Updates: time.Minute, queue.Downloads: 12 * time.Minute,
		queue.Transcriptions: 90 * time.Minute, queue.TranscriptionsPriority: 90 * time.Minute,
		queue.Deliveries: 6 * time.Minute,
	}
	for name, hidden := range visibility {
		fifo := name == queue.Updates
		w.dead[name] = queues.New(now, fault.None{}, queues.Options{Name: name + "-dead", FIFO: fifo})
		w.queues[name] = queues.New(now, plan, queues.Options{
			Name: name, FIFO: fifo, Visibility: hidden, MaxReceives: maxDead, Dead: w.dead[name],
		})
	}

	w.bucket.SetMinPartBytes(partBytes)
	w.build(t)
	w.watched = newWatch(w)
	plan.meanwhile = w.meanwhile

	return w
}

// job gives the job in a row.
func (w *world) job(row table.Row) (transcript.Job, error) {
	if job, known := w.jobs[string(row.Body)]; known {
		return job, nil
	}

	job, err := table.Decode[transcript.Job](row)
	if err == nil {
		w.jobs[string(row.Body)] = job
	}

	return job, err
}

// texts are read once for all worlds.
var texts = sync.OnceValues(chat.NewCatalog)

// build wires the functions as functions/*/main.go do.
func (w *world) build(t *testing.T) {
	t.Helper()

	texts, err := texts()
	if err != nil {
		t.Fatal(err)
	}

	checkout, err := webhook.NewCheckout(w.state, w.clock)
	if err != nil {
		t.Fatal(err)
	}

	registry := store.NewRegistry(w.state, w.clock)
	users := user.NewRepository(w.state, w.clock)
	jobs := transcript.NewService(w.state, w.clock)
	cache := transcript.NewCache(w.scratch, w.bucket, w.clock, nil)
	transcriber, err := transcript.NewTranscriber(transcript.TranscriberOptions{
		Jobs: jobs, Preparer: passthrough{w.plan}, Speech: w, Bucket: w.bucket, Cache: cache,
		Flights: transcript.NewFlights(w.scratch, jobs), Messenger: w.people, Texts: texts,
		PartsAtOnce: 1, // one after the other, so that a seed replays
		Longest:     time.Hour,
		Slots:       limit.NewSlots(w.scratch, w.clock), StoreWorkers: 1, // so that stores wait for their turn
	})
	must(t, err)

	bot := chat.New(chat.Options{
		Scratch: w.scratch, Stores: registry, Users: users, Transcripts: jobs,
		Messenger: w.people, Catalog: texts, Clock: w.clock,
		// Limits have tests of their own; that quotas are moved right is watched here.
		UserRate: limit.PerMinute(1000), StoreRate: limit.PerMinute(1000),
		Tiers: transcript.Tiers{Free: transcript.Tier{Daily: 24 * time.Hour}, Premium: transcript.Tier{Daily: 48 * time.Hour}},
	})

	w.webhook = webhook.New(webhook.Options{
		Vault: w.vault, Updates: w.queues[queue.Updates], Urgent: checkout.Answer, Sources: webhook.AnySource,
	})
	downloader := transcript.NewDownloader(jobs, w.people, w.bucket, cache, w.people, texts, nil,
		transcript.InTurn(), transcript.PartBytes(partBytes))
	w.handlers = map[queue.Name]queue.Handler{
		queue.Updates:                bot.Deliver,
		queue.Downloads:              downloader.Handle,
		queue.Transcriptions:         transcriber.Handle,
		queue.TranscriptionsPriority: transcriber.Handle,
		queue.Deliveries:             transcript.NewDeliverer(jobs, w.bucket, w.scratch, w.clock, w.people, texts, nil).Handle,
	}
	w.relay = outbox.NewRelay(w.state, map[queue.Name]queue.Sender{
		queue.Downloads: w.queues[queue.Downloads], queue.Transcriptions: w.queues[queue.Transcriptions],
		queue.TranscriptionsPriority: w.queues[queue.TranscriptionsPriority], queue.Deliveries: w.queues[queue.Deliveries],
	}, w.clock)
	w.rescuer = transcript.NewRescuer(jobs, registry, nil)

	w.calmly(func() {
		for _, id := range stores() {
			must(t, registry.Save(t.Context(), store.Store{
				ID: id, Name: id, Owner: 1, Language: "id", TimeZone: store.DefaultTimeZone,
			}))
			must(t, w.vault.Rotate(t.Context(), store.WebhookSecretName(id), hookSecret))
			_, err := users.Meet(t.Context(), id, user.Person{ID: premium, Name: "P"}, "id")
			must(t, err)
			_, err = users.Change(t.Context(), id, premium, func(who *user.User) {
				who.PremiumUntil = w.clock.Now().Add(1000 * time.Hour)
			})
			must(t, err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()

	if err != nil {
		t.Fatal(err)
	}
}

// interleaved is a plan in which, at any call of one function, another one may
// run meanwhile: the only way in which functions meet is through such calls.
type interleaved struct {
	*fault.Seeded

	meanwhile func()
}

// Next lets others go first at times, then draws the fate of the call.
func (i *interleaved) Next(op string) fault.Kind {
	if i.meanwhile != nil && op != tables.OpIndex { // the index follows inside of a write
		i.meanwhile()
	}

	return i.Seeded.Next(op)
}

// names are the queues with a worker.
func names() []queue.Name {
	return []queue.Name{
		queue.Updates, queue.Downloads, queue.Transcriptions, queue.TranscriptionsPriority, queue.Deliveries,
	}
}

// meanwhile runs another worker in the middle of a call of one, once in a
// while, and lets time pass: more than a lease at times.
func (w *world) meanwhile() {
	const deepest = 2

	if w.calm || w.depth == 0 || w.depth > deepest || w.random.IntN(25) != 0 {
		return
	}

	if !w.faultless && w.random.IntN(4) == 0 {
		w.clock.Advance(time.Duration(w.random.Int64N(int64(2 * time.Minute))))
		w.stepSweep()
	}

	// Workers of the same kind are those that have most to do with each other.
	meets := []queue.Name{queue.Transcriptions, queue.TranscriptionsPriority}
	if w.random.IntN(2) == 0 {
		meets = names()
	}

	w.stepWorker(meets[w.random.IntN(len(meets))])
}

// calmly does something without faults.
func (w *world) calmly(do func()) {
	w.plan.Pause(true)
	w.calm = true
	do()
	w.calm = false
	w.plan.Pause(false)
}

// Bounds implements transcript.Speech: the passthrough cuts as it likes.
func (w *world) Bounds(context.Context, string, transcript.Options) (transcript.Bounds, error) {
	return transcript.Bounds{}, nil
}

// Recognize stands for the provider.
func (w *world) Recognize(
	ctx context.Context, ask transcript.Ask,
) (transcript.Transcript, []transcript.Attempt, error) {
	audio, err := ask.Part.Open(ctx)
	if err != nil {
		return transcript.Transcript{}, nil, err
	}
	defer audio.Close()

	content, err := io.ReadAll(audio)
	if err != nil {
		return transcript.Transcript{}, nil, fmt.Errorf("hear: %w", err)
	}

	var heard transcript.Transcript

	_, err = fault.Around(ctx, w.plan, "provider.recognize", func() error {
		w.provider[ask.Store+"/"+ask.Part.Name]++

		if strings.HasPrefix(string(content), noise) {
			return errs.New(errs.Invalid, "this is no speech").Tell("error.not_heard", nil)
		}

		heard = transcript.Transcript{Text: strings.TrimPrefix(string(content), spoken), Language: "en"}

		return nil
	})

	return heard, []transcript.Attempt{{Provider: "provider", Model: "model", Error: errs.CodeOf(err)}}, err
}

// sendFile has a person send a file to a store's bot.
func (w *world) sendFile(of string, person int64, number int) {
	whose := of
	if w.random.IntN(3) == 0 {
		whose = "everyone" // the same file in both stores
	}

	content := fmt.Sprintf("%swords number %d of %s", spoken, w.random.IntN(4), whose)
	if w.random.IntN(5) == 0 {
		content = fmt.Sprintf("%s %d", noise, number)
	}

	w.send(of, person, number, content, fmt.Sprintf("unique-%d-%d", person, number))
}

// sendTwice has two people send a file at once that both have forwarded.
func (w *world) sendTwice(of string, number int) {
	content := fmt.Sprintf("%swords gone round, number %d of %s", spoken, number, of)
	unique := fmt.Sprintf("unique-%d", number)
	w.send(of, 100, number, content, unique)
	w.send(of, premium, number+10*busySteps, content, unique) // an update of its own
}

func (w *world) send(of string, person int64, number int, content, unique string) {
	var want expectation
	if text, speech := strings.CutPrefix(content, spoken); speech {
		want = expectation{text: text, speech: true}
	}

	file := fmt.Sprintf("file-%d-%d", person, number)
	w.people.files[of+"/"+file] = []byte(content)
	// A person's own message takes a number of the chat too.
	key := chatKey{of, person}
	w.people.chats[key] = append(w.people.chats[key], &shown{texts: []string{"(" + file + ")"}, own: true})

	update := map[string]any{
		"update_id": int64(number),
		"message": map[string]any{
			"message_id": len(w.people.chats[key]), "date": w.clock.Now().Unix(),
			"chat": map[string]any{"id": person, "type": "private"},
			"from": map[string]any{"id": person, "is_bot": false, "first_name": "P", "language_code": "id"},
			"voice": map[string]any{
				"file_id": file, "file_unique_id": unique, "duration": 1, "file_size": len(content),
			},
		},
	}
	w.outcome[jobKey{of, person, file}] = want
	w.push(of, update)
}

// cancel has a person give everything up.
func (w *world) cancel(of string, person int64, number int) {
	key := chatKey{of, person}
	w.people.chats[key] = append(w.people.chats[key], &shown{texts: []string{"/cancel"}, own: true})
	w.watched.cancels[key] = true
	w.push(of, map[string]any{
		"update_id": int64(number),
		"message": map[string]any{
			"message_id": len(w.people.chats[key]), "date": w.clock.Now().Unix(),
			"chat":     map[string]any{"id": person, "type": "private"},
			"from":     map[string]any{"id": person, "is_bot": false, "first_name": "P", "language_code": "id"},
			"text":     "/cancel",
			"entities": []any{map[string]any{"type": "bot_command", "offset": 0, "length": len("/cancel")}},
		},
	})
}

func (w *world) push(of string, update any) {
	body, err := json.Marshal(update)
	if err != nil {
		panic(err)
	}

	w.pending = append(w.pending, pushed{of, body})
}

// stepWebhook has Telegram push one waiting update. It comes again after any
// answer but a 2xx, and now and then all the same.
func (w *world) stepWebhook() {
	if len(w.pending) == 0 {
		return
	}

	index := w.random.IntN(len(w.pending))
	update := w.pending[index]

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	response := w.webhook.Serve(ctx, webhook.Request{Store: update.store, Secret: hookSecret, Body: update.body})
	if response.Status == 200 && w.random.IntN(20) != 0 {
		w.pending = append(w.pending[:index], w.pending[index+1:]...)
	}
}

// stepWorker gives one batch of a queue to its worker, as Lambda does.
func (w *world) stepWorker(name queue.Name) {
	w.depth++
	defer func() { w.depth-- }()

	from := w.queues[name]

	batch, err := from.Receive(context.Background(), 1+w.random.IntN(3), 0)
	if err != nil {
		return
	}

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	failed := queue.Process(ctx, batch, name == queue.Updates, w.handlers[name])
	if ctx.Err() != nil {
		return // the process died: nothing was reported, everything comes again
	}

	for _, delivery := range batch {
		if _, again := failed[delivery.ID]; again {
			_ = from.Extend(ctx, delivery, 2*time.Second<<delivery.Attempt) // else the visibility timeout ends

			continue
		}

		_ = from.Delete(context.Background(), delivery) // else it comes again
	}
}

// stepRelay gives relay what the state table's stream has for it.
func (w *world) stepRelay(t *testing.T) {
	t.Helper()

	changes, err := w.state.Changes(w.streamed)
	must(t, err)

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	const giveUp = 6

	for _, change := range changes {
		if change.Inserted() && strings.HasPrefix(change.New.Key.SK(), outbox.SortPrefix) {
			if err := w.relay.Forward(ctx, *change.New); err != nil && w.retried < giveUp {
				w.retried++

				return
			}
		}

		w.watched.follow(t, change)

		w.streamed, w.retried = change.ID, 0
	}
}

// stepSweep does what the function sweep does each minute.
func (w *world) stepSweep() {
	w.watched.lost = append(w.watched.lost, w.forgotten()...)

	if w.faultless { // only a fault makes it necessary that time wakes somebody
		w.watched.left = append(w.watched.left, w.parkedBefore(w.clock.Now().Add(time.Hour))...)
	}

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	_, _ = w.relay.Sweep(ctx)    // its errors are logged by Lambda and come again
	_, _ = w.rescuer.Rescue(ctx) // next minute

	if w.calm { // once nothing fails, it finds all whose time is over; the index counts whole seconds
		w.watched.left = append(w.watched.left, w.parkedBefore(w.clock.Now().Add(-2*time.Second))...)
	}
}

// step does one thing that might happen next.
func (w *world) step(t *testing.T) {
	t.Helper()

	w.steps++

	switch w.random.IntN(8) {
	case 0:
		w.stepWebhook()
	case 1, 2, 3, 4:
		w.stepWorker(names()[w.random.IntN(len(names()))])
	case 5, 6:
		w.stepRelay(t)
	default:
		w.clock.Advance(time.Duration(w.random.Int64N(int64(20 * time.Second))))

		if w.random.IntN(3) == 0 {
			w.stepSweep()
		}
	}

	w.watched.look(t)
}

// rest lets the world come to rest without faults: everything that was lost on
// the way must be found again within hours.
func (w *world) rest(t *testing.T) {
	t.Helper()
	w.plan.Pause(true)
	w.calm = true

	for range 4 * 60 * 2 {
		w.steps++

		for len(w.pending) > 0 {
			w.stepWebhook()
		}

		for range 3 {
			for _, name := range names() {
				w.stepWorker(name)
			}

			w.stepRelay(t)
		}

		w.clock.Advance(30 * time.Second)
		w.stepSweep()
		w.watched.look(t)

		if w.idle() {
			return
		}
	}
}

// idle reports whether nothing is left to be done.
func (w *world) idle() bool {
	for _, waiting := range w.queues {
		if len(waiting.All()) > 0 {
			return false
		}
	}

	return len(w.pending) == 0 && !slices.ContainsFunc(w.state.All(), unfinished)
}

// unfinished reports whether a row waits for something: it is to be sent, or it
// stands in the index of what is due. People stand in the index for good.
func unfinished(row table.Row) bool {
	return strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) || !row.Index.IsZero() && row.Key.SK() != "profile"
}

// unrest says what is left to be done.
func (w *world) unrest() string {
	var left []string

	for name, waiting := range w.queues {
		if count := len(waiting.All()); count > 0 {
			left = append(left, fmt.Sprintf("%d messages in %s", count, name))
		}
	}

	for _, row := range w.state.All() {
		if unfinished(row) {
			left = append(left, row.Key.String()+" "+string(row.Body))
		}
	}

	return strings.Join(left, "; ")
}

// forgotten gives the jobs that wait for a worker while no message and no
// outbox row of theirs is anywhere: only a lost message leaves one so. They
// would be rescued, but late.
func (w *world) forgotten() []string {
	var (
		texts     []string
		forgotten []string
	)

	for _, name := range names() {
		for _, delivery := range append(w.queues[name].All(), w.dead[name].All()...) {
			texts = append(texts, string(delivery.Body))
		}
	}

	var waiting []transcript.Job

	for _, row := range w.state.All() {
		switch {
		case strings.HasPrefix(row.Key.SK(), outbox.SortPrefix):
			texts = append(texts, string(row.Body))
		case !row.Index.IsZero():
			job, err := w.job(row)
			if err == nil && job.Lease.IsZero() && job.Parked.IsZero() && w.clock.Now().Sub(job.UpdatedAt) > transcript.StandsStill {
				waiting = append(waiting, job)
			}
		}
	}

	all := strings.Join(texts, "\n")

	for _, job := range waiting {
		if !strings.Contains(all, fmt.Sprintf(`"job":"%s","round":%d`, job.ID, job.Round)) {
			forgotten = append(forgotten, job.ID)
		}
	}

	return forgotten
}

// parkedBefore gives the jobs that still wait for another one of the same
// content though no worker is at any, and whose time is over by then.
func (w *world) parkedBefore(then time.Time) []string {
	if w.depth > 0 {
		return nil
	}

	var left []string

	for _, row := range w.state.All() {
		if !strings.HasPrefix(row.Key.SK(), table.SortPrefix("job")) {
			continue
		}

		job, err := w.job(row)
		if err == nil && job.State.Open() && !job.Parked.IsZero() && job.Parked.Before(then) {
			left = append(left, job.ID)
		}
	}

	return left
}
