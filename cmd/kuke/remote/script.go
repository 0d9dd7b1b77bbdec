package remote

import "strings"

// greeting begins the line that the shell on the host prints first. The files that it reads before may print others.
const greeting = "kuke-host\t"

// The exit statuses of the session script: those of ssh and of kuke differ.
const (
	scriptMissing = 101 // there is no kuke
	scriptVersion = 102 // its version is another one
	scriptSudo    = 103 // there is no sudo, and the user is not root
)

// find sets k to the program of kuke, empty if there is none, and u to the id of the user. ~ is that of the user, also with
// sudo. A path is absolute: sudo has a PATH of its own.
const find = `PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$HOME/.local/bin"
k=$(command -v kuke) || k=
u=$(id -u)
`

// sessionScript returns the command that runs a session as root on a host with kuke of the version. It prints a line with
// the facts that a diagnostic needs: system, machine, user, program, version.
func sessionScript(version string) string {
	return inShell(find + `v=
if [ -n "$k" ]; then v=$("$k" version </dev/null 2>/dev/null); v=${v#kuke }; v=${v%% *}; fi
printf '` + `kuke-host\t%s\t%s\t%s\t%s\t%s\n' "$(uname -s)" "$(uname -m)" "$(id -un)" "$k" "$v"
[ -n "$k" ] || exit 101
[ "$v" = ` + quote(version) + ` ] || exit 102
[ "$u" != 0 ] || exec "$k" ` + commandSession + `
command -v sudo >/dev/null || exit 103
exec sudo -n -- "$k" ` + commandSession)
}

// installScript returns the command that writes its input to the program of kuke: to the one there is, else for root, or
// where sudo asks for no password, below /usr/local/bin, else below ~/.local/bin. It prints the path.
func installScript() string {
	return inShell(find + `s=
if [ "$u" != 0 ] && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then s="sudo -n --"; fi
if [ -z "$k" ]; then
  k=/usr/local/bin/kuke
  if [ "$u" != 0 ] && [ -z "$s" ]; then k=$HOME/.local/bin/kuke; fi
fi
exec $s sh -c '
  umask 022
  mkdir -p "${1%/*}" && d=$(mktemp -d "${1%/*}/.kuke.XXXXXX") || exit
  cat >"$d/kuke" && chmod 755 "$d/kuke" && "$d/kuke" version >/dev/null && mv -f "$d/kuke" "$1"
  code=$?
  rm -rf "$d"
  [ "$code" = 0 ] && printf "kuke-host\t%s\n" "$1"' kuke "$k"`)
}

// inShell returns a command for the login shell of a user, whichever it is, that has sh run the script.
func inShell(script string) string { return "exec sh -c " + quote(script) }

// quote returns the text as a word of a shell. The quotes within it are written as fish reads them too.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'"'"'`) + "'" }
