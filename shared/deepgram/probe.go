package deepgram

import (
	"context"

	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/speech/call"
)

var _ speech.Probed = (*Client)(nil)

// Probe implements speech.Probed: it asks whose key it is, which is free and
// needs no right. https://developers.deepgram.com/reference/auth/tokens/details
func (c *Client) Probe(ctx context.Context, key secret.Value) error {
	return call.Probe(ctx, c.http, c.baseURL+"/auth/token", "Token", key)
}
