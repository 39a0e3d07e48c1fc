// Package store provides the register of stores: each is a tenant with a
// Telegram bot of its own.
package store

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/table"
)

// What a store speaks and lives by unless it says otherwise.
const (
	DefaultLanguage = "id"
	DefaultTimeZone = "Asia/Jakarta"
)

// Store is one tenant. Its secrets are kept under TokenName and
// WebhookSecretName, never here.
type Store struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	BotID       int64  `json:"bot_id"`
	BotUsername string `json:"bot_username"`
	Owner       int64  `json:"owner"` // Telegram user id; 0: alerts go nowhere
	Language    string `json:"language"`
	TimeZone    string `json:"time_zone"` // IANA name
	// Speech is the speech models to use, "provider/model", the best first.
	// Empty: the stack's own order.
	Speech    []string  `json:"speech,omitempty"`
	Shop      Shop      `json:"shop,omitzero"`
	CreatedAt time.Time `json:"created_at"`

	Broadcast Broadcast `json:"broadcast,omitzero"`

	// Office: no store, but the owner's own bot, in which owners hear of trouble
	// and the platform's operator, its Owner, looks after all stores.
	Office bool `json:"office,omitempty"`

	// How updates come; package failover turns it.
	Mode     Mode      `json:"mode,omitempty"`     // empty: the stack's own
	Polling  bool      `json:"polling,omitempty"`  // they are fetched now; else Telegram pushes them
	Turning  bool      `json:"turning,omitempty"`  // Telegram has not been told of Polling yet
	TurnedAt time.Time `json:"turned_at,omitzero"` // of the last change of Polling
	Hook     string    `json:"hook,omitempty"`     // where Telegram pushes to, or did before

	// Paused: people are told to come back later, in the words of PausedText by
	// language. Off are the features that the store does not have, Limits its own
	// values in place of the stack's.
	Paused     bool              `json:"paused,omitempty"`
	PausedText map[string]string `json:"paused_text,omitempty"`
	Off        []Feature         `json:"off,omitempty"`
	Limits     map[Limit]int     `json:"limits,omitempty"`
}

// Broadcast is how fast a store may write to all its people.
type Broadcast struct {
	// PerSecond is the most messages a second; 0: as many as Telegram allows.
	PerSecond int `json:"per_second,omitempty"`
	// Paid: campaigns may go faster than what is free, for Stars.
	Paid bool `json:"paid,omitempty"`
	// PacedSince and PacedUntil are when a campaign runs: what else the bot says
	// is counted then, so that both together stay within Telegram's limit.
	PacedSince time.Time `json:"paced_since,omitzero"`
	PacedUntil time.Time `json:"paced_until,omitzero"`
}

// OwnerBot is the id under which the owner's own bot stands in the register. It
// is a tenant like a store, so that its updates come the same way; no store may
// have it.
const OwnerBot = "owner"

// Shop is how a store sells. The zero Shop sells nothing.
type Shop struct {
	Open bool `json:"open,omitempty"`
	// Gateways are the payment gateways of the store, the one to try first first.
	Gateways []Account `json:"gateways,omitempty"`
	// StoreBearsFee: the gateway's fee comes out of the price, instead of on top of it.
	StoreBearsFee bool `json:"store_bears_fee,omitempty"`
	// PayMinutes is how long a buyer has to pay; 0: DefaultPayMinutes.
	PayMinutes int `json:"pay_minutes,omitempty"`
	// TermsDays is how long what buyers submit to terms is kept; 0: DefaultTermsDays.
	TermsDays int `json:"terms_days,omitempty"`
	// Manual tells, by language, how to pay by hand; empty: no manual payment.
	Manual map[string]string `json:"manual,omitempty"`
	// Terms and Support are what /terms and /paysupport say, by language.
	Terms   map[string]string `json:"terms,omitempty"`
	Support map[string]string `json:"support,omitempty"`
}

// What a shop lives by unless it says otherwise.
const (
	DefaultPayMinutes = 15
	DefaultTermsDays  = 30
)

// PayIn is how long a buyer has to pay.
func (s Shop) PayIn() time.Duration {
	return time.Duration(cmp.Or(s.PayMinutes, DefaultPayMinutes)) * time.Minute
}

// KeepTerms is how long what buyers submit to terms is kept.
func (s Shop) KeepTerms() time.Duration {
	return time.Duration(cmp.Or(s.TermsDays, DefaultTermsDays)) * 24 * time.Hour
}

// Account is a store's account at a payment gateway. Its keys are secrets,
// under GatewayKeyName and GatewayHookName.
type Account struct {
	Gateway string `json:"gateway"`           // "pakasir", "stripe", "paypal", "stars"
	Project string `json:"project,omitempty"` // the gateway's name for the account: Pakasir's slug, PayPal's client id
	Hook    string `json:"hook,omitempty"`    // the gateway's id of the webhook, where it has one (PayPal)
	Sandbox bool   `json:"sandbox,omitempty"` // payments of its test mode count
}

// At gives the account at a gateway; false where the store has none.
func (s Shop) At(gateway string) (Account, bool) {
	for _, account := range s.Gateways {
		if account.Gateway == gateway {
			return account, true
		}
	}

	return Account{}, false
}

// GatewayKeyName names the secret with which a store calls a gateway.
func GatewayKeyName(id, gateway string) string {
	return "stores/" + id + "/gateways/" + gateway + "/key"
}

// GatewayHookName names the secret with which a gateway proves its
// notifications to a store.
func GatewayHookName(id, gateway string) string {
	return "stores/" + id + "/gateways/" + gateway + "/webhook"
}

// TokenName names the secret with a store's bot token.
func TokenName(id string) string { return "stores/" + id + "/token" }

