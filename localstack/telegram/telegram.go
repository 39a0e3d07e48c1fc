// Package telegram stands in for Telegram on a laptop: the Bot API at
// /bot<token>/<method> and /file/bot<token>/<path>, a control API under
// /control/ to act as people and to make things fail, and a chat page at /.
package telegram

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/description"
	"github.com/lapak-id/lapak/localstack/telegram/page"
)

// Options say how the simulator behaves. The zero value is Telegram as it is,
// with its state in a temporary folder that Close removes.
type Options struct {
	// StateDir keeps users, bots, chats, files and pending updates over
	// restarts. By default it is a temporary folder.
	StateDir string
	// Limits are the flood limits; nil means Telegram's.
	Limits *control.Limits
	// Strict refuses parameters that the Bot API does not know. Telegram
	// ignores them; the call log always names them.
	Strict bool
	// WebhookRetry is the wait after the first failed push of a chat's
	// update; it doubles up to WebhookRetryMax. By default 1 s and 1 min.
	WebhookRetry, WebhookRetryMax time.Duration
	// WebhookTimeout is how long a bot may take to answer a push; 60 s by default.
	WebhookTimeout time.Duration
	// Hosts are further names by which the control API and the page may be
	// called, next to those of the loopback interface.
	Hosts []string
	// Now is the clock; time.Now by default. The control API can advance it.
	Now func() time.Time
	// Logger gets what goes wrong; by default nothing is logged.
	Logger *slog.Logger
}

// RealLimits are the flood limits that Telegram names in its documents:
// about a message a second in a chat with room for a short burst, 20 a minute
// in a group, 30 a second over all chats and 1,000 when paid for.
func RealLimits() control.Limits {
	return control.Limits{ChatPerSecond: 1, ChatBurst: 10, GroupPerMinute: 20, BotPerSecond: 30, PaidPerSecond: 1000}
}

// Server is a running simulator. It is an http.Handler.
type Server struct {
	opts  Options
	log   *slog.Logger
	table *description.Table
	own   http.Handler
	store *store
	done  context.Context //nolint:containedctx // The life of the server, for its background work.
	stop  context.CancelFunc
	work  sync.WaitGroup

	mu      sync.Mutex
	world   *world
	ahead   time.Duration
	limits  control.Limits
	flood   map[string]*bucket
	tooMany map[int64]int     // calls of each bot that were refused for their rate
	said    map[botSecond]int // messages and edits of each bot in each second
	faults  []*control.Fault
	calls   []control.Call
	answers []control.Answer
	events  []control.Event
	queries map[string]*query
	polls   map[int64]*poll
	pushers map[int64]*pusher
	mtproto control.MTProto // where MTProto is spoken
	// changed is closed and replaced whenever something changes.
	changed chan struct{}
}

// The journals that tests and the page read keep this many entries.
const keptEntries = 5000

// New starts a simulator. It fails if the state folder cannot be read.
func New(opts Options) (*Server, error) {
	table, err := description.Load()
	if err != nil {
		return nil, err
	}

	opts.WebhookRetry = cmp.Or(opts.WebhookRetry, time.Second)
	opts.WebhookRetryMax = cmp.Or(opts.WebhookRetryMax, time.Minute)
	opts.WebhookTimeout = cmp.Or(opts.WebhookTimeout, time.Minute)

	if opts.Now == nil {
		opts.Now = time.Now
	}

	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}

	limits := RealLimits()
	if opts.Limits != nil {
		limits = *opts.Limits
	}

	kept, err := openStore(opts.StateDir)
	if err != nil {
		return nil, err
	}

	world, err := kept.load()
	if err != nil {
		return nil, errors.Join(err, kept.close())
	}

	s := &Server{
		opts: opts, log: opts.Logger, table: table, store: kept,
		world: world, limits: limits,
		flood: map[string]*bucket{}, tooMany: map[int64]int{}, said: map[botSecond]int{},
		queries: map[string]*query{}, polls: map[int64]*poll{}, pushers: map[int64]*pusher{}, changed: make(chan struct{}),
	}
	s.done, s.stop = context.WithCancel(context.Background())

	s.own = s.ownRoutes()
	s.work.Go(s.keep)

	s.mu.Lock()
	defer s.mu.Unlock()

	for _, b := range s.world.Bots {
		s.startPusher(b)
	}

	return s, nil
}

