package pakasir

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/pakasir/control"
)

// maxBody bounds a request's body.
const maxBody = 64 << 10

// faulty puts a switch's outage or delay in front of a call.
func (s *Server) faulty(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.state.Calls = append(s.state.Calls, r.Method+" "+r.URL.Path)
		faults := s.state.Faults
		s.mu.Unlock()

		if faults.DelayMS > 0 {
			timer := time.NewTimer(time.Duration(faults.DelayMS) * time.Millisecond)
			defer timer.Stop()

			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			case <-s.context.Done():
				return
			}
		}

		if faults.Outage {
			refuse(w, http.StatusServiceUnavailable, "service unavailable")

			return
		}

		next(w, r)
	}
}

// cut drops the connection where the answer of this call is to be lost. The
// caller holds the lock.
func (s *Server) cut() {
	if s.state.Faults.Cut > 0 {
		s.state.Faults.Cut--

		panic(http.ErrAbortHandler) // the server closes the connection and logs nothing
	}
}

// keyed gives the project of a call that carries its key. The caller holds the
// lock.
func (s *Server) keyed(w http.ResponseWriter, r *http.Request) (control.Project, bool) {
	project, ok := s.project(r.PathValue("project"))
	if !ok {
		refuse(w, http.StatusNotFound, "project not found")

		return project, false
	}

	if r.Header.Get("X-Api-Key") != project.Key {
		refuse(w, http.StatusUnauthorized, "invalid api key")

		return project, false
	}

	return project, true
}

// methods are what can be asked for, with the amounts that each takes.
func methods() map[string][2]int64 {
	va := [2]int64{10_000, 50_000_000}

	return map[string][2]int64{
		"qris": {500, 10_000_000}, "payment_link": {500, 50_000_000},
		"bri_va": va, "bni_va": va, "cimb_niaga_va": va, "permata_va": va, "maybank_va": va, "bnc_va": va,
		"artha_graha_va": va, "sampoerna_va": va,
	}
}

func feeOf(method string, amount int64) int64 {
	switch {
	case method == "qris":
		return (amount*7+999)/1000 + 310
	case strings.HasSuffix(method, "_va"):
		return 3500
	default:
		return 0
	}
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Method string `json:"method"`
		Amount int64  `json:"amount"`
	}

	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not JSON")

		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	project, ok := s.keyed(w, r)
	if !ok {
		return
	}

	bounds, ok := methods()[asked.Method]
	if !ok {
		refuse(w, http.StatusBadRequest, "unknown method")

		return
	}

	if asked.Amount < bounds[0] || asked.Amount > bounds[1] {
		refuse(w, http.StatusBadRequest, "amount out of range")

		return
	}

	found := s.findOrOpen(project, r.PathValue("order"), asked.Method, asked.Amount)
	s.cut()

	if asked.Method == "payment_link" {
		reply(w, map[string]any{"txn_id": found.ID, "payment_link": "http://" + r.Host + "/pay/" + found.ID})

		return
	}

	reply(w, map[string]any{
		"txn_id": found.ID, "project": found.Project, "order_id": found.Order, "amount": found.Asked, "fee": found.Fee,
		"total_payment": found.Asked + found.Fee, "payment_method": found.Method, "qr_string": text(found.QR),
		"va_number": text(found.Account), "expired_at": found.ExpiredAt.Format(time.RFC3339), "is_sandbox": found.Sandbox,
		"status": found.Status, "completed_at": moment(found.CompletedAt),
	})
}

