package sns_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/topic"
	"github.com/lapak-id/lapak/shared/topic/sns"
)

const arn = "arn:aws:sns:ap-southeast-3:000000000000:alerts"

func serve(t *testing.T, handle http.HandlerFunc) *sns.Topic {
	t.Helper()

	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)

	return sns.New(awssns.New(awssns.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}), arn)
}

func TestPublish(t *testing.T) {
	t.Parallel()

	var sent url.Values

	made := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		sent = r.PostForm
		_, _ = w.Write([]byte(`<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`))
	})

	require.NoError(t, made.Publish(t.Context(), topic.Note{
		Subject: "Alarm", Body: []byte("Halo"), Attrs: map[string]string{"store": "demo"},
	}))
	assert.Equal(t, arn, sent.Get("TopicArn"))
	assert.Equal(t, "Alarm", sent.Get("Subject"))
	assert.Equal(t, "Halo", sent.Get("Message"))
	assert.Equal(t, "store", sent.Get("MessageAttributes.entry.1.Name"))
	assert.Equal(t, "demo", sent.Get("MessageAttributes.entry.1.Value.StringValue"))

	require.NoError(t, made.Publish(t.Context(), topic.Note{Body: []byte("plain")}))
	assert.NotContains(t, sent, "Subject")
	assert.NotContains(t, sent, "MessageStructure")

	require.NoError(t, made.Publish(t.Context(), topic.Note{Body: []byte(`{"a":1}`), Text: "It burns.\nFetch water."}))
	assert.Equal(t, "json", sent.Get("MessageStructure"))
	assert.JSONEq(t, `{"default":"{\"a\":1}","email":"It burns.\nFetch water.","sms":"It burns."}`, sent.Get("Message"),
		"programs get the body, people what they can read")
}

func TestFailures(t *testing.T) {
	t.Parallel()

	for code, want := range map[string]errs.Code{
		"AuthorizationError": errs.Unauthorized, "Throttling": errs.Limited, "InternalError": errs.Unavailable,
		"InvalidParameter": errs.Invalid,
	} {
		made := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`<ErrorResponse><Error><Code>` + code + `</Code><Message>because</Message></Error></ErrorResponse>`))
		})

		err := made.Publish(t.Context(), topic.Note{Subject: "Alarm", Body: []byte("a")})
		assert.Equal(t, want, errs.CodeOf(err), "%s: %v", code, err)
		require.ErrorContains(t, err, arn)
	}

	made := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	err := made.Publish(t.Context(), topic.Note{Body: []byte("a")})
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)

	err = made.Publish(t.Context(), topic.Note{})
	assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%v", err)
}
