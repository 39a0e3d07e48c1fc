package broadcast

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// pageLease is how long the page of a lane that has died stays taken.
	pageLease = 15 * time.Second
	// pageRenewal is how often a lane says that it is still at a page.
	pageRenewal = pageLease / 3
)

// held is a page that a lane is at.
type held struct {
	key      table.Key
	sending  sync.WaitGroup // its messages on their way
	released chan struct{}  // closed when the lane is no more at it
	version  int64          // of its row; written by one goroutine after the other

	mu    sync.Mutex
	users []int64       // those who are not counted yet
	aims  map[int64]aim // what is known of their targets; absent: it must be read
	lost  bool          // another lane has taken it
}

// aim is a target as it was last written.
type aim struct {
	version int64
	target  target
}

// claimPage takes a page for a lane. It gives none, and no error, where another
// one is at it; Conflict where another one was faster.
func (l *lane) claimPage(ctx context.Context, row table.Row) (*held, error) {
	found, err := table.Decode[page](row)
	if err != nil {
		return nil, err
	}

	now := l.Service.clock.Now()
	if found.Lease.After(now) {
		return nil, nil //nolint:nilnil // it is said above what it means
	}

	taken := page{Users: found.Users, Begun: true, Lease: now.Add(pageLease)}
	if row.Body, err = table.Encode(taken); err != nil {
		return nil, err
	}

	if err := l.Service.state.Write(ctx, table.Replace(row)); err != nil {
		return nil, errs.Context(err, "take a page of broadcast %s", l.campaign.ID)
	}

	h := &held{
		key: row.Key, version: row.Version + 1, users: found.Users,
		aims: map[int64]aim{}, released: make(chan struct{}),
	}

	if !found.Begun { // nobody has touched its targets since they were planned
		for _, user := range found.Users {
			h.aims[user] = aim{version: 1, target: target{State: pending}}
		}
	}

	return h, nil
}

// sendPage sends to the people of a page and returns as soon as the last of them
// is begun. running ends when nothing more is to be begun.
func (l *lane) sendPage(ctx, running context.Context, h *held) {
	kept := make(chan struct{})

	go func() {
		defer close(kept)

		l.keepPage(ctx, h)
	}()

	for _, user := range h.rest() {
		if !l.sendOne(ctx, running, h, user) {
			break
		}
	}

	l.ending.Go(func() {
		h.sending.Wait()

		for len(h.rest()) > 0 && running.Err() == nil && !h.isLost() {
			l.finish(ctx, running, h)
		}

		close(h.released)
		<-kept

		l.writePage(ctx, h, false)
		<-l.open
	})
}

// sendOne has a person written to whose target is pending as far as is known;
// the others are left to finish. False where the run is over.
func (l *lane) sendOne(ctx, running context.Context, h *held, user int64) bool {
	if h.isLost() || running.Err() != nil {
		return false
	}

	if known, ok := h.aimAt(user); !ok || known.target.State != pending {
		return true
	}

	select {
	case l.flying <- struct{}{}:
	case <-running.Done():
		return false
	}

	if !l.slots.wait(running) {
		<-l.flying

		return false
	}

	deliver := func() {
		l.deliver(ctx, h, user)
		<-l.flying
	}

	if l.slots.known() == 0 {
		deliver() // alone: until it is known where the bot's messages are, only one may be in doubt

		return true
	}

	h.sending.Go(deliver)

	return true
}

// deliver claims a target, writes to the person and notes what became of it.
func (l *lane) deliver(ctx context.Context, h *held, user int64) {
	known, ok := h.aimAt(user)
	if !ok {
		return
	}

	claimed := target{
		State: processing, At: l.Service.clock.Now(), Known: l.slots.known(), Tries: known.target.Tries + 1,
	}
	if !l.mark(ctx, h, user, claimed) {
		return
	}

	number, err := l.Messenger.Broadcast(ctx,
		message.Address{Store: l.campaign.Store, Chat: user}, l.campaign.Content, l.campaign.Paid)
	result := claimed

	switch errs.CodeOf(err) {
	case "":
		l.slots.saw(number)
		l.refused.Store(0)

		result.State, result.Message = sent, number
	case errs.Unauthorized:
		result.State = blocked

		if err := l.Service.people.Block(ctx, l.campaign.Store, user); err != nil {
			slog.WarnContext(ctx, "not noted that a person has blocked the bot", "error", err)
		}
	case errs.Limited:
		slog.WarnContext(ctx, "Telegram says that a broadcast is too fast", "error", err)
		l.slots.halt(ctx, max(errs.RetryAfter(err), time.Second))

		result.State = pending
	case errs.Internal:
		l.stop(StopToken)

		result.State = pending
	case errs.NotFound, errs.Invalid, errs.Conflict:
		slog.InfoContext(ctx, "Telegram refuses a message of a broadcast", "error", err)

		result.State = failed
		if errs.Is(err, errs.Invalid) && l.refused.Add(1) >= refusedMost {
			l.stop(StopContent)
		}
	default: // it may have been sent: finish looks
		slog.WarnContext(ctx, "not known whether a message of a broadcast was sent", "error", err)

		if l.failing.Add(1) >= failingMost {
			l.slots.halt(ctx, breather)
		}

		return
	}

	l.failing.Store(0)
	l.mark(ctx, h, user, result)
}

