package table

// Change is one committed change of one row, as the table's stream gives it:
// the row before (nil: it was inserted) and after (nil: it was removed).
// Changes of one row come in the order in which they were committed. A row
// created in the place of an expired one that is still stored is no insertion:
// Old then holds the expired row.
type Change struct {
	ID  string // the stream's own id, the same when it is delivered again
	Old *Row
	New *Row
}

// Inserted reports whether the change put a row where none was.
func (c Change) Inserted() bool { return c.Old == nil && c.New != nil }

// Removed reports whether the change removed a row.
func (c Change) Removed() bool { return c.Old != nil && c.New == nil }
