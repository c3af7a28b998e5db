# Types lines into an interactive zsh, each with a tab at its end, and prints what they became.
#   zsh -f typed.fixture.zsh <completion script> <line>...
zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed 'PS1= PS2= RPS1=; zstyle ":completion:*" verbose no; autoload -Uz compinit; compinit -u -D'
zpty -w typed "source ${(q)1}"
# Stands for the program: it says what it was called with.
zpty -w typed 'animus() { print -r -- "called<$*>" }'
zpty -w typed 'print rea""dy'
zpty -r -m typed said '*ready*'
shift
for line; do
  zpty -w -n typed "animus $line"$'\t\n'
  zpty -r -m typed said '*called<*>*'
  said=${said##*called<}
  print -r -- ${said%%>*}
done
zpty -d typed
