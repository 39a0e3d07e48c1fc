package metric_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/metric"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

func TestPut(t *testing.T) {
	t.Parallel()

	const line = `{"JobTime":1.5,"_aws":{"Timestamp":1795262400123,"CloudWatchMetrics":[{"Namespace":"Lapak",` +
		`"Dimensions":[[%s]],"Metrics":[{"Name":"JobTime","Unit":"Milliseconds"}]}]}%s}`

	for name, c := range map[string]struct {
		dimensions metric.Dimensions
		want       string
	}{
		"none":  {nil, fmt.Sprintf(line, "", "")},
		"empty": {metric.Dimensions{}, fmt.Sprintf(line, "", "")},
		"two": {
			metric.Dimensions{"Step": "waiting", "Model": "m"},
			fmt.Sprintf(line, `"Model","Step"`, `,"Step":"waiting","Model":"m"`),
		},
	} {
		var written bytes.Buffer

		metric.New(&written, clock.NewManual(noon)).Put("JobTime", 1.5, metric.Milliseconds, c.dimensions)
		assert.JSONEq(t, c.want, written.String(), name)
		assert.True(t, strings.HasSuffix(written.String(), "}\n"), "one line each")
	}
}

// Every line is one that the specification allows: a set of dimensions is a
// list of at most 30 names, each of which, and each metric, is a member of the
// line with a text or a number for its value.
func TestLinesFollowTheSpecification(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Z][A-Za-z]{0,20}`)
		dimensions := rapid.MapOfN(rapid.StringMatching(`dim-[a-z]{1,10}`), rapid.String(), 0, 5).Draw(t, "dimensions")
		value := rapid.Float64Range(-1e300, 1e300).Draw(t, "value")

		var written bytes.Buffer

		metric.New(&written, clock.NewManual(noon)).Put(name.Draw(t, "name"), value, metric.Count, dimensions)

		var line map[string]json.RawMessage

		require.NoError(t, json.Unmarshal(written.Bytes(), &line))

		var about struct {
			Timestamp         *int64 `json:"Timestamp"`
			CloudWatchMetrics []struct {
				Namespace  string      `json:"Namespace"`
				Dimensions []*[]string `json:"Dimensions"`
				Metrics    []struct {
					Name string `json:"Name"`
					Unit string `json:"Unit"`
				} `json:"Metrics"`
			} `json:"CloudWatchMetrics"`
		}

		require.NoError(t, json.Unmarshal(line["_aws"], &about))
		require.NotNil(t, about.Timestamp)
		require.Len(t, about.CloudWatchMetrics, 1)
		require.Len(t, about.CloudWatchMetrics[0].Dimensions, 1)
		require.NotNil(t, about.CloudWatchMetrics[0].Dimensions[0], "null is no list: CloudWatch would drop the line")

		for _, dimension := range *about.CloudWatchMetrics[0].Dimensions[0] {
			var text string

			require.NoError(t, json.Unmarshal(line[dimension], &text))
		}

		for _, measured := range about.CloudWatchMetrics[0].Metrics {
			var number float64

			require.NoError(t, json.Unmarshal(line[measured.Name], &number))
			require.InDelta(t, value, number, 0)
		}
	})
}

func TestWhatIsNoNumberIsNotWritten(t *testing.T) {
	t.Parallel()

	var written bytes.Buffer

	emitter := metric.New(&written, clock.NewManual(noon))
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		emitter.Put("X", value, metric.Count, nil)
	}

	assert.Empty(t, written.String())
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()

	var none *metric.Emitter

	assert.NotPanics(t, func() { none.Put("X", 1, metric.Count, nil) })
	assert.NotPanics(t, func() { metric.New(broken{}, clock.System{}).Put("X", 1, metric.Count, nil) })
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe closed") }

func TestLinesOfManyDoNotMix(t *testing.T) {
	t.Parallel()

	var (
		written bytes.Buffer
		all     sync.WaitGroup
	)

	emitter := metric.New(&written, clock.NewManual(noon))

	for range 8 {
		all.Go(func() {
			for range 50 {
				emitter.Put("X", 1, metric.Bytes, metric.Dimensions{"Step": "waiting"})
			}
		})
	}

	all.Wait()

	count := 0

	for line := range bytes.Lines(written.Bytes()) {
		assert.True(t, json.Valid(line))

		count++
	}

	assert.Equal(t, 400, count)
}

func ExampleEmitter_Put() {
	var line bytes.Buffer // in Lambda the standard output

	now := clock.NewManual(time.UnixMilli(1795262400000))
	metric.New(&line, now).Put("JobsFailed", 1, metric.Count, metric.Dimensions{"Step": "waiting"})
	fmt.Println(strings.NewReplacer(`,"_aws"`, "\n"+`,"_aws"`, `,"Metrics"`, "\n"+`,"Metrics"`).Replace(line.String()))
	// Output:
	// {"JobsFailed":1,"Step":"waiting"
	// ,"_aws":{"Timestamp":1795262400000,"CloudWatchMetrics":[{"Namespace":"Lapak","Dimensions":[["Step"]]
	// ,"Metrics":[{"Name":"JobsFailed","Unit":"Count"}]}]}}
}
