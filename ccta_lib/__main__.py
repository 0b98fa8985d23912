"""`python -m ccta_lib`: the same as `ccta`, for launchers that want a module (torchrun -m ccta_lib train ...)."""

from ccta_lib.cli import main

if __name__ == "__main__":
    main()
