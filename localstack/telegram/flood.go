package telegram

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// bucket holds what may still be sent. It fills at a rate up to its size.
type bucket struct {
	tokens float64
	filled time.Time
}

// botSecond is a second in the life of a bot.
type botSecond struct{ bot, second int64 }

// wait returns how long to wait until n can be taken, 0 if now.
func (b *bucket) wait(now time.Time, rate, size, n float64) time.Duration {
	b.tokens = min(size, b.tokens+rate*now.Sub(b.filled).Seconds())
	b.filled = now

	// More than the bucket ever holds is let through when it is full.
	n = min(n, size)
	if b.tokens >= n-1e-9 {
		return 0
	}

	return time.Duration((n - b.tokens) / rate * float64(time.Second))
}

// takeFlood counts n messages or edits of a bot in a chat against the limits
// and refuses them with the time to wait if they are too many.
func (s *Server) takeFlood(b *bot, c *chat, n int, paid bool) error {
	type bound struct {
		key        string
		rate, size float64
	}

	limits := s.limits
	overall := bound{fmt.Sprintf("bot %d", b.ID), limits.BotPerSecond, limits.BotPerSecond}

	if paid {
		overall = bound{fmt.Sprintf("paid %d", b.ID), limits.PaidPerSecond, limits.PaidPerSecond}
	}

	inChat := bound{fmt.Sprintf("chat %d %s", b.ID, c.Key), limits.ChatPerSecond, float64(max(1, limits.ChatBurst))}
	if !c.private() {
		inChat.rate, inChat.size = float64(limits.GroupPerMinute)/60, float64(limits.GroupPerMinute)
	}

	var (
		longest time.Duration
		taken   []*bucket
	)

	for _, limit := range []bound{overall, inChat} {
		if limit.rate <= 0 {
			continue
		}

		kept := s.flood[limit.key]
		if kept == nil {
			kept = &bucket{tokens: limit.size, filled: s.now()}
			s.flood[limit.key] = kept
		}

		longest = max(longest, kept.wait(s.now(), limit.rate, limit.size, float64(n)))
		taken = append(taken, kept)
	}

	if longest > 0 {
		s.tooMany[b.ID]++

		return tooManyRequests(int(math.Ceil(longest.Seconds())))
	}

	for _, kept := range taken {
		kept.tokens -= float64(n)
	}

	if !paid {
		s.said[botSecond{b.ID, s.now().Unix()}] += n
	}

	return nil
}

func tooManyRequests(retryAfter int) error {
	return &apiError{
		Status: http.StatusTooManyRequests, Text: fmt.Sprintf("Too Many Requests: retry after %d", retryAfter),
		Parameters: object{"retry_after": retryAfter},
	}
}

// takeFault finds the fault that spoils a call, if any, and counts it.
func (s *Server) takeFault(botID int64, method string) *control.Fault {
	for i, fault := range s.faults {
		every := fault.Method == "" && method != "getUpdates" && !strings.Contains(method, ".")
		if fault.Bot != 0 && fault.Bot != botID || !every && fault.Method != method {
			continue
		}

		if fault.Skip > 0 {
			fault.Skip--

			continue
		}

		fault.Spoiled++
		taken := *fault

		if fault.Count > 0 && fault.Spoiled >= fault.Count {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}

		return &taken
	}

	return nil
}
