package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo"
)

// What DynamoDB really does is pinned by tests/conformance. Here a script
// answers, for the failures that nothing makes on demand.

// answer is one answer of the script. Status 0 cuts the connection.
type answer struct {
	status int
	body   string
}

func failure(status int, code, more string) answer {
	return answer{status, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"because"%s}`, code, more)}
}

// canceled is a transaction that was not carried out for these reasons.
func canceled(reasons ...string) answer {
	texts := make([]string, 0, len(reasons))
	for _, reason := range reasons {
		texts = append(texts, fmt.Sprintf(`{"Code":%q,"Message":"because"}`, reason))
	}

	return failure(400, "TransactionCanceledException", `,"CancellationReasons":[`+strings.Join(texts, ",")+`]`)
}

var (
	success      = answer{200, `{}`}
	lost         = answer{0, ``}
	broken       = failure(500, "InternalServerError", "")
	throttled    = failure(400, "ProvisionedThroughputExceededException", "")
	refused      = failure(400, "ConditionalCheckFailedException", "")
	contended    = failure(400, "TransactionConflictException", "")
	unauthorized = failure(400, "AccessDeniedException", "")
)

// script is a server that gives its answers in turn, the last one for ever.
type script struct {
	mu      sync.Mutex
	answers []answer
	asked   []map[string]any
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var request map[string]any
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)

		return
	}

	s.asked = append(s.asked, request)
	next := s.answers[0]

	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}

	if next.status == 0 {
		panic(http.ErrAbortHandler)
	}

	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(next.status)
	_, _ = w.Write([]byte(next.body)) // a client that has gone needs no answer
}

func serve(t *testing.T, answers ...answer) (*dynamo.Table, *script) {
	t.Helper()

	played := &script{answers: answers}
	server := httptest.NewServer(played)
	t.Cleanup(server.Close)

	client := dynamodb.New(dynamodb.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})

	return dynamo.New(client, "state", "index1", clock.System{}), played
}

func key(name string) table.Key { return table.Platform().Partition("test").Key("row", name) }

func TestWriteFailures(t *testing.T) {
	t.Parallel()

	create := table.Create(table.Row{Key: key("a")})
	add := table.Add(key("n"), "n", 1, 0, 9)
	single, two := []table.Op{create}, []table.Op{create, add}

	for name, test := range map[string]struct {
		ops     []table.Op
		answers []answer
		code    errs.Code
		reasons []table.Reason
		calls   int
	}{
		"again after a lost answer":    {single, []answer{lost, success}, "", nil, 2},
		"again after a broken service": {single, []answer{broken, success}, "", nil, 2},
		"again after throttling":       {single, []answer{throttled, success}, "", nil, 2},
		"again after contention":       {single, []answer{contended, success}, "", nil, 2},
		"refused":                      {single, []answer{refused}, errs.Conflict, []table.Reason{table.ReasonCondition}, 1},
		"refused after throttling": {
			single, []answer{throttled, refused}, errs.Conflict, []table.Reason{table.ReasonCondition}, 2,
		},
		"refused, perhaps by its own first try": {single, []answer{broken, refused}, errs.Unavailable, nil, 2},
		"an add whose answer is lost is not sent again": {
			[]table.Op{add}, []answer{broken, success}, errs.Unavailable, nil, 1,
		},
		"an add that was throttled is": {[]table.Op{add}, []answer{throttled, success}, "", nil, 2},
		"throttled for long":           {single, []answer{throttled}, errs.Limited, nil, 6},
		"broken for long":              {single, []answer{broken}, errs.Unavailable, nil, 6},
		"contention for long": {
			single, []answer{contended}, errs.Unavailable, []table.Reason{table.ReasonContention}, 6,
		},
		"unauthorized":                     {single, []answer{unauthorized}, errs.Unauthorized, nil, 1},
		"two: again after a lost answer":   {two, []answer{lost, success}, "", nil, 2},
		"two: again after contention":      {two, []answer{canceled("None", "TransactionConflict"), success}, "", nil, 2},
		"two: again while still under way": {two, []answer{failure(400, "TransactionInProgressException", ""), success}, "", nil, 2},
		"two: refused": {
			two,
			[]answer{canceled("ConditionalCheckFailed", "TransactionConflict")},
			errs.Conflict,
			[]table.Reason{table.ReasonCondition, table.ReasonContention},
			1,
		},
		"two: in the way for long": {
			two,
			[]answer{canceled("ThrottlingError", "ProvisionedThroughputExceeded")},
			errs.Unavailable,
			[]table.Reason{table.ReasonThrottled, table.ReasonThrottled},
			6,
		},
		"two: too large":    {two, []answer{canceled("None", "ValidationError")}, errs.Invalid, nil, 1},
		"two: unauthorized": {two, []answer{unauthorized}, errs.Unauthorized, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made, played := serve(t, test.answers...)
			err := made.Write(t.Context(), test.ops...)
			assert.Equal(t, test.code, errs.CodeOf(err), "%v", err)
			assert.Len(t, played.asked, test.calls)

			var reasons *table.Canceled
			if assert.Equal(t, test.reasons != nil, errors.As(err, &reasons)) && reasons != nil {
				assert.Equal(t, test.reasons, reasons.Reasons)
			}

			tokens := map[any]bool{}
			for _, request := range played.asked {
				tokens[request["ClientRequestToken"]] = true
			}

			assert.Len(t, tokens, 1, "all tries of a write have one token")
			assert.Equal(t, len(test.ops) == 1, tokens[nil], "a transaction has a token")
		})
	}
}

// TestRowsKeepExpiring gives a counter that is found expired and live in turn.
func TestRowsKeepExpiring(t *testing.T) {
	t.Parallel()

	found := func(ttl string) answer {
		return failure(400, "ConditionalCheckFailedException", `,"Item":{"pk":{"S":"platform#test"},"sk":{"S":"row#n"},
			"v":{"N":"1"},"n_n":{"N":"5"}`+ttl+`}`)
	}
	expired, live := found(`,"ttl":{"N":"1"}`), found("")

	made, played := serve(t, expired, live, expired)
	err := made.Write(t.Context(), table.Add(key("n"), "n", 1, 0, 9))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)
	assert.Len(t, played.asked, 3)
	assert.Contains(t, played.asked[0], "UpdateExpression")
	assert.Contains(t, played.asked[1], "Item", "an add to an expired row puts a new one")
	assert.Contains(t, played.asked[2], "UpdateExpression")
}

func TestWriteEndsWithItsCaller(t *testing.T) {
	t.Parallel()

	made, _ := serve(t, throttled)

	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
	defer cancel()

	err := made.Write(ctx, table.Create(table.Row{Key: key("a")}))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
}

func TestReadFailures(t *testing.T) {
	t.Parallel()

	foreign := `{"pk":{"S":"a"},"sk":{"S":"b"}}`

	for name, test := range map[string]struct {
		get, query answer
		code       errs.Code
	}{
		"throttled":    {throttled, throttled, errs.Limited},
		"broken":       {broken, broken, errs.Unavailable},
		"lost":         {lost, lost, errs.Unavailable},
		"unauthorized": {unauthorized, unauthorized, errs.Unauthorized},
		"foreign row":  {answer{200, `{"Item":` + foreign + `}`}, answer{200, `{"Items":[` + foreign + `]}`}, errs.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made, _ := serve(t, test.get)
			_, err := made.Get(t.Context(), key("a"))
			assert.Equal(t, test.code, errs.CodeOf(err), "%v", err)

			made, _ = serve(t, test.query)
			_, err = made.Query(t.Context(), table.Query{Partition: key("a").Partition(), Limit: 1})
			assert.Equal(t, test.code, errs.CodeOf(err), "%v", err)
		})
	}
}

func TestReadsAreConsistent(t *testing.T) {
	t.Parallel()

	made, played := serve(t, success)
	_, err := made.Get(t.Context(), key("a"))
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))

	_, err = made.Query(t.Context(), table.Query{Partition: key("a").Partition(), Limit: 1})
	require.NoError(t, err)
	_, err = made.Query(t.Context(), table.Query{Partition: key("a").Partition(), Limit: 1, Index: true})
	require.NoError(t, err)

	assert.Equal(t, true, played.asked[0]["ConsistentRead"])
	assert.Equal(t, true, played.asked[1]["ConsistentRead"])
	assert.NotContains(t, played.asked[2], "ConsistentRead", "an index cannot be read so")
	assert.Equal(t, "index1", played.asked[2]["IndexName"])
}

func TestRowOfRefuses(t *testing.T) {
	t.Parallel()

	s := func(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }
	n := func(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

	for name, stored := range map[string]map[string]types.AttributeValue{
		"nothing":              {},
		"no sort key":          {"pk": s("a"), "v": n("1")},
		"no version":           {"pk": s("a"), "sk": s("b")},
		"version is text":      {"pk": s("a"), "sk": s("b"), "v": s("1")},
		"version is zero":      {"pk": s("a"), "sk": s("b"), "v": n("0")},
		"time is a fraction":   {"pk": s("a"), "sk": s("b"), "v": n("1"), "ttl": n("1.5")},
		"counter is too large": {"pk": s("a"), "sk": s("b"), "v": n("1"), "n_n": n("9223372036854775808")},
	} {
		_, err := dynamo.RowOf(stored)
		assert.Equal(t, errs.Internal, errs.CodeOf(err), "%s: %v", name, err)
	}
}
