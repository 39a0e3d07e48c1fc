// Package awshttp provides the HTTP client of the AWS clients, with a mend of
// the SDK's own.
package awshttp

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awstransport "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Client is the SDK's HTTP client but for one thing: it keeps io.WriterTo of
// request bodies from net/http.
//
// smithy-go (seen in 1.28.8) closes a request's body as soon as the answer's
// head is there, and the WriteTo of a closed body says io.EOF, which io.Copy
// takes for a failure. When net/http meets that while it looks whether the body
// has really ended, it closes the connection under the answer that is being
// read: the call fails although it took effect. The faster the service and the
// busier the machine, the more often.
type Client struct{ sdk aws.HTTPClient }

// Mend makes a client of the one that a loaded configuration has, which knows
// the certificates of the environment, or of the SDK's own where it has none.
func Mend(sdk aws.HTTPClient) Client {
	if sdk == nil {
		sdk = awstransport.NewBuildableClient()
	}

	return Client{sdk: sdk}
}

// Do sends a request.
func (c Client) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.Body != http.NoBody {
		request.Body = struct{ io.ReadCloser }{request.Body}
	}

	return c.sdk.Do(request) //nolint:wrapcheck // the SDK judges the errors of net/http
}
