package payment

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/topic"
)

const (
	// downAfter failures in a row take a gateway out for downFor. Then it is
	// tried again, and one more failure takes it out for as long again.
	downAfter = 3
	downFor   = time.Minute
	// seenFor is how long a process goes by what it last read of a gateway's
	// health, which others may have changed.
	seenFor = 10 * time.Second
	// Failures with so much time between them are not "in a row"; a trouble
	// that its owner was told of is remembered until it is over, or so long.
	failuresFor = 15 * time.Minute
	troubleFor  = 7 * 24 * time.Hour
	// countTries bounds how often a failure is counted anew because another
	// process counted at the same moment.
	countTries = 5
)

// Gateways chooses among the gateways of a store, and knows which are down. It
// is safe for concurrent use.
//
// Row of the scratch table: store#ID#gateways / health#GATEWAY, read before a
// gateway is chosen, at most once in 10 seconds, and written only when a call
// failed or the first one after a failure succeeded.
type Gateways struct {
	scratch table.Table
	alerts  topic.Publisher
	clock   clock.Clock
	known   []Gateway

	mu   sync.Mutex
	seen map[string]seenHealth // by store and gateway
}

var _ Till = (*Gateways)(nil)

// gatewayHealth is how the calls of a gateway have been going.
type gatewayHealth struct {
	Failures int       `json:"failures"` // in a row
	Since    time.Time `json:"since"`    // the first of them
	Until    time.Time `json:"until"`    // out until then; zero: it was not taken out
	Told     bool      `json:"told"`     // the owner knows
}

type seenHealth struct {
	health gatewayHealth
	at     time.Time
}

// NewGateways makes a till of the gateways that there are. What stores have of
// them, and in which order, their Shop says.
func NewGateways(scratch table.Table, alerts topic.Publisher, now clock.Clock, known ...Gateway) *Gateways {
	return &Gateways{scratch: scratch, alerts: alerts, clock: now, known: known, seen: map[string]seenHealth{}}
}

// By implements Till.
func (g *Gateways) By(name string) (Gateway, bool) {
	for _, gateway := range g.known {
		if gateway.Name() == name {
			return gateway, true
		}
	}

	return nil, false
}

// Options implements Till. Stars are offered for an amount in Stars to a store
// with a "stars" account, payment by hand, last, where the store says how. The
// wallet is not among them: it depends on the buyer.
func (g *Gateways) Options(ctx context.Context, of store.Store, amount money.Amount) ([]Option, error) {
	if amount.Currency == money.Stars {
		if _, ok := of.Shop.At(order.StarsGateway); ok {
			return []Option{{Method: Stars}}, nil
		}

		return nil, nil
	}

	var options []Option

	for _, gateway := range g.ofStore(of) {
		if g.down(ctx, of, gateway.Name()) {
			continue
		}

		for _, method := range gateway.Methods(of, amount) {
			if slices.ContainsFunc(options, func(o Option) bool { return o.Method == method }) {
				continue // a gateway that the store prefers has it
			}

			fee, err := gateway.Fee(ctx, of, method, amount)
			if err != nil {
				slog.WarnContext(ctx, "way of paying left out: its fee is not known",
					"gateway", gateway.Name(), "method", method, "error", err)

				continue
			}

			options = append(options, Option{Method: method, Fee: fee})
		}
	}

	if len(of.Shop.Manual) > 0 {
		options = append(options, Option{Method: Manual})
	}

	return options, nil
}

// Choose implements Till.
func (g *Gateways) Choose(ctx context.Context, of store.Store, method Method, amount money.Amount) []Gateway {
	var well, down []Gateway

	for _, gateway := range g.ofStore(of) {
		if !slices.Contains(gateway.Methods(of, amount), method) {
			continue
		}

		if g.down(ctx, of, gateway.Name()) {
			down = append(down, gateway)
		} else {
			well = append(well, gateway)
		}
	}

	return append(well, down...)
}

