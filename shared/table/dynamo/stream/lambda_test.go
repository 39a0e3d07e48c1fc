package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo/stream"
)

var errRefused = errors.New("the handler refused")

func TestCreated(t *testing.T) {
	t.Parallel()

	image := func(name string) string {
		return `"NewImage":{"pk":{"S":"p"},"sk":{"S":"` + name + `"},"v":{"N":"1"}}`
	}
	created := func(name string) events.DynamoDBEventRecord {
		return record(t, `"SequenceNumber":"`+name+`",`+image(name))
	}
	changed := record(t, `"SequenceNumber":"changed",`+image("changed")+`,"OldImage":`+before)
	removed := record(t, `"SequenceNumber":"removed","OldImage":`+before)
	foreign := record(t, `"SequenceNumber":"foreign","NewImage":{"pk":{"S":"p"}}`)

	for name, test := range map[string]struct {
		records []events.DynamoDBEventRecord
		handled []string
		answer  string
	}{
		"all":  {[]events.DynamoDBEventRecord{created("1"), changed, removed, created("2")}, []string{"1", "2"}, `[]`},
		"none": {nil, nil, `[]`},
		"a bad one": {
			[]events.DynamoDBEventRecord{created("1"), created("bad"), created("2")},
			[]string{"1", "bad"},
			`[{"itemIdentifier":"bad"}]`,
		},
		"a foreign one": {[]events.DynamoDBEventRecord{foreign, created("1")}, nil, `[{"itemIdentifier":"foreign"}]`},
	} {
		var handled []string

		response, err := stream.Created(t.Context(), events.DynamoDBEvent{Records: test.records},
			func(_ context.Context, row table.Row) error {
				handled = append(handled, row.Key.SK())

				if row.Key.SK() == "bad" {
					return errRefused
				}

				return nil
			})
		require.NoError(t, err, name)
		assert.Equal(t, test.handled, handled, name)

		answer, err := json.Marshal(response)
		require.NoError(t, err)
		assert.JSONEq(t, `{"batchItemFailures":`+test.answer+`}`, string(answer), name)
	}
}
