// Package failovertest provides a Telegram in memory for tests of how updates
// come: it keeps updates until they are taken, pushes them to a webhook or
// gives them to whoever asks, and never both.
package failovertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/secret"
)

// Telegram is safe for concurrent use. Time is the clock of package time, so
// that it can be used in a bubble of testing/synctest.
type Telegram struct {
	mu   sync.Mutex
	bots map[string]*bot
	plan fault.Plan // of the calls to it

	// Deliver is the webhook: an error leaves the update with Telegram.
	Deliver func(ctx context.Context, of string, body []byte) error
}

type bot struct {
	hook    health.Webhook
	change  int // counts changes of the webhook
	last    int64
	updates []update
	chats   map[int64]*pushing
	poll    context.CancelCauseFunc // of the call that waits
	grown   chan struct{}
	calls   []string
	replies []string
}

type update struct {
	id, chat int64
	body     []byte
}

// pushing is the state of one chat: its updates are pushed one at a time.
type pushing struct {
	busy   bool
	failed int
	next   time.Time
}

// The refusals of getUpdates.
var (
	errWebhookSet = errs.New(errs.Conflict, "fetch updates: a webhook is set")
	errOther      = errs.New(errs.Conflict, "fetch updates: terminated by another call")
)

// New makes a Telegram without bots; a bot is there as soon as it is named.
func New(plan fault.Plan) *Telegram { return &Telegram{bots: map[string]*bot{}, plan: plan} }

// of gives a bot. The lock is held.
func (t *Telegram) of(id string) *bot {
	found := t.bots[id]
	if found == nil {
		found = &bot{chats: map[int64]*pushing{}, grown: make(chan struct{})}
		t.bots[id] = found
	}

	return found
}

// Say has a person write to a bot and gives the number of the update.
func (t *Telegram) Say(of string, chat int64) int64 {
	return t.Happen(of, chat, "message", fmt.Sprintf(`{"message_id":1,"chat":{"id":%d},"from":{"id":%d}}`, chat, chat))
}

// Happen makes an update of any kind.
func (t *Telegram) Happen(of string, chat int64, kind, content string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()

	b := t.of(of)
	b.last++
	b.updates = append(b.updates, update{
		id: b.last, chat: chat, body: fmt.Appendf(nil, `{"update_id":%d,"%s":%s}`, b.last, kind, content),
	})

	close(b.grown)
	b.grown = make(chan struct{})

	return b.last
}

// Waiting counts the updates that nobody has taken.
func (t *Telegram) Waiting(of string) int {
	t.mu.Lock()
	defer t.mu.Unlock()

	return len(t.of(of).updates)
}

// Calls gives the calls that changed something, in their order.
func (t *Telegram) Calls(of string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return slices.Clone(t.of(of).calls)
}

// Replies gives what payments were answered, as JSON.
func (t *Telegram) Replies(of string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return slices.Clone(t.of(of).replies)
}

// Webhook tells of the webhook as getWebhookInfo does.
func (t *Telegram) Webhook(ctx context.Context, of string) (health.Webhook, error) {
	var told health.Webhook

	_, err := fault.Around(ctx, t.plan, "telegram.webhook", func() error {
		t.mu.Lock()
		defer t.mu.Unlock()

		b := t.of(of)
		told = b.hook
		told.Pending = len(b.updates)

		return nil
	})

	return told, err
}

// Push sets the webhook; calls that wait for updates end.
func (t *Telegram) Push(ctx context.Context, of, address string, _ secret.Value, _ []string) error {
	return t.set(ctx, of, address, "push to "+address)
}

// StopPushing deletes the webhook.
func (t *Telegram) StopPushing(ctx context.Context, of string) error {
	return t.set(ctx, of, "", "stop pushing")
}

func (t *Telegram) set(ctx context.Context, of, address, call string) error {
	_, err := fault.Around(ctx, t.plan, "telegram.set", func() error {
		t.mu.Lock()
		defer t.mu.Unlock()

		b := t.of(of)
		b.hook, b.change, b.chats = health.Webhook{URL: address}, b.change+1, map[int64]*pushing{}
		b.calls = append(b.calls, call)

		if address != "" && b.poll != nil {
			b.poll(errWebhookSet)
		}

		return nil
	})

	return err
}

