package pakasir

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/lapak-id/lapak/localstack/pakasir/control"
)

func (s *Server) controlState(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	for i := range s.state.Transactions {
		s.transaction(s.state.Transactions[i].ID) // those whose time is up have ended
	}

	reply(w, s.state)
}

func (s *Server) controlProject(w http.ResponseWriter, r *http.Request) {
	var project control.Project
	if !read(w, r, &project) {
		return
	}

	project.Slug = r.PathValue("project")

	s.mu.Lock()
	defer s.mu.Unlock()

	if i := slices.IndexFunc(s.state.Projects, func(p control.Project) bool { return p.Slug == project.Slug }); i >= 0 {
		s.state.Projects[i] = project
	} else {
		s.state.Projects = append(s.state.Projects, project)
	}

	reply(w, project)
}

func (s *Server) controlFaults(w http.ResponseWriter, r *http.Request) {
	var faults control.Faults
	if !read(w, r, &faults) {
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	s.state.Faults = faults
	reply(w, faults)
}

func (s *Server) controlAction(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	of, ok := s.transaction(r.PathValue("transaction"))
	if !ok {
		refuse(w, http.StatusNotFound, "transaction not found")

		return
	}

	if err := s.act(of, control.Action(r.PathValue("action"))); err != nil {
		refuse(w, http.StatusConflict, err.Error())

		return
	}

	reply(w, map[string]any{})
}

func (s *Server) controlAdvance(w http.ResponseWriter, r *http.Request) {
	var by struct {
		MS int64 `json:"ms"`
	}
	if !read(w, r, &by) {
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	s.offset += time.Duration(by.MS) * time.Millisecond
	reply(w, map[string]any{})
}

func (s *Server) controlFlush(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	close(s.flush)
	s.flush = make(chan struct{})

	reply(w, map[string]any{})
}

func (s *Server) controlIdle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()

	if s.sending == 0 {
		s.mu.Unlock()
		reply(w, map[string]any{})

		return
	}

	if s.quieted == nil {
		s.quieted = make(chan struct{})
	}

	quieted := s.quieted
	s.mu.Unlock()

	select {
	case <-quieted:
		reply(w, map[string]any{})
	case <-r.Context().Done():
	case <-s.context.Done():
	}
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not JSON: "+err.Error())

		return false
	}

	return true
}
