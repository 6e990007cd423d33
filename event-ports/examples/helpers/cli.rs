//! What the examples do about arguments and errors, the same in all of them.
//!
//! Exit status 0 is success, 1 a failure, and 2 a call the program does not understand.

use std::error::Error;
use std::process::ExitCode;

/// Why a program stops before its end.
pub(crate) enum Stop {
    /// It was asked what it does.
    Help,
    /// It does not understand its arguments.
    Misuse(String),
    /// Something went wrong.
    Failure(String),
}

impl Stop {
    /// Something went wrong with `what`, because of `error`.
    pub(crate) fn failure(what: impl ToString, error: &dyn Error) -> Self {
        Self::Failure(with_causes(what.to_string(), Some(error)))
    }
}

/// For `?`: the error's own text says what went wrong.
impl<E: Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failure(with_causes(error.to_string(), error.source()))
    }
}

/// An error of `event_ports` says what was to be done, and its source why it could not be done.
fn with_causes(mut text: String, mut cause: Option<&dyn Error>) -> String {
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Says on standard error what the program has to say.
pub(crate) fn complain(what: impl std::fmt::Display) {
    eprintln!("{}: {what}", env!("CARGO_BIN_NAME"));
}

/// Turns the end of a program into its exit status.
pub(crate) fn exit(help: &str, result: Result<ExitCode, Stop>) -> ExitCode {
    let usage = help.lines().next().unwrap_or_default();
    match result {
        Ok(status) => status,
        Err(Stop::Help) => {
            print!("{help}");
            ExitCode::SUCCESS
        }
        Err(Stop::Misuse(what)) => {
            complain(what);
            eprintln!("{usage}");
            ExitCode::from(2)
        }
        Err(Stop::Failure(what)) => {
            complain(what);
            ExitCode::FAILURE
        }
    }
}
