# Completes `animus` in zsh. `animus completion zsh` prints this after the tables that it reads (see animus.bash).
# No Node is started: agents are the folders of the home.

_animus_value() {
  local line
  local -a fields
  for line in "${(@f)$(_animus_options $1)}"; do
    fields=("${(@s:	:)line}")
    if [[ $fields[1] == $2 ]]; then
      print -r -- $fields[2]
      return
    fi
  done
  print -r -- -
}

_animus_describe() {
  local line
  local -a fields described
  for line in "${(@f)2}"; do
    fields=("${(@s:	:)line}")
    [[ -n $fields[1] ]] && described+=("${fields[1]//:/\\:}:$fields[-1]")
  done
  _describe $1 described
}

_animus_agents() {
  local home=${ANIMUS_HOME:-$HOME/animus} folder
  local -a names
  for folder in $home/agent-*(N/); do
    names+=(${folder:t})
    # With or without `agent-`; with it while nothing is typed yet.
    [[ -n $PREFIX ]] && names+=(${${folder:t}#agent-})
  done
  (($#names)) && compadd -a names
}

_animus() {
  local command= word kind rest skip=
  local -i place=0 at
  for ((at = 2; at < CURRENT; at++)); do
    word=$words[at]
    if [[ -n $skip ]]; then
      skip=
    elif [[ -z $command ]]; then
      command=$word
    elif [[ $word == -*=* ]]; then
      continue
    elif [[ $word == -* ]]; then
      [[ $(_animus_value $command $word) == - ]] || skip=1
    else
      ((place++))
    fi
  done

  if [[ -z $command ]]; then
    _animus_describe command "$(_animus_commands)"
    return
  fi
  if [[ $PREFIX == --*=* ]]; then
    kind=$(_animus_value $command ${PREFIX%%=*})
    compset -P '*='
  else
    kind=$(_animus_value $command $words[CURRENT-1])
  fi
  case $kind in
    -) ;;
    text) return ;;
    files) _files; return ;;
    *) compadd -- ${=kind}; return ;;
  esac
  if [[ $PREFIX == -* ]]; then
    _animus_describe option "$(_animus_options $command)"
    return
  fi
  read -r kind rest <<<"$(_animus_place $command $place)"
  [[ -n $rest ]] && compadd -- ${=rest}
  case $kind in
    agents) _animus_agents ;;
    files) _files ;;
  esac
}

# Sourced, or found by compinit as the function itself.
if [[ $funcstack[1] == _animus ]]; then _animus "$@"; else compdef _animus animus; fi
