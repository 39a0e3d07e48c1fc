package pakasir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lapak-id/lapak/localstack/pakasir/control"
)

// notify has a transaction's project told how it stands, until it answers 2xx
// or the tries are used up. The caller holds the lock.
func (s *Server) notify(of control.Transaction) {
	project, ok := s.project(of.Project)
	if !ok || project.Callback == "" || s.state.Faults.Mute || s.finished {
		return
	}

	body, err := json.Marshal(announced(of))
	if err != nil { // plain values always encode
		panic("pakasir: encode a notification: " + err.Error())
	}

	late := time.Duration(s.state.Faults.NotifyDelayMS) * time.Millisecond

	for range 1 + s.state.Faults.Copies {
		s.sending++

		s.senders.Go(func() {
			s.deliver(project, of.ID, body, late)
			s.sent()
		})
	}
}

// sent notes that a notification is over, one way or the other.
func (s *Server) sent() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.sending--

	if s.sending == 0 && s.quieted != nil {
		close(s.quieted)
		s.quieted = nil
	}
}

func (s *Server) deliver(project control.Project, transaction string, body []byte, late time.Duration) {
	if late > 0 && !s.pause(late) {
		return
	}

	for try := 1; ; try++ {
		status, err := s.send(project, body)
		made := control.Delivery{Transaction: transaction, Try: try, Status: status}

		if err != nil {
			made.Error = err.Error()
		}

		s.mu.Lock()
		made.At = s.now()
		s.state.Deliveries = append(s.state.Deliveries, made)
		s.mu.Unlock()

		accepted := err == nil && status >= http.StatusOK && status < http.StatusMultipleChoices
		if accepted || try > len(s.options.Retries) || !s.pause(s.options.Retries[try-1]) {
			return
		}
	}
}

// pause waits, or until those that wait are to go on; false where it all ends.
func (s *Server) pause(wait time.Duration) bool {
	s.mu.Lock()
	flush := s.flush
	s.mu.Unlock()

	timer := time.NewTimer(wait)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-flush:
		return true
	case <-s.context.Done():
		return false
	}
}

func (s *Server) send(project control.Project, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(s.context, http.MethodPost, project.Callback, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make a notification: %w", err)
	}

	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Secret", project.Secret)

	response, err := s.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("send a notification: %w", err)
	}
	defer response.Body.Close() // it was read, nothing can be lost

	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody)) // so that the connection can be used again

	return response.StatusCode, nil
}
