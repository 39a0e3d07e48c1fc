// Command generate reduces a full description of the Bot API to the methods
// that the simulator has and the types that those methods use, and prints the
// result:
//
//	go run ./localstack/telegram/description/generate FULL.json METHODS.txt > botapi.json
//
// FULL.json is the file of github.com/PaulSonOfLars/telegram-bot-api-spec;
// METHODS.txt names one method a line.
package main

import (
	"fmt"
	"os"

	"github.com/lapak-id/lapak/localstack/telegram/description"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want the paths of the full description and of the list of methods, got %d arguments", len(args))
	}

	full, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read the full description: %w", err)
	}

	methods, err := os.ReadFile(args[1])
	if err != nil {
		return fmt.Errorf("read the list of methods: %w", err)
	}

	table, err := description.Reduce(full, description.ParseNames(string(methods)))
	if err != nil {
		return err
	}

	if _, err := os.Stdout.Write(table); err != nil {
		return fmt.Errorf("print the reduced description: %w", err)
	}

	return nil
}