// WebhookSecretName names the secret that Telegram proves itself with.
func WebhookSecretName(id string) string { return "stores/" + id + "/webhook-secret" }

// FreshFor is how long Get answers from memory: a change of a store's name or
// owner may take so long to be seen by warm functions.
const FreshFor = time.Minute

// Registry reads and writes stores.
type Registry struct {
	state table.Table
	clock clock.Clock

	mu     sync.Mutex
	cached map[string]cachedStore
}

type cachedStore struct {
	store Store
	until time.Time
}

// NewRegistry makes the register that is kept in the state table.
func NewRegistry(state table.Table, now clock.Clock) *Registry {
	return &Registry{state: state, clock: now, cached: map[string]cachedStore{}}
}

func register() table.Partition { return table.Platform().Partition("stores") }

// Get reads a store, up to a minute old. NotFound where there is none, Invalid
// where id cannot be a store's.
func (r *Registry) Get(ctx context.Context, id string) (Store, error) {
	r.mu.Lock()
	hit, ok := r.cached[id]
	r.mu.Unlock()

	if ok && r.clock.Now().Before(hit.until) {
		return hit.store, nil
	}

	return r.Latest(ctx, id)
}

// Latest reads a store as last written. NotFound where there is none, Invalid
// where id cannot be a store's.
func (r *Registry) Latest(ctx context.Context, id string) (Store, error) {
	if _, err := table.TenantOf(id); err != nil {
		return Store{}, err
	}

	found, _, err := table.Read[Store](ctx, r.state, register().Key("store", id))
	if err != nil {
		return Store{}, errs.Context(err, "get store %s (is it registered?)", id)
	}

	r.mu.Lock()
	r.cached[id] = cachedStore{store: found, until: r.clock.Now().Add(FreshFor)}
	r.mu.Unlock()

	return found, nil
}

// Save creates or changes a store, together with what else belongs into the
// same write, such as an audit row. Conflict where someone else changed it
// between the read and the write.
func (r *Registry) Save(ctx context.Context, changed Store, with ...table.Op) error {
	if _, err := table.TenantOf(changed.ID); err != nil {
		return err
	}

	if err := changed.CheckTimeZone(); err != nil {
		return errs.Context(err, "save store %s", changed.ID)
	}

	body, err := table.Encode(changed)
	if err != nil {
		return err
	}

	key := register().Key("store", changed.ID)

	current, err := r.state.Get(ctx, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "save store %s", changed.ID)
	}

	put := table.Put(table.Row{Key: key, Version: current.Version, Body: body})
	if err := r.state.Write(ctx, append(with, put)...); err != nil {
		return errs.Context(err, "save store %s", changed.ID)
	}

	r.forget(changed.ID)

	return nil
}

// tries is how often a change that another one disturbs is begun anew.
const tries = 4

// Change reads a store as last written, changes it and writes it back, anew
// where somebody else changes it meanwhile, together with other operations such
// as an audit row. A change that changes nothing writes nothing. NotFound where
// there is no such store.
func (r *Registry) Change(ctx context.Context, id string, change func(*Store), with ...table.Op) (Store, error) {
	var err error
	for range tries {
		var changed Store

		changed, err = r.tryChange(ctx, id, change, with)
		if !errs.Is(err, errs.Conflict) {
			return changed, err
		}
	}

	return Store{}, errs.Wrap(err, errs.Unavailable, "change store %s: others keep changing it", id)
}

func (r *Registry) tryChange(ctx context.Context, id string, change func(*Store), with []table.Op) (Store, error) {
	row, err := r.state.Get(ctx, register().Key("store", id))
	if err != nil {
		return Store{}, errs.Context(err, "change store %s", id)
	}

	changed, err := table.Decode[Store](row)
	if err != nil {
		return Store{}, err
	}

	change(&changed)

	body, err := table.Encode(changed)
	if err != nil {
		return Store{}, err
	}

	if string(body) == string(row.Body) {
		return changed, nil
	}

	row.Body = body
	if err := r.state.Write(ctx, append([]table.Op{table.Replace(row)}, with...)...); err != nil {
		return Store{}, errs.Context(err, "change store %s", id)
	}

	r.forget(id)

	return changed, nil
}

// Remove takes a store out of the register; its rows stay until erased.
func (r *Registry) Remove(ctx context.Context, id string) error {
	row, err := r.state.Get(ctx, register().Key("store", id))
	if err != nil {
		return errs.Context(err, "remove store %s", id)
	}

	if err := r.state.Write(ctx, table.Delete(row.Key, row.Version)); err != nil {
		return errs.Context(err, "remove store %s", id)
	}

	r.forget(id)

	return nil
}

// List reads all stores in the order of their ids.
func (r *Registry) List(ctx context.Context) ([]Store, error) {
	var stores []Store

	query := table.Query{Partition: register(), Limit: table.MaxPageRows}

	for {
		page, err := r.state.Query(ctx, query)
		if err != nil {
			return nil, errs.Context(err, "list stores")
		}

		found, err := table.DecodeAll[Store](page.Rows)
		if err != nil {
			return nil, err
		}

		stores = append(stores, found...)

		if page.Next == "" {
			return stores, nil
		}

		query.Cursor = page.Next
	}
}

// Each does something in each of some stores and counts what it has done. One
// failure does not keep the other stores back.
func Each(ctx context.Context, stores []Store, do func(ctx context.Context, id string) (int, error)) (int, error) {
	var (
		done     int
		failures []error
	)

	for _, of := range stores {
		count, err := do(logging.With(ctx, logging.Store, of.ID), of.ID)
		done += count
		failures = append(failures, err)
	}

	return done, errors.Join(failures...)
}

func (r *Registry) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	delete(r.cached, id)
}
