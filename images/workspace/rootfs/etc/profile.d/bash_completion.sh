# Completion is read with the first Tab: reading it takes longer than all else that a new terminal does.
# In place of the package's file of this name, which reads it at once.
if [ -n "${BASH_VERSION-}" ] && [ -r /usr/share/bash-completion/bash_completion ]; then
    _read_completion() {
        . /usr/share/bash-completion/bash_completion || return
        # 124: ask what has been set up (bash(1), Programmable Completion); it is asked anew once only.
        { complete -p "${1##*/}" || ! declare -F _completion_loader; } > /dev/null 2>&1 && return 124
        _completion_loader "$@"
    }
    complete -D -F _read_completion -o bashdefault -o default
fi
