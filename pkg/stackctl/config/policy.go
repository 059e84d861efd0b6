package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// families are the first parts of the rules' IDs, by the number of their gate.
var families = map[string]string{"G1": "acme", "G2": "contract", "G3": "health", "G4": "auth", "G5": "exposure", "G6": "schema", "G7": "jobs", "G8": "headers", "G9": "compose"}

// ruleForm is what a rule's ID looks like; whether there is such a rule the
// gates know.
var ruleForm = regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)

// checkPolicy refuses policies and required gates that there are not.
func checkPolicy(c stack.Config, d document) error {
	if !slices.Contains([]stack.Policy{"", stack.PolicyStrict, stack.PolicyStandard}, c.Policy) {
		return stack.Usage(d.name, d.line("policy"), fmt.Sprintf("there is no policy %q", c.Policy), "write strict or standard")
	}
	for i, id := range c.Gates.Require {
		if strings.EqualFold(id, "G10") {
			return stack.Usage(d.name, d.line("gates", "require", fmt.Sprint(i)), "gates.require: G10 judges the evidence of every run and is never skipped", "remove it from gates.require")
		}
		if !isGate(c, id) {
			return stack.Usage(d.name, d.line("gates", "require", fmt.Sprint(i)), fmt.Sprintf("gates.require: there is no gate %q", id), "see `stackctl gates`")
		}
	}
	return checkAuth(c, d)
}

// checkAuth refuses half a description of the sign-in.
func checkAuth(c stack.Config, d document) error {
	a := c.Gates.Auth
	if a.Login == "" && a.SignUp == "" && a.Me == "" {
		return nil
	}
	for _, f := range []struct{ key, value string }{{"csrf", a.CSRF}, {"sign_up", a.SignUp}, {"login", a.Login}, {"logout", a.Logout}, {"me", a.Me}, {"cookie", a.Cookie}, {"header", a.Header}} {
		if f.value == "" {
			return stack.Usage(d.name, d.line("gates", "auth"), "gates.auth."+f.key+" is missing", "name it, or leave gates.auth out where there are no accounts")
		}
	}
	return nil
}

// checkExceptions refuses exceptions that are not whole, and those of the form
// that waived all rules of a gate at once.
func checkExceptions(c stack.Config, d document) error {
	for i, x := range c.Exceptions {
		at := fmt.Sprint(i)
		bad := func(problem, fix string, keys ...string) error {
			return stack.Usage(d.name, d.line(append([]string{"exceptions", at}, keys...)...), problem, fix)
		}
		switch _, err := time.Parse(time.DateOnly, x.Expires); {
		case x.Gate != "" || x.Match != "":
			return bad("an exception names one rule and one subject, no longer a gate and a match", "write "+today(c, x), "gate")
		case x.Rule == "" || x.Subject == "" || x.Owner == "" || x.Reason == "":
			return bad("an exception needs rule, subject, owner, reason and expires", "copy rule and subject from the finding in the report")
		case !ruleForm.MatchString(x.Rule):
			return bad(fmt.Sprintf("rule %q is no rule's ID", x.Rule), "see `stackctl rules`", "rule")
		case err != nil:
			return bad(fmt.Sprintf("expires %q is no date", x.Expires), "write it as 2027-01-31", "expires")
		}
	}
	return nil
}

// today is the line that replaces an exception of the older form. Which rule of
// the gate was meant, its author alone knows.
func today(c stack.Config, x stack.Exception) string {
	rule := "RULE"
	if family := families[strings.ToUpper(x.Gate)]; family != "" {
		rule = family + "/RULE"
	} else if isGate(c, x.Gate) {
		rule = "declared/" + strings.ToLower(x.Gate)
	}
	line := fmt.Sprintf("- {rule: %s, subject: %q, owner: %q, reason: %q, expires: %s}", cmp.Or(x.Rule, rule), cmp.Or(x.Subject, x.Match), x.Owner, x.Reason, x.Expires)
	if strings.HasSuffix(rule, "RULE") {
		line += ", where RULE is the rule of the finding; `stackctl rules` lists them"
	}
	return line
}
