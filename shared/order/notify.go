package order

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/table"
)

// sendTerms asks the buyer to answer the terms of a product, once for an order.
func (d *Deliverer) sendTerms(ctx context.Context, job job) error {
	mark, said, err := d.mark(ctx, job, "")
	if err != nil || said {
		return err
	}

	offer, err := d.Catalog.Offer(ctx, job.of.ID, job.message.Product)
	if errs.Is(err, errs.NotFound) || (err == nil && len(offer.Terms) == 0) {
		slog.InfoContext(ctx, "terms not sent: the product has none any more", "product", job.message.Product)

		return nil
	}

	if err != nil {
		return err
	}

	_, err = d.Messenger.Send(ctx, job.address(0), d.Texts.Terms(job.of, job.order, offer.Product))
	if errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "terms not sent: the person has blocked the bot", "error", err)

		return nil
	}

	if err != nil {
		return err
	}

	d.marked(ctx, mark)

	return nil
}

// notify tells a person something, or everybody of the store who may do something.
func (d *Deliverer) notify(ctx context.Context, job job) error {
	people := []int64{job.message.User}

	if job.message.May != "" {
		var err error
		if people, err = d.Staff.Who(ctx, job.of, job.message.May); err != nil {
			return err
		}
	}

	for _, person := range people {
		if err := d.tell(ctx, job, person); err != nil {
			return err
		}
	}

	return nil
}

// tell tells one person, once.
func (d *Deliverer) tell(ctx context.Context, job job, person int64) error {
	mark, said, err := d.mark(ctx, job, strconv.FormatInt(person, 10))
	if err != nil || said {
		return err
	}

	language, err := d.language(ctx, job, person)
	if err != nil {
		return err
	}

	to := message.Address{Store: job.of.ID, Chat: person}
	if person == job.order.User {
		to.Chat = job.order.Chat
	}

	text := d.Texts.Notice(job.of, language, job.message.Text, job.message.Args)

	if job.message.Photo != "" {
		_, err = d.Messenger.SendPhoto(ctx, to, message.Photo{FileID: job.message.Photo, Caption: text})
	} else {
		_, err = d.Messenger.Send(ctx, to, text)
	}

	if errs.Is(err, errs.Unauthorized) || errs.Is(err, errs.NotFound) {
		slog.InfoContext(ctx, "not told: the person has blocked the bot, or never pressed Start",
			"user", person, "text", job.message.Text, "error", err)

		return nil
	}

	if err != nil {
		return errs.Context(err, "tell user %d %s", person, job.message.Text)
	}

	d.marked(ctx, mark)

	return nil
}

// language gives what a person is spoken to in.
func (d *Deliverer) language(ctx context.Context, job job, person int64) (string, error) {
	if person == job.order.User && job.order.Language != "" {
		return job.order.Language, nil
	}

	known, err := d.Users.Get(ctx, job.of.ID, person)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return "", err
	}

	return cmp.Or(known.Language, job.of.Language), nil
}

// markedFor is how long a doubled message is recognised: longer than a queue
// keeps one.
const markedFor = 7 * 24 * time.Hour

// mark gives the row that says that something was said to somebody, and
// whether it was.
func (d *Deliverer) mark(ctx context.Context, job job, whom string) (table.Row, bool, error) {
	tenant, err := table.TenantOf(job.of.ID)
	if err != nil {
		return table.Row{}, false, err
	}

	if job.cause == "" {
		return table.Row{}, false, errs.New(errs.Invalid, "the message names no cause")
	}

	row := table.Row{
		Key:     tenant.Partition("said", job.cause).Key("mark", whom),
		Body:    []byte(`{}`),
		Expires: d.Clock.Now().Add(markedFor),
	}

	switch _, err := d.Scratch.Get(ctx, row.Key); errs.CodeOf(err) {
	case "":
		return row, true, nil
	case errs.NotFound:
		return row, false, nil
	default:
		return table.Row{}, false, errs.Context(err, "look whether it was said")
	}
}

// marked notes that something was said. Said it is: going back to the queue
// because of the note would say it again for sure.
func (d *Deliverer) marked(ctx context.Context, row table.Row) {
	if err := d.Scratch.Write(ctx, table.Create(row)); err != nil && !errs.Is(err, errs.Conflict) {
		slog.WarnContext(ctx, "said, but not marked as said", "error", err)
	}
}
