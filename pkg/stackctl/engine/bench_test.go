package engine

import (
	"context"
	"fmt"
	"testing"
)

// ten is a project of ten services: two to wait for, one that runs once, and
// seven behind them.
func ten(image string) []byte {
	services := []service{
		healthy("db", image), healthy("cache", image),
		{"migrate", "image: " + image + "\ncommand: [print, migrated]\ndepends_on: {db: {condition: service_healthy}}"},
	}
	for i := range 7 {
		services = append(services, healthy(fmt.Sprintf("app%d", i), image,
			"depends_on: {db: {condition: service_healthy}, cache: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}"))
	}
	return file(services...)
}

// BenchmarkFirstUp brings ten services up from nothing.
func BenchmarkFirstUp(b *testing.B) {
	w := newWorld(b)
	var calls, conns int64
	for b.Loop() {
		w.count.reset()
		w.up(ten(imageA))
		calls, conns = w.count.calls.Load(), w.count.conns.Load()
		b.StopTimer()
		if err := w.Remove(context.Background(), w.project); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(calls), "calls/op")
	b.ReportMetric(float64(conns), "conns/op")
}

// BenchmarkUnchangedUp brings ten services up that are up.
func BenchmarkUnchangedUp(b *testing.B) {
	w := newWorld(b)
	yaml := ten(imageA)
	w.up(yaml)
	var calls, conns int64
	for b.Loop() {
		w.count.reset()
		if touched := w.up(yaml); len(touched) > 0 {
			b.Fatalf("touched %v", touched)
		}
		calls, conns = w.count.calls.Load(), w.count.conns.Load()
	}
	b.ReportMetric(float64(calls), "calls/op")
	b.ReportMetric(float64(conns), "conns/op")
	for _, line := range w.count.requests() {
		b.Log(line)
	}
}

// BenchmarkObserve asks everything that a plan needs.
func BenchmarkObserve(b *testing.B) {
	w := newWorld(b)
	w.up(ten(imageA))
	var calls int64
	for b.Loop() {
		w.count.reset()
		if _, err := w.Facts(w.ctx); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Containers(w.ctx); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Images(w.ctx); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Networks(w.ctx); err != nil {
			b.Fatal(err)
		}
		calls = w.count.calls.Load()
	}
	b.ReportMetric(float64(calls), "calls/op")
}
