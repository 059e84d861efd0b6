package serve

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func TestABusyRoleSaysSoAndItsHealthIsTold(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	h := Bound(2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-end
		}
		w.WriteHeader(http.StatusNoContent)
	}), Busy)
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	var slow sync.WaitGroup
	for range 2 {
		slow.Go(func() {
			if got := ask("/slow").Code; got != http.StatusNoContent {
				t.Errorf("a request within the bound is answered %d", got)
			}
		})
		<-begun
	}
	if w := ask("/"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "2" {
		t.Errorf("beyond the bound: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	for _, path := range []string{"/health/ready", "/healthz"} {
		if got := ask(path).Code; got != http.StatusNoContent {
			t.Errorf("%s is answered %d", path, got)
		}
	}
	close(end)
	slow.Wait()
	if got := ask("/").Code; got != http.StatusNoContent {
		t.Errorf("with room again: %d", got)
	}
}
