package harden

// Verdict is what was found of one service.
type Verdict struct {
	Service string `json:"service"`
	// Bears is the hardening that it got ready with, on top of what its files say.
	Bears Setting `json:"bears"`
	// Left is what it goes without.
	Left []Left `json:"left,omitempty"`
	// Needs are the capabilities that it keeps, with the line that asked for each.
	Needs map[string]string `json:"needs,omitempty"`
	// Untried is why it was not tried; Line what it said then.
	Untried string `json:"untried,omitempty"`
	Line    string `json:"line,omitempty"`
	// Used is the memory that it used, in bytes; Starts how often it was started.
	Used   int64 `json:"used_bytes,omitempty"`
	Starts int   `json:"starts,omitempty"`
	// UnderDeploy reports whether its files have limits under deploy.
	UnderDeploy bool `json:"-"`
}

// Tried reports whether the service was tried.
func (v Verdict) Tried() bool { return v.Untried == "" }
