//! The command line: flat commands, typed flags, help that teaches.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Commands of this repository. Start with `cargo xtask test`; before a pull request run `cargo xtask ci`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Xtask {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start, stop or look at what the tests need: Postgres with pgvector, and pgbouncer.
    #[command(subcommand)]
    Services(Services),
    /// Run every test and doc test against real services; `--soak` runs the long forms too.
    Test(Test),
    /// Run everything that CI runs, the tests last.
    Ci(Ci),
    /// Check the repository's own rules: file lengths, machine paths, licenses.
    Tidy,
    /// Write the generated files, such as the embedded migrations; `--check` only compares.
    Codegen(Codegen),
    /// Work on the migrations; see `cargo xtask migrate --help`.
    Migrate(Forwarded),
    /// Begin a store of vectors: a crate that compiles, and tests that list what has to be written.
    NewAdapter(NewAdapter),
    /// Run the conformance suites or case files against a backend: `--backend postgres --cases FILE.json`; `--table` writes
    /// docs/capabilities.md from a run of every backend, `--table --check` compares it.
    Conformance(Forwarded),
    /// Measure a backend beside hand-written code: `--data DIR --backend sqlite --json`.
    Bench(Forwarded),
    /// Measure what knowledge bases find, on labelled questions: `--markdown` writes the tables of docs/quality.md.
    Eval(Forwarded),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Services {
    /// Bring everything up and print the URL; done at once where it is up already.
    ///
    /// Postgres is the server that MASTRA_TEST_POSTGRES_URL names, else a container where a Docker engine runs, else a private
    /// server of this machine's binaries in .services, with pgvector beside it. Nothing outside that directory changes.
    Up {
        /// Print a JSON object: url, port, version, pgvector, source, pgbouncer and more.
        #[arg(long)]
        json: bool,
        /// Take Postgres from here and nowhere else.
        #[arg(long, value_enum)]
        source: Option<Source>,
    },
    /// Stop what `up` started; the data stays.
    Down {
        /// Remove data, binaries and downloads as well.
        #[arg(long)]
        purge: bool,
    },
    /// Print the URL and exit with 0 where Postgres answers, with 1 where it does not.
    Status {
        /// Print the JSON object of `up`.
        #[arg(long)]
        json: bool,
    },
}

/// Where the tests' Postgres comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The server that MASTRA_TEST_POSTGRES_URL names.
    Given,
    /// A container.
    Docker,
    /// A private server of this machine's binaries, or of the distribution's packages.
    Machine,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Test {
    /// Run the long forms: every case instead of a sample.
    #[arg(long)]
    pub(crate) soak: bool,
    /// Run the libraries' tests once more on their own, without the features that the facade turns on for everybody.
    #[arg(long)]
    pub(crate) alone: bool,
    /// Leave the doc tests out.
    #[arg(long)]
    pub(crate) no_doc: bool,
    /// Arguments for the test runner, such as `-p mastra-core` or a part of a test's name.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Run these steps only; `--list` names them.
    #[arg(long, value_name = "STEP")]
    pub(crate) only: Vec<String>,
    /// Leave these steps out.
    #[arg(long, value_name = "STEP")]
    pub(crate) skip: Vec<String>,
    /// Print the steps and stop.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Codegen {
    /// Compare with what is committed and fail where it differs; write nothing.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NewAdapter {
    /// The store's name: lower-case letters, digits and dashes. The crate is called mastra-NAME, and URLs begin with NAME:
    pub(crate) name: String,
    /// Write the crate here, with versions of its own, and not into this workspace.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Forwarded {
    /// Arguments of the command itself.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}
