#compdef crosslaw
# Zsh completion for crosslaw. It asks the program itself, so that it knows what that program knows.
_crosslaw() {
  local program=${words[1]} command=${words[2]}
  local -a found
  if ((CURRENT == 2)); then
    found=(${(f)"$($program --help 2>/dev/null | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\)  *\(.*\)/\1:\2/p')"})
    _describe command found
  elif [[ $PREFIX == -* ]]; then
    found=(${(f)"$($program $command --help 2>/dev/null |
      sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z0-9-]*\)[^ ]*\(  *[A-Z][A-Za-z:=.,0-9-]*\)\{0,1\}  *\(.*\)/\2:\4/p')"})
    _describe flag found
  else
    _files
  fi
}
_crosslaw "$@"
