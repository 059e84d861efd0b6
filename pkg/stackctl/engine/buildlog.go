package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	buildkit "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// logLines is how many of a failing step's last lines are shown.
const logLines = 12

// buildLog follows a build: it tells of steps as they begin and end, and keeps
// the last lines of each.
type buildLog struct {
	progress func(line string)
	mu       sync.Mutex
	steps    map[digest.Digest]*buildStep
}

type buildStep struct {
	name              string
	begun, ended, hit bool
	failed            string
	lines             []string
	rest              string // a line that has not ended
}

func (l *buildLog) add(s *buildkit.SolveStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range s.Vertexes {
		l.vertex(v)
	}
	for _, log := range s.Logs {
		step := l.step(log.Vertex)
		parts := strings.Split(step.rest+string(log.Data), "\n")
		step.rest = parts[len(parts)-1]
		step.lines = append(step.lines, parts[:len(parts)-1]...)
		if n := len(step.lines); n > logLines {
			step.lines = step.lines[n-logLines:]
		}
	}
}

func (l *buildLog) step(id digest.Digest) *buildStep {
	if l.steps == nil {
		l.steps = map[digest.Digest]*buildStep{}
	}
	if l.steps[id] == nil {
		l.steps[id] = &buildStep{}
	}
	return l.steps[id]
}

func (l *buildLog) vertex(v *buildkit.Vertex) {
	step := l.step(v.Digest)
	step.name, step.hit = v.Name, v.Cached
	if v.Error != "" {
		step.failed = v.Error
	}
	internal := strings.HasPrefix(v.Name, "[internal]")
	if v.Started != nil && !step.begun && !v.Cached {
		step.begun = true
		if !internal {
			l.tell(v.Name)
		}
	}
	if v.Completed != nil && !step.ended {
		step.ended = true
		if !internal && step.begun && v.Error == "" {
			l.tell(fmt.Sprintf("%s done in %.1fs", v.Name, v.Completed.Sub(*v.Started).Seconds()))
		}
	}
}

func (l *buildLog) tell(line string) {
	if l.progress != nil {
		l.progress(line)
	}
}

// count is how many steps there were, and how many of them the cache had.
func (l *buildLog) count() (cached, steps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.steps {
		if !strings.HasPrefix(s.name, "[") || strings.HasPrefix(s.name, "[internal]") {
			continue
		}
		steps++
		if s.hit {
			cached++
		}
	}
	return cached, steps
}

// explain adds the last lines of the step that failed.
func (l *buildLog) explain(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := err.Error()
	for _, s := range l.steps {
		if s.failed == "" || strings.Contains(s.failed, "context canceled") {
			continue
		}
		lines := s.lines
		if s.rest != "" {
			lines = append(lines, s.rest)
		}
		if len(lines) > 0 {
			return fmt.Errorf("%s: %s\n%s", s.name, lastPart(s.failed), strings.Join(lines, "\n"))
		}
		return fmt.Errorf("%s: %s", s.name, s.failed)
	}
	return errors.New(strings.TrimPrefix(text, "failed to solve: "))
}

// lastPart is what a chain of errors ends with.
func lastPart(text string) string {
	if at := strings.LastIndex(text, ": "); at >= 0 {
		return text[at+2:]
	}
	return text
}
