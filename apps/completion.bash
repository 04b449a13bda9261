# Bash completion for crosslaw. It asks the program itself, so that it knows what that program knows.
_crosslaw() {
  local program=$1 current=$2
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null |
      sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\) .*/\1/p') --help --version" -- "$current")
  elif [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
      sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z0-9-]*\).*/\2/p')" -- "$current")
  fi
}
complete -o default -F _crosslaw crosslaw
