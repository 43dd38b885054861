package main

// bench.go: the programs, the records, and what runs beside the measured ones.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipeline/bench/measure"
)

// bench is a folder with the programs and all that they read and write.
type bench struct {
	config
	ctx  context.Context
	log  io.Writer
	root string // of the repository
	temp bool   // the folder goes away at the end
	pids []int  // of the servers that run
}

func newBench(ctx context.Context, log io.Writer, c config) (*bench, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("find the repository: %w", err)
	}
	if len(bytes.TrimSpace(root)) == 0 {
		return nil, errors.New("there is no go.mod here; run this inside the repository")
	}
	b := &bench{config: c, ctx: ctx, log: log, root: strings.TrimSpace(string(root))}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
			return nil, err
		}
		b.temp = true
	}
	if b.dir, err = filepath.Abs(b.dir); err == nil {
		err = b.build()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.temp {
		_ = os.RemoveAll(b.dir) // it is in the folder for what may go away
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// build makes the programs.
func (b *bench) build() error {
	fmt.Fprintln(b.log, "build the programs in", b.dir)
	args := []string{"build", "-buildvcs=false", "-o", b.dir + string(filepath.Separator), "./bench/gen", "./bench/floor", "./bench/serve", "./bench/sink"}
	if b.pipeline == "" {
		b.pipeline = b.path("pipeline")
		args = append(args, "./cmd/pipeline")
	}
	build := exec.CommandContext(b.ctx, "go", args...)
	build.Dir = b.root
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}

// records is a file with the first n records.
func (b *bench) records(n int) (string, error) {
	path := b.path("records-" + strconv.Itoa(n) + ".jsonl")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	file, err := os.Create(path + ".part") // one that is not whole is not used the next time
	if err != nil {
		return "", err
	}
	gen := exec.CommandContext(b.ctx, b.path("gen"), "-n", strconv.Itoa(n))
	gen.Stdout, gen.Stderr = file, b.log
	if err := gen.Run(); err != nil {
		return "", fmt.Errorf("make %d records: %w", n, err)
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	return path, os.Rename(path+".part", path)
}

// The files that the two sides write.
const (
	toolOut, toolRejects   = "tool.out", "tool.rejects"
	floorOut, floorRejects = "floor.out", "floor.rejects"
)

// tool is pipeline run with a mapping of bench/, whose variables are env.
func (b *bench) tool(mapping string, env []string, flags ...string) measure.Command {
	args := append([]string{b.pipeline, "run", "--progress", "none", "--state", b.path("state")}, flags...)
	return measure.Command{
		Args: append(args, filepath.Join(b.root, "bench", mapping)),
		Env:  append([]string{"BENCH_OUT=" + b.path(toolOut), "BENCH_REJECTS=" + b.path(toolRejects), "XDG_STATE_HOME=" + b.path("limits")}, env...),
		Exit: 3,
	}
}

func (b *bench) floor(args ...string) measure.Command {
	return measure.Command{Args: append([]string{b.path("floor"), "-out", b.path(floorOut), "-rejects", b.path(floorRejects)}, args...)}
}

// The files that runs leave.
var (
	states  = []string{"state", "limits"} // by which a second run would do less
	outputs = []string{toolOut, toolRejects, floorOut, floorRejects}
)

func (b *bench) remove(names []string) error {
	for _, name := range names {
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// start runs a server until stop is called. It is one that prints its address.
func (b *bench) start(name string, args ...string) (address string, stop func(), err error) {
	ctx, cancel := context.WithCancel(b.ctx)
	server := exec.CommandContext(ctx, b.path(name), args...)
	server.Stderr = b.log
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		cancel()
		return "", nil, err
	}
	b.pids = append(b.pids, server.Process.Pid)
	stop = func() {
		cancel()
		_ = server.Wait() // it was killed
		b.pids = slices.DeleteFunc(b.pids, func(pid int) bool { return pid == server.Process.Pid })
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("%s did not say where it listens: %w", name, err)
	}
	return strings.TrimSpace(line), stop, nil
}

// served is how much CPU the servers have taken that run.
func (b *bench) served() (total time.Duration) {
	for _, pid := range b.pids {
		total += measure.Used(pid)
	}
	return total
}
