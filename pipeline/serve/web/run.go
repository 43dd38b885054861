package web

// run.go: one run, whole.

import (
	"net/http"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/history"
)

type runView struct {
	history.Run
	Client Client // the zero Client where it is gone
	Report pipeline.Report
	Causes []cause
	Events []history.Entry
}

func (s *Site) run(r *http.Request) (view, error) {
	ctx := r.Context()
	run, err := s.c.Source.Run(ctx, r.PathValue("run"))
	if err != nil {
		return view{}, err
	}
	v := runView{Run: run}
	if run.Report != nil {
		v.Report = *run.Report
	}
	all, err := s.c.Source.Clients(ctx)
	if err != nil {
		return view{}, err
	}
	for _, c := range all {
		if c.Name == run.Mapping {
			v.Client = c
		}
	}
	causes, err := s.c.Source.Causes(ctx, run.ID)
	if err != nil {
		return view{}, err
	}
	lines := s.linesOf(v.Client)
	for _, c := range causes {
		v.Causes = append(v.Causes, cause{Cause: c, Line: lines.of(c)})
	}
	if v.Events, err = s.c.Source.Entries(ctx, history.EntriesFilter{Run: run.ID}); err != nil {
		return view{}, err
	}
	return view{template: "run", Title: "Run " + run.ID, Here: "clients", Renews: run.Result == history.Running, Page: v}, nil
}

// Share is a part of the records that were read, in hundredths.
func (v runView) Share(n int) int {
	if v.Read == 0 {
		return 0
	}
	return 100 * n / v.Read
}
