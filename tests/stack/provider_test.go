package stack_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/transcript"
)

// keys gives a shop keys of its own for both providers, by the operator's
// command line, and tells the one of Groq: what happens to them happens to this
// shop alone.
func (s shop) keys(t *testing.T) string {
	t.Helper()

	groq := "groq-key-of-" + s.ID
	s.sets(t, "groq", groq)
	s.sets(t, "deepgram", "deepgram-key-of-"+s.ID)

	return groq
}

func (s shop) sets(t *testing.T, provider, key string) {
	t.Helper()

	if err := cloud.Operate(t.Context(), "LAPAK_PROVIDER_KEY="+key, "provider", "set", provider, "--store", s.ID); err != nil {
		t.Fatal(err)
	}
}

// attempts gives the calls of providers that the customer's only job has kept,
// each as "provider/model", with the error where there was one.
func (c *customer) attempts(of shop) ([]string, []transcript.Attempt) {
	c.t.Helper()

	state := dynamo.New(dynamodb.NewFromConfig(cloud.AWS()), cloud.Outputs["StateTableName"], "index1", clock.System{})

	page, err := transcript.NewService(state, clock.System{}).History(c.t.Context(), of.ID, c.Person.User, "", 10)
	if err != nil || len(page.Jobs) != 1 {
		c.t.Fatalf("the customer has %d jobs, want one: %v", len(page.Jobs), err)
	}

	var made []string
	for _, one := range page.Jobs[0].Attempts {
		made = append(made, strings.TrimSpace(fmt.Sprintf("%s/%s %s", one.Provider, one.Model, one.Error)))
	}

	return made, page.Jobs[0].Attempts
}

const (
	turbo = "groq/whisper-large-v3-turbo"
	large = "groq/whisper-large-v3"
	nova  = "deepgram/nova-3"
)

// Whatever happens to one provider, the person has the words at once from
// another, and the owner every call in the books.
func TestAnotherProviderAnswers(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		fault   speechFault
		want    []string
		unknown bool // whether the first call was billed
	}{
		"fails": {
			fault: speechFault{Kind: "status", Status: http.StatusInternalServerError},
			want:  []string{turbo + " unavailable", nova},
		},
		"is busy": {
			fault: speechFault{Kind: "status", Status: http.StatusTooManyRequests, RetryAfter: 600},
			want:  []string{turbo + " limited", large},
		},
		"answers half a JSON": {
			fault: speechFault{Kind: "garbage"}, want: []string{turbo + " unavailable", nova}, unknown: true,
		},
		"loses its answer": {
			fault: speechFault{Kind: "cut"}, want: []string{turbo + " unavailable", nova}, unknown: true,
		},
		"times out after success": {
			fault: speechFault{Kind: "hang"}, want: []string{turbo + " unavailable", nova}, unknown: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			shop := openShop(t)
			c.fault.Key = shop.keys(t)
			spoil(t, c.fault)

			sari := shop.customer(t, "id")
			sari.sends("voice", "voice-en-2.ogg")
			mustHave(t, words(sari.transcript()), "voice-en-2.ogg")

			made, attempts := sari.attempts(shop)
			if !slices.Equal(made, c.want) {
				t.Fatalf("the providers were asked %q, want %q", made, c.want)
			}

			if first := attempts[0]; first.Unknown != c.unknown || (first.Cost > 0) != c.unknown {
				t.Errorf("the call that failed cost %d, unknown %v, want unknown %v", first.Cost, first.Unknown, c.unknown)
			}

			if last := attempts[1]; last.Cost <= 0 || last.Unknown || last.Audio == 0 || last.Took == 0 {
				t.Errorf("the call that went well is in the books as %+v", last)
			}

			for _, figure := range []string{`"ProviderErrors":1`, `"CostMilliRupiah":`, `"TranscribedSeconds":`} {
				if len(journal.lines(figure, `"Provider"`)) == 0 {
					t.Errorf("there is no metric with %s", figure)
				}
			}
		})
	}
}

// A new key that is refused is followed by the one before it, without anybody
// deploying anything; no key is ever logged.
func TestARotatedKeyThatIsRefused(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	before := shop.keys(t)
	wrong := "mistyped-key-of-" + shop.ID
	shop.sets(t, "groq", wrong)

	speech(t, http.MethodPost, "/control/keys", []byte(`{"revoked":["`+wrong+`"]}`))

	sari := shop.customer(t, "id")
	sari.sends("voice", "voice-en-2.ogg")
	mustHave(t, words(sari.transcript()), "voice-en-2.ogg")

	want := []string{turbo + " " + string(errs.Unauthorized), turbo}
	if made, _ := sari.attempts(shop); !slices.Equal(made, want) {
		t.Errorf("the providers were asked %q, want %q", made, want)
	}

	for _, key := range []string{before, wrong} {
		if lines := journal.lines(key); len(lines) > 0 {
			t.Errorf("a key was logged: %v", lines)
		}
	}
}

// A store that prefers a provider has it, as soon as functions have forgotten
// what it preferred before: here at once, for nothing was asked yet.
func TestAStorePrefersAProvider(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	if err := cloud.Operate(t.Context(), "", "store", "speech", shop.ID, nova); err != nil {
		t.Fatal(err)
	}

	sari := shop.customer(t, "id")
	sari.sends("voice", "voice-en-2.ogg")
	mustHave(t, words(sari.transcript()), "voice-en-2.ogg")

	if made, _ := sari.attempts(shop); !slices.Equal(made, []string{nova}) {
		t.Errorf("the providers were asked %q, want %s", made, nova)
	}
}
