package pakasir

import (
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
)

// SetClock has the gateway live by another clock.
func (g *Gateway) SetClock(now clock.Clock) { g.clock = now }

// AskFor and Rate open the arithmetic of fees to its tests.
func AskFor(of store.Store, method payment.Method, price int64) int64 {
	return askFor(of, method, price)
}

// Rate gives the published fee.
func Rate(method payment.Method, amount int64) int64 { return rate(method, amount) }
