package order

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	maxText    = 4096 // UTF-16 units of a message
	maxCaption = 1024 // of a caption
	// maxTexts is how many messages the units of a line may take; more come as
	// a file.
	maxTexts = 4
)

// leaseFor is how long one delivery has the sending of an order's goods to
// itself, so that a doubled message does not send them twice.
const leaseFor = time.Minute

// sendGoods sends what was bought and marks it before and after. What was sent
// already, by a delivery that died, is not sent again but for the message that
// it was at.
func (d *Deliverer) sendGoods(ctx context.Context, job job) error {
	begun, ours, err := d.Orders.beginSending(ctx, job.order.Ref())
	if err != nil || !ours {
		return err
	}

	job.order = begun

	if err := d.remember(ctx, begun); err != nil {
		return d.letGo(ctx, begun, err)
	}

	parts, err := d.goodsOf(ctx, job, begun.Lines)
	if err != nil {
		return d.letGo(ctx, begun, err)
	}

	for at, part := range parts {
		if at < begun.Parts {
			continue
		}

		if err := d.sendPart(ctx, job, part); err != nil {
			return d.unsent(ctx, job, err)
		}

		if at < len(parts)-1 {
			if err := d.Orders.sentPart(ctx, begun.Ref(), at+1); err != nil {
				return err
			}
		}
	}

	if err := d.Orders.endSending(ctx, begun.Ref()); err != nil {
		return err
	}

	d.Metrics.Put("GoodsSent", 1, metric.Count, nil)
	d.Metrics.Put("GoodsTime", float64(d.Clock.Now().Sub(begun.PaidAt).Milliseconds()), metric.Milliseconds, nil)
	slog.InfoContext(ctx, "goods sent", "messages", len(parts))

	begun.State = Delivered

	job.order = begun
	if err := d.showOutcome(ctx, job); err != nil {
		slog.WarnContext(ctx, "goods sent, but the bill still stands", "error", err)
	}

	d.tellLow(ctx, begun)

	return nil
}

// remember notes what the person has bought. It is paid for by now; before the
// goods are sent, a failure can still begin the delivery anew.
func (d *Deliverer) remember(ctx context.Context, order Order) error {
	products := make([]string, 0, len(order.Lines))
	for _, line := range order.Lines {
		products = append(products, line.Product)
	}

	if len(products) == 0 { // a deposit
		return nil
	}

	return d.Users.Buy(ctx, order.Store, order.User, products...)
}

// tellLow has those told who stock a product of which few are left. The next
// sale tells it too.
func (d *Deliverer) tellLow(ctx context.Context, order Order) {
	for _, line := range order.Lines {
		if line.Policy != catalog.Units {
			continue
		}

		if err := d.Catalog.TellLow(ctx, order.Store, line.Product); err != nil {
			slog.WarnContext(ctx, "nobody told that a product runs low", "product", line.Product, "error", err)
		}
	}
}

// unsent ends a delivery that did not get through: goods of a person who has
// blocked the bot wait, and the owner is told; all others come again.
func (d *Deliverer) unsent(ctx context.Context, job job, failure error) error {
	if !errs.Is(failure, errs.Unauthorized) {
		return d.letGo(ctx, job.order, failure)
	}

	slog.WarnContext(ctx, "goods wait: the person has blocked the bot", "error", failure)

	// The owner first: once the goods are held, nothing comes this way again.
	if err := d.tellOwner(ctx, job); err != nil {
		return d.letGo(ctx, job.order, err)
	}

	// The next word of theirs sets the goods free: see Resume.
	_, err := d.Users.Change(ctx, job.of.ID, job.order.User, func(user *user.User) { user.Blocked = true })
	if err != nil && !errs.Is(err, errs.NotFound) {
		return d.letGo(ctx, job.order, err)
	}

	return d.Orders.hold(ctx, job.order.Ref())
}

// tellOwner tells the owner that goods wait for their buyer.
func (d *Deliverer) tellOwner(ctx context.Context, job job) error {
	args := errs.Args{"Order": job.order.Label(), "User": job.order.User}

	note, err := alert.Alert{
		Store: job.of.ID, Key: "held-" + job.order.ID, Severity: alert.Info, At: d.Clock.Now(),
		Title:  "Order " + job.order.Label() + " is paid, but its buyer has blocked the bot",
		Detail: "The goods wait and are sent as soon as the buyer is back.",
		Keys:   alert.Keys{Title: "ordering.held", Detail: "ordering.held_detail", Args: args},
	}.Note()
	if err != nil {
		return err
	}

	if err := d.Alerts.Publish(ctx, note); err != nil {
		return errs.Context(err, "tell the owner that order %s waits", job.order.ID)
	}

	return nil
}

