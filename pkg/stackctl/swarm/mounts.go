package swarm

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/mount"
)

// mounts are those of volumes, of what is in memory, and of configs.
func (b blueprint) mounts(s types.ServiceConfig) ([]mount.Mount, error) {
	var out []mount.Mount
	for _, v := range s.Volumes {
		out = append(out, b.mount(v))
	}
	for _, text := range s.Tmpfs {
		m, err := tmpfs(text)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if s.ShmSize > 0 {
		out = append(out, mount.Mount{Type: mount.TypeTmpfs, Target: "/dev/shm", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: int64(s.ShmSize), Mode: 0o1777}})
	}
	for _, ref := range s.Configs {
		file := b.project.Configs[ref.Source].File
		if file == "" {
			return nil, fmt.Errorf("config %s has no file", ref.Source)
		}
		target := cmp.Or(ref.Target, "/"+ref.Source)
		if !path.IsAbs(target) {
			target = "/" + target
		}
		out = append(out, mount.Mount{Type: mount.TypeBind, Source: file, Target: target, ReadOnly: true})
	}
	return out, nil
}

// mount is the mount of an entry of `volumes:`.
func (b blueprint) mount(v types.ServiceVolumeConfig) mount.Mount {
	m := mount.Mount{Type: mount.Type(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
	switch v.Type {
	case types.VolumeTypeBind:
		if v.Bind != nil {
			m.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(v.Bind.Propagation)}
		}
	case types.VolumeTypeVolume:
		m.VolumeOptions = &mount.VolumeOptions{NoCopy: v.Volume != nil && v.Volume.NoCopy}
		if v.Volume != nil {
			m.VolumeOptions.Subpath = v.Volume.Subpath
		}
		if declared, ok := b.project.Volumes[v.Source]; ok {
			m.Source = declared.Name
			m.VolumeOptions.Labels = merged(declared.CustomLabels, declared.Labels)
			if declared.Driver != "" || len(declared.DriverOpts) > 0 {
				m.VolumeOptions.DriverConfig = &mount.Driver{Name: cmp.Or(declared.Driver, "local"), Options: declared.DriverOpts}
			}
		}
	case types.VolumeTypeTmpfs:
		m.TmpfsOptions = &mount.TmpfsOptions{}
		if v.Tmpfs != nil {
			m.TmpfsOptions.SizeBytes, m.TmpfsOptions.Mode = int64(v.Tmpfs.Size), os.FileMode(v.Tmpfs.Mode)
		}
	}
	return m
}

// tmpfs is the mount of an entry of `tmpfs:`. One with an owner is a volume in
// memory: engines before API 1.46 know no other options of a tmpfs than size and mode.
func tmpfs(text string) (mount.Mount, error) {
	target, options, _ := strings.Cut(text, ":")
	m := mount.Mount{Type: mount.TypeTmpfs, Target: target, TmpfsOptions: &mount.TmpfsOptions{}}
	var more []string
	for o := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(o, "=")
		switch key {
		case "":
		case "size":
			bytes, err := units.RAMInBytes(value)
			if err != nil {
				return m, fmt.Errorf("tmpfs %s: size %s is none", target, value)
			}
			m.TmpfsOptions.SizeBytes = bytes
		case "mode":
			mode, err := strconv.ParseUint(value, 8, 32)
			if err != nil {
				return m, fmt.Errorf("tmpfs %s: mode %s is none", target, value)
			}
			m.TmpfsOptions.Mode = os.FileMode(mode)
		case "rw", "noexec", "nosuid", "nodev": // what it is anyway
		default:
			more = append(more, o)
		}
	}
	if len(more) == 0 {
		return m, nil
	}
	o := "nosuid,nodev"
	if !slices.Contains(more, "exec") {
		o += ",noexec"
	}
	for _, one := range more {
		o += "," + one
	}
	if m.TmpfsOptions.SizeBytes > 0 {
		o += ",size=" + strconv.FormatInt(m.TmpfsOptions.SizeBytes, 10)
	}
	if m.TmpfsOptions.Mode > 0 {
		o += ",mode=" + strconv.FormatUint(uint64(m.TmpfsOptions.Mode), 8)
	}
	return mount.Mount{Type: mount.TypeVolume, Target: target, VolumeOptions: &mount.VolumeOptions{NoCopy: true,
		DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": o}}}}, nil
}

func merged(all ...types.Labels) map[string]string {
	out := map[string]string{}
	for _, l := range all {
		maps.Copy(out, l)
	}
	return out
}
