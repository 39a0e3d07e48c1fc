// Package call provides what the HTTP calls of all payment gateways have in
// common: bounds on time and size, another try where it can do no harm, and
// refusals as errors that hold no key.
package call

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/refusal"
	"github.com/lapak-id/lapak/shared/secret"
)

const (
	// patience bounds one try. Gateways answer within a second or two; a buyer
	// waits for the bill.
	patience = 8 * time.Second
	// maxAnswer bounds an answer: the largest, of Stripe, are under 50 KB.
	maxAnswer = 1 << 20
	// maxComplaint is how much of a refusal is kept for the log.
	maxComplaint = 512

	// A call that may be sent again is sent again once, after a moment: what
	// follows a longer outage is for the queue and the breaker.
	tries      = 2
	firstPause = 200 * time.Millisecond
)

// Caller calls one gateway.
type Caller struct {
	gateway string
	http    *http.Client
	retry   retrypolicy.RetryPolicy[any]
}

// New makes a caller with a client of its own.
func New(gateway string) *Caller {
	return &Caller{
		gateway: gateway,
		http: &http.Client{
			Timeout: patience,
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				TLSHandshakeTimeout: patience / 2,
				MaxIdleConnsPerHost: 4,
				IdleConnTimeout:     time.Minute,
				ForceAttemptHTTP2:   true,
			},
			// An address elsewhere must not get the key.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		retry: retrypolicy.NewBuilder[any]().
			HandleIf(func(_ any, err error) bool { return errs.Is(err, errs.Unavailable) }).
			AbortOnErrors(context.Canceled, context.DeadlineExceeded).
			WithMaxAttempts(tries).WithDelay(firstPause).ReturnLastFailure().Build(),
	}
}

// Close ends the connections that are kept open.
func (c *Caller) Close() { c.http.CloseIdleConnections() }

// Request is one call.
type Request struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    []byte
	// Again: it may be sent again when its answer is lost, because it asks
	// only, or because the gateway knows it again.
	Again bool
	// Keys are what the headers or the body hold that no log may show.
	Keys []secret.Value
}

// Do sends a request and decodes the answer, JSON, into answer; nil drops it.
// Unavailable: no answer, one of 5xx, or one that cannot be read: it may have
// taken effect. Limited: too often. Unauthorized: the key is refused.
// NotFound, Conflict, Invalid: as the gateway says.
func (c *Caller) Do(ctx context.Context, request Request, answer any) error {
	once := func() error { return c.once(ctx, request, answer) }
	if !request.Again {
		return once()
	}

	err := failsafe.With(c.retry).WithContext(ctx).Run(once)
	if _, ours := errors.AsType[*errs.Error](err); err != nil && !ours { // it was cut short between two tries
		return errs.Wrap(err, errs.Unavailable, "call %s", c.gateway)
	}

	return err //nolint:wrapcheck // it is what once has given
}

func (c *Caller) once(ctx context.Context, request Request, answer any) error {
	prepared, err := http.NewRequestWithContext(ctx, request.Method, request.URL, bytes.NewReader(request.Body))
	if err != nil {
		return errs.New(errs.Internal, "make a call of %s: its address in the settings is none", c.gateway)
	}

	prepared.Header.Set("Accept", "application/json")

	for name, value := range request.Headers {
		prepared.Header.Set(name, value)
	}

	response, err := c.http.Do(prepared)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // HTTP clients only say that it was cancelled
		}

		return errs.Wrap(err, errs.Unavailable, "call %s", c.gateway)
	}
	defer response.Body.Close() // it was read, nothing can be lost

	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return c.refused(response, request.Keys)
	}

	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "read the answer of %s", c.gateway)
	}

	if len(text) > maxAnswer {
		return errs.New(errs.Unavailable, "read the answer of %s: it is over %d bytes", c.gateway, maxAnswer)
	}

	if answer == nil {
		return nil
	}

	if err := json.Unmarshal(text, answer); err != nil {
		return errs.Wrap(err, errs.Unavailable, "read the answer of %s", c.gateway)
	}

	return nil
}

// refused turns an answer that is no success into an error.
func (c *Caller) refused(response *http.Response, keys []secret.Value) error {
	said := refusal.Words(response.Body, maxComplaint, keys...)

	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests:
		return errs.New(errs.Limited, "%s is asked too often: %s", c.gateway, said).After(refusal.RetryAfter(response.Header))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errs.New(errs.Unauthorized, "%s refuses the key of the store: %s", c.gateway, said)
	case status == http.StatusNotFound:
		return errs.New(errs.NotFound, "%s knows nothing of this: %s", c.gateway, said)
	case status == http.StatusConflict:
		return errs.New(errs.Conflict, "%s answered %d: %s", c.gateway, status, said)
	case status == http.StatusRequestTimeout || status >= http.StatusInternalServerError || status < http.StatusBadRequest:
		return errs.New(errs.Unavailable, "%s answered %d: %s", c.gateway, status, said)
	default:
		return errs.New(errs.Invalid, "%s answered %d: %s", c.gateway, status, said)
	}
}

// KeysOf reads the keys with which a store calls the gateway. Unauthorized where
// it has none, Unavailable where they cannot be read.
func (c *Caller) KeysOf(ctx context.Context, vault secret.Vault, store, name string) (secret.Secret, error) {
	known, err := vault.Get(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return known, errs.Wrap(err, errs.Unauthorized, "store %s has no key of %s: set it with ctl gateway set", store, c.gateway)
	}

	if err != nil {
		return known, errs.Wrap(err, errs.Unavailable, "read the key of store %s for %s", store, c.gateway)
	}

	return known, nil
}

// DoWithKeys is Do with a key of the store in a header; with the one before it
// where the current one is refused, for gateways change keys at once and we do
// not.
func (c *Caller) DoWithKeys(
	ctx context.Context, keys secret.Secret, request Request, header func(secret.Value) (name, value string), answer any,
) error {
	request.Keys = Keys(keys)
	headers := maps.Clone(request.Headers)

	var err error

	for _, key := range request.Keys {
		name, value := header(key)
		headers[name], request.Headers = value, headers

		if err = c.Do(ctx, request, answer); !errs.Is(err, errs.Unauthorized) {
			break
		}
	}

	return err
}

// Keys gives the values of a secret that are set, the current one first.
func Keys(of secret.Secret) []secret.Value {
	if of.Previous == "" {
		return []secret.Value{of.Current}
	}

	return []secret.Value{of.Current, of.Previous}
}
