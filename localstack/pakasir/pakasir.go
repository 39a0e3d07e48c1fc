// Package pakasir simulates the payment gateway Pakasir: its API v2, a page on
// which a payer pays, its notifications with retries, and a control API that
// makes it fail, lie and fall silent. It keeps to loopback and takes no money.
package pakasir

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/localstack/pakasir/control"
)

const (
	// pendingFor is how long a transaction can be paid; then it cancels itself.
	pendingFor = 24 * time.Hour
	// statusPause is what must lie between two questions about one transaction.
	statusPause = 4 * time.Second
)

// Options say how a simulator runs.
type Options struct {
	// State is the folder of what is kept between runs; empty keeps nothing.
	State string
	// Retries are the waits before each further try to notify; by default 1, 2,
	// 4, 8 and 16 seconds. What Pakasir does is not known.
	Retries []time.Duration
}

// Server is a simulator. It serves HTTP; Close ends it.
type Server struct {
	options Options
	routes  http.Handler
	page    *template.Template
	http    *http.Client
	context context.Context //nolint:containedctx // of the notifications, which outlive the calls that cause them
	stop    context.CancelFunc
	senders sync.WaitGroup

	mu       sync.Mutex
	offset   time.Duration // of its clock
	state    control.State
	asked    map[string]time.Time // by transaction: when its status was asked last
	flush    chan struct{}        // closed to have those that wait go on
	sending  int
	quieted  chan struct{} // closed when sending falls to zero; nil while nobody waits
	finished bool
}

// New makes a simulator, with what the last run has kept.
func New(options Options) (*Server, error) {
	if options.Retries == nil {
		for wait := time.Second; wait <= 16*time.Second; wait *= 2 {
			options.Retries = append(options.Retries, wait)
		}
	}

	s := &Server{
		options: options, http: &http.Client{Timeout: 10 * time.Second, Transport: new(http.Transport)},
		asked: map[string]time.Time{}, flush: make(chan struct{}), page: newPage(),
	}
	s.context, s.stop = context.WithCancel(context.Background())
	s.routes = s.handler()

	if options.State == "" {
		return s, nil
	}

	text, err := os.ReadFile(s.file())
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}

	if err == nil {
		err = json.Unmarshal(text, &s.state)
	}

	if err != nil {
		return nil, fmt.Errorf("read what the last run kept in %s: %w", s.file(), err)
	}

	s.state.Deliveries, s.state.Calls, s.state.Faults = nil, nil, control.Faults{}

	return s, nil
}

func (s *Server) file() string { return filepath.Join(s.options.State, "pakasir.json") }

