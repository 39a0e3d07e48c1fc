package main

import (
	"crypto/md5" //nolint:gosec // what SQS answers with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// cloud answers the two AWS calls that a webhook makes, at once, so that what
// is measured is the function.
type cloud struct {
	*httptest.Server

	secret   string
	messages atomic.Int64
}

func newCloud(secret string) *cloud {
	c := &cloud{secret: secret}
	c.Server = httptest.NewServer(c)

	return c
}

// ServeHTTP speaks the JSON protocol of SQS and SSM.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := c.answer(r)
	if err != nil {
		http.Error(w, fmt.Sprintf(`{"__type":"InternalError","message":%q}`, err), http.StatusInternalServerError)

		return
	}

	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	_, _ = w.Write(answer) // a caller that is gone fails by itself
}

func (c *cloud) answer(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the call: %w", err)
	}

	var call struct {
		Name        string `json:"Name"`
		MessageBody string `json:"MessageBody"`
		Entries     []struct {
			ID          string `json:"Id"`
			MessageBody string `json:"MessageBody"`
		} `json:"Entries"`
	}

	if err := json.Unmarshal(body, &call); err != nil {
		return nil, fmt.Errorf("read the call: %w", err)
	}

	var result any

	switch target := r.Header.Get("X-Amz-Target"); target {
	case "AmazonSSM.GetParameter":
		value := fmt.Sprintf(`{"current":%q,"previous":""}`, c.secret)
		result = map[string]any{"Parameter": map[string]any{
			"Name": call.Name, "Type": "SecureString", "Value": value, "Version": 1,
		}}
	case "AmazonSQS.SendMessage":
		result = c.take("0", call.MessageBody)
	case "AmazonSQS.SendMessageBatch":
		taken := make([]any, len(call.Entries))
		for at, entry := range call.Entries {
			taken[at] = c.take(entry.ID, entry.MessageBody)
		}

		result = map[string]any{"Successful": taken, "Failed": []any{}}
	default:
		return nil, fmt.Errorf("no answer is known for %s", target)
	}

	answer, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}

	return answer, nil
}

func (c *cloud) take(id, body string) map[string]any {
	sum := md5.Sum([]byte(body)) //nolint:gosec // what SQS answers with
	count := c.messages.Add(1)

	return map[string]any{
		"Id":               id,
		"MessageId":        fmt.Sprintf("00000000-0000-0000-0000-%012d", count),
		"MD5OfMessageBody": hex.EncodeToString(sum[:]),
		"SequenceNumber":   fmt.Sprintf("%020d", count),
	}
}
