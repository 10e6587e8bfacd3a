# Two commands for people; everything behind them is in setup.sh and xtask/ (cargo xtask --help).
.PHONY: run test

# Builds and starts Usher with two demo applications, until Ctrl-C.
run:
	@./setup.sh run
	@cargo xtask demo

# Installs what the tests need and runs all of them.
test:
	@./setup.sh test
	@cargo xtask test
