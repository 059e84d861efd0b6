package cli

import "io"

// session is what the verbs of one command line share. A verb keeps of it what
// it needs.
type session struct {
	in      io.Reader
	printer *printer
	project *project
	doing   *doing
}

func newSession(in io.Reader, out, errs io.Writer) *session {
	return &session{in: in, printer: &printer{redactor: new(redactor), out: out, errs: errs}, project: new(project), doing: new(doing)}
}

// recorder returns what runs the verbs of the deployer.
func (s *session) recorder() *recorder {
	return &recorder{printer: s.printer, project: s.project, doing: s.doing}
}
