package deepgram

import (
	"context"
	"net/http"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/speech/call"
)

var _ speech.Probed = (*Client)(nil)

// Probe implements speech.Probed: it asks whose key it is, which is free and
// needs no right. https://developers.deepgram.com/reference/auth/tokens/details
func (c *Client) Probe(ctx context.Context, key secret.Value) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.baseURL+"/auth/token", nil)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "make a request to speech provider %s", Name)
	}

	request.Header.Set("Authorization", "Token "+key.Reveal())

	var token struct{}

	return call.Do(c.http, request, key, &token)
}
