package provision

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// fullMTU is the size of a packet on a link without a tunnel.
const fullMTU = 1500

// Link is the way from one node to another.
type Link struct {
	From string `json:"from"`
	To   string `json:"to"`
	// MTU is the largest packet of those tried that arrives whole, at most 1500;
	// 0: none arrives.
	MTU int `json:"mtu"`
}

// linkScript tries packets that may not be cut, the largest first.
const linkScript = `export LC_ALL=C
for peer; do
  case $peer in *:*) head=48 ;; *) head=28 ;; esac
  found=0
  if ping -n -q -c 3 -i 0.2 -W 1 "$peer" >/dev/null 2>&1; then
    for mtu in 1500 1492 1480 1460 1450 1440 1420 1400 1380 1360 1340 1320 1300 1280; do
      if ping -n -q -c 2 -i 0.2 -W 1 -M do -s $((mtu - head)) "$peer" >/dev/null 2>&1; then found=$mtu; break; fi
    done
  fi
  echo "$peer $found"
done`

// Links measures the way from each node to each other, by their private addresses.
func (c *Cluster) Links(ctx context.Context) ([]Link, error) {
	var mu sync.Mutex
	var links []Link
	err := c.Each(len(c.Hosts), func(h *ClusterHost) error {
		r, _, err := become(ctx, h.Conn)
		if err != nil {
			return err
		}
		out, err := h.Conn.Run(ctx, r.argv(append([]string{"sh", "-c", linkScript, "sh"}, h.Settings.Member.Peers...))...)
		if err != nil {
			return fmt.Errorf("measure the links of %s: %w", h.Node.Name, err)
		}
		mu.Lock()
		defer mu.Unlock()
		links = append(links, c.parseLinks(h.Node.Name, string(out.Stdout))...)
		return nil
	})
	return links, err
}

func (c *Cluster) parseLinks(from, printed string) []Link {
	var links []Link
	for line := range strings.Lines(printed) {
		peer, size, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, n := range c.Target.Nodes {
			if mtu, err := strconv.Atoi(size); err == nil && n.Name != from && sameAddress(n.Private, peer) {
				links = append(links, Link{From: from, To: n.Name, MTU: mtu})
			}
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
		case l.MTU < fullMTU:
			notes = append(notes, fmt.Sprintf("packets from %s to %s arrive whole up to %d bytes, not %d", l.From, l.To, l.MTU, fullMTU))
		}
	}
	return notes
}
