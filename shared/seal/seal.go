// Package seal provides the port through which goods and what people submit
// are encrypted before they are stored: envelope encryption, a data key for
// each store that is itself encrypted by a master key.
//
// kms holds the AWS adapter, memory the one for tests and the simulation,
// sealtest the conformance suite that both must pass.
package seal

import "context"

// Sealer encrypts and decrypts. What belongs to one store, or was sealed for
// one purpose, cannot be opened for another.
type Sealer interface {
	// Seal encrypts. about names what it is, such as "unit PRODUCT UNIT": Open
	// must be given the same. Unavailable where the master key is out of reach.
	Seal(ctx context.Context, store, about string, plain []byte) ([]byte, error)
	// Open decrypts. Invalid where it was sealed for another store or about
	// something else, or was changed since.
	Open(ctx context.Context, store, about string, sealed []byte) ([]byte, error)
	// Fingerprint gives the same text for the same plain bytes of a store and
	// nothing that the bytes could be guessed from without the store's key:
	// duplicates are found by it.
	Fingerprint(ctx context.Context, store string, plain []byte) (string, error)
}
