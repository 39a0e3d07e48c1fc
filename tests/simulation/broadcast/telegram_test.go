package broadcast_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
)

// telegram is Telegram as a campaign sees it: private chats whose messages are
// numbered in one sequence, a flood limit that fills at 30 a second and holds
// 30, and answers that take their time, and get lost when who asked dies.
type telegram struct {
	mu      sync.Mutex
	random  *rand.Rand
	rate    float64
	tokens  float64
	filled  time.Time
	serial  int
	chats   map[int64]map[int]said
	got     map[int64]int // campaign messages of each person
	blocked map[int64]bool
	taken   int         // messages and edits that counted
	refused []time.Time // 429s
	first   time.Time   // of the campaign's messages
	last    time.Time
	edits   int
	reports []string
}

// said is a message in a chat.
type said struct {
	text string
	own  bool
}

func newTelegram(seed uint64, rate float64) *telegram {
	return &telegram{
		random: rand.New(rand.NewPCG(seed, 1)), rate: rate, tokens: rate, filled: time.Now(),
		chats: map[int64]map[int]said{}, got: map[int64]int{}, blocked: map[int64]bool{}, serial: 1000,
	}
}

// take counts a message against the flood limit.
func (t *telegram) take() error {
	now := time.Now()
	t.tokens = min(t.rate, t.tokens+t.rate*now.Sub(t.filled).Seconds())
	t.filled = now

	if t.tokens < 1 {
		t.refused = append(t.refused, now)

		return errs.New(errs.Limited, "Too Many Requests: retry after 1").After(time.Second)
	}

	t.tokens--
	t.taken++

	return nil
}

// post puts a message into a chat and gives its number.
func (t *telegram) post(chat int64, text string, own bool) int {
	t.serial++

	if t.chats[chat] == nil {
		t.chats[chat] = map[int]said{}
	}

	t.chats[chat][t.serial] = said{text: text, own: own}

	return t.serial
}

// call makes a call that takes its time. One whose caller dies on the way to
// Telegram may still arrive.
func (t *telegram) call(ctx context.Context, do func() error) error {
	if ctx.Err() != nil { // the dead call nobody
		return errs.Wrap(ctx.Err(), errs.Unavailable, "call Telegram")
	}

	t.mu.Lock()
	there := time.Duration(20+t.random.IntN(60)) * time.Millisecond
	back := time.Duration(10+t.random.IntN(40)) * time.Millisecond
	arrives := t.random.IntN(2) == 0
	t.mu.Unlock()

	time.Sleep(there)
	time.Sleep(stalled(time.Now()))

	if ctx.Err() != nil && !arrives {
		return errs.Wrap(ctx.Err(), errs.Unavailable, "call Telegram")
	}

	t.mu.Lock()
	err := do()
	t.mu.Unlock()

	time.Sleep(back)

	if ctx.Err() != nil {
		return errs.Wrap(ctx.Err(), errs.Unavailable, "call Telegram")
	}

	return err
}

// stalled gives for how long Telegram does nothing at a moment: once a minute it
// lets everybody wait for a good second, and then takes all that has come at once.
func stalled(now time.Time) time.Duration {
	const long = 1300 * time.Millisecond

	return max(0, now.Truncate(time.Minute).Add(long).Sub(now))
}

// Broadcast implements broadcast.Messenger.
func (t *telegram) Broadcast(ctx context.Context, to message.Address, content broadcast.Content, _ bool) (int, error) {
	number := 0

	err := t.call(ctx, func() error {
		if t.blocked[to.Chat] {
			return errs.New(errs.Unauthorized, "Forbidden: bot was blocked by the user")
		}

		if err := t.take(); err != nil {
			return err
		}

		now := time.Now()
		if t.first.IsZero() {
			t.first = now
		}

		t.last = now
		t.got[to.Chat]++
		number = t.post(to.Chat, shown(content.HTML), true)

		return nil
	})

	return number, err
}

// shown is what people see of the content of these runs.
func shown(html string) string {
	return strings.NewReplacer("<b>", "", "</b>", "", "&amp;", "&").Replace(html)
}

// Exists implements broadcast.Messenger.
func (t *telegram) Exists(ctx context.Context, in message.Address, numbers []int, through int64) (bool, error) {
	there := false

	err := t.call(ctx, func() error {
		for _, number := range numbers {
			if _, ok := t.chats[in.Chat][number]; ok {
				there = true

				if err := t.take(); err != nil {
					return err
				}

				t.post(through, "a copy", true)
			}
		}

		return nil
	})

	return there, err
}

// Quote implements broadcast.Messenger.
func (t *telegram) Quote(ctx context.Context, which message.Address, through int64) (string, bool, error) {
	var found said

	err := t.call(ctx, func() error {
		var ok bool
		if found, ok = t.chats[which.Chat][which.Message]; !ok {
			return errs.New(errs.NotFound, "message to forward not found")
		}

		t.post(through, "a copy", true)

		return t.take()
	})

	return found.text, found.own, err
}

// Send implements broadcast.Messenger.
func (t *telegram) Send(ctx context.Context, to message.Address, text message.Text) (int, error) {
	number := 0

	err := t.call(ctx, func() error {
		t.reports = append(t.reports, text.HTML)
		number = t.post(to.Chat, text.HTML, true)

		return t.take()
	})

	return number, err
}

// Edit implements broadcast.Messenger.
func (t *telegram) Edit(ctx context.Context, _ message.Address, _ message.Text) error {
	return t.call(ctx, func() error {
		t.edits++

		return t.take()
	})
}

// Delete implements broadcast.Messenger.
func (t *telegram) Delete(ctx context.Context, which message.Address) error {
	return t.call(ctx, func() error {
		delete(t.chats[which.Chat], which.Message)

		return nil
	})
}

// receipt is what another function sends to somebody: it waits for nobody.
func (t *telegram) receipt(to int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()

	if err := t.take(); err != nil {
		return err
	}

	t.post(to, "your receipt", true)

	return nil
}

// chatter is a person who writes to the bot: it takes a number, too.
func (t *telegram) chatter(from int64) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.post(from, fmt.Sprintf("hello from %d", from), false)
}