// Close ends all background work and waits for it, and writes the state.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	s.touch()
	s.mu.Unlock()
	s.work.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()

	return errors.Join(s.store.save(s.world), s.store.close())
}

// ServeHTTP answers the Bot API, the control API and the chat page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/file/bot"); ok {
		token, path, _ := strings.Cut(rest, "/")
		s.serveFile(w, r, token, path)

		return
	}

	if rest, ok := strings.CutPrefix(r.URL.Path, "/bot"); ok {
		token, method, _ := strings.Cut(rest, "/")
		s.serveMethod(w, r, token, method)

		return
	}

	s.own.ServeHTTP(w, r)
}

// ownRoutes are the control API and the page.
func (s *Server) ownRoutes() http.Handler {
	mux := http.NewServeMux()
	s.controlRoutes(mux)
	mux.Handle("GET /", page.Handler())

	return http.NewCrossOriginProtection().Handler(s.onlyLocal(mux))
}

// onlyLocal refuses requests that came by a foreign name: a page on the
// internet must not act as the people here by pointing its name at loopback.
func (s *Server) onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}

		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && !ip.IsLoopback() && !slices.Contains(s.opts.Hosts, host) {
			http.Error(w, "the simulator answers only by its loopback address; "+
				"call it as 127.0.0.1 or name "+host+" with -host", http.StatusForbidden)

			return
		}

		next.ServeHTTP(w, r)
	})
}

// now is the simulator's time: the clock, and what a test advanced it by.
func (s *Server) now() time.Time { return s.opts.Now().Add(s.ahead) }

// touch tells everybody who waits that something changed.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
	s.store.changed()
}

// event records what happened, for the page and the waits.
func (s *Server) event(kind, chatKey string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		// Everything that is passed here is made of plain data.
		panic(fmt.Sprintf("telegram: event %s cannot be written as JSON: %v", kind, err))
	}

	s.world.Seq++
	s.events = append(s.events, control.Event{Seq: s.world.Seq, Type: kind, Chat: chatKey, Body: raw})
	s.events = trimmed(s.events)
	s.touch()
}

func trimmed[T any](journal []T) []T {
	if len(journal) < 2*keptEntries {
		return journal
	}

	return slices.Clone(journal[len(journal)-keptEntries:])
}

// await waits until ready is true, which it asks under the lock whenever
// something changed, or until the simulator's clock passes the deadline. It
// says whether ready became true. The lock must be held and is held again
// when it returns.
func (s *Server) await(ctx context.Context, deadline time.Time, ready func() bool) bool {
	for !ready() {
		left := deadline.Sub(s.now())
		if left <= 0 || ctx.Err() != nil || s.done.Err() != nil {
			return false
		}

		changed := s.changed
		timer := time.NewTimer(left)

		s.mu.Unlock()

		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		case <-s.done.Done():
		}

		timer.Stop()
		s.mu.Lock()
	}

	return true
}

// keep writes the state to disk after changes, until the server is closed.
func (s *Server) keep() {
	for {
		select {
		case <-s.done.Done():
			return
		case <-s.store.dirty:
		}

		s.mu.Lock()
		began := time.Now()
		err := s.store.save(s.world)
		s.mu.Unlock()

		if err != nil {
			s.log.Error("the state could not be written; it will be tried again after the next change", "error", err)
		}

		// A large state is written less often, so that writing it never takes
		// more than about a thirtieth of the time.
		pause := time.NewTimer(max(saveEvery, 30*time.Since(began)))

		select {
		case <-s.done.Done():
			pause.Stop()

			return
		case <-pause.C:
		}
	}
}
