package alert_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/errs"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestCloudWatchSample(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../events/alert.json")
	require.NoError(t, err)

	var sample events.SNSEvent

	require.NoError(t, json.Unmarshal(text, &sample))
	require.NotEmpty(t, sample.Records)

	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	parsed, err := alert.Parse([]byte(sample.Records[0].SNS.Message), now)
	require.NoError(t, err)
	assert.Equal(t, "lapak-downloads-dead", parsed.Key)
	assert.Equal(t, time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC), parsed.At)
	assert.False(t, parsed.Recovered)
	assert.Empty(t, parsed.Store)
	assert.Contains(t, parsed.Detail, "ctl dlq redrive downloads")
	assert.Contains(t, parsed.Detail, "Threshold Crossed")
}

func TestParse(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

	for body, want := range map[string]alert.Alert{
		`{"AlarmName":"a","NewStateValue":"OK","StateChangeTime":"2026-11-21T14:00:00.000+0700"}`: {
			Key: "a", Title: "a", Detail: "\n", At: now.Add(-time.Hour), Recovered: true,
		},
		`{"AlarmName":"a","NewStateValue":"INSUFFICIENT_DATA","StateChangeTime":"soon"}`: {
			Key: "a", Title: "a", Detail: "\n", At: now, Recovered: true,
		},
		`{"AlarmName":"a","NewStateValue":"ALARM"}`: {Key: "a", Title: "a", Detail: "\n", At: now},
		`{"store":"kopi","key":"k","title":"t"}`:    {Store: "kopi", Key: "k", Title: "t", At: now},
	} {
		parsed, err := alert.Parse([]byte(body), now)
		require.NoError(t, err, body)
		assert.Equal(t, want, parsed, body)
	}

	for _, body := range []string{
		"", "null", "[]", "7", "{}", "text", `{"key":""}`, `{"key":5}`,
		`{"AlarmName":""}`, `{"key":"k","at":"x"}`,
	} {
		_, err := alert.Parse([]byte(body), now)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), body)
		assert.Equal(t, errs.Invalid, errs.CodeOf(newDesk(t, nil).Handle(t.Context(), []byte(body))), body)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"AlarmName":"a","NewStateValue":"ALARM","StateChangeTime":"2026-11-21T14:00:00.000+0700"}`))
	f.Add([]byte(`{"key":"k","at":"2026-11-21T14:00:00Z","recovered":true}`))
	f.Add([]byte(`{"KEY":"k"}`))

	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := alert.Parse(body, now)
		if err != nil {
			if errs.CodeOf(err) != errs.Invalid {
				t.Fatal(err)
			}

			return
		}

		if parsed.Key == "" || parsed.At.IsZero() {
			t.Fatalf("%q is %+v", body, parsed)
		}
	})
}

func TestAlarmsAreToldInTheCatalogsWords(t *testing.T) {
	t.Parallel()

	told, err := alert.Parse([]byte(`{"AlarmName":"lapak-prod-transcriptions-depth","AlarmDescription":"Messages pile up.",
		"NewStateValue":"ALARM",
		"NewStateReason":"Threshold Crossed: 1 datapoint [51.4 (21/11/26 07:00:00)] was greater than the threshold (50.0)."}`),
		time.Now())
	require.NoError(t, err)
	assert.Equal(t, alert.Keys{
		Title: "trouble.depth_title", Detail: "trouble.depth", Advice: "trouble.depth_advice",
		Args: errs.Args{"Name": "lapak-prod-transcriptions", "Value": "51", "Limit": "50"},
	}, told.Keys)
	assert.Equal(t, alert.Warning, told.Severity)
	assert.Equal(t, "queue-growing", told.Runbook)

	told, err = alert.Parse([]byte(`{"AlarmName":"lapak-prod-bot-memory","NewStateValue":"OK","NewStateReason":"who knows"}`), time.Now())
	require.NoError(t, err)
	assert.Equal(t, errs.Args{"Name": "lapak-prod-bot", "Value": "?", "Limit": "?"}, told.Keys.Args)

	told, err = alert.Parse([]byte(`{"AlarmName":"the owner's own","AlarmDescription":"words","NewStateValue":"ALARM"}`), time.Now())
	require.NoError(t, err)
	assert.Empty(t, told.Keys)
	assert.Contains(t, told.Detail, "words")
}
