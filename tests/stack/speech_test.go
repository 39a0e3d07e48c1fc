package stack_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// speechCalls is what the speech recognition tells of its calls.
type speechCalls struct {
	Started int `json:"started"`
	Calls   []struct {
		Status int    `json:"status"`
		Fault  string `json:"fault"`
	} `json:"calls"`
}

// heard asks the speech recognition which calls it got since it started.
func heard(t *testing.T) speechCalls {
	t.Helper()

	var calls speechCalls

	if err := json.Unmarshal(speech(t, http.MethodGet, "/control/calls", nil), &calls); err != nil {
		t.Fatal(err)
	}

	return calls
}

// speechFault is what spoils calls of the providers; see localstack/speech.
type speechFault struct {
	Kind       string  `json:"kind"`
	Provider   string  `json:"provider,omitempty"` // empty: whichever is asked
	Key        string  `json:"key,omitempty"`      // of the calls; empty: any
	Times      int     `json:"times,omitempty"`    // 0: once
	Status     int     `json:"status,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"` // seconds
}

// spoil makes the next calls of the speech recognition fail.
func spoil(t *testing.T, faults ...speechFault) {
	t.Helper()

	body, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}

	speech(t, http.MethodPost, "/control/faults", body)
}

func speech(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), method, cloud.Speech+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()

	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: status %d, %v: %s", method, path, response.StatusCode, err, answer)
	}

	return answer
}
