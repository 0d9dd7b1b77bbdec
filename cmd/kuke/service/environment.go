package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/kukeon/kuke/executor/program"
)

// DefaultEnvironment returns the path of the environment file of a project's units.
func DefaultEnvironment(project string) string { return "/etc/kuke/" + project + ".env" }

// plainPath matches paths that need no quotes in EnvironmentFile=, which has specifiers and patterns, but no quotes.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9_./@+-]+$`)

const (
	environmentMode = 0o600
	directoryMode   = 0o755
)

// CheckEnvironment makes sure that the file can hold secrets: root must own it and only root may read it. A missing file is
// created. It returns the variables as NAME=value, parsed as systemd does, and whether the file was created.
func CheckEnvironment(file string) (variables []string, made bool, err error) {
	if !plainPath.MatchString(file) {
		return nil, false, fmt.Errorf("environment file %q: Use an absolute path of letters, digits and _ . / @ + -", file)
	}
	if err := os.MkdirAll(filepath.Dir(file), directoryMode); err != nil {
		return nil, false, fmt.Errorf("create the directory of the environment file: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, environmentMode)
	switch {
	case err == nil:
		made = true
		if err := f.Close(); err != nil {
			return nil, true, fmt.Errorf("create the environment file: %w", err)
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, false, fmt.Errorf("create the environment file: %w", err)
	}
	info, err := os.Lstat(file)
	if err != nil {
		return nil, made, fmt.Errorf("inspect the environment file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, made, fmt.Errorf("environment file %s is not a regular file. Remove it, or name another with --environment-file", file)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 0 || info.Mode().Perm()&0o077 != 0 {
		return nil, made, fmt.Errorf("environment file %s may hold secrets, but other users have access to it (owner %d, mode %04o). Run chown root:root %s && chmod 600 %s",
			file, owner.Uid, info.Mode().Perm(), file, file)
	}
	if err := program.CheckOwned(file); err != nil {
		return nil, made, fmt.Errorf("environment file: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, made, fmt.Errorf("read the environment file: %w", err)
	}
	return parseEnvironment(string(data)), made, nil
}

// parseEnvironment reads NAME=value lines as systemd does: # and ; begin comments, quotes hold a value together, a
// backslash escapes the next character or joins the next line. Lines of any other form are left out.
func parseEnvironment(text string) []string {
	var variables []string
	for text != "" {
		var line string
		line, text = environmentLine(strings.TrimLeft(text, " \t\r\n"))
		if name, value, ok := strings.Cut(line, "="); ok && name != "" {
			variables = append(variables, strings.TrimSpace(name)+"="+value)
		}
	}
	return variables
}

// environmentLine reads the assignment at the beginning of text, and returns the rest of text.
func environmentLine(text string) (line, rest string) {
	if strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
		_, rest, _ = strings.Cut(text, "\n")
		return "", rest
	}
	var b strings.Builder
	kept := 0 // the number of bytes that are not trimmed: they were quoted
	quoted := byte(0)
	started := false // the value
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quoted != '\'' && i+1 < len(text):
			i++
			if quoted == '"' && !strings.ContainsRune("\"\\`$\n", rune(text[i])) {
				b.WriteByte(c)
			}
			if text[i] != '\n' {
				b.WriteByte(text[i])
			}
			kept = b.Len()
		case quoted != 0 && c == quoted:
			quoted, kept = 0, b.Len()
		case quoted == 0 && started && (c == '"' || c == '\''):
			quoted = c
		case quoted == 0 && c == '\n':
			return trimAfter(b.String(), kept), text[i+1:]
		case quoted == 0 && started && (c == ' ' || c == '\t') && strings.HasSuffix(b.String(), "=") && kept == 0:
			// before the value
		default:
			started = started || c == '='
			b.WriteByte(c)
		}
	}
	return trimAfter(b.String(), kept), ""
}

// trimAfter removes white space at the end of s, but none of its first bytes.
func trimAfter(s string, first int) string {
	return s[:first] + strings.TrimRight(s[first:], " \t\r")
}
