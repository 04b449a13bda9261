# Fish completion for crosslaw. It asks the program itself, so that it knows what that program knows.
function __crosslaw_commands
    crosslaw --help 2>/dev/null | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p'
end
function __crosslaw_flags
    set -l words (commandline -opc)
    crosslaw $words[2] --help 2>/dev/null | sed -n 's/^  \(-h,\)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'
end
complete -c crosslaw -n __fish_use_subcommand -f -a '(__crosslaw_commands)'
complete -c crosslaw -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a '(__crosslaw_flags)'
