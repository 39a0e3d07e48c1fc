package broadcast

import (
	"context"
	"fmt"
	"log/slog"
	"time"

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

	return table.EachDue(ctx, s.state, openCampaigns(tenant), s.clock.Now(), func(row table.Row) error {
		campaign, err := table.Decode[Campaign](row)
		if err != nil {
			return err
		}

		return s.visit(ctx, campaign)
	})
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
