package groq

import (
	"context"

	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/speech/call"
)

var _ speech.Probed = (*Client)(nil)

// Probe implements speech.Probed: it asks which models there are, which is
// free. https://console.groq.com/docs/api-reference#models-list
func (c *Client) Probe(ctx context.Context, key secret.Value) error {
	return call.Probe(ctx, c.http, c.baseURL+"/models", "Bearer", key)
}
