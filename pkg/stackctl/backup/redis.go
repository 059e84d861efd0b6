package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// redis is a store of Redis or Valkey. What it holds comes as the snapshot that
// it sends to a replica. A restore is a server beside it, of the same image in
// the same network, that loads the snapshot; the live one becomes its replica
// for a moment.
type redis struct {
	*Backups
	place     Place
	container stack.Container
	// loaded is the sum of what was loaded into a scratch.
	loaded *string
}

// redisCLI runs the client of Redis or Valkey, on a port (0: the container's own).
// The password is what the container says, or the first line of the input; it
// is in the environment of the client and in no command line.
const redisCLI = `port=$1 file=$2; tool=$(command -v redis-cli || command -v valkey-cli) || { echo "neither redis-cli nor valkey-cli is there" >&2; exit 127; }
IFS= read -r p || p=
shift 2
if [ "$port" = 0 ]; then
  port=${REDIS_PORT_NUMBER:-${VALKEY_PORT_NUMBER:-6379}}
  [ -n "$p" ] || p=${REDISCLI_AUTH:-${REDIS_PASSWORD:-${VALKEY_PASSWORD:-}}}
  [ -n "$file" ] || file=${REDIS_PASSWORD_FILE:-${VALKEY_PASSWORD_FILE:-}}
  [ -z "$file" ] || p=$(cat "$file") || exit 1
  [ -z "$p" ] || export REDISCLI_AUTH="$p"
fi
ask() { timeout 7200 "$tool" -p "$port" -e "$@"; }
`

func (b *Backups) redis(ctx context.Context, p Place) (redis, error) {
	c, err := b.containerOf(ctx, p.Service)
	return redis{b, p, c, new(string)}, err
}

// script runs statements of a shell, in which ask is the client, in a container.
func (r redis) script(ctx context.Context, container string, port int, out io.Writer, statements string, args ...string) error {
	stderr := &head{limit: 4 << 10}
	argv := append([]string{"sh", "-c", redisCLI + statements, "sh", strconv.Itoa(port), r.place.PasswordFile}, args...)
	exit, err := r.Server.ExecStream(ctx, container, argv, strings.NewReader(r.place.password+"\n"), out, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d: %s", exit, stderr.line())
	}
	return err
}

// text runs statements and returns what they print.
func (r redis) text(ctx context.Context, container string, port int, statements string) (string, error) {
	out := &head{limit: 1 << 20}
	err := r.script(ctx, container, port, out, statements)
	return string(out.kept), err
}

// keys counts the keys of every database, and how many of them may go by themselves.
func (r redis) keys(ctx context.Context, container string, port int) ([]Table, error) {
	said, err := r.text(ctx, container, port, "ask info keyspace")
	if err == nil && !strings.Contains(said, "# Keyspace") {
		err = errors.New(strings.Join(strings.Fields(said), " "))
	}
	var out []Table
	for line := range strings.Lines(said) {
		var t Table
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if n, _ := fmt.Sscanf(rest, "keys=%d,expires=%d", &t.Rows, &t.Fleeting); n == 2 {
			t.Name, t.Hash = name, "-"
			out = append(out, t)
		}
	}
	return out, err
}

const redisFix = "its password is what its container says (REDIS_PASSWORD, REDIS_PASSWORD_FILE), or password_file under backup.places; where its commands are renamed, name its volume there with `as: files` and `while: stopped`"

func (r redis) tidy(context.Context) error { return nil } // what is beside it ends by itself

func (r redis) check(_ context.Context, start []byte) error {
	if !bytes.HasPrefix(start, []byte("REDIS")) && !bytes.HasPrefix(start, []byte("VALKEY")) {
		return errors.New("what was dumped is no snapshot of Redis")
	}
	return nil
}

