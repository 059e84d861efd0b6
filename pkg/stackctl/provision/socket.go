package provision

import (
	"context"
	"errors"
	"fmt"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// socketScript tells, as the deploying user, what keeps it from the socket.
const socketScript = `[ -e "$1" ] || { echo "$1 is not there"; exit 1; }
[ -S "$1" ] || { echo "$1 is no socket"; exit 1; }
[ -r "$1" ] && [ -w "$1" ] || { echo "$(id -un) may not open $1 ($(ls -ld "$1"))"; exit 1; }`

// CheckSocket refuses to call a host ready whose deploying user cannot open the
// Docker Engine's socket.
func CheckSocket(ctx context.Context, conn *host.Conn, user, socket string) error {
	r, _, err := become(ctx, conn)
	if err != nil {
		return err
	}
	argv := r.argv([]string{"runuser", "-u", user, "--", "sh", "-c", socketScript, "sh", socket})
	out, err := conn.Run(ctx, argv...)
	if err != nil || out.Exit == 0 {
		return err
	}
	said := append(append([]byte(nil), out.Stdout...), out.Stderr...)
	return stack.Fault(stack.CauseStep, "check that "+user+" can use the Docker Engine of "+conn.Options().String(), errors.New(lastLines(said, 1)),
		fmt.Sprintf("start the engine; where it listens elsewhere, as a rootless one does, name that place as the target's `socket`, such as /run/user/1000/docker.sock; `ls -l %s` on the host shows whose it is", socket))
}
