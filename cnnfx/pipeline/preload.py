"""What every worker needs, loaded once in the server that workers are forked from."""
