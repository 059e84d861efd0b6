package stack

// Loan describes a container that is started beside a project's own for a
// moment: it does nothing by itself, commands are executed in it.
type Loan struct {
	// Project is whose it is.
	Project string
	// Image is one that the host has; nothing of it runs but its shell, or with
	// Tools not even that.
	Image string
	// Tools lets it use the host's own programs instead of the image's.
	Tools bool
	// Folder is a folder of the host that it has at LoanFolder; empty: none.
	Folder string
	// Beside is a container whose network it shares; empty: it has none.
	Beside string
}

// LoanFolder is where a lent container has its folder of the host.
const LoanFolder = "/stackctl"

// LabelLoan marks lent containers; its value is the project's name.
const LabelLoan = "dev.stackctl.loan"