// dump takes the snapshot and counts before and after it: a database that was
// written to meanwhile is counted as it was at most.
func (r redis) dump(ctx context.Context, begin func() (io.Writer, error)) (found Contents, err error) {
	before, err := r.keys(ctx, r.container.ID, 0)
	if err == nil && len(before) == 0 {
		return found, ErrEmpty
	}
	if err != nil {
		return found, fault("count what is in "+r.place.Name, err, redisFix)
	}
	used, err := r.size(ctx)
	if err != nil {
		return found, fault("ask "+r.place.Name+" how large it is", err, redisFix)
	}
	out, err := begin()
	if err != nil {
		return found, err
	}
	sum := newSums()
	if err := r.script(ctx, r.container.ID, 0, io.MultiWriter(out, sum), "ask --rdb -"); err != nil {
		return found, err
	}
	after, err := r.keys(ctx, r.container.ID, 0)
	if err != nil {
		return found, err
	}
	found.Tables, found.Notes = between(before, after, sum.hex())
	found.Bytes = used
	if len(found.Tables) == 0 {
		return found, errors.New("all its databases were emptied meanwhile")
	}
	return found, nil
}

// size is how much memory it takes.
func (r redis) size(ctx context.Context) (int64, error) {
	said, err := r.text(ctx, r.container.ID, 0, `ask info memory`)
	return valueOf(said, "used_memory"), err
}

// between joins two counts with a snapshot between them.
func between(before, after []Table, hash string) (out []Table, notes []string) {
	later := map[string]Table{}
	for _, t := range after {
		later[t.Name] = t
	}
	for _, t := range before {
		l := later[t.Name]
		if l.Rows != t.Rows {
			notes = append(notes, fmt.Sprintf("%s was written to meanwhile: %d keys before, %d after", t.Name, t.Rows, l.Rows))
		}
		least := min(t.Rows-t.Fleeting, l.Rows-l.Fleeting)
		most := max(t.Rows, l.Rows)
		out = append(out, Table{Name: t.Name, Rows: most, Fleeting: most - max(least, 0), Hash: hash[:32]})
	}
	return out, notes
}

