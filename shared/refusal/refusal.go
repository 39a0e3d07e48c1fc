// Package refusal provides what can be told of an outside service that refuses
// a call: its words without our keys, and how long it wants to be left alone.
package refusal

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/secret"
)

// longestPause bounds how long a service can have itself left alone.
const longestPause = time.Hour

// Words gives what a body says, at most so many bytes of it, in one line and
// without keys, which some services repeat.
func Words(body io.Reader, most int64, keys ...secret.Value) string {
	text, _ := io.ReadAll(io.LimitReader(body, most)) // a cut complaint is still one
	said := strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "")), " ")

	for _, key := range keys {
		if key != "" {
			said = strings.ReplaceAll(said, key.Reveal(), key.String())
		}
	}

	return said
}

// RetryAfter reads the header, which holds seconds or a date; zero where it
// says nothing that makes sense.
// https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
func RetryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")

	seconds, err := strconv.ParseFloat(text, 64)
	if date, notDate := http.ParseTime(text); notDate == nil {
		seconds, err = time.Until(date).Seconds(), nil
	}

	if err != nil || math.IsNaN(seconds) || seconds < 0 {
		return 0
	}

	return time.Duration(min(seconds, longestPause.Seconds()) * float64(time.Second))
}
