package release

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// inheritVolumes writes out what `volumes_from` means: the mounts of another service
// become the service's own, and are judged, carried and compared as such. A service
// from which nothing is taken so stays named: its volumes are its image's.
func inheritVolumes(p *types.Project) {
	done := map[string]bool{}
	for _, name := range sortedKeys(p.Services) {
		inheritInto(p, name, done)
	}
}

// inheritInto does it for one service, after those that it takes from. A circle ends
// where it began: Compose refuses it.
func inheritInto(p *types.Project, name string, done map[string]bool) {
	if done[name] {
		return
	}
	done[name] = true
	s := p.Services[name]
	var rest []string
	for _, from := range s.VolumesFrom {
		other, mode, _ := strings.Cut(from, ":")
		if _, own := p.Services[other]; !own || other == "container" {
			rest = append(rest, from)
			continue
		}
		inheritInto(p, other, done)
		mounts := p.Services[other].Volumes
		if len(mounts) == 0 {
			rest = append(rest, from)
		}
		s.Volumes = s.Volumes[:len(s.Volumes):len(s.Volumes)]
		for _, v := range mounts {
			if slices.ContainsFunc(s.Volumes, func(own types.ServiceVolumeConfig) bool { return own.Target == v.Target }) {
				continue
			}
			v.ReadOnly = v.ReadOnly || mode == "ro"
			s.Volumes = append(s.Volumes, v)
		}
	}
	s.VolumesFrom = rest
	p.Services[name] = s
}
