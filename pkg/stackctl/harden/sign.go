package harden

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// sign is what programs say when a measure is in their way.
type sign struct {
	says *regexp.Regexp
	// of are the measures that it may come of, the likeliest first.
	of []Measure
}

// signs are matched in this order.
var signs = []sign{
	{regexp.MustCompile(`(?i)read-only file ?system|\bEROFS\b`), []Measure{ReadOnly}},
	{regexp.MustCompile(`(?i)no.new.privileges`), []Measure{NoNewPrivileges}},
	{regexp.MustCompile(`(?i)can't start new thread|pthread_create|unable to create (?:new )?(?:native )?thread|resource temporarily unavailable|cannot fork`), []Measure{Tasks, Memory}},
	{regexp.MustCompile(`(?i)out of memory|cannot allocate memory|\bENOMEM\b`), []Measure{Memory}},
	{regexp.MustCompile(`(?i)(?:must|should|has to|needs? to) be (?:run|started) (?:as|by) root|requires? root|are you root|run (?:this )?as root`), []Measure{User, Capabilities}},
	{regexp.MustCompile(`(?i)operation not permitted|\bEPERM\b|insufficient privilege`), []Measure{User, Capabilities, NoNewPrivileges}},
	{regexp.MustCompile(`(?i)permission denied|\bEACCES\b|access denied`), []Measure{User, Capabilities, ReadOnly}},
	{regexp.MustCompile(`(?i)no space left on device|failed to map segment`), []Measure{ReadOnly}},
}

// wants are the capabilities that a refused call needs; the first that matches counts.
var wants = []struct {
	says *regexp.Regexp
	need []string
}{
	{regexp.MustCompile(`(?i)\b(?:bind|listen)[^:]*:.*permission denied|permission denied.*\b(?:bind|listen)`), []string{"NET_BIND_SERVICE"}},
	// Whoever may not reach a file is refused so whatever they wanted of it.
	{regexp.MustCompile(`(?i)permission denied|\bEACCES\b`), []string{"DAC_OVERRIDE"}},
	{regexp.MustCompile(`(?i)\bl?chown|changing ownership|change owner|set ownership|\bchgrp`), []string{"CHOWN"}},
	{regexp.MustCompile(`(?i)setuid|setgid|setgroups|initgroups|seteuid|setresuid|su-exec|gosu|setpriv|failed switching|switch(?:ing)? (?:to )?user|drop(?:ping)? (?:root|privileges)|cannot set groups|set group`), []string{"SETGID", "SETUID"}},
	{regexp.MustCompile(`(?i)chmod|changing permissions|change permissions|set permissions|utime`), []string{"FOWNER"}},
	{regexp.MustCompile(`(?i)\bkill\b`), []string{"KILL"}},
}

// usual are the capabilities that servers need that begin as root and then give it up.
var usual = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"}

// read returns the measures of a setting that a line may blame, the likeliest first.
func (s Setting) read(line string) []Measure {
	for _, sign := range signs {
		if !sign.says.MatchString(line) {
			continue
		}
		var out []Measure
		for _, m := range sign.of {
			if s.Has(m) && (m != User || !s.ImageUser) {
				out = append(out, m)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// blamed returns the measure that lines of a log blame, and the line; an empty
// measure: they blame none.
func (s Setting) blamed(log []string) (Measure, string) {
	for _, line := range log {
		if m := s.read(line); len(m) > 0 {
			return m[0], line
		}
	}
	return "", ""
}

// needed are the capabilities that refused calls in a log need, with the first line
// that asks for each.
func needed(log []string) map[string]string {
	out := map[string]string{}
	for _, line := range log {
		if !slices.Contains(Setting{DropAll: true}.read(line), Capabilities) {
			continue
		}
		for _, w := range wants {
			if !w.says.MatchString(line) {
				continue
			}
			for _, one := range w.need {
				out[one] = cmp.Or(out[one], line)
			}
			break
		}
	}
	return out
}

var variable = regexp.MustCompile(`[0-9a-fA-F]*[0-9][0-9a-fA-F]*`)

// novel are the lines of a log that another one has not, whatever numbers, times
// and IDs are in them.
func novel(log, before []string) []string {
	plain := func(line string) string { return strings.TrimSpace(variable.ReplaceAllString(line, "")) }
	known := map[string]bool{}
	for _, line := range before {
		known[plain(line)] = true
	}
	var out []string
	for _, line := range log {
		if strings.TrimSpace(line) != "" && !known[plain(line)] {
			out = append(out, line)
		}
	}
	return out
}
