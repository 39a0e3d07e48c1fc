package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	ta "github.com/mymmrac/telego/telegoapi"
)

const (
	connectTimeout = 5 * time.Second
	callTimeout    = 10 * time.Second // of a call without a file
	uploadTimeout  = 2 * time.Minute  // of a call that carries a file
	answerTimeout  = 30 * time.Second // from the last byte sent to the first one of the answer

	maxAnswerBytes = 4 << 20
)

// newHTTPClient makes the client that all bots of a process share. It follows
// no redirects: the Referer header of the next request would hold the token.
func newHTTPClient() *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16, //nolint:mnd // as many as one process ever talks at once
		ForceAttemptHTTP2:     true,
	}

	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// caller carries telego's calls. telego's own HTTP caller puts the address,
// and with it the token, into errors, and drops what Telegram says beside a
// status of 500 and above.
type caller struct {
	http *http.Client
	// renewed gives the address with the token that counts now, where Telegram
	// does not know the one in it any more; false where there is no other. nil:
	// there never is.
	renewed func(ctx context.Context, address string) (string, bool)
}

// Call makes a call and reads the answer.
func (c caller) Call(ctx context.Context, address string, data *ta.RequestData) (*ta.Response, error) {
	if data.BodyStream != nil {
		return c.post(ctx, address, data.ContentType, data.BodyStream, uploadTimeout)
	}

	return c.call(ctx, address, data.ContentType, data.BodyRaw, callTimeout)
}

// call makes a call, and once more where its token has been replaced meanwhile:
// Telegram forgets a token at the moment in which BotFather makes the next one.
func (c caller) call(
	ctx context.Context, address, contentType string, body []byte, timeout time.Duration,
) (*ta.Response, error) {
	answer, err := c.post(ctx, address, contentType, bytes.NewReader(body), timeout)
	if err != nil || answer.Ok || answer.ErrorCode != http.StatusUnauthorized || c.renewed == nil {
		return answer, err
	}

	if address, ok := c.renewed(ctx, address); ok {
		return c.post(ctx, address, contentType, bytes.NewReader(body), timeout)
	}

	return answer, nil
}

// post makes one request and reads the answer.
func (c caller) post(
	ctx context.Context, address, contentType string, body io.Reader, timeout time.Duration,
) (*ta.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return nil, withoutAddress(err)
	}

	request.Header.Set(ta.ContentTypeHeader, contentType)

	response, err := c.http.Do(request)
	if err != nil {
		return nil, withoutAddress(err)
	}
	defer response.Body.Close() // it was read

	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}

	var answer ta.Response
	if err := json.Unmarshal(text, &answer); err != nil || (!answer.Ok && answer.Error == nil) {
		return nil, fmt.Errorf("%w (HTTP status %d)", errNoAnswer, response.StatusCode)
	}

	return &answer, nil
}

// errNoAnswer is what a proxy, a gateway or an overloaded server gives.
var errNoAnswer = errors.New("what came back is not an answer of the Bot API")

// withoutAddress takes the address, which holds the token, out of an error of
// net/http and keeps its cause.
func withoutAddress(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}

	return err
}
