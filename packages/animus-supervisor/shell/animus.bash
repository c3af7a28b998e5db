# Completes `animus` in bash. `animus completion bash` prints this after the tables that it reads:
#   _animus_commands                "name<TAB>what it does", a line each
#   _animus_options <command>       "--name<TAB>what its value is: -, text, files, or words<TAB>what it does"
#   _animus_place <command> <n>     what the nth word may be: agents, words, files, none
# No Node is started: agents are the folders of the home.

_animus_agents() {
  local home=${ANIMUS_HOME:-$HOME/animus} folder name
  for folder in "$home"/agent-*/; do
    [ -d "$folder" ] || continue
    folder=${folder%/}
    name=${folder##*/}
    printf '%s\n' "$name"
    # With or without `agent-`; with it while nothing is typed yet.
    [ -z "$1" ] || printf '%s\n' "${name#agent-}"
  done
}

_animus() {
  local current=$2 previous=$3 command='' place=0 line words=() kind at
  COMPREPLY=()
  # bash splits `--level=warn` into three words.
  if [ "$current" = = ]; then current=''; fi
  if [ "$previous" = = ] && [ "$COMP_CWORD" -ge 2 ]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi

  local skip='' word
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    if [ -n "$skip" ]; then
      skip=''
    elif [ -z "$command" ]; then
      command=$word
    elif [ "$word" = = ]; then
      skip=1
    elif [ "${word#-}" != "$word" ]; then
      [ "$(_animus_value "$command" "$word")" = - ] || [ "${COMP_WORDS[at + 1]}" = = ] || skip=1
    else
      place=$((place + 1))
    fi
  done

  if [ -z "$command" ]; then
    while IFS=$'\t' read -r line _; do words+=("$line"); done < <(_animus_commands)
    words+=(help --help --version)
    kind=words
  elif [ "${previous#-}" != "$previous" ] && [ "$(_animus_value "$command" "$previous")" != - ]; then
    kind=$(_animus_value "$command" "$previous")
    case $kind in
      text) return ;;
      files) ;;
      *) read -r -a words <<<"$kind" && kind=words ;;
    esac
  elif [ "${current#-}" != "$current" ]; then
    while IFS=$'\t' read -r line _; do words+=("$line"); done < <(_animus_options "$command")
    kind=words
  else
    read -r kind line <<<"$(_animus_place "$command" "$place")"
    read -r -a words <<<"$line"
    if [ "$kind" = agents ]; then
      while IFS= read -r line; do words+=("$line"); done < <(_animus_agents "$current")
    fi
  fi

  if [ "$kind" = files ]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
  else
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "${words[*]}" -- "$current")
  fi
}

# What the value of an option is; - for one that has none, or is not known.
_animus_value() {
  local name kind
  while IFS=$'\t' read -r name kind _; do
    if [ "$name" = "$2" ]; then
      printf '%s\n' "$kind"
      return
    fi
  done < <(_animus_options "$1")
  printf '%s\n' -
}

complete -F _animus animus
