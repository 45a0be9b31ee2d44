# A login shell reads this instead of .bashrc.
if [ -r ~/.bashrc ]; then . ~/.bashrc; fi
