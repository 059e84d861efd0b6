package gate

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// claims are the request headers by which the edge tells services who asks.
var claims = []string{"x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-user", "remote-user"}

// errorPages finds answers of guards that are replaced by a service's page: it
// is fetched without any guard.
func (j *headerJudge) errorPages(r edgeRouter, finding func(problem, expected, observed, fix string)) {
	for _, name := range r.middlewares {
		mw := j.model.middlewares[name]
		if mw.kind != "errors" {
			continue
		}
		pages := j.upstreams(mw.node.text("service"), 0)
		for _, other := range j.model.routers {
			if _, staff := j.staff(other); !staff || other.tcp {
				continue
			}
			if up := j.upstreams(other.service, 0); slices.ContainsFunc(up, func(s string) bool { return slices.Contains(pages, s) }) {
				finding("a refusal is answered with a page of the staff", "error pages of a public service", name+" from "+strings.Join(pages, ", "), "take the pages from another service, or remove "+name)
				return
			}
		}
	}
}

func (j *headerJudge) middleware(mw edgeMiddleware) {
	finding := func(problem, expected, observed, fix string) {
		j.add(stack.Finding{Subject: "middleware " + mw.name, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: mw.file, Line: mw.line})
	}
	switch mw.kind {
	case "ipallowlist", "ipwhitelist":
		list := mw.node.list("sourceRange")
		empty := !slices.ContainsFunc(list, func(v string) bool { return strings.TrimSpace(v) != "" })
		switch wide := tooWide(list); {
		case empty:
			finding("the allowlist is empty", "networks of the staff", "none", "name them in sourceRange")
		case wide != "":
			finding("the allowlist lets everybody in", "networks of the staff", wide, "name single addresses or small networks")
		case dockersOwn(list) != "":
			finding("the allowlist lets in whoever comes through Docker's proxy", "networks of the staff", dockersOwn(list)+", which holds Docker's networks", "name single addresses or small networks")
		}
		if bad := slices.IndexFunc(list, func(v string) bool { return strings.TrimSpace(v) != "" && !isNetwork(strings.TrimSpace(v)) }); bad >= 0 {
			finding("the allowlist holds what is no address", "addresses and networks", shorten(list[bad]), "correct it; the edge would switch the routes off")
		}
		if code, err := strconv.Atoi(mw.node.text("rejectStatusCode")); err == nil && code/100 != 4 {
			finding("who is refused is not told so", "a rejectStatusCode of 4xx, such as 403", strconv.Itoa(code), "remove rejectStatusCode")
		}
		if n := mw.node.first("ipStrategy"); n != nil {
			depth, _ := strconv.Atoi(n.text("depth"))
			if depth > 0 || len(n.list("excludedIPs")) > 0 {
				finding("the allowlist believes what clients say of their address", "the address of the connection", "ipStrategy", "remove ipStrategy")
			}
		}
	case "basicauth", "digestauth":
		if len(mw.node.list("users")) > 0 {
			finding("passwords of the guard stand in the routes' file", "a usersFile among the secrets", "users", "move them to a secret, and name it in usersFile")
		}
		if mw.node.text("usersFile") == "" && len(mw.node.list("users")) == 0 {
			finding("the password guard has no users", "users, or a usersFile", "none", "name a usersFile")
		}
	case "redirectscheme":
		if scheme := mw.node.text("scheme"); !strings.EqualFold(scheme, "https") {
			finding("the redirect leads to plain HTTP", "scheme: https", orWord(scheme, "none"), "write scheme: https")
		}
		if strings.EqualFold(mw.node.text("scheme"), "https") && !mw.node.truth("permanent") {
			finding("the redirect to https is not permanent", "permanent: true", "a redirect for once", "write permanent: true")
		}
	case "headers":
		for _, claimed := range mw.node.find("customRequestHeaders") {
			for _, k := range claimed.kids {
				if slices.Contains(claims, strings.ToLower(k.name)) {
					finding("services are told another client than the one that asks", "the address of the connection", k.name+": "+shorten(k.value), "remove it from customRequestHeaders")
				}
			}
		}
		for _, origin := range mw.node.list("accessControlAllowOriginList") {
			if strings.TrimSpace(origin) == "*" && mw.node.truth("accessControlAllowCredentials") {
				finding("every site may read answers with the user's cookies", "named origins", "accessControlAllowOriginList: *", "name the origins")
			}
		}
		if len(mw.node.list("accessControlAllowOriginListRegex")) > 0 && mw.node.truth("accessControlAllowCredentials") {
			finding("origins are allowed by pattern together with cookies", "named origins", "accessControlAllowOriginListRegex", "name the origins")
		}
	}
}

func isNetwork(v string) bool {
	if _, err := netip.ParsePrefix(v); err == nil {
		return true
	}
	_, err := netip.ParseAddr(v)
	return err == nil
}
