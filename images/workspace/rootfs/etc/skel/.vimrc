syntax on
set number ruler mouse= hidden
set expandtab tabstop=4 shiftwidth=4 autoindent
set encoding=utf-8
