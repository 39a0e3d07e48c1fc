package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/queue"
)

// deadQueue is a dead-letter queue and the queue that its letters come from.
type deadQueue struct {
	name string // as people call it, such as "downloads"
	url  string
	live string // URL of the queue; empty: its letters were no messages of a queue
}

// deadQueues gives the dead-letter queues of the stack. A dead-letter queue has
// the name of its queue with -dead (and .fifo) behind it.
func (o *operator) deadQueues() ([]deadQueue, error) {
	if o.settings.Dead == "" {
		return nil, errors.New("no dead-letter queues are configured (LAPAK_QUEUES_DEAD, or --stack)")
	}

	var found []deadQueue

	for url := range strings.SplitSeq(o.settings.Dead, ",") {
		base, fifo := strings.CutSuffix(path.Base(url), ".fifo")

		name, dead := strings.CutSuffix(base, "-dead")
		if !dead {
			return nil, fmt.Errorf("queue %s is no dead-letter queue: its name does not end in -dead", url)
		}

		of := deadQueue{name: name, url: url, live: strings.TrimSuffix(url, path.Base(url)) + name}
		if fifo {
			of.live += ".fifo"
		}

		// What relay and the schedules failed on was no message.
		if strings.HasSuffix(name, "relay") || strings.HasSuffix(name, "invocations") {
			of.live = ""
		}

		found = append(found, of)
	}

	return found, nil
}

// deadQueue finds the one that a command line names, with the stack's name in
// front or without.
func (o *operator) deadQueue(name string) (deadQueue, error) {
	all, err := o.deadQueues()
	if err != nil {
		return deadQueue{}, err
	}

	names := make([]string, 0, len(all))

	for _, of := range all {
		if of.name == name || strings.HasSuffix(of.name, "-"+name) {
			return of, nil
		}

		names = append(names, of.name)
	}

	return deadQueue{}, fmt.Errorf("%w: no queue %q; there are %s", errUsage, name, strings.Join(names, ", "))
}

// dlqList counts the dead letters of all queues.
func (o *operator) dlqList(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: dlq list takes nothing", errUsage)
	}

	all, err := o.deadQueues()
	if err != nil {
		return err
	}

	table := tabwriter.NewWriter(o.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "QUEUE\tLETTERS\tOLDEST")

	for _, of := range all {
		dead := o.open(of.url)

		count, err := dead.Depth(ctx)
		if err != nil {
			return fmt.Errorf("count the dead letters of %s: %w", of.name, err)
		}

		oldest := "–"

		if count > 0 {
			letters, err := peek(ctx, dead, maxPeek)
			if err != nil {
				return fmt.Errorf("look at the dead letters of %s: %w", of.name, err)
			}

			oldest = oldestOf(letters)
		}

		fmt.Fprintf(table, "%s\t%d\t%s\n", of.name, count, oldest)
	}

	if err := table.Flush(); err != nil {
		return fmt.Errorf("list the dead letters: %w", err)
	}

	return nil
}

// maxPeek is how many letters are looked at for the oldest: SQS keeps them in
// no order.
const maxPeek = 100

func oldestOf(letters []queue.Delivery) string {
	if len(letters) == 0 {
		return "somebody else is looking at them"
	}

	oldest := slices.MinFunc(letters, func(a, b queue.Delivery) int { return a.SentAt.Compare(b.SentAt) })
	since := oldest.SentAt.Format(time.RFC3339)

	if len(letters) == maxPeek {
		return "before " + since
	}

	return since
}

// dlqShow prints dead letters: whose they are, what they follow from, and what
// they are about. They stay where they are.
func (o *operator) dlqShow(ctx context.Context, args []string) error {
	wish, err := parseLetters("dlq show", args)
	if err != nil {
		return err
	}

	of, err := o.deadQueue(wish.queue)
	if err != nil {
		return err
	}

	letters, err := peek(ctx, o.open(of.url), wish.most)
	if err != nil {
		return fmt.Errorf("look at the dead letters of %s: %w", of.name, err)
	}

	for _, letter := range letters {
		fmt.Fprintf(o.stdout, "%s\n  store %s · cause %s · sent %s\n  %s\n", letter.ID,
			cmp.Or(letter.Attrs[queue.AttrStore], "–"), cmp.Or(letter.Attrs[queue.AttrCause], "–"),
			letter.SentAt.Format(time.RFC3339), about(letter.Body))
	}

	fmt.Fprintf(o.stdout, "%d letters of %s; search the logs for a cause to see why\n", len(letters), of.name)

	return nil
}

