package main

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/queue"
)

// redrive brings the dead letters of a queue back into it, one by one: a
// letter leaves the dead-letter queue only after it is back, so that none is
// lost and at worst one comes twice.
func (o *operator) redrive(ctx context.Context, args []string) error {
	urls := map[string]string{
		string(queue.Updates): o.settings.Updates, string(queue.Downloads): o.settings.Downloads,
		string(queue.Transcriptions): o.settings.Transcriptions, string(queue.TranscriptionsPriority): o.settings.Priority,
		string(queue.Deliveries): o.settings.Deliveries, string(queue.Payments): o.settings.Payments,
	}

	url := urls[args[0]]
	if url == "" {
		return fmt.Errorf("%w: no queue %q; use %s", errUsage, args[0],
			"updates, downloads, transcriptions, transcriptions-priority, deliveries or payments")
	}

	deadURL, err := deadOf(url, o.settings.Dead)
	if err != nil {
		return err
	}

	moved, err := move(ctx, o.open(deadURL), o.open(url))
	fmt.Fprintf(o.stdout, "%d messages are back in %s\n", moved, path.Base(url))

	return err
}

// deadOf finds the dead-letter queue of a queue among those of the stack: it
// has the queue's name with -dead (and .fifo) behind it.
func deadOf(url, all string) (string, error) {
	name, fifo := strings.CutSuffix(path.Base(url), ".fifo")

	want := name + "-dead"
	if fifo {
		want += ".fifo"
	}

	for candidate := range strings.SplitSeq(all, ",") {
		if path.Base(candidate) == want {
			return candidate, nil
		}
	}

	return "", fmt.Errorf("no dead-letter queue %s is configured (LAPAK_QUEUES_DEAD, or --stack)", want)
}

// lastLook is how long an empty answer is waited for: without waiting, SQS asks
// only some of its servers and may miss letters.
const lastLook = 2 * time.Second

func move(ctx context.Context, from queue.Receiver, to queue.Sender) (int, error) {
	moved := 0

	for {
		batch, err := from.Receive(ctx, queue.MaxBatch, lastLook)
		if err != nil {
			return moved, fmt.Errorf("take dead letters: %w", err)
		}

		if len(batch) == 0 {
			return moved, nil
		}

		for _, letter := range batch {
			back := letter.Message
			if back.Dedup != "" { // else SQS drops it as one that it has seen
				back.Dedup += ":redrive:" + letter.ID
			}

			if err := to.Send(ctx, back); err != nil {
				return moved, fmt.Errorf("bring dead letter %s back: %w", letter.ID, err)
			}

			if err := from.Delete(ctx, letter); err != nil {
				return moved, fmt.Errorf("dead letter %s is back, but stays in the dead-letter queue too: %w", letter.ID, err)
			}

			moved++
		}
	}
}