const (
	// refusedMost is how many contents Telegram refuses in a row until it is taken
	// to refuse it for all.
	refusedMost = 20
	// failingMost is how many calls fail in a row until Telegram is left alone for
	// a moment, and breather for how long.
	failingMost = 3
	breather    = 5 * time.Second
)

// mark writes a target where it is as it was last written, and reports whether
// it did. Else finish reads how it is.
func (l *lane) mark(ctx context.Context, h *held, user int64, next target) bool {
	known, ok := h.aimAt(user)
	if !ok {
		return false
	}

	body, err := table.Encode(next)
	if err == nil {
		row := table.Row{Key: l.at.target(user), Version: known.version, Body: body, Expires: l.Service.clock.Now().Add(keep)}
		err = l.Service.state.Write(ctx, table.Replace(row))
	}

	if err != nil {
		slog.WarnContext(ctx, "target of a broadcast not written, it is read again", "state", next.State, "error", err)
		h.forget(user)

		return false
	}

	h.learn(user, aim{version: known.version + 1, target: next})

	return true
}

// keepPage renews the lease of a page, and counts those who were seen to, until
// it is released.
func (l *lane) keepPage(ctx context.Context, h *held) {
	ticker := time.NewTicker(pageRenewal)
	defer ticker.Stop()

	for {
		select {
		case <-h.released:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.writePage(ctx, h, true)
		}
	}
}

// writePage counts those of a page who were seen to and takes them off it, in
// one write, so that each is counted once. The page is kept by this lane, or
// given back; one on which nobody is left is removed.
func (l *lane) writePage(ctx context.Context, h *held, keeping bool) {
	counts, left, is := h.standing()
	if !is {
		return
	}

	ops, err := l.pageOps(h, counts, left, keeping)
	for try := 0; err == nil && try < tries; try++ {
		// Lanes meet in the counters. Where a write without an answer took effect,
		// the next one finds another version, and nobody is counted twice.
		if err = l.Service.state.Write(ctx, ops...); errs.Is(err, errs.Unavailable) && try < tries-1 && clock.Pause(ctx, meet) {
			err = nil

			continue
		}

		break
	}

	switch {
	case errs.Is(err, errs.Conflict):
		slog.WarnContext(ctx, "a page of a broadcast has gone to another lane", "page", h.key)

		h.stand(nil, true)
	case err != nil:
		slog.WarnContext(ctx, "page of a broadcast not written", "page", h.key, "error", err)
	default:
		h.version++
		h.stand(left, false)
	}
}

// standing gives what became of those of a page who are not counted, and who is
// left; false where there is nothing to write.
func (h *held) standing() (map[outcome]int, []int64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	counts, left := h.tally()

	return counts, left, !h.lost && len(h.users) > 0
}

// stand notes who is not counted yet, and whether the page was lost.
func (h *held) stand(users []int64, lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.users, h.lost = users, lost
}

// meet is how long a write waits that others were in the way of.
const meet = 50 * time.Millisecond

// tally counts those of a page who were seen to, and gives the others.
func (h *held) tally() (map[outcome]int, []int64) {
	counts := map[outcome]int{}

	var left []int64

	for _, user := range h.users {
		if known, ok := h.aims[user]; ok && known.target.State.final() {
			counts[known.target.State]++
		} else {
			left = append(left, user)
		}
	}

	return counts, left
}

func (l *lane) pageOps(h *held, counts map[outcome]int, left []int64, keeping bool) ([]table.Op, error) {
	ops := []table.Op{table.Delete(h.key, h.version)}

	if len(left) > 0 {
		next := page{Users: left, Begun: true}
		if keeping {
			next.Lease = l.Service.clock.Now().Add(pageLease)
		}

		body, err := table.Encode(next)
		if err != nil {
			return nil, err
		}

		ops[0] = table.Replace(table.Row{Key: h.key, Version: h.version, Body: body})
	}

	for _, of := range []outcome{sent, failed, blocked, unsure} {
		if counts[of] > 0 {
			ops = append(ops, table.Add(l.at.count(of), countPeople, int64(counts[of]), 0, maxPeople))
		}
	}

	return ops, nil
}

// maxPeople is above what any store has.
const maxPeople = 1 << 40

// rest gives those of a page who were not seen to.
func (h *held) rest() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()

	_, left := h.tally()

	return slices.Clone(left)
}

func (h *held) isLost() bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.lost
}

func (h *held) aimAt(user int64) (aim, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	known, ok := h.aims[user]

	return known, ok
}

func (h *held) learn(user int64, known aim) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.aims[user] = known
}

func (h *held) forget(user int64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	delete(h.aims, user)
}
