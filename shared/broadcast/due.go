package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// Look starts the campaigns of all stores whose time has come and sets those
// going again that stand still, and counts both. One failure does not keep the
// others back. It is run every minute.
func (s *Service) Look(ctx context.Context) (int, error) {
	stores, err := s.stores.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("look after broadcasts: %w", err)
	}

	return store.Each(ctx, stores, s.lookIn)
}

func (s *Service) lookIn(ctx context.Context, id string) (int, error) {
	tenant, err := table.TenantOf(id)
	if err != nil {
		return 0, err
	}

	due, err := table.Due(ctx, s.state, openCampaigns(tenant), s.clock.Now())
	if err != nil {
		return 0, errs.Context(err, "find the broadcasts of store %s that are due", id)
	}

	var (
		seen     int
		failures []error
	)

	for _, row := range due {
		campaign, err := table.Decode[Campaign](row)
		if err == nil {
			err = s.visit(ctx, campaign)
		}

		if err != nil {
			failures = append(failures, fmt.Errorf("look after broadcast %s: %w", campaign.ID, err))

			continue
		}

		seen++
	}

	return seen, errors.Join(failures...)
}

// visit looks after a campaign that is due, and says when it is due again.
func (s *Service) visit(ctx context.Context, due Campaign) error {
	of, err := s.announce(ctx, due.Store)
	if err != nil {
		return err
	}

	counted, err := s.Get(ctx, due.Store, due.ID)
	if err != nil {
		return err
	}

	_, err = s.change(ctx, due.Store, due.ID, nil, func(found *Campaign, now time.Time) ([]outbox.Entry, error) {
		if found.Due.IsZero() || found.Due.After(now) {
			return nil, errAsItIs // the index lags behind: it is well
		}

		far := counted.Counts.Seen() + counted.Counts.Planned

		if found.State == Running && far > found.Seen {
			found.Seen, found.Due = far, now.Add(look)

			return nil, nil
		}

		if found.State == Running {
			slog.WarnContext(ctx, "a broadcast stands still and is set going again", "campaign", found.ID, "seen", far)
		}

		return found.begin(of, now), nil
	})

	return err
}