// valueOf reads a number of what INFO prints.
func valueOf(info, name string) int64 {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

// besideScript puts a snapshot into a folder and starts a server on it; it
// prints that folder. The server keeps nothing.
const besideScript = `umask 077; d=$(mktemp -d /tmp/stackctl.XXXXXX) && cat >"$d/dump.rdb" || exit 1
server=$(command -v redis-server || command -v valkey-server) || { echo "neither redis-server nor valkey-server is there" >&2; exit 127; }
"$server" --port "$1" --bind 127.0.0.1 --dir "$d" --dbfilename dump.rdb --appendonly no --save '' --daemonize yes --logfile "$d/log" >/dev/null || exit 1
n=0; until grep -q 'Ready to accept connections' "$d/log"; do
  n=$((n + 1)); if [ $n -gt 36000 ] || grep -qE 'Fatal|Wrong signature|Short read|Internal error|FATAL' "$d/log"; then tail -n 3 "$d/log" >&2; exit 1; fi
  sleep 0.2
done; printf %s "$d"`

// scratchPort is where a server beside the live one listens, in a network that
// only the two have.
const scratchPort = 26399

// beside starts a server that loads a snapshot.
func (r redis) beside(ctx context.Context, in io.Reader) (container string, err error) {
	container, err = r.Server.Lend(ctx, stack.Loan{Project: r.Project, Image: r.container.ImageID, Beside: r.container.ID})
	if err != nil {
		return "", err
	}
	stdout, stderr := &head{limit: 4 << 10}, &head{limit: 4 << 10}
	sum := newSums()
	exit, err := r.Server.ExecStream(ctx, container, []string{"sh", "-c", besideScript, "sh", strconv.Itoa(scratchPort)}, io.TeeReader(in, sum), stdout, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("a server beside it does not load the snapshot: %s", or(stderr.line(), fmt.Sprintf("exit code %d", exit)))
	}
	*r.loaded = sum.hex()
	return container, err
}

func (r redis) load(ctx context.Context, m Manifest, in io.Reader) (scratch string, err error) {
	what := "restore " + m.Name + " beside " + r.place.Name
	h, err := r.hostOf(ctx, r.place.Service)
	if err != nil {
		return "", fault(what, err, "")
	}
	raw, err := h.Run(ctx, "cat", "/proc/meminfo")
	var free int64
	for line := range strings.Lines(string(raw.Stdout)) {
		if _, bad := fmt.Sscanf(line, "MemAvailable: %d kB", &free); bad == nil {
			break
		}
	}
	if err == nil && free > 0 && free<<10 < m.Bytes+spare {
		err = fmt.Errorf("it took %d bytes of memory, %d are free on the host", m.Bytes, free<<10)
	}
	if err != nil {
		return "", fault(what, err, "stop something on the host, or rehearse it elsewhere")
	}
	scratch, err = r.beside(ctx, in)
	return scratch, fault(what, err, "")
}

func (r redis) look(ctx context.Context, scratch string) (Contents, error) {
	tables, err := r.keys(ctx, scratch, scratchPort)
	for i := range tables {
		tables[i].Hash = (*r.loaded)[:32]
	}
	return Contents{Tables: tables}, err
}

func (r redis) drop(ctx context.Context, scratch string) error {
	_ = r.script(ctx, scratch, scratchPort, io.Discard, "ask shutdown nosave") // it ends with its container
	return r.Server.Return(ctx, scratch)
}

// keepScript keeps what the live one holds in its own folder, under a name.
const keepScript = `d=$(ask config get dir | tail -n 1) && [ -n "$d" ] && ask --rdb "$d/$1.rdb" >/dev/null && [ -s "$d/$1.rdb" ]`

// followScript lets the live one follow a server beside it until it holds the same,
// and go on by itself. It runs in the live one's container, whatever becomes of
// the connection.
const followScript = `trap 'ask replicaof no one >/dev/null' EXIT
ask replicaof 127.0.0.1 "$1" >/dev/null || exit 1
n=0; until said=$(ask info replication) && case $said in *master_link_status:up*) true ;; *) false ;; esac; do
  n=$((n + 1)); [ $n -le 36000 ] || { echo "it does not follow" >&2; exit 1; }; sleep 0.1
done
ask replicaof no one >/dev/null || exit 1
trap - EXIT; [ -z "$(ask config get save | tail -n +2)" ] || ask bgsave >/dev/null || true`

func (r redis) swap(ctx context.Context, scratch, former string) error {
	// Once it began, an interruption must not leave half of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err := r.script(ctx, r.container.ID, 0, io.Discard, keepScript, former); err != nil {
		return fault("keep what "+r.place.Name+" holds", err, redisFix)
	}
	if err := r.script(ctx, r.container.ID, 0, io.Discard, followScript, strconv.Itoa(scratchPort)); err != nil {
		return fault("switch "+r.place.Name+" to what was restored", errors.Join(err, r.back(ctx, former)), redisFix)
	}
	return r.drop(ctx, scratch)
}

// back loads what was kept, and lets the live one follow that.
func (r redis) back(ctx context.Context, former string) error {
	what := "bring back what " + r.place.Name + " held"
	in, out := io.Pipe()
	go func() {
		_ = out.CloseWithError(r.script(ctx, r.container.ID, 0, out, `d=$(ask config get dir | tail -n 1) && cat "$d/$1.rdb"`, former))
	}()
	container, err := r.beside(ctx, in)
	_ = in.Close()
	if container != "" {
		defer func() {
			late, cancel := aside(ctx)
			defer cancel()
			_ = r.drop(late, container)
		}()
	}
	if err == nil {
		err = r.script(ctx, r.container.ID, 0, io.Discard, followScript, strconv.Itoa(scratchPort))
	}
	if err == nil {
		err = r.dropFormer(ctx)
	}
	return fault(what, err, former+".rdb is in its folder")
}

func (r redis) dropFormer(ctx context.Context) error {
	err := r.script(ctx, r.container.ID, 0, io.Discard, `d=$(ask config get dir | tail -n 1) && [ -n "$d" ] && rm -f -- "$d"/`+formerPrefix+`*.rdb`)
	return fault("remove what the last restore replaced", err, redisFix)
}