// ofStore gives the gateways that a store has an account at, in its order.
func (g *Gateways) ofStore(of store.Store) []Gateway {
	var found []Gateway

	for _, account := range of.Shop.Gateways {
		if gateway, ok := g.By(account.Gateway); ok {
			found = append(found, gateway)
		}
	}

	return found
}

var _ health.Gateways = (*Gateways)(nil)

// Condition implements health.Gateways, by what is stored: the trouble that
// calls for buyers have met.
func (g *Gateways) Condition(ctx context.Context, of store.Store, gateway string) (health.Gateway, error) {
	known, _, err := g.read(ctx, of, gateway)
	if err != nil {
		return health.Gateway{}, errs.Context(err, "read how gateway %s of store %s does", gateway, of.ID)
	}

	return health.Gateway{Failures: known.Failures, Since: known.Since, Down: known.Failures >= downAfter}, nil
}

func (g *Gateways) down(ctx context.Context, of store.Store, gateway string) bool {
	return g.clock.Now().Before(g.health(ctx, of, gateway).Until)
}

// health gives how a gateway does, as of a few seconds ago. Where the table is
// out of reach this process goes by what it knows.
func (g *Gateways) health(ctx context.Context, of store.Store, gateway string) gatewayHealth {
	now := g.clock.Now()

	g.mu.Lock()
	seen, ok := g.seen[of.ID+" "+gateway]
	g.mu.Unlock()

	if ok && now.Before(seen.at.Add(seenFor)) {
		return seen.health
	}

	health, _, err := g.read(ctx, of, gateway)
	if err != nil {
		slog.WarnContext(ctx, "health of a payment gateway is out of reach", "gateway", gateway, "error", err)

		return seen.health
	}

	g.see(of, gateway, health)

	return health
}

func (g *Gateways) see(of store.Store, gateway string, health gatewayHealth) {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.seen[of.ID+" "+gateway] = seenHealth{health: health, at: g.clock.Now()}
}

// read gives the health as it is stored, and its version; no failures and 0
// where there were none.
func (g *Gateways) read(ctx context.Context, of store.Store, gateway string) (gatewayHealth, int64, error) {
	key, err := healthKey(of, gateway)
	if err != nil {
		return gatewayHealth{}, 0, err
	}

	health, version, err := table.Read[gatewayHealth](ctx, g.scratch, key)
	if errs.Is(err, errs.NotFound) {
		return gatewayHealth{}, 0, nil
	}

	return health, version, err
}

func healthKey(of store.Store, gateway string) (table.Key, error) {
	tenant, err := table.TenantOf(of.ID)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("gateways").Key("health", gateway), nil
}

// Report implements Till. What says nothing of the gateway's health (a busy
// gateway, an unknown transaction, a request that it rightly refuses) changes
// nothing.
func (g *Gateways) Report(ctx context.Context, of store.Store, gateway string, failure error) {
	var err error

	switch errs.CodeOf(failure) {
	case "":
		if g.health(ctx, of, gateway).Failures == 0 {
			return
		}

		err = g.recovered(ctx, of, gateway)
	case errs.Unavailable, errs.Unauthorized, errs.Internal:
		err = g.failed(ctx, of, gateway, failure)
	default:
		return
	}

	if err != nil {
		slog.ErrorContext(ctx, "health of a payment gateway is not noted", "gateway", gateway, "error", err)
	}
}

// failed counts a failure. What cannot be stored counts in this process.
func (g *Gateways) failed(ctx context.Context, of store.Store, gateway string, failure error) error {
	at := g.clock.Now()

	for try := 1; ; try++ {
		stored, version, err := g.read(ctx, of, gateway)
		if err != nil {
			stored = g.health(ctx, of, gateway)
		}

		health := stored.failedAt(at)
		if health.Failures >= downAfter && !health.Told {
			health.Told = g.tell(ctx, of, gateway, health.trouble(of, gateway, at))
		}

		if err == nil {
			err = g.write(ctx, of, gateway, version, health)
		}

		if errs.Is(err, errs.Conflict) && try < countTries { // another process has counted: count on from there
			continue
		}

		g.see(of, gateway, health)

		slog.WarnContext(ctx, "payment gateway failed", "gateway", gateway, "in_a_row", health.Failures, "error", failure)

		return err
	}
}

