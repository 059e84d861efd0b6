package attacks

import (
	"context"
	"testing"
	"time"

	"stackctl/pkg/server/password"
)

func weakHash(t *testing.T, secret string) string {
	t.Helper()
	hash, err := password.New(password.Params{MemoryKiB: 1024, Time: 1, Threads: 1}, 1, 1, time.Second).Hash(context.Background(), secret)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
