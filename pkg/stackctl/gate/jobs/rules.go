package jobs

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	doneRule = stack.Rule{
		ID: "jobs/done", Level: stack.LevelDanger, Source: "SPEC A11; SPEC S8",
		Asks: "Does a worker do the job that is asked for now?",
		Fix:  "see the worker's log",
	}
	resultRule = stack.Rule{
		ID: "jobs/result", Level: stack.LevelDanger, Source: "SPEC A11",
		Asks: "Is the result that of this request, made after it, by a worker of this release?",
		Fix:  "let the worker answer with the nonce, its times and its release",
	}
	processesRule = stack.Rule{
		ID: "jobs/processes", Level: stack.LevelDanger, Source: "SPEC S9",
		Asks: "Does every service of the jobs run and feel well?",
		Fix:  "see its log",
	}
	schedulerRule = stack.Rule{
		ID: "jobs/scheduler", Level: stack.LevelDanger, Source: "SPEC S9",
		Asks: "Does the scheduler run on time?",
		Fix:  "see the scheduler's log",
	}
	dashboardRule = stack.Rule{
		ID: "jobs/dashboard", Level: stack.LevelStrict, Source: "SPEC S10",
		Asks: "Does the dashboard see the job?",
		Fix:  "see the dashboard's log",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	doneRule,
	resultRule,
	processesRule,
	schedulerRule,
	dashboardRule,
}
