package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
)

func TestAccepts(t *testing.T) {
	t.Parallel()

	both := secret.Secret{Current: "new", Previous: "old"}

	for candidate, accepted := range map[string]bool{
		"new": true, "old": true, "": false, "ne": false, "newx": false, "other": false,
	} {
		assert.Equal(t, accepted, both.Accepts(candidate), candidate)
	}

	fresh := secret.Secret{Current: "new"}
	assert.True(t, fresh.Accepts("new"))
	assert.False(t, fresh.Accepts(""), "there is no previous value to match")
	assert.False(t, secret.Secret{}.Accepts(""))
}

func TestValueIsHidden(t *testing.T) {
	t.Parallel()

	kept := secret.Secret{Current: "tok-123", Previous: "tok-456"}

	var logged bytes.Buffer

	log := slog.New(slog.NewJSONHandler(&logged, nil))
	log.Info("test", "value", kept.Current, "pair", kept)
	fmt.Fprintf(&logged, "%v %+v %#v %s %q %x", kept, kept, kept, kept, kept, kept.Current)

	encoded, err := json.Marshal(map[string]secret.Value{"current": kept.Current})
	require.NoError(t, err)
	logged.Write(encoded)

	assert.NotContains(t, logged.String(), "tok-")
	assert.Contains(t, logged.String(), "[secret]")
	assert.Equal(t, "tok-123", kept.Current.Reveal())
}

func TestRotated(t *testing.T) {
	t.Parallel()

	first := secret.Secret{}.Rotated("a")
	assert.Equal(t, secret.Secret{Current: "a"}, first)
	assert.Equal(t, first, first.Rotated("a"))
	assert.Equal(t, secret.Secret{Current: "b", Previous: "a"}, first.Rotated("b"))
}

// FuzzUnmarshal reads any text: what is taken can be kept again, and no error
// tells the text.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{
		`{"current":"a","previous":"b"}`, `{"current":"a"}`, `{"current":""}`, `{}`, ``, `"tok"`, `tok-123`, `{"current":1}`,
	} {
		f.Add(text)
	}

	f.Fuzz(func(t *testing.T, text string) {
		got, err := secret.Unmarshal(text)
		if err != nil {
			require.Equal(t, errs.Internal, errs.CodeOf(err))
			require.Equal(t, `a secret is not of the form {"current":"…","previous":"…"}: set it again`, err.Error())

			return
		}

		kept, err := got.Marshal()
		require.NoError(t, err)

		again, err := secret.Unmarshal(kept)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
