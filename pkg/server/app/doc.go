// Package app owns the site's domain: users, sessions, audit events, jobs, the
// rules that hold for them, and the interfaces that those rules need. It must
// not know HTTP, SQL, Redis or SMTP, and imports no other package of the site.
package app
