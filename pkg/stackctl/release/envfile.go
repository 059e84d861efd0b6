package release

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/sirupsen/logrus"

	"stackctl/pkg/stackctl/stack"
)

// envFile is an env file as it was read.
type envFile struct {
	values   map[string]string
	warnings []string
}

// byteOrderMark is what Windows editors put before a text in UTF-8.
const byteOrderMark = "\uFEFF"

// readEnvFile reads KEY=value lines; a file that does not exist has none. Of
// is what variables in the values mean beside those above them in the file. A
// file of the format "raw" is taken as it is written.
func readEnvFile(file, format string, of lookup) (envFile, error) {
	raw, err := readBounded(file)
	if errors.Is(err, fs.ErrNotExist) {
		return envFile{values: map[string]string{}}, nil
	}
	if errors.Is(err, errUTF16) {
		return envFile{}, stack.Usage(file, 0, err.Error(), utf8Fix)
	}
	if err != nil {
		return envFile{}, stack.Usage(file, 0, err.Error(), "")
	}
	raw = bytes.TrimPrefix(raw, []byte(byteOrderMark))
	for i, line := range bytes.Split(raw, []byte("\n")) {
		if !utf8.Valid(line) || bytes.ContainsRune(line, 0) {
			return envFile{}, stack.Usage(file, i+1, "the line is not text in UTF-8", "save the file as UTF-8")
		}
	}
	switch format {
	case "raw":
		return readRaw(file, string(raw), of)
	case "":
	default:
		return envFile{}, stack.Usage(file, 0, "env files of the format "+format+" are not known", "write `format: raw`, or leave format out")
	}
	return readDotEnv(file, string(raw), of)
}

func readDotEnv(file, text string, of lookup) (envFile, error) {
	var values map[string]string
	err := quietly(func() (err error) {
		defer func() { // the library slices beyond the end of some broken quotes
			if r := recover(); r != nil {
				err = errors.New("the file is not made of NAME=value lines")
			}
		}()
		values, err = dotenv.UnmarshalWithLookup(text, dotenv.LookupFn(of))
		return err
	})
	if err != nil {
		line, problem := errorLine(err)
		if line == 0 {
			line, problem = badLine(text, of), "the line cannot be read" // the library's words may hold a value
		}
		if strings.Contains(problem, "unterminated quoted value") {
			line, problem = openQuote(text), "a quote that begins here is not closed"
		}
		return envFile{}, stack.Usage(file, line, withoutValue(problem), "write each line as NAME=value, and a value with a dollar sign in single quotes")
	}
	return envFile{values, dollars(file, text, values, of)}, nil
}

// openQuote is the line of the value whose quote is not closed; 0: none is. The library
// names the last line.
func openQuote(text string) int {
	open, at := byte(0), 0
	for i, line := range strings.Split(text, "\n") {
		value := line
		if open == 0 {
			m := assignment.FindStringSubmatch(line)
			if m == nil || m[2] == "" || m[2][0] != '\'' && m[2][0] != '"' {
				continue
			}
			open, at, value = m[2][0], i+1, m[2][1:]
		}
		if strings.IndexByte(strings.ReplaceAll(value, `\`+string(open), ""), open) >= 0 {
			open, at = 0, 0
		}
	}
	return at
}

// withoutValue takes what a library quotes of a line out of its message: it may
// be a secret.
func withoutValue(problem string) string {
	if i := strings.IndexAny(problem, "\"`"); i > 0 {
		return strings.TrimRight(problem[:i], " :")
	}
	return problem
}

// badLine is the first line whose dollar signs make no template; 0: none.
func badLine(text string, of lookup) int {
	for i, line := range strings.Split(text, "\n") {
		if _, err := template.SubstituteWithOptions(line, template.Mapping(of), template.WithoutLogging); err != nil {
			return i + 1
		}
	}
	return 0
}

// readRaw reads lines as `docker run --env-file` does: nothing is quoted or
// expanded, and a name alone takes the value that of has for it.
func readRaw(file, text string, of lookup) (envFile, error) {
	values := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, has := strings.Cut(line, "=")
		if name == "" || strings.ContainsAny(name, " \t") {
			return envFile{}, stack.Usage(file, i+1, "the line is not NAME=value", "write each line as NAME=value")
		}
		if !has {
			if value, has = of(name); !has {
				continue
			}
		}
		values[name] = value
	}
	return envFile{values: values}, nil
}

var assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*)$`)

// dollars warns of values in which Compose finds a variable that nobody
// defined: what was meant may be the dollar sign itself. No value is shown.
func dollars(file, text string, values map[string]string, of lookup) []string {
	var out []string
	open := byte(0)
	for i, line := range strings.Split(text, "\n") {
		if open != 0 { // inside a value that began above
			if strings.IndexByte(line, open) >= 0 {
				open = 0
			}
			continue
		}
		m := assignment.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name, value := m[1], strings.TrimSpace(m[2])
		if value != "" && (value[0] == '\'' || value[0] == '"') && strings.IndexByte(value[1:], value[0]) < 0 {
			open = value[0]
		}
		if value == "" || value[0] == '\'' {
			continue
		}
		missing := gaps(strings.ReplaceAll(value, `\$`, ""), func(n string) (string, bool) {
			if v, set := of(n); set {
				return v, true
			}
			v, set := values[n]
			return v, set
		})
		if len(missing) > 0 {
			out = append(out, fmt.Sprintf("%s:%d: the value of %s has a dollar sign that Compose reads as a variable without a value; put the value in single quotes if the sign is meant", file, i+1, name))
		}
	}
	return out
}

// quiet guards the library's one logger.
var quiet sync.Mutex

// quietly runs what logs through the process-wide logger without that: what it
// has to say is said with file and line.
func quietly(run func() error) error {
	quiet.Lock()
	defer quiet.Unlock()
	logger := logrus.StandardLogger()
	before := logger.Out
	logrus.SetOutput(io.Discard)
	defer logrus.SetOutput(before)
	return run()
}
