package backup

import (
	"context"
	"errors"
	"time"
)

// Datum is a place as it is on a target.
type Datum struct {
	Place
	// Bytes is how much it takes there, of the disk or of Redis's memory; below
	// zero: it is not known, and Problem says why.
	Bytes   int64  `json:"bytes"`
	Problem string `json:"problem,omitempty"`
	// Last is the newest backup of it, on the host or here; nil: there is none.
	Last *Listed `json:"last"`
}

// sizeLimit bounds how long a place may be measured.
const sizeLimit = time.Minute

// Data measures all places of the project, also those that are not backed up,
// and finds their newest backups.
func (b *Backups) Data(ctx context.Context) ([]Datum, error) {
	list, err := b.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Datum, 0, len(b.Places))
	for _, p := range b.Places {
		d := Datum{Place: p, Bytes: -1}
		n, err := b.measure(ctx, p)
		switch {
		case errors.Is(err, ErrEmpty):
			d.Bytes = 0
		case err != nil:
			d.Problem = err.Error()
		default:
			d.Bytes = n
		}
		for _, l := range list { // the newest first
			if b.placeName(l.Record) == p.Name && p.Kind != None {
				d.Last = &l
				break
			}
		}
		out = append(out, d)
	}
	return out, nil
}

func (b *Backups) measure(ctx context.Context, p Place) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, sizeLimit)
	defer cancel()
	if p.Kind == None {
		if p.Target == "" {
			return 0, ErrEmpty
		}
		p.Kind = Files
	}
	s, err := b.store(ctx, p)
	if err != nil {
		return 0, err
	}
	return s.size(ctx)
}
