use std::process::ExitCode;

fn main() -> ExitCode {
    sharpflow_theorems::cli::main()
}
