//! `clearway manual --out DIR`: manual pages and completions, from the definitions that the help is made of, and from the
//! commented files that are shipped; and the gateway's file with the places of an installed one. Hidden: it is for who
//! makes a package.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Args;
use super::{INTERNAL, write};

/// What stands in the middle of a page's head.
const MANUAL: &str = "Clearway";
const SECTION: &str = "1";

/// What an installed gateway's file says otherwise than the one here: where its things lie, and how it is started.
const INSTALLED: [(&str, &str); 3] = [
    ("works anywhere:    make run\n", "works anywhere:    systemctl start clearway\n"),
    ("state_dir = \"state\"                     #", "state_dir = \"/var/lib/clearway\"         #"),
    ("access       = \"state/access.log\"       #", "access       = \"/var/log/clearway/access.log\" #"),
];
const GATEWAY: &str = include_str!("../../config/clearway.toml");

/// A file of the configuration, whose comments are its reference.
struct Format {
    page: &'static str,
    file: &'static str,
    about: &'static str,
    description: &'static str,
    text: fn() -> String,
}

const FORMATS: [Format; 2] = [
    Format {
        page: "clearway.toml",
        file: "/etc/clearway/clearway.toml",
        about: "who may connect to the gateway, how big the link is, how each tube leaves",
        description: "The ICT team's file, in TOML. It names the policy, clearway-policy.toml(5). After a change \
            clearway-check(1) finds every mistake with its line, and clearway-reload(1) puts the file in force, for open \
            connections too; a file with a mistake changes nothing.",
        text: installed,
    },
    Format {
        page: "clearway-policy.toml",
        file: "/etc/clearway/policy.toml",
        about: "what staff may reach, when, and in which tube of the gateway",
        description: "The security manager's file, in TOML; clearway.toml(5) names it. After a change clearway-check(1) finds \
            every mistake with its line, clearway-test(1) runs the tests at its end, clearway-diff(1) says what the change \
            does, and clearway-reload(1) puts it in force.",
        text: || include_str!("../../config/policy.toml").to_owned(),
    },
];

/// Writes everything into a folder, and says what.
pub fn run(out: &Path) -> u8 {
    let written = pages(&out.join("man")).and_then(|pages| Ok(pages + completions(out)? + configuration(out)?));
    match written {
        Ok(count) => {
            write::line(&format!("wrote {count} files to {}", out.display()));
            0
        }
        Err(error) => {
            write::note(&format!("error: cannot write to {}: {error}", out.display()));
            INTERNAL
        }
    }
}

/// The gateway's file as a package installs it.
fn installed() -> String {
    INSTALLED.iter().fold(GATEWAY.to_owned(), |text, (here, there)| text.replace(here, there))
}

fn configuration(out: &Path) -> io::Result<usize> {
    let folder = out.join("etc");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("clearway.toml"), installed())?;
    Ok(1)
}

fn completions(out: &Path) -> io::Result<usize> {
    let shells = [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")];
    for (shell, folder) in shells {
        let folder = out.join(folder);
        fs::create_dir_all(&folder)?;
        clap_complete::generate_to(shell, &mut Args::command(), "clearway", folder)?;
    }
    Ok(shells.len())
}

fn pages(folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let mut all = Args::command();
    all.build();
    let mut names = Vec::new();
    names_of(&all, &mut names);
    let mut count = FORMATS.len();
    command(&all, &names, folder, &mut count)?;
    for format in &FORMATS {
        fs::write(folder.join(format!("{}.5", format.page)), page_of(format))?;
    }
    Ok(count)
}

/// The page's name of a command and of all below it; hidden ones have none.
fn names_of(command: &Command, names: &mut Vec<String>) {
    names.push(name_of(command).to_owned());
    command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(|below| names_of(below, names));
}

fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// Writes the page of a command, then of those below it.
fn command(command: &Command, names: &[String], folder: &Path, count: &mut usize) -> io::Result<()> {
    let name = name_of(command);
    let page = Man::new(command.clone());
    let mut out = fs::File::create(folder.join(format!("{name}.{SECTION}"))).map(io::BufWriter::new)?;
    writeln!(out, "{}", head(name, SECTION))?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if command.has_subcommands() {
        writeln!(out, ".SH COMMANDS")?;
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            writeln!(out, ".TP\n\\fB{}\\fR({SECTION})\n{}", text(name_of(below)), text(&about))?;
        }
    }
    if let Some(after) = command.get_after_help() {
        writeln!(out, ".SH NOTES")?;
        for line in after.to_string().lines() {
            writeln!(out, "{}\n.br", text(line))?;
        }
    }
    writeln!(out, ".SH FILES\n.TP\n.I /etc/clearway/clearway.toml\nThe gateway: \\fBclearway.toml\\fR(5).")?;
    writeln!(out, ".TP\n.I /etc/clearway/policy.toml\nThe policy: \\fBclearway\\-policy.toml\\fR(5).")?;
    writeln!(out, ".SH SEE ALSO\n.ad l")?;
    let kin = |other: &&String| other.as_str() != name && (name == "clearway" || !other.contains("lists-"));
    let others = names.iter().filter(kin).map(|other| (other.as_str(), SECTION));
    let files = FORMATS.iter().map(|format| (format.page, "5"));
    let all: Vec<_> = others.chain(files).map(|(page, section)| format!("\\fB{}\\fR({section})", text(page))).collect();
    writeln!(out, "{}", all.join(",\n"))?;
    out.flush()?;
    *count += 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        self::command(below, names, folder, count)?;
    }
    Ok(())
}

