// Package control drives the Pakasir simulator: what the world does to it, for
// tests and the local cloud.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Project is a store's account.
type Project struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`     // of the merchant, on the QR code; empty: the slug
	Key      string `json:"key"`      // X-Api-Key
	Secret   string `json:"secret"`   // X-Secret of its notifications
	Callback string `json:"callback"` // where they go; empty: nowhere
	Sandbox  bool   `json:"sandbox"`
}

// Transaction is one of a project's.
type Transaction struct {
	ID          string    `json:"txn_id"`
	Project     string    `json:"project"`
	Order       string    `json:"order_id"`
	Method      string    `json:"payment_method"`
	Asked       int64     `json:"asked"`  // what it was created for
	Amount      int64     `json:"amount"` // what was paid, where that is another amount
	Fee         int64     `json:"fee"`
	QR          string    `json:"qr_string"`
	Account     string    `json:"va_number"`
	Status      string    `json:"status"`
	Late        bool      `json:"late"` // it is paid once it has ended
	Sandbox     bool      `json:"is_sandbox"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiredAt   time.Time `json:"expired_at"`
	CompletedAt time.Time `json:"completed_at"`
}

// Faults are what goes wrong at the gateway. The zero Faults are none.
type Faults struct {
	// Outage: every call is answered 503.
	Outage bool `json:"outage"`
	// DelayMS is how long every answer takes, in milliseconds.
	DelayMS int `json:"delay_ms"`
	// Cut is of how many calls that create or cancel the answer is lost after
	// they took effect.
	Cut int `json:"cut"`
	// Lie is what transaction-status tells wrongly; empty: nothing.
	Lie Lie `json:"lie"`
	// Mute: no notification is sent.
	Mute bool `json:"mute"`
	// NotifyDelayMS is how late notifications are, in milliseconds.
	NotifyDelayMS int `json:"notify_delay_ms"`
	// Copies is how many more times each notification is sent.
	Copies int `json:"copies"`
}

// Lie is a way in which transaction-status does not tell the truth.
type Lie string

// The lies.
const (
	LiePaid        Lie = "completed"   // that it is paid
	LieUnpaid      Lie = "pending"     // that it is not
	LieAmount      Lie = "amount"      // another amount
	LieOrder       Lie = "order"       // another order
	LieTransaction Lie = "transaction" // another transaction
	LieSandbox     Lie = "sandbox"     // that it was a payment of the sandbox
	LieGarbage     Lie = "garbage"     // nothing that is JSON
)

// Action is what happens to a transaction.
type Action string

// The actions.
const (
	Pay      Action = "pay"      // the payer pays
	Fail     Action = "fail"     // it is cancelled, and notified
	Late     Action = "late"     // the payer pays, but it only arrives once the transaction has ended
	Twice    Action = "twice"    // the payer pays, and then pays again for the same order
	Wrong    Action = "wrong"    // the payer pays another amount
	Announce Action = "announce" // a notification says that it is paid; it is not
	Resend   Action = "resend"   // the notification is sent again
)

// Delivery is one try to notify.
type Delivery struct {
	Transaction string    `json:"txn_id"`
	Try         int       `json:"try"`    // 1 at the first
	Status      int       `json:"status"` // of the answer; 0: there was none
	Error       string    `json:"error,omitempty"`
	At          time.Time `json:"at"`
}

// State is all that a simulator knows.
type State struct {
	Projects     []Project     `json:"projects"`
	Transactions []Transaction `json:"transactions"` // the oldest first
	Faults       Faults        `json:"faults"`
	Deliveries   []Delivery    `json:"deliveries"` // of this run, the oldest first
	Calls        []string      `json:"calls"`      // of the API in this run, as "METHOD PATH", the oldest first
}

// Client speaks to a simulator.
type Client struct {
	address string
	http    *http.Client
}

// New makes a client of the simulator at an address such as
// http://127.0.0.1:8083.
func New(address string) *Client { return &Client{address: address, http: http.DefaultClient} }

// SetProject adds a project or changes it.
func (c *Client) SetProject(ctx context.Context, project Project) error {
	return c.call(ctx, http.MethodPut, "/control/projects/"+url.PathEscape(project.Slug), project, nil)
}

// State gives all that it knows.
func (c *Client) State(ctx context.Context) (State, error) {
	var state State

	return state, c.call(ctx, http.MethodGet, "/control/state", nil, &state)
}

// Of gives the transactions of an order, the oldest first.
func (c *Client) Of(ctx context.Context, order string) ([]Transaction, error) {
	state, err := c.State(ctx)
	if err != nil {
		return nil, err
	}

	var found []Transaction

	for _, transaction := range state.Transactions {
		if transaction.Order == order {
			found = append(found, transaction)
		}
	}

	return found, nil
}

// Act has something happen to a transaction.
func (c *Client) Act(ctx context.Context, transaction string, action Action) error {
	return c.call(ctx, http.MethodPost, "/control/transactions/"+url.PathEscape(transaction)+"/"+string(action), nil, nil)
}

// SetFaults sets what goes wrong from now on.
func (c *Client) SetFaults(ctx context.Context, faults Faults) error {
	return c.call(ctx, http.MethodPut, "/control/faults", faults, nil)
}

// Advance moves the simulator's clock forward.
func (c *Client) Advance(ctx context.Context, by time.Duration) error {
	return c.call(ctx, http.MethodPost, "/control/advance", map[string]int64{"ms": by.Milliseconds()}, nil)
}

// Flush has notifications that wait, for their first try or another one, sent
// at once.
func (c *Client) Flush(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/control/flush", nil, nil)
}

// Idle returns when no notification is under way or waits for another try.
func (c *Client) Idle(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/control/idle", nil, nil)
}

func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", method, path, err)
	}

	request, err := http.NewRequestWithContext(ctx, method, c.address+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("make %s %s: %w", method, path, err)
	}

	request.Header.Set("Content-Type", "application/json")

	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the Pakasir simulator: %w", err)
	}
	defer response.Body.Close() // it was read, nothing can be lost

	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}

	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: the Pakasir simulator answers %d: %s", method, path, response.StatusCode, answer)
	}

	if into == nil {
		return nil
	}

	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}

	return nil
}
