package main

import (
	"crypto/md5" //nolint:gosec // what SQS answers with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
)

// cloud answers the AWS calls of a function at once, so that what is measured
// is the function. Files go to a storage.
type cloud struct {
	*httptest.Server

	secret   string            // of every name
	secrets  map[string]string // but these
	rows     rows
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
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(answer)), 10)) // DynamoDB's clients look at it
	_, _ = w.Write(answer)                                                                    // a caller that is gone fails by itself
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

	if action, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810."); ok {
		result, err = c.rows.answer(action, body)
		if err != nil {
			return nil, err
		}

		return encode(result)
	}

	switch target := r.Header.Get("X-Amz-Target"); target {
	case "AmazonSSM.GetParameter":
		held, own := c.secrets[call.Name]
		if !own {
			held = c.secret
		}

		value := fmt.Sprintf(`{"current":%q,"previous":""}`, held)
		result = map[string]any{"Parameter": map[string]any{
			"Name": call.Name, "Type": "SecureString", "Value": value, "Version": 1,
		}}
	case "AmazonSQS.ChangeMessageVisibility":
		result = map[string]any{}
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

	return encode(result)
}

func encode(result any) ([]byte, error) {
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
