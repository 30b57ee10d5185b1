"""The commands, one file each; every module has `run(arguments) -> exit code`."""