// dlqRedrive brings dead letters back into their queue.
func (o *operator) dlqRedrive(ctx context.Context, args []string) error {
	wish, err := parseLetters("dlq redrive", args)
	if err != nil {
		return err
	}

	of, err := o.deadQueue(wish.queue)
	if err != nil {
		return err
	}

	if of.live == "" {
		return fmt.Errorf("letters of %s were no messages of a queue and cannot be brought back: what they were about is "+
			"done again by itself (sweep, the next beat of a schedule, the next change of an alarm). "+
			"Once you know why they came, discard them: ctl dlq discard", of.name)
	}

	live := o.open(of.live)

	moved, err := take(ctx, o.open(of.url), wish.ids, func(letter queue.Delivery) error {
		if err := o.recordLetter(ctx, "dlq redrive", of, letter, wish.reason); err != nil {
			return err
		}

		if err := live.Send(ctx, revived(letter)); err != nil {
			return fmt.Errorf("bring dead letter %s back: %w", letter.ID, err)
		}

		return nil
	})
	fmt.Fprintf(o.stdout, "%d messages are back in %s\n", moved, path.Base(of.live))

	return err
}

// dlqDiscard forgets dead letters for good.
func (o *operator) dlqDiscard(ctx context.Context, args []string) error {
	wish, err := parseLetters("dlq discard", args)
	if err != nil {
		return err
	}

	if len(wish.ids) == 0 || wish.reason == "" {
		return fmt.Errorf("%w: say which and why: --id ID (several times) and --reason TEXT", errUsage)
	}

	of, err := o.deadQueue(wish.queue)
	if err != nil {
		return err
	}

	gone, err := take(ctx, o.open(of.url), wish.ids, func(letter queue.Delivery) error {
		return o.recordLetter(ctx, "dlq discard", of, letter, wish.reason)
	})
	fmt.Fprintf(o.stdout, "%d messages of %s are forgotten\n", gone, of.name)

	return err
}

// recordLetter writes into the audit log of the letter's store, or of the
// platform, what becomes of it. It comes before the deed: a ctl that dies in
// between has said too much, not too little.
func (o *operator) recordLetter(ctx context.Context, action string, of deadQueue, letter queue.Delivery, reason string) error {
	who, err := o.whoami()
	if err != nil {
		return err
	}

	now := time.Now().UTC()

	recorded, err := audit.Op(audit.Entry{
		ID: id.Dated(now, letter.ID, action, now.Format(time.RFC3339Nano)), Store: letter.Attrs[queue.AttrStore],
		Role: "operator", Action: action, Target: "letter " + letter.ID, Before: of.name + ", cause " + letter.Attrs[queue.AttrCause],
		After: "by " + who, Reason: reason, At: now,
	})
	if err != nil {
		return fmt.Errorf("record %s of letter %s: %w", action, letter.ID, err)
	}

	if err := o.state.Write(ctx, recorded); err != nil {
		return fmt.Errorf("record %s of letter %s: %w", action, letter.ID, err)
	}

	return nil
}

// letters is what a command line asks for.
type letters struct {
	queue  string
	most   int
	ids    []string
	reason string
}

// parseLetters reads QUEUE and the flags behind it.
func parseLetters(command string, args []string) (letters, error) {
	const fewest, usual = 1, 10

	if len(args) < fewest || strings.HasPrefix(args[0], "-") {
		return letters{}, fmt.Errorf("%w: %s needs the name of a queue; ctl dlq list shows them", errUsage, command)
	}

	wish := letters{queue: args[0]}

	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&wish.most, "max", usual, "")
	flags.StringVar(&wish.reason, "reason", "", "")
	flags.Func("id", "", func(text string) error {
		wish.ids = append(wish.ids, text)

		return nil
	})

	if err := flags.Parse(args[1:]); err != nil {
		return letters{}, fmt.Errorf("%w: %w", errUsage, err)
	}

	if wish.most < 1 || flags.NArg() > 0 {
		return letters{}, fmt.Errorf("%w: --max must be 1 or more, and nothing follows the flags", errUsage)
	}

	return wish, nil
}
