package groq

import (
	"context"
	"net/http"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/speech/call"
)

var _ speech.Probed = (*Client)(nil)

// Probe implements speech.Probed: it asks which models there are, which is
// free. https://console.groq.com/docs/api-reference#models-list
func (c *Client) Probe(ctx context.Context, key secret.Value) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.baseURL+"/models", nil)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "make a request to speech provider %s", c.name)
	}

	request.Header.Set("Authorization", "Bearer "+key.Reveal())

	var models struct{}

	return call.Do(c.http, request, key, &models)
}
