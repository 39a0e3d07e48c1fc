package stack_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// A provider that stumbles is asked again, and the person notices nothing but
// the time. The recogniser is shared, so that this runs alone.
func TestProviderStumbles(t *testing.T) {
	budi := openShop(t).customer(t, "id")
	before := heard(t).Started

	spoil(t, speechFault{Kind: "status", Status: http.StatusTooManyRequests, RetryAfter: 1}, speechFault{Kind: "garbage"})
	budi.sends("voice", "voice-en-2.ogg")
	mustHave(t, words(budi.transcript()), "voice-en-2.ogg")

	if asked := heard(t).Started - before; asked != 3 {
		t.Errorf("the provider was asked %d times, want 3", asked)
	}
}

// Providers that are all down make one apology, whose reference finds the reason
// in the logs, and a button that tries again.
func TestProvidersAreDown(t *testing.T) {
	shop := openShop(t)
	shop.keys(t) // nobody is told to wait because of another shop's calls
	budi := shop.customer(t, "id")

	// Three tries, and both providers are asked in each.
	spoil(t,
		speechFault{Kind: "status", Status: http.StatusInternalServerError, Times: 2}, speechFault{Kind: "cut", Times: 2},
		speechFault{Kind: "drop", Times: 2})
	budi.sends("voice", "voice-en-2.ogg")
	progress := budi.wait(control.Condition{Button: "Batalkan"})
	apology := budi.wait(control.Condition{Button: "Coba lagi"})

	if apology.ID != progress.ID || !strings.Contains(apology.Text, "belum berhasil") {
		t.Errorf("the apology is message %d, %q, want it in the place of message %d", apology.ID, apology.Text, progress.ID)
	}

	reference := regexp.MustCompile(`#([0-9A-Z]{4,})`).FindStringSubmatch(apology.Text)
	if reference == nil {
		t.Fatalf("the apology has no reference: %q", apology.Text)
	}

	lines := journal.lines(`"ERROR"`, reference[1])
	if len(lines) != 1 || lines[0].Function != "transcribe" || !strings.Contains(lines[0].Line, "speech provider") {
		t.Errorf("reference %s finds %d lines: %v", reference[1], len(lines), lines)
	}

	budi.taps(apology, "Coba lagi")

	result := budi.transcript()
	if result.ID != progress.ID {
		t.Errorf("the result of the second try is message %d, want %d", result.ID, progress.ID)
	}

	mustHave(t, words(result), "voice-en-2.ogg")
}

// Telegram that floods, fails and loses answers costs time only.
func TestTelegramStumbles(t *testing.T) {
	t.Parallel()

	busy, down := http.StatusTooManyRequests, http.StatusInternalServerError

	for _, trouble := range []struct {
		name   string
		faults []control.Fault
	}{
		{"floods sends", []control.Fault{{Method: "sendMessage", Kind: "error", Status: busy, RetryAfter: 1, Count: 2}}},
		{"floods edits", []control.Fault{{Method: "editMessageText", Kind: "error", Status: busy, RetryAfter: 4, Count: 2}}},
		{"fails", []control.Fault{
			{Method: "sendMessage", Kind: "error", Status: down},
			{Method: "getFile", Kind: "error", Status: down},
			{Method: "editMessageText", Kind: "error", Status: down, Count: 2},
		}},
		{"loses files", []control.Fault{{Method: "file", Kind: "cut"}, {Method: "file", Kind: "drop_before"}}},
		{"loses answers", []control.Fault{{Method: "editMessageText", Kind: "drop_after", Count: 2}}},
		{"answers nonsense", []control.Fault{{Method: "editMessageText", Kind: "garbage", Count: 2}}},
		{"is slow", []control.Fault{{Kind: "delay", DelayMS: 700, Count: 5}}},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()

			shop := openShop(t)
			sari := shop.customer(t, "id")

			for _, fault := range trouble.faults {
				fault.Bot = shop.BotID()
				if _, err := people.Fault(t.Context(), fault); err != nil {
					t.Fatal(err)
				}
			}

			began := time.Now()

			sari.sends("voice", "voice-en-2.ogg")
			mustHave(t, words(sari.transcript()), "voice-en-2.ogg")
			t.Logf("the transcript came after %s", time.Since(began).Round(time.Second))

			promises.add(func(ctx context.Context) error { return shownOnce(ctx, sari, "Telegram "+trouble.name, 0) })

			left, err := people.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}

			for _, fault := range left.Faults {
				if fault.Bot == shop.BotID() {
					t.Errorf("this trouble never came: %+v", fault)
				}
			}
		})
	}
}

// S3 that throttles, for longer than its client asks again by itself, costs
// time only.
func TestStorageIsThrottled(t *testing.T) {
	t.Parallel()

	const calls = 4 // one more than the client of AWS makes by itself

	for _, throttled := range []struct{ name, operation, prefix string }{
		{"storing the file", "S3.PUT", "/media/"},
		{"reading the file", "S3.GET", "/media/"},
		{"storing the transcript", "S3.PUT", "/transcripts/"},
		{"reading the transcript", "S3.GET", "/transcripts/"},
	} {
		t.Run(throttled.name, func(t *testing.T) {
			t.Parallel()

			shop := openShop(t)
			sari := shop.customer(t, "id")
			throttling := gateway.slow(calls, throttled.operation, throttled.prefix, shop.ID)

			sari.sends("voice", "voice-en-2.ogg")
			mustHave(t, words(sari.transcript()), "voice-en-2.ogg")

			if left := gateway.still(throttling); left != 0 {
				t.Errorf("%d calls of %d were not throttled", left, calls)
			}

			promises.add(func(ctx context.Context) error { return shownOnce(ctx, sari, "S3 throttled "+throttled.name, 0) })
		})
	}
}
