package order

import (
	"context"

	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
)

// Reconciler looks after orders by the clock: those that await a payment whose
// notification never came, those past their deadline, those that are paid and
// whose goods are stuck.
type Reconciler struct {
	orders  *Service
	stores  *store.Registry
	metrics *metric.Emitter
}

// NewReconciler makes a reconciler for all stores.
func NewReconciler(orders *Service, stores *store.Registry, metrics *metric.Emitter) *Reconciler {
	return &Reconciler{orders: orders, stores: stores, metrics: metrics}
}

// Reconcile looks after each order that is due and counts them. One failure
// does not keep the others back. It is run every minute.
func (r *Reconciler) Reconcile(_ context.Context) (int, error) { panic("core") }
