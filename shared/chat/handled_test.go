package chat_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/chat"
)

func TestHandledComesBackAsItWas(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		was := chat.Handled(rapid.SliceOfN(rapid.Int64(), 0, 2*chat.DoneKept).Draw(t, "updates"))

		body, err := json.Marshal(was)
		require.NoError(t, err)

		var is chat.Handled
		require.NoError(t, json.Unmarshal(body, &is))
		assert.Equal(t, []int64(was), append([]int64{}, is...))
	})
}

func TestHandledAsWrittenBefore(t *testing.T) {
	t.Parallel()

	var is chat.Handled

	require.NoError(t, json.Unmarshal([]byte(`[7,9,8]`), &is))
	require.Equal(t, chat.Handled{7, 9, 8}, is)
	require.NoError(t, json.Unmarshal([]byte(`null`), &is))
	require.Empty(t, is)
}

// A busy bot has a few hundred updates between two of the same person: all that
// is kept of them stays below a write unit, with room for what else there is.
func TestHandledIsSmall(t *testing.T) {
	t.Parallel()

	var list chat.Handled
	for at := range int64(2 * chat.DoneKept) {
		list = list.With(123_456_789 + at*500)
	}

	require.Len(t, list, chat.DoneKept)

	body, err := json.Marshal(list)
	require.NoError(t, err)
	require.Less(t, len(body), 700)
}

func TestHandledRefusesWhatItIsNot(t *testing.T) {
	t.Parallel()

	for _, body := range []string{`{}`, `"?"`, `"gA"`, `7`, `["7"]`} {
		var is chat.Handled
		require.Error(t, json.Unmarshal([]byte(body), &is), body)
	}
}

func FuzzHandled(f *testing.F) {
	f.Add([]byte(`"Dg"`))
	f.Add([]byte(`[1,2]`))
	f.Add([]byte(`"gICAgICAgICAgA"`))

	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second chat.Handled
		if json.Unmarshal(body, &first) != nil {
			return
		}

		again, err := json.Marshal(first)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(again, &second))
		require.Equal(t, append([]int64{}, first...), append([]int64{}, second...))
	})
}