// letGo gives the lease back, so that the next delivery need not wait for it.
func (d *Deliverer) letGo(ctx context.Context, order Order, failure error) error {
	if err := d.Orders.releaseSending(ctx, order.Ref()); err != nil {
		slog.WarnContext(ctx, "goods not sent, and their lease not given back", "error", err)
	}

	return failure
}

// sendAgain sends goods once more, or the unit that replaces another: the same
// units, no others, once for each wish.
func (d *Deliverer) sendAgain(ctx context.Context, job job) error {
	order := job.order
	if order.State != Delivered && order.State != Delivering && order.State != Paid {
		slog.InfoContext(ctx, "not sent again", "state", order.State)

		return nil
	}

	mark, said, err := d.mark(ctx, job, "")
	if err != nil || said {
		return err
	}

	lines := order.Lines
	if wanted := job.message.Units; len(wanted) > 0 {
		lines = only(lines, wanted)
	}

	parts, err := d.goodsOf(ctx, job, lines)
	if err != nil {
		return err
	}

	for _, part := range parts {
		if err := d.sendPart(ctx, job, part); err != nil {
			return d.unsentAgain(ctx, job, err)
		}
	}

	d.marked(ctx, mark)

	return nil
}

// unsentAgain has a repetition come again, but not to a person who has blocked
// the bot: they can ask for it again. Of a unit that replaces another they do
// not know: it waits for them.
func (d *Deliverer) unsentAgain(ctx context.Context, job job, failure error) error {
	if !errs.Is(failure, errs.Unauthorized) {
		return failure
	}

	if len(job.message.Units) > 0 {
		return d.unsent(ctx, job, failure)
	}

	slog.InfoContext(ctx, "not sent again: the person has blocked the bot", "error", failure)

	return nil
}

// only gives the lines that have some of the units, with those alone.
func only(lines []Line, wanted []string) []Line {
	var some []Line

	for _, line := range lines {
		line.Units = slices.DeleteFunc(slices.Clone(line.Units), func(unit string) bool {
			return !slices.Contains(wanted, unit)
		})
		if line.Count = int64(len(line.Units)); line.Count > 0 {
			some = append(some, line)
		}
	}

	return some
}

// part is one message of an order's goods: a text, a file that Telegram has, or
// a file of ours.
type part struct {
	text   message.Text // or caption
	fileID string
	name   string
	file   []byte
}

func (p part) room() int {
	if p.fileID != "" || p.name != "" {
		return maxCaption
	}

	return maxText
}

func (d *Deliverer) sendPart(ctx context.Context, job job, part part) error {
	to := job.address(0)

	var err error

	switch {
	case part.fileID != "":
		_, err = d.Messenger.SendFile(ctx, to, message.Document{FileID: part.fileID, Caption: part.text})
	case part.name != "":
		err = d.Messenger.SendDocument(ctx, to, part.name, "text/plain; charset=utf-8", bytes.NewReader(part.file), part.text)
	default:
		_, err = d.Messenger.Send(ctx, to, part.text)
	}

	return err
}

// goodsOf puts goods into messages, what is said below them into the last.
func (d *Deliverer) goodsOf(ctx context.Context, job job, lines []Line) ([]part, error) {
	var parts []part

	for _, line := range lines {
		some, err := d.lineOf(ctx, job, line)
		if err != nil {
			return nil, err
		}

		parts = append(parts, some...)
	}

	below := d.Texts.Delivered(job.of, job.order)

	if len(parts) > 0 {
		last := &parts[len(parts)-1]
		together := message.Text{HTML: last.text.HTML + "\n" + below.HTML, Buttons: below.Buttons}

		if len(last.text.Buttons) == 0 && length(together.HTML) <= last.room() {
			last.text = together

			return parts, nil
		}
	}

	return append(parts, part{text: below}), nil
}

func (d *Deliverer) lineOf(ctx context.Context, job job, line Line) ([]part, error) {
	switch line.Policy {
	case catalog.Manual:
		return []part{{text: d.Texts.Handmade(job.of, job.order, line)}}, nil
	case catalog.File:
		return d.fileOf(ctx, job, line)
	case catalog.Units:
	}

	units := slices.DeleteFunc(slices.Clone(line.Units), func(unit string) bool {
		return slices.Contains(line.Claimed, unit)
	})

	plain, err := d.Catalog.Open(ctx, job.of.ID, line.Product, job.order.ID, units)
	if err != nil {
		return nil, err
	}

	contents := make([]string, 0, len(plain))
	for _, content := range plain {
		contents = append(contents, string(content))
	}

	return d.unitsOf(job, line, contents), nil
}

// fileOf gives the file of a product as it is now: a corrected one reaches
// those who ask again.
func (d *Deliverer) fileOf(ctx context.Context, job job, line Line) ([]part, error) {
	offer, err := d.Catalog.Offer(ctx, job.of.ID, line.Product)
	if err != nil {
		return nil, err
	}

	if offer.File == nil {
		return nil, errs.New(errs.Internal, "send the file of product %s: it has none, give it one", line.Product)
	}

	_, caption := d.Texts.GoodsFile(job.of, job.order, line)

	return []part{{text: caption, fileID: offer.File.FileID}}, nil
}

