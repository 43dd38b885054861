package main

// prompt.go: asking the person at the terminal. Where there is none nobody is
// asked: what would be an answer could be anything.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"pipeline/pipeline/credentials"
)

// prompter asks at a terminal.
type prompter struct {
	in  *os.File
	out io.Writer
}

// prompter is nil where stdin is not a terminal.
func (a *app) prompter() *prompter {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &prompter{in, a.stderr}
}

// line asks for a text. It takes no more from the terminal than that line.
func (p *prompter) line(question string) (string, error) {
	defer p.leaveOnSignal()()
	fmt.Fprint(p.out, question)
	var text []byte
	one := make([]byte, 1)
	for {
		n, err := p.in.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return strings.TrimSpace(string(text)), nil
		case n == 1:
			text = append(text, one[0])
		}
		if err != nil {
			return "", errors.New("nothing was answered")
		}
	}
}

// secret asks for a text that is not shown.
func (p *prompter) secret(question string) (credentials.Secret, error) {
	fd := int(p.in.Fd())
	defer p.leaveOnSignal()()
	fmt.Fprint(p.out, question)
	text, err := term.ReadPassword(fd)
	fmt.Fprintln(p.out)
	if err != nil {
		return "", errors.New("nothing was answered")
	}
	return credentials.Secret(strings.TrimSpace(string(text))), nil
}

// leaveOnSignal has ctrl-c leave at once while somebody is asked, with the terminal
// as it was: nothing else ends the reading of an answer.
func (p *prompter) leaveOnSignal() (stop func()) {
	fd := int(p.in.Fd())
	before, err := term.GetState(fd)
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-gone:
			if err == nil {
				_ = term.Restore(fd, before) // there is nothing else to try
			}
			fmt.Fprintln(p.out)
			os.Exit(exitStopped)
		case <-done:
		}
	}()
	return func() { signal.Stop(gone); close(done) }
}
