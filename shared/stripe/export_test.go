package stripe

import "github.com/lapak-id/lapak/shared/clock"

// SetClock has the gateway live by another clock.
func (g *Gateway) SetClock(now clock.Clock) { g.clock = now }
