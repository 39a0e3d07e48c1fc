package stream_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo/stream"
)

const (
	before = `{"pk":{"S":"platform#test"},"sk":{"S":"row#a"},"v":{"N":"1"}}`
	after  = `{"pk":{"S":"platform#test"},"sk":{"S":"row#a"},"v":{"N":"2"},"body":{"S":"{}"},"ttl":{"N":"1795000000"},
		"gpk":{"S":"platform#shelf"},"gsk":{"S":"place#1"},"n_stock":{"N":"-7"}}`
)

func record(t require.TestingT, images string) events.DynamoDBEventRecord {
	var parsed events.DynamoDBEventRecord
	require.NoError(t, json.Unmarshal([]byte(`{"eventID":"e1","eventName":"MODIFY","dynamodb":{`+images+`}}`), &parsed))

	return parsed
}

func TestChangeOf(t *testing.T) {
	t.Parallel()

	old := table.Row{Key: table.Stored("platform#test", "row#a"), Version: 1}
	fresh := table.Row{
		Key: old.Key, Version: 2, Body: []byte(`{}`), Expires: time.Unix(1795000000, 0).UTC(),
		Index: table.Stored("platform#shelf", "place#1"), Counters: map[string]int64{"stock": -7},
	}

	for images, want := range map[string]table.Change{
		`"NewImage":` + after:                           {ID: "e1", New: &fresh},
		`"OldImage":` + before + `,"NewImage":` + after: {ID: "e1", Old: &old, New: &fresh},
		`"OldImage":` + before:                          {ID: "e1", Old: &old},
	} {
		got, err := stream.ChangeOf(record(t, images))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestChangeOfRefuses(t *testing.T) {
	t.Parallel()

	for name, images := range map[string]string{
		"keys only":    `"Keys":{"pk":{"S":"a"},"sk":{"S":"b"}}`,
		"foreign row":  `"NewImage":{"pk":{"S":"a"},"sk":{"S":"b"}}`,
		"foreign type": `"NewImage":{"pk":{"S":"a"},"sk":{"S":"b"},"v":{"N":"1"},"flag":{"BOOL":true}}`,
		"foreign old":  `"OldImage":{"pk":{"S":"a"}},"NewImage":` + after,
	} {
		_, err := stream.ChangeOf(record(t, images))
		assert.Equal(t, errs.Internal, errs.CodeOf(err), "%s: %v", name, err)
	}
}

// FuzzChangeOf reads any record that Lambda's own types can hold.
func FuzzChangeOf(f *testing.F) {
	for _, text := range []string{
		`{"dynamodb":{"NewImage":` + after + `}}`, `{"dynamodb":{"OldImage":` + before + `}}`, `{}`, `{"dynamodb":{}}`,
		`{"dynamodb":{"NewImage":{"pk":{"L":[]}}}}`, `{"dynamodb":{"NewImage":{"v":{"N":"x"},"pk":{"S":"a"},"sk":{"S":"b"}}}}`,
	} {
		f.Add([]byte(text))
	}

	f.Fuzz(func(t *testing.T, text []byte) {
		var parsed events.DynamoDBEventRecord
		if json.Unmarshal(text, &parsed) != nil {
			return
		}

		change, err := stream.ChangeOf(parsed)
		if err != nil {
			require.Equal(t, errs.Internal, errs.CodeOf(err))

			return
		}

		for _, row := range []*table.Row{change.Old, change.New} {
			if row != nil {
				require.NoError(t, row.Key.Validate())
				require.Positive(t, row.Version)
			}
		}
	})
}
