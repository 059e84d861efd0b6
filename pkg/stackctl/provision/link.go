package provision

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"stackctl/pkg/stackctl/stack"
)

// FullMTU is the size of a packet on a link without a tunnel.
const FullMTU = 1500

// Link is the way from one node to another.
type Link struct {
	From string `json:"from"`
	To   string `json:"to"`
	// MTU is the largest packet of those tried that arrives whole, at most 1500;
	// 0: none arrives.
	MTU int `json:"mtu"`
}

// linkScript tries packets that may not be cut, the largest first, to all peers side by
// side.
const linkScript = `export LC_ALL=C
measure() {
  case $1 in *:*) head=48 ;; *) head=28 ;; esac
  found=0
  if ping -n -q -c 3 -i 0.2 -W 1 "$1" >/dev/null 2>&1; then
    for mtu in 1500 1492 1480 1460 1450 1440 1420 1400 1380 1360 1340 1320 1300 1280; do
      if ping -n -q -c 2 -i 0.2 -W 1 -M do -s $((mtu - head)) "$1" >/dev/null 2>&1; then found=$mtu; break; fi
    done
  fi
  echo "$1 $found"
}
for peer; do measure "$peer" & done
wait`

// Links measures the way from each node to each other, by their private addresses.
func (c *Cluster) Links(ctx context.Context) ([]Link, error) {
	var mu sync.Mutex
	var links []Link
	err := c.Each(len(c.Hosts), func(h *ClusterHost) error {
		r, _, err := become(ctx, h.Conn)
		if err != nil {
			return err
		}
		some, err := MeasureLinks(ctx, h.Node.Name, c.Target.Nodes, func(ctx context.Context, argv ...string) (stack.Output, error) {
			return h.Conn.Run(ctx, r.argv(argv)...)
		})
		mu.Lock()
		defer mu.Unlock()
		links = append(links, some...)
		return err
	})
	return links, err
}

// MeasureLinks measures the way from one of some nodes to the others, by their private
// addresses. What it runs is run there.
func MeasureLinks(ctx context.Context, from string, nodes []stack.Node, run func(ctx context.Context, argv ...string) (stack.Output, error)) ([]Link, error) {
	argv := []string{"sh", "-c", linkScript, "sh"}
	for _, n := range nodes {
		if n.Name != from && n.Private != "" {
			argv = append(argv, n.Private)
		}
	}
	out, err := run(ctx, argv...)
	if err != nil {
		return nil, fmt.Errorf("measure the links of %s: %w", from, err)
	}
	return parseLinks(from, nodes, string(out.Stdout)), nil
}

// parseLinks reads what linkScript printed, in the order of the nodes.
func parseLinks(from string, nodes []stack.Node, printed string) []Link {
	sizes := map[string]int{}
	for line := range strings.Lines(printed) {
		peer, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if size, err := strconv.Atoi(text); err == nil {
			sizes[peer] = size
		}
	}
	var links []Link
	for _, n := range nodes {
		if size, measured := sizes[n.Private]; measured && n.Name != from {
			links = append(links, Link{From: from, To: n.Name, MTU: size})
		}
	}
	return links
}

// SmallestMTU is the largest packet that arrives whole on every link that works;
// 0: none does, or there is no link.
func SmallestMTU(links []Link) int {
	least := 0
	for _, l := range links {
		if l.MTU > 0 && (least == 0 || l.MTU < least) {
			least = l.MTU
		}
	}
	return least
}

// LinkNotes say which links are narrow or dead.
func LinkNotes(links []Link) []string {
	var notes []string
	for _, l := range links {
		switch {
		case l.MTU == 0:
			notes = append(notes, fmt.Sprintf("%s does not reach %s by its private address with ping: see whether their network lets packets through", l.From, l.To))
		case l.MTU < FullMTU:
			notes = append(notes, fmt.Sprintf("packets from %s to %s arrive whole up to %d bytes, not %d", l.From, l.To, l.MTU, FullMTU))
		}
	}
	return notes
}
