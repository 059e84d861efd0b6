package app

import "time"

// CheckDays judges the days that a list is narrowed to.
func (q RecordQuery) CheckDays() error {
	from, to, err := q.Span()
	if err != nil {
		return err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return Invalid("from", RefusedForm, "is after the last day")
	}
	return nil
}

// Span is the time that the days of a query are: from the beginning of the first to
// before the end of the last, in UTC. The zero time is no bound.
func (q RecordQuery) Span() (from, before time.Time, err error) {
	if from, err = readDay("from", q.From); err != nil {
		return
	}
	if before, err = readDay("to", q.To); err == nil && !before.IsZero() {
		before = before.AddDate(0, 0, 1)
	}
	return
}

func readDay(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, time.UTC)
	if err != nil || day.Year() < 1 {
		return time.Time{}, Invalid(field, RefusedForm, "must be a day such as 2026-11-30")
	}
	return day, nil
}
