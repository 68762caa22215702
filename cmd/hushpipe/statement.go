package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"hushpipe/filter/claims"
	"hushpipe/filter/policies"
	"hushpipe/filter/terms"
	"hushpipe/format/policy"
	"hushpipe/format/report"
	"hushpipe/format/statement"
)

func statementCommand(stdout *os.File) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "statement [flags] POLICY",
		Short: "Write the privacy notice that follows from a policy",
		Long:  manualText("statement", "1"),
		Example: `  hushpipe statement /etc/hushpipe/policy.toml
  hushpipe statement /etc/hushpipe/policy.toml | less`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			confineReader(args, "")
			p, err := statementPolicy(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			language, err := report.NewLanguage("en")
			if err != nil {
				return err
			}
			return statement.New(claims.OfPolicy(p), language, 0).Text(cmd.OutOrStdout(), min(screenOf(stdout).Width, screen))
		},
	}
	cmd.Flags().SortFlags = false
	return cmd
}

// statementPolicy reads the policy at path. Its mistakes are told.
func statementPolicy(path string, told io.Writer) (*policy.Policy, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, policies.MaxText+1))
	if err != nil {
		return nil, err
	}
	if len(text) > policies.MaxText {
		return nil, fmt.Errorf("%s: is longer than %d bytes; hint: give the policy", path, policies.MaxText)
	}
	p, mistakes := policy.Parse(text)
	if p != nil {
		if mistakes = terms.Check(p); len(mistakes) == 0 {
			mistakes = p.Gates()
		}
	}
	if len(mistakes) > 0 {
		io.WriteString(told, mistakesIn(path, mistakes))
		return nil, usageError{errors.New(path + ": " + several(uint64(len(mistakes)), "mistake") + "; hint: correct the file, and run this again")}
	}
	return p, nil
}
