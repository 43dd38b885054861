package main

import "github.com/spf13/cobra"

func (a *app) stateCommand() *cobra.Command { return &cobra.Command{Use: "state", Short: "x"} }
