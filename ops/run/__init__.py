"""The running roles: in one process, or as the processes that `tocsin up` keeps alive."""
