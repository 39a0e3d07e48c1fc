package pakasir

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/lapak-id/lapak/localstack/pakasir/control"
)

//go:embed page.html
var pageText string

func newPage() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"rupiah": rupiah}).Parse(pageText))
}

// button is one thing that a payer can do on the page.
type button struct {
	Action control.Action
	Label  string
	Hint   string
}

// shown is what the page shows: one transaction, or a list.
type shown struct {
	One     *control.Transaction
	Total   int64
	Buttons []button
	Problem string
	All     []control.Transaction // the newest first
}

func (s *Server) listPage(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()

	for i := range s.state.Transactions {
		s.transaction(s.state.Transactions[i].ID)
	}

	all := slices.Clone(s.state.Transactions)
	s.mu.Unlock()

	slices.Reverse(all)
	s.show(w, http.StatusOK, shown{All: all})
}

func (s *Server) payPage(w http.ResponseWriter, r *http.Request) { s.showOne(w, r, http.StatusOK, "") }

func (s *Server) showOne(w http.ResponseWriter, r *http.Request, status int, problem string) {
	s.mu.Lock()
	found, ok := s.transaction(r.PathValue("transaction"))

	var one control.Transaction
	if ok {
		one = *found
	}

	s.mu.Unlock()

	if !ok {
		s.show(w, http.StatusNotFound, shown{Problem: "There is no such transaction."})

		return
	}

	s.show(w, status, shown{One: &one, Total: one.Asked + one.Fee, Buttons: buttons(one), Problem: problem})
}

func buttons(of control.Transaction) []button {
	switch of.Status {
	case pending:
		return []button{
			{control.Pay, "Pay", "the whole amount, now"},
			{control.Fail, "Fail", "the payment is refused and cancelled"},
			{control.Late, "Pay late", "the money arrives once the transaction has ended"},
			{control.Twice, "Pay twice", "two transactions for the same order"},
			{control.Wrong, "Wrong amount", "another amount than was asked"},
			{control.Announce, "Lie", "a notification says paid, the status does not"},
		}
	case canceled:
		return []button{{control.Late, "Pay late", "the money arrives after all"}}
	default:
		return []button{{control.Resend, "Notify again", "the same notification once more"}}
	}
}

func (s *Server) payAction(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()

	found, ok := s.transaction(r.PathValue("transaction"))

	var err error
	if ok {
		err = s.act(found, control.Action(r.PathValue("action")))
	}

	s.mu.Unlock()

	if !ok || err != nil {
		problem := "There is no such transaction."
		if err != nil {
			problem = "Nothing happened: " + err.Error()
		}

		s.showOne(w, r, http.StatusConflict, problem)

		return
	}

	http.Redirect(w, r, "/pay/"+r.PathValue("transaction"), http.StatusSeeOther)
}

func (s *Server) qrPicture(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	found, ok := s.transaction(r.PathValue("transaction"))

	var text string
	if ok {
		text = found.QR
	}

	s.mu.Unlock()

	code, err := qr.Encode(text, qr.M)
	if text == "" || err != nil {
		refuse(w, http.StatusNotFound, "no QR code")

		return
	}

	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(code.PNG()) // who asked may be gone
}

func (s *Server) show(w http.ResponseWriter, status int, what shown) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'")
	w.WriteHeader(status)
	_ = s.page.Execute(w, what) // who asked may be gone
}

// rupiah writes an amount as Indonesia does: Rp49.653.
func rupiah(amount int64) string {
	const group = 3

	digits := strconv.FormatInt(amount, 10)

	var text strings.Builder

	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%group == 0 && digits[i-1] != '-' {
			text.WriteByte('.')
		}

		text.WriteRune(digit)
	}

	return "Rp" + text.String()
}
