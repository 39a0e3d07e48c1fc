package catalog

import "context"

// Restocked tells those who wait for a product that it is back.
func (s *Service) Restocked(_ context.Context, _, _ string) error { return nil }
