package golden

// look.go: what goes into a case as records to look at, for those who do not ask
// what comes out.

import (
	"context"

	"pipeline/pipeline"
)

// Look gives what goes into the case in file to a Trace or a Compare of that plan:
// within look its options read the case, with its clock and without a network.
func Look(ctx context.Context, file string, plan *pipeline.Plan, look func(context.Context, pipeline.RunOptions) error) error {
	c, err := ReadCase(file)
	if err != nil {
		return err
	}
	in, err := c.given()
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &Suite{plan: plan}
	o := pipeline.RunOptions{World: &pipeline.World{
		HTTP: &player{base: s.basePath(), left: in.answers, end: end, asked: map[string]int{}}, Now: in.now,
		Token: func(string) (pipeline.Token, error) { return pipeline.Token{Value: "recorded"}, nil },
	}}
	if in.input != nil {
		if err := s.feed(in.input, o.World, &o); err != nil {
			return err
		}
	}
	err = look(ctx, o)
	if why := context.Cause(ctx); why != nil {
		return why // rather than what became of the look when it was ended
	}
	return err
}
