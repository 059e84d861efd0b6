package backup

import (
	"context"
	"errors"
	"time"
)

// Restored is a backup that took the live place's place.
type Restored struct {
	Place   Place   `json:"place"`
	Outcome Outcome `json:"outcome"`
	// Former is the name that what was replaced has now; the next restore
	// drops it.
	Former string        `json:"former"`
	Switch time.Duration `json:"switch_ns"`
}

// ErrDiffers means that what was restored is not what the backup recorded.
var ErrDiffers = errors.New("what was restored is not what the backup recorded")

// Restore restores into a scratch beside the live place, compares it, and then
// lets it take the live one's place. Until then the live one is untouched;
// afterwards it stays under another name.
func (b *Backups) Restore(ctx context.Context, o *Opened) (r Restored, err error) {
	s, err := b.store(ctx, o.Place)
	if err != nil {
		return r, err
	}
	scratch, out, err := b.scratch(ctx, s, o)
	r.Outcome = out
	defer func() {
		if err != nil && scratch != "" {
			late, cancel := aside(ctx)
			defer cancel()
			err = errors.Join(err, s.drop(late, scratch))
		}
	}()
	if err == nil && len(out.Differences) > 0 {
		err = fault("compare what was restored", ErrDiffers, "take another backup: `stackctl backup list`")
	}
	if err != nil {
		return r, err
	}
	if err := s.dropFormer(ctx); err != nil {
		return r, err
	}
	began := b.Now()
	r.Place, r.Former = o.Place, formerPrefix+began.UTC().Format("20060102T150405Z")
	if err := s.swap(ctx, scratch, r.Former); err != nil {
		return r, err
	}
	r.Switch = b.Now().Sub(began)
	return r, nil
}

// Undo brings back what a restore replaced, and removes what was restored.
func (b *Backups) Undo(ctx context.Context, r Restored) error {
	s, err := b.store(ctx, r.Place)
	if err != nil {
		return err
	}
	return s.back(ctx, r.Former)
}
