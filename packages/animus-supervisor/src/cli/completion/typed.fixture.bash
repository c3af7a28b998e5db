# Prints what the last word of a line may become, as readline would ask for it.
#   bash typed.fixture.bash <completion script> <word>...
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_animus animus "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
