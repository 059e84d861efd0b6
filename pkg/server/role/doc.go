// Package role owns the wiring: it makes one role of the parts that the role
// needs, and runs it. It decides nothing that a part could decide.
package role
