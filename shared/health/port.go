package health

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/store"
)

// Webhook is what Telegram says of a store's webhook.
type Webhook struct {
	URL       string
	Pending   int
	LastError string
	FailedAt  time.Time // zero: never
}

// Bots ask Telegram about the bots of stores. shared/telegram has them.
type Bots interface {
	Webhook(ctx context.Context, store string) (Webhook, error)
}

// Failover decides whether updates are pushed or fetched. shared/failover has
// it.
type Failover interface {
	// Look decides it for a store, by what Telegram says of its webhook and
	// whether that seems to fail, and gives the store as it then is.
	Look(ctx context.Context, of store.Store, hook Webhook, failing bool) (store.Store, error)
	// ModeOf gives the mode that a store is in.
	ModeOf(of store.Store) store.Mode
}

// Queue is a queue that can be counted.
type Queue interface {
	Depth(ctx context.Context) (int, error)
}

// Bucket is a bucket that can be listed.
type Bucket interface {
	List(ctx context.Context, prefix, cursor string, limit int) (blob.Page, error)
}

// Gateway is how a payment gateway has done for a store.
type Gateway struct {
	Failures int       // in a row
	Since    time.Time // of the first of them
	Down     bool      // bills go to others until it is tried again
}

// Gateways know how payment gateways do, by the calls made for buyers.
// shared/payment has them.
type Gateways interface {
	Condition(ctx context.Context, of store.Store, gateway string) (Gateway, error)
}

// Speech asks speech providers something that costs nothing. shared/speech has
// it.
type Speech interface {
	// Names gives the providers that there are.
	Names() []string
	// Probe asks one with the environment's key. NotFound where there is no
	// such key, Unauthorized where it is refused.
	Probe(ctx context.Context, provider string) error
}

// Certificates look at the certificates of hosts. shared/health/tlscert has
// them.
type Certificates interface {
	// Expires gives the moment until which the certificate of "host:port" is
	// good. Unavailable where it cannot be reached, Invalid where what it
	// shows is not to be trusted.
	Expires(ctx context.Context, address string) (time.Time, error)
}

// Metric is a series of CloudWatch's.
type Metric struct {
	Namespace string
	Name      string
	Dimension string        // name of its one dimension; empty: none
	Of        string        // value of it
	Sum       bool          // added up over Within, instead of the largest
	Within    time.Duration // whole minutes back from now
}

// Cloud tells what only the cloud's own books know. shared/health/cloud has
// the one of AWS.
type Cloud interface {
	// Restorable gives the last moment that the state table can be restored
	// to; zero where nothing backs it up.
	Restorable(ctx context.Context) (time.Time, error)
	// Concurrency gives how many invocations the account may run at once.
	Concurrency(ctx context.Context) (int, error)
	// Parameters counts the account's parameters, and how many it may have.
	Parameters(ctx context.Context) (int, int, error)
	// Metrics gives the values of those series that have any.
	Metrics(ctx context.Context, series []Metric) (map[Metric]float64, error)
}
