package order

import "time"

// When the clock looks after an order.
const (
	// firstCheck is how long after it was placed, or looked after, an order is
	// looked after again; each time twice as long, until its deadline.
	firstCheck = 2 * time.Minute
	// Grace is how long after its deadline an order whose gateway cannot be
	// asked is kept; then it expires all the same.
	Grace = 10 * time.Minute
	// stuckAfter is how long goods may be on their way before a message of
	// theirs must have been lost: longer than all tries of one.
	stuckAfter = 10 * time.Minute
	// stuckMost is how often at least the goods of an order are tried again.
	stuckMost = 6 * time.Hour
	// heldLooks is how often goods that wait for a person who had blocked the
	// bot are tried again by the clock: their return may cross the waiting.
	heldLooks = 8
)

// lateLooks gives the waits between the looks for late payments, from when an
// order is closed, or its goods are sent. Pakasir's transactions, the longest,
// end after 24 hours.
func lateLooks() []time.Duration { return []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour} }

// firstLook gives when the clock looks after a new order.
func firstLook(order Order, now time.Time) time.Time { return awaitingLook(order, now) }

// awaitingLook gives when the clock looks next after an order that awaits its
// payment and that it has looked after Checks times.
func awaitingLook(order Order, now time.Time) time.Time {
	next := now.Add(firstCheck << min(order.Checks, 10))

	switch {
	case next.Before(order.Deadline):
		return next
	case now.Before(order.Deadline):
		return order.Deadline
	default:
		return now.Add(firstCheck) // it is asked again until it expires
	}
}

// lateLook gives when the clock looks next for a late payment of a closed
// order; zero where there is nothing to be paid, or it has looked often enough.
func lateLook(order Order, now time.Time) time.Time {
	if order.Checks >= len(lateLooks()) {
		return time.Time{}
	}

	for _, bill := range order.Bills {
		if bill.Outside() {
			return now.Add(lateLooks()[order.Checks])
		}
	}

	return time.Time{}
}

// secondLook gives when the clock looks next after the other bills of an order
// that was paid; zero where none of them can be paid any more. They are
// cancelled when the order is paid, but their gateway may be away then.
func secondLook(order Order, now time.Time) time.Time {
	if !order.toClose() {
		return time.Time{}
	}

	return lateLook(order, now)
}

// stuckLook gives when the clock looks next after goods that are on their way.
func stuckLook(order Order, now time.Time) time.Time {
	return now.Add(min(stuckAfter<<min(order.Checks, 10), stuckMost))
}

// heldLook gives when the clock tries goods again that wait for their buyer;
// zero after a few days.
func heldLook(order Order, now time.Time) time.Time {
	if order.Checks >= heldLooks {
		return time.Time{}
	}

	return now.Add(stuckMost)
}