// unitsOf puts units into a few messages, or into a file where they are too
// long or too many for that.
func (d *Deliverer) unitsOf(job job, line Line, contents []string) []part {
	var chunks [][]string

	for start := 0; start < len(contents); {
		end := start + 1
		for end < len(contents) && d.fits(job, line, contents[start:end+1]) {
			end++
		}

		if !d.fits(job, line, contents[start:end]) || len(chunks) == maxTexts {
			return []part{d.document(job, line, contents)}
		}

		chunks = append(chunks, contents[start:end])
		start = end
	}

	parts := make([]part, 0, len(chunks))
	for at, chunk := range chunks {
		parts = append(parts, part{text: d.Texts.Goods(job.of, job.order, line, chunk, at+1, len(chunks))})
	}

	return parts
}

// fits reports whether some units go into one message, however its parts are
// numbered.
func (d *Deliverer) fits(job job, line Line, contents []string) bool {
	return length(d.Texts.Goods(job.of, job.order, line, contents, maxTexts, maxTexts).HTML) <= maxText
}

// length counts the UTF-16 units of a text with its markup: never less than
// Telegram counts.
func length(html string) int { return len(utf16.Encode([]rune(html))) }

func (d *Deliverer) document(job job, line Line, contents []string) part {
	name, caption := d.Texts.GoodsFile(job.of, job.order, line)

	var file bytes.Buffer

	for _, content := range contents {
		file.WriteString(content)
		file.WriteByte('\n')
	}

	return part{text: caption, name: name, file: file.Bytes()}
}

// beginSending marks that the goods of a paid order are being sent, and counts
// the sale; false where there is nothing to send, or it waits for its buyer.
// Unavailable: another delivery is at it.
func (s *Service) beginSending(ctx context.Context, ref Ref) (Order, bool, error) {
	ours := false

	begun, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.Held || (order.State != Paid && order.State != Delivering) {
			return effects{}, errAsItIs
		}

		if order.State == Delivering && now.Before(order.Lease) {
			// Until then a try would be in vain, and a few of those make a dead letter.
			return effects{}, errs.New(errs.Unavailable, "send the goods of order %s: another delivery is at it", order.ID).
				After(order.Lease.Sub(now))
		}

		ours = true
		order.State, order.Lease = Delivering, now.Add(leaseFor)

		if order.Reported || order.Kind != Purchase {
			return effects{}, nil
		}

		order.Reported = true
		counted, err := countSale(*order)

		return effects{ops: counted}, err
	})

	return begun, ours && err == nil, err
}

// sentPart notes how many messages of the goods were sent.
func (s *Service) sentPart(ctx context.Context, ref Ref, parts int) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.State != Delivering {
			return effects{}, errAsItIs
		}

		order.Parts, order.Lease = parts, now.Add(leaseFor)

		return effects{}, nil
	})

	return err
}

// endSending marks that the buyer has the goods, and has the terms sent and
// those told who make something by hand.
func (s *Service) endSending(ctx context.Context, ref Ref) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.State != Delivering {
			return effects{}, errAsItIs // it was refunded meanwhile, or another delivery was faster
		}

		order.State, order.SentAt = Delivered, now
		order.Lease, order.Parts, order.Checks = time.Time{}, 0, 0
		order.Due = secondLook(*order, now)

		var follow effects

		for _, line := range order.Lines {
			if line.Terms {
				follow.tasks = append(follow.tasks, task{message: Message{Task: SendTerms, Product: line.Product}})
			}

			if line.Policy == catalog.Manual {
				follow.tasks = append(follow.tasks, task{message: Message{
					Task: Notify, May: user.SeeOrders, Text: "ordering.by_hand", Args: map[string]any{
						"Order": order.Label(), "ID": order.ID, "User": order.User,
						"Product": line.Name.In(order.Language), "Count": line.Count,
					},
				}})
			}
		}

		return follow, nil
	})

	return err
}

// releaseSending gives the lease of a delivery that failed back.
func (s *Service) releaseSending(ctx context.Context, ref Ref) error {
	_, err := s.move(ctx, ref, func(order *Order, _ time.Time) (effects, error) {
		if order.State != Delivering || order.Lease.IsZero() {
			return effects{}, errAsItIs
		}

		order.Lease = time.Time{}

		return effects{}, nil
	})

	return err
}

// hold has goods wait for a person who has blocked the bot.
func (s *Service) hold(ctx context.Context, ref Ref) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.Held || (order.State != Delivering && order.State != Delivered) {
			return effects{}, errAsItIs
		}

		order.Held, order.Lease = true, time.Time{}
		order.Due = heldLook(*order, now)

		return effects{}, nil
	})

	return err
}