// Updates is getUpdates.
func (t *Telegram) Updates(
	ctx context.Context, of string, offset int64, wait time.Duration, _ []string,
) ([]json.RawMessage, error) {
	var bodies []json.RawMessage

	_, err := fault.Around(ctx, t.plan, "telegram.updates", func() error {
		var err error
		bodies, err = t.updates(ctx, of, offset, wait)

		return err
	})
	if err != nil {
		return nil, err
	}

	return bodies, nil
}

func (t *Telegram) updates(ctx context.Context, of string, offset int64, wait time.Duration) ([]json.RawMessage, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	t.mu.Lock()
	defer t.mu.Unlock()

	b := t.of(of)
	if b.hook.URL != "" {
		return nil, errWebhookSet
	}

	if b.poll != nil {
		b.poll(errOther)
	}

	b.poll = cancel

	if offset > 0 {
		b.updates = slices.DeleteFunc(b.updates, func(u update) bool { return u.id < offset })
	}

	timeout := time.NewTimer(wait.Truncate(time.Second))
	defer timeout.Stop()

	for expired := false; len(b.updates) == 0 && !expired && ctx.Err() == nil; {
		grown := b.grown

		t.mu.Unlock()

		select {
		case <-grown:
		case <-timeout.C:
			expired = true
		case <-ctx.Done():
		}

		t.mu.Lock()
	}

	if ctx.Err() != nil {
		return nil, ended(ctx)
	}

	b.poll = nil

	const most = 50

	var bodies []json.RawMessage
	for _, u := range b.updates[:min(most, len(b.updates))] {
		bodies = append(bodies, u.body)
	}

	return bodies, nil
}

// ended says why a call that waited ended.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return errs.Wrap(cause, errs.Unavailable, "fetch updates")
	}

	return cause
}

// Reply answers a payment.
func (t *Telegram) Reply(_ context.Context, of string, reply any) error {
	body, err := json.Marshal(reply)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "encode a reply")
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	b := t.of(of)
	b.replies = append(b.replies, string(body))

	return nil
}

// Run pushes updates to webhooks until ctx ends, each chat's one after the
// other; one that fails comes again after 1, 2, 4 … seconds, 60 at most.
func (t *Telegram) Run(ctx context.Context) {
	const every = 100 * time.Millisecond

	tick := time.NewTicker(every)
	defer tick.Stop()

	var pushes sync.WaitGroup
	defer pushes.Wait()

	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}

		t.mu.Lock()
		for id, b := range t.bots {
			t.pushDue(ctx, id, b, &pushes)
		}
		t.mu.Unlock()
	}
}

// pushDue begins what may be pushed now. The lock is held.
func (t *Telegram) pushDue(ctx context.Context, id string, b *bot, pushes *sync.WaitGroup) {
	if b.hook.URL == "" {
		return
	}

	seen := map[int64]bool{}

	for _, u := range b.updates {
		if seen[u.chat] {
			continue
		}

		seen[u.chat] = true

		chat := b.chats[u.chat]
		if chat == nil {
			chat = &pushing{}
			b.chats[u.chat] = chat
		}

		if chat.busy || time.Now().Before(chat.next) {
			continue
		}

		chat.busy = true
		change := b.change

		pushes.Go(func() { t.push(ctx, id, b, chat, u, change) })
	}
}

func (t *Telegram) push(ctx context.Context, id string, b *bot, chat *pushing, u update, change int) {
	err := t.Deliver(ctx, id, u.body)

	t.mu.Lock()
	defer t.mu.Unlock()

	chat.busy = false

	if b.change != change {
		return // the webhook was changed meanwhile: the update stays
	}

	if err == nil {
		chat.failed = 0
		b.updates = slices.DeleteFunc(b.updates, func(other update) bool { return other.id == u.id })

		return
	}

	const longest = time.Minute

	chat.next = time.Now().Add(min(time.Second<<min(chat.failed, 10), longest))
	chat.failed++
	b.hook.LastError, b.hook.FailedAt = err.Error(), time.Now().UTC()
}