// Close ends what is under way and saves for the next run.
func (s *Server) Close() error {
	s.mu.Lock()
	s.finished = true
	s.mu.Unlock()

	s.stop()
	s.senders.Wait()
	s.http.CloseIdleConnections()

	if s.options.State == "" {
		return nil
	}

	s.mu.Lock()
	text, err := json.Marshal(s.state)
	s.mu.Unlock()

	if err == nil {
		err = os.WriteFile(s.file(), text, 0o600)
	}

	if err != nil {
		return fmt.Errorf("save for the next run: %w", err)
	}

	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

func (s *Server) handler() http.Handler {
	routes := http.NewServeMux()

	routes.HandleFunc("POST /api/v2/create-transaction/{project}/{order}", s.faulty(s.create))
	routes.HandleFunc("GET /api/v2/transaction-status/{project}/{transaction}", s.faulty(s.status))
	routes.HandleFunc("POST /api/v2/cancel-transaction/{project}/{transaction}", s.faulty(s.cancel))
	routes.HandleFunc("GET /api/v2/payment-fee/{amount}", s.faulty(s.fees))
	routes.HandleFunc("POST /api/paymentsimulation", s.faulty(s.simulate))

	routes.HandleFunc("GET /{$}", s.listPage)
	routes.HandleFunc("GET /pay/{transaction}", s.payPage)
	routes.HandleFunc("GET /pay/{transaction}/qr.png", s.qrPicture)
	routes.HandleFunc("POST /pay/{transaction}/{action}", s.payAction)

	routes.HandleFunc("GET /control/state", s.controlState)
	routes.HandleFunc("PUT /control/projects/{project}", s.controlProject)
	routes.HandleFunc("PUT /control/faults", s.controlFaults)
	routes.HandleFunc("POST /control/transactions/{transaction}/{action}", s.controlAction)
	routes.HandleFunc("POST /control/advance", s.controlAdvance)
	routes.HandleFunc("POST /control/flush", s.controlFlush)
	routes.HandleFunc("POST /control/idle", s.controlIdle)

	return routes
}

// now is the simulator's time. The caller holds the lock.
func (s *Server) now() time.Time { return time.Now().UTC().Add(s.offset) }

// project finds a project. The caller holds the lock.
func (s *Server) project(slug string) (control.Project, bool) {
	i := slices.IndexFunc(s.state.Projects, func(p control.Project) bool { return p.Slug == slug })
	if i < 0 {
		return control.Project{}, false
	}

	return s.state.Projects[i], true
}

// transaction finds one of any project, as it stands now. The caller holds the
// lock.
func (s *Server) transaction(id string) (*control.Transaction, bool) {
	i := slices.IndexFunc(s.state.Transactions, func(t control.Transaction) bool { return t.ID == id })
	if i < 0 {
		return nil, false
	}

	found := &s.state.Transactions[i]
	if found.Status == pending && !s.now().Before(found.ExpiredAt) {
		s.end(found)
	}

	return found, true
}

// The states of a transaction.
const (
	pending   = "pending"
	completed = "completed"
	canceled  = "canceled"
)

// end cancels a transaction; a payment that was on its way then arrives all the
// same. The caller holds the lock.
func (s *Server) end(of *control.Transaction) {
	of.Status = canceled

	if of.Late {
		of.Late = false
		s.complete(of, of.Asked)
	}
}

// complete has a transaction paid with an amount. The caller holds the lock.
func (s *Server) complete(of *control.Transaction, amount int64) {
	of.Status, of.Amount, of.CompletedAt = completed, amount, s.now()
	s.notify(*of)
}

// open makes a transaction. The caller holds the lock.
func (s *Server) open(project control.Project, order, method string, amount int64) *control.Transaction {
	now := s.now()
	made := control.Transaction{
		ID: newID(), Project: project.Slug, Order: order, Method: method, Asked: amount, Amount: amount, Fee: feeOf(method, amount),
		Status: pending, Sandbox: project.Sandbox, CreatedAt: now, ExpiredAt: now.Add(pendingFor).Truncate(time.Second),
	}

	switch {
	case method == "qris":
		made.QR = qris(cmp.Or(project.Name, project.Slug), order, amount+made.Fee)
	case strings.HasSuffix(method, "_va"):
		made.Account = accountNumber(made.ID)
	}

	s.state.Transactions = append(s.state.Transactions, made)

	return &s.state.Transactions[len(s.state.Transactions)-1]
}

func newID() string {
	random := make([]byte, 10)
	_, _ = rand.Read(random) // it never fails: https://pkg.go.dev/crypto/rand#Read

	return "TXN" + strings.ToUpper(hex.EncodeToString(random))
}

// accountNumber derives the 16 digits of a virtual account.
func accountNumber(id string) string {
	const digits = 16

	number := []byte("8808")
	for i := 0; len(number) < digits; i++ {
		number = append(number, '0'+id[3+i]%10)
	}

	return string(number)
}

// errNotNow says that a transaction is past what is to happen to it.
var errNotNow = errors.New("the transaction is not pending")

// act has something happen to a transaction. The caller holds the lock.
func (s *Server) act(of *control.Transaction, action control.Action) error {
	const off = 1000

	if of.Status != pending && (action == control.Pay || action == control.Fail || action == control.Wrong || action == control.Twice) {
		return fmt.Errorf("%s: %w", action, errNotNow)
	}

	switch action {
	case control.Pay:
		s.complete(of, of.Asked)
	case control.Wrong:
		wrong := of.Asked - off
		if wrong <= 0 {
			wrong = of.Asked + off
		}

		s.complete(of, wrong)
	case control.Fail:
		of.Status = canceled
		s.notify(*of)
	case control.Late:
		switch of.Status {
		case pending:
			of.Late = true
		case canceled:
			s.complete(of, of.Asked)
		default:
			return fmt.Errorf("%s: %w", action, errNotNow)
		}
	case control.Twice:
		project, _ := s.project(of.Project)
		s.complete(of, of.Asked)

		again := s.open(project, of.Order, of.Method, of.Asked) // of may have moved: it is not used any more
		s.complete(again, again.Asked)
	case control.Announce:
		said := *of
		said.Status, said.CompletedAt = completed, s.now()
		s.notify(said)
	case control.Resend:
		s.notify(*of)
	default:
		return fmt.Errorf("there is no action %q", action)
	}

	return nil
}
