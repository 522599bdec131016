timeout: failed to run command ‘../rk’: No such file or directory
Command exited with non-zero status 127
0.00 s
