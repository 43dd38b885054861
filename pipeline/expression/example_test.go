package expression_test

import (
	"fmt"
	"time"

	"pipeline/pipeline/expression"
	"pipeline/pipeline/value"
)

func ExampleCompile() {
	program, problems := expression.Compile(`email(email) ?? lower(name)`, expression.Scope{})
	if len(problems) > 0 {
		fmt.Println(problems[0].Message)
		return
	}
	fmt.Println(program.Reads())

	slots := []value.Value{value.Text(" Zoe@Example.ORG "), value.Text("Zoë")}
	result, err := expression.NewMachine(time.Now()).Eval(program, slots, []int{0, 1})
	fmt.Println(result.Text(), err)
	// Output:
	// [{[email] false} {[name] false}]
	// zoe@example.org <nil>
}

func ExampleCompile_problems() {
	src := `lowr(emial)`
	record := &value.Shape{Kind: value.JSON, Fields: []value.Field{{Name: "email", Shape: &value.Shape{Kind: value.String}}}}
	_, problems := expression.Compile(src, expression.Scope{Record: record})
	for _, p := range problems {
		fmt.Printf("%s: %s; %s\n", src[p.From:p.To], p.Message, p.Hint)
	}
	// Output:
	// lowr: unknown function "lowr"; did you mean "lower"?
	// emial: unknown name "emial"; did you mean "email"?
}
