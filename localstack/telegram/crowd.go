package telegram

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// maxCrowd is how many people are made at once at most.
const maxCrowd = 200_000

// controlCrowd makes many people at once who have pressed Start in the chat with
// a bot. Nobody is told: the bot gets no updates, the page shows them when it is
// opened anew.
func (s *Server) controlCrowd(_ context.Context, r control.Crowd) (map[string]int, error) {
	if s.world.Bots[r.Bot] == nil {
		return nil, refuse(http.StatusNotFound, "bot %d does not exist; create it first", r.Bot)
	}

	if r.Count < 1 || r.Count > maxCrowd || r.First < 1 {
		return nil, refuse(http.StatusBadRequest, "want 1 to %d people with ids from 1 on", maxCrowd)
	}

	for id := r.First; id < r.First+int64(r.Count); id++ {
		if s.world.Users[id] != nil || s.world.Bots[id] != nil {
			return nil, refuse(http.StatusConflict, "id %d is taken", id)
		}
	}

	for id := r.First; id < r.First+int64(r.Count); id++ {
		s.world.Users[id] = &user{User: control.User{ID: id, FirstName: fmt.Sprintf("Person %d", id), LanguageCode: r.Language}}

		key := privateKey(r.Bot, id)
		s.world.Chats[key] = &chat{Key: key, Type: "private", Bot: r.Bot, User: id, ID: id, Started: true}
	}

	s.touch()

	return map[string]int{"people": r.Count}, nil
}

// controlReach counts what a crowd got of a bot.
func (s *Server) controlReach(_ context.Context, r control.Crowd) (control.Reach, error) {
	if s.world.Bots[r.Bot] == nil {
		return control.Reach{}, refuse(http.StatusNotFound, "bot %d does not exist; create it first", r.Bot)
	}

	reach := control.Reach{TooMany: s.tooMany[r.Bot]}

	for id := r.First; id < r.First+int64(r.Count); id++ {
		in := s.world.Chats[privateKey(r.Bot, id)]
		if in == nil {
			return control.Reach{}, refuse(http.StatusNotFound, "user %d has no chat with bot %d", id, r.Bot)
		}

		got := slices.DeleteFunc(slices.Clone(in.Messages), func(m *message) bool {
			return m.From != r.Bot || m.Deleted || !strings.Contains(m.Content.Text, r.Text)
		})

		switch len(got) {
		case 0:
			reach.None++

			continue
		case 1:
			reach.Once++
		default:
			reach.More++
		}

		for _, m := range got {
			if reach.FirstAt == 0 || m.Date < reach.FirstAt {
				reach.FirstAt = m.Date
			}

			reach.LastAt = max(reach.LastAt, m.Date)
		}
	}

	for second := reach.FirstAt; second <= reach.LastAt; second++ {
		reach.Said += s.said[botSecond{r.Bot, second}]
	}

	return reach, nil
}