// failedAt gives the health after one more failure.
func (h gatewayHealth) failedAt(at time.Time) gatewayHealth {
	if h.Failures == 0 {
		h.Since = at
	}

	h.Failures++
	if h.Failures >= downAfter {
		h.Until = at.Add(downFor)
	}

	return h
}

// recovered forgets the failures, and tells the owner that it is over where the
// trouble was told.
func (g *Gateways) recovered(ctx context.Context, of store.Store, gateway string) error {
	stored, version, err := g.read(ctx, of, gateway)
	if err != nil {
		return err
	}

	if stored.Told {
		over := stored.trouble(of, gateway, g.clock.Now())
		over.Recovered = true

		if !g.tell(ctx, of, gateway, over) {
			return nil // the next success tells it
		}
	}

	if version > 0 {
		key, err := healthKey(of, gateway)
		if err != nil {
			return err
		}

		// Conflict: it failed meanwhile, or another process was here first.
		if err := g.scratch.Write(ctx, table.Delete(key, version)); err != nil && !errs.Is(err, errs.Conflict) {
			return errs.Context(err, "note that gateway %s of store %s is well", gateway, of.ID)
		}
	}

	g.see(of, gateway, gatewayHealth{})

	return nil
}

func (g *Gateways) write(ctx context.Context, of store.Store, gateway string, version int64, health gatewayHealth) error {
	key, err := healthKey(of, gateway)
	if err != nil {
		return err
	}

	body, err := table.Encode(health)
	if err != nil {
		return err
	}

	keep := failuresFor
	if health.Told {
		keep = troubleFor
	}

	row := table.Row{Key: key, Version: version, Body: body, Expires: g.clock.Now().Add(keep).Truncate(time.Second)}
	if err := g.scratch.Write(ctx, table.Put(row)); err != nil {
		return errs.Context(err, "count a failure of gateway %s of store %s", gateway, of.ID)
	}

	return nil
}

// trouble is what the owner is told.
func (h gatewayHealth) trouble(of store.Store, gateway string, at time.Time) alert.Alert {
	args := errs.Args{"Gateway": gateway, "Count": h.Failures}

	return alert.Alert{
		Store: of.ID, Key: "gateway-" + gateway, At: at, Severity: severityOf(of), Runbook: "gateway-down",
		Title:  "Payment gateway " + gateway + " fails",
		Detail: "Three calls in a row failed. Orders that wait for a payment are safe.",
		Keys:   keysOf(of, args),
	}
}

// severityOf says how bad it is: where there is another gateway, people can pay.
func severityOf(of store.Store) alert.Severity {
	if otherGateway(of) {
		return alert.Warning
	}

	return alert.Critical
}

// keysOf say what it means for the store.
func keysOf(of store.Store, args errs.Args) alert.Keys {
	keys := alert.Keys{
		Title: "trouble.gateway_title", Detail: "trouble.gateway_only", Advice: "trouble.gateway_only_advice", Args: args,
	}
	if otherGateway(of) {
		keys.Detail, keys.Advice = "trouble.gateway", "trouble.gateway_advice"
	}

	return keys
}

// otherGateway reports whether the store has more than one to pay money at.
func otherGateway(of store.Store) bool {
	distinct := map[string]bool{}
	for _, account := range of.Shop.Gateways {
		distinct[account.Gateway] = true
	}

	delete(distinct, order.StarsGateway)

	return len(distinct) > 1
}

// tell publishes an alert, and reports whether it could.
func (g *Gateways) tell(ctx context.Context, of store.Store, gateway string, reported alert.Alert) bool {
	note, err := reported.Note()
	if err == nil {
		err = g.alerts.Publish(ctx, note)
	}

	if err != nil {
		slog.ErrorContext(ctx, "owner not told of a payment gateway", "store", of.ID, "gateway", gateway, "error", err)
	}

	return err == nil
}
