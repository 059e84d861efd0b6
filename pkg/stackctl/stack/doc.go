// Package stack owns the deployer's vocabulary: the values that flow from
// stackctl.yaml to a signed report. It does no I/O, imports the standard
// library only, and must not know how any value is read, shown or applied.
package stack
