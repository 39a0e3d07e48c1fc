package description_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram/description"
)

func TestTableIsComplete(t *testing.T) {
	t.Parallel()

	table, err := description.Load()
	require.NoError(t, err)

	for _, name := range description.Names() {
		_, ok := table.Methods[name]
		assert.True(t, ok, "method %s", name)
	}

	plain := map[string]bool{"Integer": true, "Float": true, "String": true, "Boolean": true, "InputFile": true}

	for name, known := range table.Types {
		for fieldName, field := range known.Fields {
			for _, one := range field.Types() {
				one = strings.ReplaceAll(one, "Array of ", "")
				_, ok := table.Types[one]
				assert.True(t, ok || plain[one], "%s.%s is of type %s, which is missing", name, fieldName, one)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()

	table, err := description.Load()
	require.NoError(t, err)

	tests := []struct {
		typeName, value string
		want            []string
	}{
		{"User", `{"id":1,"is_bot":false,"first_name":"A"}`, nil},
		{"User", `{"id":1.5,"is_bot":0}`, []string{
			"User.id is json.Number 1.5, must be Integer", "User.is_bot is json.Number 0, must be Boolean", "User.first_name is missing",
		}},
		{"User", `{"id":1,"is_bot":false,"first_name":"A","age":7}`, []string{"User.age is not a field of User"}},
		{"ChatMember", `{"status":"left","user":{"id":1,"is_bot":false,"first_name":"A"}}`, nil},
		{"ChatMember", `{"status":"left"}`, []string{"ChatMember.user is missing"}},
		{"Array of Array of PhotoSize", `[[{"file_id":"a","file_unique_id":"b","width":1,"height":"2"}]]`, []string{
			"Array of Array of PhotoSize[0][0].height is string 2, must be Integer",
		}},
		{"Location", `{"latitude":1,"longitude":2.5}`, nil},
		{"Nothing", `{}`, []string{"Nothing: type Nothing is not in the description"}},
		{"User", `[]`, []string{"User is []interface {}, must be User"}},
	}
	for _, test := range tests {
		t.Run(test.typeName+" "+test.value, func(t *testing.T) {
			t.Parallel()

			assert.Equal(t, test.want, texts(table.Check(test.typeName, decode(t, test.value))))
		})
	}

	media := table.Methods["sendMediaGroup"].Fields["media"]
	assert.Empty(t, table.CheckField("media", media, decode(t, `[{"type":"photo","media":"a"},{"type":"video","media":"b"}]`)))
	assert.Equal(t, []string{"media[0].media is missing"}, texts(table.CheckField("media", media, decode(t, `[{"type":"video"}]`))))
	assert.NotEmpty(t, table.CheckMethodResult("getMe", decode(t, `true`)))
	assert.NotEmpty(t, table.CheckMethodResult("sendPoll", decode(t, `true`)))
}

func TestExists(t *testing.T) {
	t.Parallel()

	table, err := description.Load()
	require.NoError(t, err)

	name, simulated := table.Exists("SENDmessage")
	assert.Equal(t, "sendMessage", name)
	assert.True(t, simulated)

	name, simulated = table.Exists("sendpoll")
	assert.Equal(t, "sendPoll", name)
	assert.False(t, simulated)

	name, _ = table.Exists("sendNothing")
	assert.Empty(t, name)
}

func TestReduceRefuses(t *testing.T) {
	t.Parallel()

	_, err := description.Reduce([]byte(`{"version":"x"}`), []string{"getMe"})
	require.ErrorContains(t, err, "method getMe is not in x")

	_, err = description.Reduce([]byte(`[`), nil)
	require.ErrorContains(t, err, "read the full Bot API description")
}

func decode(t *testing.T, text string) any {
	t.Helper()

	var value any

	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value))

	return value
}

func texts(problems []description.Problem) []string {
	var found []string
	for _, one := range problems {
		found = append(found, one.Text)
	}

	return found
}
