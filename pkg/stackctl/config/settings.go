package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Setting is one setting of a run, with the place that it came from.
type Setting struct {
	// Key is its place in stackctl.yaml, such as targets.prod.host; one that
	// begins with ssh. is of ssh's own settings.
	Key string `json:"key"`
	// Value is text. The values of variables are not told.
	Value string `json:"value"`
	// From is "default", "environment NAME" or a file and line.
	From string `json:"from"`
}

// untold are keys whose values may be secret, or are lists that say nothing in a
// line.
var untold = map[string]bool{"env": true, "nodes": true, "own": true, "exceptions": true, "health": true, "headers": true, "routes": true, "secrets": true, "hooks": true, "notices": true}

// Settings lists what one target of a file resolves to, in the order of the keys.
func Settings(c stack.Config, t stack.Target) ([]Setting, error) {
	doc, err := read(c.File, filepath.Base(c.File))
	if err != nil {
		return nil, err
	}
	l := lister{doc: doc}
	l.walk(reflect.ValueOf(c), nil)
	keys := []string{"targets", t.Name}
	if doc.find(keys...) == nil { // the sandbox, whose file is another
		l.doc, err = read(filepath.Join(c.Root, SandboxFile), SandboxFile)
		if err != nil {
			return nil, err
		}
		l.prefix, keys = "targets."+t.Name+".", nil
	}
	from := len(l.list)
	l.walk(reflect.ValueOf(t), keys)
	for i := from; i < len(l.list); i++ {
		fromSSH(&l.list[i], t)
	}
	return append(l.list, sshSettings(t)...), nil
}

// lister walks the settings.
type lister struct {
	doc    document
	prefix string
	list   []Setting
}

func (l *lister) walk(v reflect.Value, keys []string) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("mapstructure")
		field, at := v.Field(i), append(append([]string(nil), keys...), name)
		switch {
		case name == "-" || name == "" || name == "targets" || strings.HasPrefix(name, ","):
		case untold[name]:
			l.names(field, at)
		case field.Kind() == reflect.Struct:
			l.walk(field, at)
		default:
			l.add(at, text(field.Interface()))
		}
	}
}

// names lists the keys of a map, or the number of a list's entries, without
// their values.
func (l *lister) names(v reflect.Value, at []string) {
	if v.Kind() != reflect.Map {
		if v.Kind() == reflect.Slice && v.Len() > 0 {
			l.add(at, strconv.Itoa(v.Len())+" entries")
		}
		return
	}
	var names []string
	for _, k := range v.MapKeys() {
		names = append(names, k.String())
	}
	sort.Strings(names)
	for _, n := range names {
		l.add(append(append([]string(nil), at...), n), "(not shown)")
	}
}

func (l *lister) add(at []string, value string) {
	from := "default"
	if name := variableOf(at...); name != "" {
		from = "environment " + name
	} else if l.doc.find(at...) != nil {
		from = fmt.Sprintf("%s:%d", l.doc.name, l.doc.line(at...))
	}
	l.list = append(l.list, Setting{l.prefix + strings.Join(at, "."), value, from})
}

// text is a value in a line.
func text(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, " ")
	case time.Duration:
		return v.String()
	}
	if t := reflect.ValueOf(v); t.Kind() == reflect.Slice && t.Len() == 0 {
		return ""
	}
	return fmt.Sprint(v)
}

// fromSSH corrects the origin of a target's setting that ssh's settings decided.
func fromSSH(s *Setting, t stack.Target) {
	name := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
	keyword, login := map[string]string{"port": "port", "user": "user", "admin": "user"}[name], t.Login
	switch {
	case name == "host" && t.Alias != "":
		s.From = login.Origin["hostname"] + ", for " + t.Alias + " of " + s.From
		return
	case name == "admin":
		login = t.AdminLogin
	case keyword == "" || s.From != "default":
		return
	}
	if at := login.Origin[keyword]; at != "" && s.From == "default" && s.Value == map[bool]string{true: strconv.Itoa(login.Port), false: login.User}[keyword == "port"] {
		s.From = at
	}
}

// sshSettings are the rest of what ssh's settings say.
func sshSettings(t stack.Target) []Setting {
	l := t.Login
	var way []string
	for _, hop := range l.Via {
		at := hop.User + "@" + hop.Host
		if hop.Port != 0 {
			at += ":" + strconv.Itoa(hop.Port)
		}
		way = append(way, at)
	}
	var list []Setting
	for _, s := range []struct{ name, keyword, value string }{
		{"jumps", "proxyjump", strings.Join(way, " ")}, {"proxy_command", "proxycommand", map[bool]string{true: "(not shown)"}[l.ProxyCommand != ""]},
		{"identity_files", "identityfile", strings.Join(l.Keys, " ")}, {"identities_only", "identitiesonly", strconv.FormatBool(l.KeysOnly)},
		{"certificates", "certificatefile", strings.Join(l.Certificates, " ")}, {"agent", "identityagent", l.Agent},
		{"known_hosts", "userknownhostsfile", strings.Join(l.KnownHosts, " ")}, {"global_known_hosts", "globalknownhostsfile", strings.Join(l.GlobalKnownHosts, " ")},
		{"host_key_alias", "hostkeyalias", l.HostKeyAlias},
	} {
		from := l.Origin[s.keyword]
		if from == "" {
			from = "default"
		}
		list = append(list, Setting{"ssh." + s.name, s.value, from})
	}
	return list
}