// findOrOpen gives the transaction of an order that was asked for with the same
// body before, or makes it. The caller holds the lock.
func (s *Server) findOrOpen(project control.Project, order, method string, amount int64) *control.Transaction {
	i := slices.IndexFunc(s.state.Transactions, func(t control.Transaction) bool {
		return t.Project == project.Slug && t.Order == order && t.Method == method && t.Asked == amount
	})
	if i < 0 {
		return s.open(project, order, method, amount)
	}

	found, _ := s.transaction(s.state.Transactions[i].ID)

	return found
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	project, ok := s.keyed(w, r)
	if !ok {
		return
	}

	found, ok := s.transaction(r.PathValue("transaction"))
	if !ok || found.Project != project.Slug {
		refuse(w, http.StatusNotFound, "transaction not found")

		return
	}

	now := s.now()
	if last, ok := s.asked[found.ID]; ok && now.Before(last.Add(statusPause)) {
		refuse(w, http.StatusTooManyRequests, "at most one call per 4 seconds for a transaction")

		return
	}

	s.asked[found.ID] = now

	if s.state.Faults.Lie == control.LieGarbage {
		_, _ = io.WriteString(w, "<html>maintenance</html>") // who asked may be gone

		return
	}

	reply(w, announced(lied(*found, s.state.Faults.Lie, now)))
}

// lied gives a transaction as a lie has it.
func lied(of control.Transaction, lie control.Lie, now time.Time) control.Transaction {
	switch lie {
	case control.LiePaid:
		of.Status, of.CompletedAt = completed, now
	case control.LieUnpaid:
		of.Status, of.CompletedAt = pending, time.Time{}
	case control.LieAmount:
		of.Amount++
	case control.LieOrder:
		of.Order += "9"
	case control.LieTransaction:
		of.ID += "9"
	case control.LieSandbox:
		of.Sandbox = !of.Sandbox
	case control.LieGarbage:
	}

	return of
}

// announced is what status and notifications say of a transaction.
func announced(of control.Transaction) map[string]any {
	return map[string]any{
		"txn_id": of.ID, "order_id": of.Order, "amount": of.Amount, "is_sandbox": of.Sandbox, "status": of.Status,
		"completed_at": moment(of.CompletedAt),
	}
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	project, ok := s.keyed(w, r)
	if !ok {
		return
	}

	found, ok := s.transaction(r.PathValue("transaction"))
	if !ok || found.Project != project.Slug {
		refuse(w, http.StatusNotFound, "transaction not found")

		return
	}

	if found.Status != pending {
		refuse(w, http.StatusBadRequest, "transaction is "+found.Status)

		return
	}

	s.end(found)
	s.cut()
	reply(w, map[string]any{"txn_id": found.ID, "status": canceled})
}

func (s *Server) fees(w http.ResponseWriter, r *http.Request) {
	amount, err := strconv.ParseInt(r.PathValue("amount"), 10, 64)
	if err != nil || amount <= 0 || amount > 50_000_000 {
		refuse(w, http.StatusBadRequest, "invalid amount")

		return
	}

	table := map[string]int64{}

	for method := range methods() {
		if fee := feeOf(method, amount); fee > 0 {
			table[method] = fee
		}
	}

	reply(w, table)
}

// simulate is v1's way to have an order paid in tests.
func (s *Server) simulate(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Project string `json:"project"`
		Order   string `json:"order_id"`
		Amount  int64  `json:"amount"`
		Key     string `json:"api_key"`
	}

	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not JSON")

		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	project, ok := s.project(asked.Project)
	if !ok || project.Key != asked.Key {
		refuse(w, http.StatusUnauthorized, "invalid project or api key")

		return
	}

	for i := range s.state.Transactions {
		of, _ := s.transaction(s.state.Transactions[i].ID)
		if of.Project == asked.Project && of.Order == asked.Order && of.Asked == asked.Amount && of.Status == pending {
			s.complete(of, of.Asked)
			reply(w, map[string]any{"success": true})

			return
		}
	}

	refuse(w, http.StatusNotFound, "no pending transaction of this order and amount")
}

// text and moment give null for what there is not.
func text(value string) any {
	if value == "" {
		return nil
	}

	return value
}

func moment(at time.Time) any {
	if at.IsZero() {
		return nil
	}

	return at.Format(time.RFC3339Nano)
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) //nolint:errchkjson // maps and structs of plain values; who asked may be gone
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) //nolint:errchkjson // as above
}
