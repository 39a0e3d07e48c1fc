package paypal

import (
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/secret"
)

// SetClock has the gateway live by another clock.
func (g *Gateway) SetClock(now clock.Clock) { g.clock = now }

// Mark gives the text that an order of ours bears.
func Mark(reference string, rupiah, inCents int64, key secret.Value) string {
	return mark{reference: reference, rupiah: rupiah, cents: inCents}.sign(key)
}

// ParseMark opens the parser to its fuzz test: the reference, and whether it
// was signed with the key.
func ParseMark(custom string, key secret.Value) (string, bool) {
	found := readMark(custom, secret.Secret{Current: key})

	return found.reference, found.rupiah > 0
}

// Worth gives the rupiah that so many dollars of a bill stand for.
func Worth(rupiah, inCents int64, paid string) int64 {
	return mark{rupiah: rupiah, cents: inCents}.worth(amount{Currency: "USD", Value: paid})
}
