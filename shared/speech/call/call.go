// Package call provides what the HTTP calls of all speech providers have in
// common: refusals into errors, without the key, and answers of bounded size.
package call

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/refusal"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
)

const (
	// maxAnswer bounds an answer: a day of speech with word times is under 32 MB.
	maxAnswer = 64 << 20
	// maxComplaint is how much of a refusal is kept for the log.
	maxComplaint = 1 << 10
)

// Do sends a request that carries the key and decodes the answer, JSON, into
// answer. Errors are as speech.Provider promises; what went wrong behind the
// sending is marked by speech.Lost.
func Do(client *http.Client, request *http.Request, key secret.Value, answer any) error {
	response, err := client.Do(request) //nolint:gosec // the address is the operator's setting
	if err != nil {
		return sendFailure(request.Context(), err)
	}
	defer response.Body.Close() // it was read, nothing can be lost

	if response.StatusCode != http.StatusOK {
		return refused(response, key)
	}

	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return speech.Lost(errs.Wrap(err, errs.Unavailable, "read the speech provider's answer"))
	}

	return nil
}

// Probe asks an address for something that is free, to see whether the provider
// and the key are well. Errors are those of Do.
func Probe(ctx context.Context, client *http.Client, address, scheme string, key secret.Value) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "make a request to a speech provider")
	}

	request.Header.Set("Authorization", scheme+" "+key.Reveal())

	var answer struct{} // whatever it is

	return Do(client, request, key, &answer)
}

// sendFailure tells why there was no answer, which may have been billed.
func sendFailure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause // HTTP clients only say that it was cancelled
	}

	return speech.Lost(errs.Wrap(err, errs.Unavailable, "send audio to the speech provider"))
}

// refused turns an answer that is no transcript into an error, without the
// key, which some providers repeat.
func refused(response *http.Response, key secret.Value) error {
	said := refusal.Words(response.Body, maxComplaint, key)

	switch status := response.StatusCode; status {
	case http.StatusTooManyRequests:
		return errs.New(errs.Limited, "the speech provider is busy: %s", said).After(refusal.RetryAfter(response.Header))
	case http.StatusRequestEntityTooLarge:
		return errs.New(errs.Invalid, "the speech provider takes no file of this size: %s", said).Tell("error.too_long", nil)
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return errs.New(errs.Invalid, "the speech provider cannot hear this file: %s", said).Tell("error.not_heard", nil)
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return errs.New(errs.Unauthorized, "the speech provider refuses the key: %s", said)
	case http.StatusNotFound:
		return errs.New(errs.Internal, "the speech provider knows no such model or address: %s", said)
	case http.StatusRequestTimeout, http.StatusGatewayTimeout: // of a gateway that waited for who does the work
		return speech.Lost(errs.New(errs.Unavailable, "the speech provider answered %d: %s", status, said))
	default:
		return errs.New(errs.Unavailable, "the speech provider answered %d: %s", status, said)
	}
}
