package table

// Put writes a row that was read before, or looked for in vain: it replaces
// the version read, or creates the row where row.Version is 0.
func Put(row Row) Op {
	if row.Version == 0 {
		return Create(row)
	}

	return Replace(row)
}
