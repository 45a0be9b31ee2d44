# Yours to change. It is read by every new terminal.
case $- in *i*) ;; *) return ;; esac

case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) PATH="$HOME/.local/bin:$PATH" ;; esac
export PATH LANG="${LANG:-C.UTF-8}" EDITOR="${EDITOR:-nano}" LESS="${LESS:--R}"

# Every terminal writes its history at once, and none overwrites another's.
HISTSIZE=10000
HISTFILESIZE=20000
HISTCONTROL=ignoreboth
shopt -s histappend checkwinsize globstar
PROMPT_COMMAND='history -a'

# The folder, then a $ that turns red after a command that failed.
PROMPT_DIRTRIM=3
PS1='\[\e[1;34m\]\w\[\e[0m\] \[\e[$(($? ? 31 : 32))m\]\$\[\e[0m\] '

alias ls='ls --color=auto'
alias ll='ls -lh'
alias la='ls -A'
alias grep='grep --color=auto'
alias diff='diff --color=auto'

# Completion, read with the first Tab. Lines of yours that need it sooner read it themselves:
# . /usr/share/bash-completion/bash_completion
if [ -r /etc/profile.d/bash_completion.sh ]; then . /etc/profile.d/bash_completion.sh; fi
