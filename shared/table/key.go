package table

import (
	"regexp"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
)

// Tenant owns every key: a store's rows carry its prefix and nothing else can
// make that prefix, so no row can cross from one store to another.
type Tenant struct{ prefix string }

// storeID is what a store may be called: it stands in URLs, keys and paths.
var storeID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$`)

// TenantOf gives the tenant of a store. It returns Invalid for an id that is
// not 3 to 32 lower-case letters, digits and inner hyphens.
func TenantOf(store string) (Tenant, error) {
	if !storeID.MatchString(store) {
		return Tenant{}, errs.New(errs.Invalid,
			"store id %q: use 3 to 32 lower-case letters, digits or inner hyphens", store)
	}

	return Tenant{prefix: "store" + separator + store}, nil
}

// Platform gives the tenant of what belongs to no single store: the register
// of stores and the outbox.
func Platform() Tenant { return Tenant{prefix: "platform"} }

// Prefix gives what the partition keys of all rows of the tenant begin with.
func (t Tenant) Prefix() string { return t.prefix + separator }

// Partition is a group of rows that are read together in the order of their
// sort keys. Its kind and ids become the partition key behind the tenant.
func (t Tenant) Partition(kind string, ids ...string) Partition {
	return Partition{pk: join(t.prefix, kind, ids)}
}

// Partition is one partition of a table or of its index.
type Partition struct{ pk string }

// Key names a row of the partition.
func (p Partition) Key(kind string, ids ...string) Key {
	return Key{pk: p.pk, sk: join("", kind, ids)}
}

// PK gives the partition key as it is stored.
func (p Partition) PK() string { return p.pk }

// Key is the primary key of one row. Only Partition.Key and, for adapters,
// Stored make one.
type Key struct{ pk, sk string }

// Stored gives the key of a row that an adapter has read from its table.
// Domain code has no use for it: it builds keys from a tenant.
func Stored(pk, sk string) Key { return Key{pk: pk, sk: sk} }

// PK gives the partition key as it is stored.
func (k Key) PK() string { return k.pk }

// SK gives the sort key as it is stored.
func (k Key) SK() string { return k.sk }

// Partition gives the partition that the row is in.
func (k Key) Partition() Partition { return Partition{pk: k.pk} }

// IsZero reports whether the key names nothing.
func (k Key) IsZero() bool { return k == Key{} }

// String gives the key for logs.
func (k Key) String() string { return k.pk + " " + k.sk }

const separator = "#"

// escape keeps a separator inside an id from making two keys alike.
var escape = strings.NewReplacer("%", "%25", separator, "%23")

func join(prefix, kind string, ids []string) string {
	parts := make([]string, 0, len(ids)+2)
	if prefix != "" {
		parts = append(parts, prefix)
	}

	parts = append(parts, escape.Replace(kind))
	for _, id := range ids {
		parts = append(parts, escape.Replace(id))
	}

	return strings.Join(parts, separator)
}
