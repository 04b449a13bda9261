#!/usr/bin/env bash
# man_page.sh PROGRAM FILE: writes crosslaw(1), made of what the program's --help says.
set -euo pipefail
program=$1
exec >"$2"
# A leading dot or quote would be a request, a backslash an escape, and a minus a hyphen.
roff() { sed -e "s|$program|crosslaw|g" -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }
verbatim() { printf '.nf\n'; roff; printf '.fi\n'; }

printf '.TH CROSSLAW 1\n.SH NAME\ncrosslaw \\- scaling\\-law sweeps, fits, intervals and compute\\-optimal allocations\n'
printf '.SH SYNOPSIS\n.B crosslaw\n.I COMMAND\n[\\fIOPTIONS\\fR]\n.br\n.B crosslaw \\-\\-version\n'
printf '.SH COMMANDS\n'
"$program" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z-]*\) .*/\1/p' | while read -r command; do
  printf '.SS crosslaw %s\n' "${command//-/\\-}"
  "$program" "$command" --help | verbatim
done
printf '.SH EXIT STATUS\n0 done; 1 failed; 2 bad input, and the message says what was expected; 130 interrupted, and the same\n'
printf 'command goes on where it stopped.\n'
printf '.SH FILES\nA sweep is one folder: spec.toml, crosslaw.db (SQLite), data/, runs/, report.html.\n'
printf 'Presets lie in share/crosslaw/presets: crosslaw plan paper finds paper.toml there.\n'
printf '.SH SEE ALSO\nThe manual, MANUAL.md, in share/doc/crosslaw.\n'
