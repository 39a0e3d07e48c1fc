package stack_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/shared/wallet"
)

// secretHeader is by what Pakasir proves itself.
const secretHeader = "X-Secret"

// notification is what the gateway sends.
type notification struct {
	secret string
	body   []byte
}

// intercept has the gateway's notifications of a stall come here instead, so
// that a test sends them on as it likes.
func (s stall) intercept(t *testing.T) <-chan notification {
	t.Helper()

	const room = 10

	caught := make(chan notification, room)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)

			return
		}

		caught <- notification{r.Header.Get(secretHeader), body}
	}))
	t.Cleanup(listener.Close)

	err := gatewayControl().SetProject(t.Context(), pakasir.Project{
		Slug: s.ID, Key: "simulated-key-of-" + s.ID, Secret: "simulated-secret-of-" + s.ID, Callback: listener.URL,
	})
	if err != nil {
		t.Fatal(err)
	}

	return caught
}

// notify sends a notification to an address and gives the status of the answer.
func notify(to string, sent notification) (int, error) {
	request, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(sent.body)) //nolint:noctx // on loopback
	if err != nil {
		return 0, fmt.Errorf("make a notification: %w", err)
	}

	request.Header.Set("Content-Type", "application/json")

	if sent.secret != "" {
		request.Header.Set(secretHeader, sent.secret)
	}

	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("send a notification: %w", err)
	}
	defer answer.Body.Close() // it was read, nothing can be lost

	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, fmt.Errorf("read the answer to a notification: %w", err)
	}

	return answer.StatusCode, nil
}

// insist sends a notification as gateways do: again while the answer is that it
// cannot be taken for now. It gives the last answer.
func insist(to string, sent notification) (int, error) {
	const (
		tries = 20
		pause = time.Second
	)

	tick := time.NewTicker(pause)
	defer tick.Stop()

	for try := 1; ; try++ {
		status, err := notify(to, sent)
		if err != nil || status != http.StatusServiceUnavailable || try == tries {
			return status, err
		}

		<-tick.C
	}
}

// A hundred copies of one notification at the same moment, every other one
// written in another way, are all taken, and settle the order once.
func TestHundredCopiesOfOneNotification(t *testing.T) {
	t.Parallel()

	const copies = 100

	stall := openStall(t, 2)
	caught := stall.intercept(t)
	sari := stall.visitor(t, "id")

	sari.orders()
	acts(t, stall.bill(t, sari), pakasir.Pay)

	sent := <-caught
	to := cloud.CallbackURL("pakasir", stall.ID)

	var (
		mu       sync.Mutex
		statuses = map[int]int{}
		failed   error
		senders  sync.WaitGroup
	)

	for number := range copies {
		one := sent
		if number%2 == 1 { // JSON takes blanks; what was stored does not tell these from new ones
			one.body = append(bytes.Repeat([]byte(" "), number), sent.body...)
		}

		senders.Go(func() {
			status, err := insist(to, one)

			mu.Lock()
			defer mu.Unlock()

			statuses[status]++

			if err != nil {
				failed = err
			}
		})
	}

	senders.Wait()

	if want := map[int]int{http.StatusOK: copies}; failed != nil || !maps.Equal(statuses, want) {
		t.Errorf("the copies were answered %v (%v), want %v", statuses, failed, want)
	}

	stall.goods(t, sari)
	// The other queues hold what tests beside have sent, and workers that they kill hold that for minutes.
	drained(t, "PaymentsQueueUrl")

	if goods := sari.showing(stall.mark()); len(goods) != 1 {
		t.Errorf("the goods came %d times, want once", len(goods))
	}

	stall.left(t, 1, 1)
	stall.holds(t, sari, 0)

	if sold := stall.balances(t)[wallet.Sales]; sold != price {
		t.Errorf("%d was sold, want %d", sold, price)
	}

	if counted := len(journal.lines("payment counted", stall.ID)); counted != 1 {
		t.Errorf("the payment was counted %d times, want once", counted)
	}
}

// What does not prove itself is refused, what lies changes nothing, and then
// the true notification settles the order.
func TestForgedNotifications(t *testing.T) {
	t.Parallel()

	stall, other := openStall(t, 1), openStall(t, 1)
	caught := stall.intercept(t)
	sari := stall.visitor(t, "id")

	sari.orders()

	bill := stall.bill(t, sari)
	acts(t, bill, pakasir.Announce) // that it is paid, which it is not

	lie := <-caught
	stranger := notification{lie.secret, bytes.ReplaceAll(lie.body, []byte(bill.Order), []byte("LP-00000000000000-1"))}
	to := cloud.CallbackURL("pakasir", stall.ID)

	for name, attempt := range map[string]struct {
		to   string
		sent notification
		want int
	}{
		"no secret":           {to, notification{"", lie.body}, http.StatusUnauthorized},
		"wrong secret":        {to, notification{"guessed", lie.body}, http.StatusUnauthorized},
		"another store":       {cloud.CallbackURL("pakasir", other.ID), lie, http.StatusUnauthorized},
		"a store there isn't": {cloud.CallbackURL("pakasir", "nobody"), lie, http.StatusUnauthorized},
		"unknown gateway":     {cloud.CallbackURL("paygate", stall.ID), lie, http.StatusUnauthorized},
		"no JSON":             {to, notification{lie.secret, []byte("paid!")}, http.StatusOK},
		"a stranger's order":  {to, stranger, http.StatusOK},
		"too large":           {to, notification{lie.secret, bytes.Repeat([]byte("x"), 300<<10)}, http.StatusRequestEntityTooLarge},
		"a lie, well signed":  {to, lie, http.StatusOK},
	} {
		status, err := notify(attempt.to, attempt.sent)
		if err != nil || status != attempt.want {
			t.Errorf("%s: answered %d (%v), want %d", name, status, err, attempt.want)
		}
	}

	// The gateway was asked about the lie, and what it says is what counts.
	journal.await(t, answerWithin, "notification taken", stall.ID)

	if goods := sari.showing(stall.mark()); len(goods) != 0 {
		t.Fatalf("a lie brought the goods: %v", goods)
	}

	if balances := stall.balances(t); len(balances) != 0 {
		t.Fatalf("a lie moved money: %v", balances)
	}

	acts(t, bill, pakasir.Pay)

	status, err := notify(to, <-caught)
	if err != nil || status != http.StatusOK {
		t.Errorf("the true notification was answered %d (%v)", status, err)
	}

	stall.goods(t, sari)
	stall.left(t, 0, 1)
	other.left(t, 1, 0)

	// Neither what a forger tries nor the goods are ever logged.
	for _, secret := range []string{"guessed", stall.mark() + "0"} {
		if written := journal.lines(secret); len(written) != 0 {
			t.Errorf("%s wrote: %s", written[0].Function, written[0].Line)
		}
	}
}