/// A page's head: no date, so that the same source makes the same page, and no words cut in two, for they are names.
fn head(name: &str, section: &str) -> String {
    format!(".TH {} {section} \"\" \"clearway {}\" \"{MANUAL}\"\n.nh", text(name), env!("CARGO_PKG_VERSION"))
}

/// The page of a file of the configuration: its shipped text is the reference, as no other is kept so near to the program.
fn page_of(format: &Format) -> String {
    let Format { page, file, about, description, text: shipped } = format;
    let lines: String = shipped().lines().map(|line| text(line) + "\n").collect();
    format!(
        "{head}\n.SH NAME\n{name} \\- {about}\n.SH SYNOPSIS\n.I {file}\n.SH DESCRIPTION\n{description}\n.PP\n\
         Every key stands below as it is shipped. One that is commented out shows its default, or an example where it \
         says so.\n.SH KEYS\n.nf\n{lines}.fi\n.SH SEE ALSO\n\\fBclearway\\fR(1),\n\\fBclearway\\-check\\fR(1),\n\
         \\fBclearway\\-reload\\fR(1)\n",
        head = head(page, "5"),
        name = text(page),
        about = text(about),
        description = text(description),
    )
}

/// A line of text as roff has it: nothing in it is an instruction, and hyphens may be copied into a shell.
fn text(line: &str) -> String {
    let plain = line.replace('\\', "\\e").replace('-', "\\-");
    if plain.starts_with(['.', '\'']) { format!("\\&{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_instruction_is_text_in_a_page() {
        for (line, page) in
            [(".so /etc/passwd", "\\&.so /etc/passwd"), ("'br", "\\&'br"), ("a-b", "a\\-b"), ("\\fB", "\\efB")]
        {
            assert_eq!(text(line), page);
        }
    }

    #[test]
    fn an_installed_gateways_file_differs_where_it_is_said_and_nowhere_else() {
        for (here, there) in INSTALLED {
            assert_eq!(GATEWAY.matches(here).count(), 1, "{here}");
            assert_eq!(installed().matches(there).count(), 1, "{there}");
        }
        let changed = installed().lines().zip(GATEWAY.lines()).filter(|(there, here)| there != here).count();
        assert_eq!(changed, INSTALLED.len());
    }

    #[test]
    fn every_command_that_help_lists_has_a_page_and_each_option_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        pages(folder.path()).unwrap();
        let mut all = Args::command();
        all.build();
        let mut commands = vec![&all];
        let mut seen = 0;
        while let Some(command) = commands.pop() {
            let page = fs::read_to_string(folder.path().join(format!("{}.1", name_of(command)))).unwrap();
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&long.replace('-', "\\-")), "{}: {long}", name_of(command));
            }
            commands.extend(command.get_subcommands().filter(|below| !below.is_hide_set()));
            seen += 1;
        }
        assert!(seen > 12 && !folder.path().join("clearway-manual.1").exists());
    }
}
