package stack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
)

func TestPrinterShowsIdsFirst(t *testing.T) {
	t.Parallel()

	at := time.Date(2026, 11, 21, 14, 5, 1, 234_000_000, time.UTC)

	for name, test := range map[string]struct {
		event stack.Event
		want  string
	}{
		"log line": {
			event: stack.Event{
				Time: at, Kind: stack.ProcessWrote, Function: "bot",
				Line: `{"time":"x","level":"INFO","msg":"update handled","a":1,"job":"J1","store":"demo","update":42,"quoted":"two words"}`,
			},
			want: "14:05:01.234 bot        INFO   update handled store=demo update=42 job=J1 a=1 quoted=\"two words\"\n",
		},
		"metric": {
			event: stack.Event{Time: at, Kind: stack.ProcessWrote, Function: "bot", Line: `{"_aws":{"Timestamp":1},"UpdateTime":22}`},
			want:  "14:05:01.234 bot        metric UpdateTime=22\n",
		},
		"not JSON": {
			event: stack.Event{Time: at, Kind: stack.ProcessWrote, Function: "transcribe", Line: "panic: oh no"},
			want:  "14:05:01.234 transcribe        panic: oh no\n",
		},
		"failed invocation": {
			event: stack.Event{
				Time: at, Kind: stack.InvocationEnded, Function: "bot",
				Failed: true, Duration: 1500 * time.Millisecond, Request: "R1",
			},
			want: "14:05:01.234 bot        ERROR  invocation failed after 1.5s request=R1\n",
		},
		"invocation that went well": {
			event: stack.Event{Time: at, Kind: stack.InvocationEnded, Function: "bot"},
			want:  "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var plain, coloured strings.Builder

			stack.NewPrinter(&plain, false).Print(test.event)
			stack.NewPrinter(&coloured, true).Print(test.event)

			if got := plain.String(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}

			if test.want != "" && !strings.Contains(coloured.String(), "\x1b[") {
				t.Errorf("no colours in %q", coloured.String())
			}
		})
	}
}

func FuzzPrinter(f *testing.F) {
	f.Add(`{"level":"INFO","msg":"x","store":null,"a":{"b":[1]}}`)
	f.Add(`{"level":1,"msg":[]}`)
	f.Add("plain")
	f.Fuzz(func(t *testing.T, line string) {
		var text strings.Builder

		stack.NewPrinter(&text, false).Print(stack.Event{Kind: stack.ProcessWrote, Function: "bot", Line: line})

		if !strings.HasSuffix(text.String(), "\n") {
			t.Errorf("line does not end: %q", text.String())
		}
	})
}
