package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

// lastLook is how long an empty answer is waited for: without waiting, SQS asks
// only some of its servers and may miss letters.
const lastLook = 2 * time.Second

// take hands each of some letters, all where none is named, to do, and removes
// it once that has succeeded: one that dies in between leaves the letter where
// it is. It gives how many were removed.
func take(ctx context.Context, from queue.Receiver, ids []string, do func(letter queue.Delivery) error) (int, error) {
	taken := 0
	wanted := map[string]bool{}

	for _, one := range ids {
		wanted[one] = true
	}

	others, err := look(ctx, from, func(letter queue.Delivery) (bool, error) {
		if len(ids) > 0 && !wanted[letter.ID] {
			return false, nil
		}

		if err := do(letter); err != nil {
			return false, err
		}

		if err := from.Delete(ctx, letter); err != nil {
			return false, fmt.Errorf("letter %s is dealt with, but stays in the dead-letter queue too: %w", letter.ID, err)
		}

		taken++

		delete(wanted, letter.ID)

		return true, nil
	}, func() bool { return len(ids) > 0 && len(wanted) == 0 })

	err = errors.Join(err, release(ctx, from, others))

	if err == nil && len(wanted) > 0 {
		err = fmt.Errorf("no such letters, or somebody else is looking at them (try again in a minute): %s",
			strings.Join(slices.Sorted(maps.Keys(wanted)), ", "))
	}

	return taken, err
}

// peek looks at some letters and leaves them where they are.
func peek(ctx context.Context, from queue.Receiver, most int) ([]queue.Delivery, error) {
	seen := 0
	letters, err := look(ctx, from, func(queue.Delivery) (bool, error) {
		seen++

		return false, nil
	}, func() bool { return seen >= most })

	err = errors.Join(err, release(ctx, from, letters))

	return letters[:min(len(letters), most)], err
}

// look goes through the letters, each once, until there are no more or enough
// were seen, and gives those that stay: visit says which are gone.
func look(
	ctx context.Context, from queue.Receiver, visit func(letter queue.Delivery) (bool, error), enough func() bool,
) ([]queue.Delivery, error) {
	var stay []queue.Delivery

	seen := map[string]bool{}

	for !enough() {
		batch, err := from.Receive(ctx, queue.MaxBatch, lastLook)
		if err != nil {
			return stay, fmt.Errorf("take dead letters: %w", err)
		}

		fresh := 0

		for at, letter := range batch {
			if seen[letter.ID] {
				stay = append(stay, letter) // its first look is over; this one is to be released

				continue
			}

			seen[letter.ID] = true
			fresh++

			gone, err := visit(letter)
			if err != nil {
				return append(stay, batch[at:]...), err
			}

			if !gone {
				stay = append(stay, letter)
			}
		}

		if fresh == 0 {
			break
		}
	}

	return stay, nil
}

// release shows letters again at once that were only looked at. The last ones
// first: those of a group of a FIFO queue come back in their order.
func release(ctx context.Context, from queue.Receiver, letters []queue.Delivery) error {
	var failures []error

	for _, letter := range slices.Backward(letters) {
		err := from.Extend(context.WithoutCancel(ctx), letter, 0)
		if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: it is shown again already
			failures = append(failures, fmt.Errorf("leave letter %s: %w", letter.ID, err))
		}
	}

	return errors.Join(failures...)
}

// again marks the deduplication id of a letter that was brought back.
const again = ":redrive:"

// revived is the message that a letter was. A FIFO queue would drop it as one
// that it has seen, so it gets an id of its own: derived from the letter, so
// that the same letter sent twice by a ctl that died is dropped.
func revived(letter queue.Delivery) queue.Message {
	back := letter.Message
	if back.Dedup != "" {
		first, _, _ := strings.Cut(back.Dedup, again)
		back.Dedup = first + again + letter.ID
	}

	return back
}

var (
	// telling are the fields of bodies that say what a letter is about: names
	// and numbers of things. What people wrote, goods and keys are in no such
	// field, and an update of Telegram's may hold any of them.
	telling = regexp.MustCompile(`^(id|kind|type|task|state|store|user|chat|job|order|product|units|gateway|transaction|` +
		`cause|campaign|page|try|format|update_id|message_id|from|message|callback_query|my_chat_member|pre_checkout_query|` +
		`requestContext|responseContext|condition|approximateInvokeCount|functionArn|functionError|statusCode|` +
		`DDBStreamBatchInfo|streamArn|shardId|batchSize)$`)
	// plain is what such a field may say.
	plain = regexp.MustCompile(`^[A-Za-z0-9._:/$#-]{1,200}$`)
)

// about gives what a letter's body tells of itself, with … for all else.
func about(body []byte) string {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Sprintf("%d bytes that are no JSON", len(body))
	}

	text, err := json.Marshal(telt(value))
	if err != nil {
		return fmt.Sprintf("%d bytes", len(body))
	}

	return string(text)
}

// telt keeps the telling fields of a value.
func telt(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}

		for name, inner := range value {
			if telling.MatchString(name) {
				kept[name] = telt(inner)
			}
		}

		return kept
	case []any:
		kept := make([]any, 0, len(value))
		for _, inner := range value {
			kept = append(kept, telt(inner))
		}

		return kept
	case string:
		if !plain.MatchString(value) {
			return "…"
		}
	}

	return value
}
