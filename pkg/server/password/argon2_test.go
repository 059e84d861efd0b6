package password

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/server/app"
)

var cheap = Params{MemoryKiB: 64, Time: 1, Threads: 1}

func TestHashFitsItsPasswordAlone(t *testing.T) {
	h, ctx := New(cheap, 1, 1, time.Second), context.Background()
	stored, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("stored form %q", stored)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct hors": false, "": false, "correct horse ": false} {
		ok, weak, err := h.Verify(ctx, stored, password)
		if err != nil || ok != want || weak {
			t.Errorf("%q: ok=%v weak=%v err=%v", password, ok, weak, err)
		}
	}
	again, err := h.Hash(ctx, "correct horse")
	if err != nil || again == stored {
		t.Errorf("two hashes of one password are equal (err %v)", err)
	}
}

func TestLongPasswordIsNotCut(t *testing.T) {
	h, ctx := New(cheap, 1, 1, time.Second), context.Background()
	long := strings.Repeat("a", 72)
	stored, err := h.Hash(ctx, long+"b")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := h.Verify(ctx, stored, long+"c"); ok {
		t.Error("the 73rd byte does not count")
	}
}

func TestWeakerHashIsToldSo(t *testing.T) {
	ctx := context.Background()
	stored, err := New(cheap, 1, 1, time.Second).Hash(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	stronger := New(Params{MemoryKiB: 128, Time: 1, Threads: 1}, 1, 1, time.Second)
	if ok, weak, err := stronger.Verify(ctx, stored, "x"); !ok || !weak || err != nil {
		t.Errorf("ok=%v weak=%v err=%v", ok, weak, err)
	}
}

func TestDamagedHashIsAnErrorAndNoMatch(t *testing.T) {
	h := New(cheap, 1, 1, time.Second)
	for _, stored := range []string{"x", "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$2a$10$abc", "$argon2id$v=19$m=64,t=1,p=1$$"} {
		if ok, _, err := h.Verify(context.Background(), stored, "x"); ok || err == nil {
			t.Errorf("%q: ok=%v err=%v", stored, ok, err)
		}
	}
}

func TestEmptyHashFitsNothing(t *testing.T) {
	h := New(cheap, 1, 1, time.Second)
	if ok, _, err := h.Verify(context.Background(), "", ""); ok || err != nil {
		t.Errorf("ok=%v err=%v", ok, err)
	}
}

func TestHashesWaitForASlotAndAreRefusedBeyondTheQueue(t *testing.T) {
	h := New(cheap, 1, 1, time.Minute)
	hold, err := h.enter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := h.Hash(context.Background(), "x"); err != nil {
			t.Errorf("the one that may wait: %v", err)
		}
	})
	for len(h.queue) < 2 {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.Hash(context.Background(), "x"); app.CodeOf(err) != app.CodeUnavailable {
		t.Errorf("the one beyond the queue: %v", err)
	}
	hold()
	wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	hold, err = h.enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer hold()
	cancel()
	if _, err := h.Hash(ctx, "x"); app.CodeOf(err) != app.CodeUnavailable {
		t.Errorf("a cancelled one: %v", err)
	}
}

// A refusal takes the work of a hash as it is made now, whatever is stored.
func TestRefusalsTakeTheSameWork(t *testing.T) {
	ctx := context.Background()
	strong := Params{MemoryKiB: 256, Time: 3, Threads: 1}
	h := New(strong, 1, 1, time.Second)
	for name, stored := range map[string]Params{
		"less memory": {MemoryKiB: 64, Time: 3, Threads: 1}, "fewer passes": {MemoryKiB: 256, Time: 1, Threads: 1}, "both": {MemoryKiB: 8, Time: 1, Threads: 1}, "as now": strong,
	} {
		hash, err := New(stored, 1, 1, time.Second).Hash(ctx, "x")
		if err != nil {
			t.Fatal(err)
		}
		before := h.Work()
		if ok, _, err := h.Verify(ctx, hash, "y"); ok || err != nil {
			t.Fatalf("%s: ok=%v err=%v", name, ok, err)
		}
		if got, want := h.Work()-before, strong.work(); got < want-int64(strong.Time) || got > want {
			t.Errorf("%s: %d KiB, want %d", name, got, want)
		}
	}
}
