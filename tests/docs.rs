//! Every page in `docs/` is compared with what it speaks of: code, output, pictures and links.
//!
//! - A fence tagged `rs` that begins with `// src/some.rs` (or `// tests/...`, `// docs/rungs/...`)
//!   is an excerpt. What follows stands in that file, line by line. A line `// ...` skips any
//!   stretch. The whole excerpt may be moved to the left by the same number of spaces.
//! - A fence tagged `diff` whose first lines name two rungs shows what changes from one to the other.
//!   Its old lines stand in the one, its new lines in the other. "From `a` to `b`, 3 lines go and 5
//!   come" is counted.
//! - A fence tagged `console` shows commands, each after `$ `. Those that begin with
//!   `cargo run --release` are run here. Where they say `--virtual`, what they print and the files
//!   that they write are compared byte for byte. A line `...` skips any stretch of the output. The
//!   rungs (`--example rung3`) are run too; their digits may differ.
//!   `BLESS=1` accepts what they give now: look at the difference before you commit.
//! - A fence tagged `text printed` is what the program before it in the page prints, a fence tagged
//!   `rust`. The programs are built and run here, and compared and accepted in the same way.
//! - Each relative link leads to a file, and its anchor to a heading. Each path into `src/`,
//!   `tests/` or `docs/` exists, unless it says `NN` for a number. Each page can be reached from
//!   the first one.
//! - Each picture has words for those who do not see it. Each drawing in `docs/drawings/` is shown
//!   by a page, and follows the reader's light or dark scheme.
//! - In the documentation that rustdoc builds, each link leads somewhere, and so does its anchor.
//! - The pages are the modules of `src/guide.rs`, so `cargo test` runs their `rust` fences.
//!
//! These tests guard our text and not the code. Whoever changes the code to learn from it need not
//! mend the pages, so they are ignored unless one asks for them:
//! `cargo test --test docs -- --include-ignored`.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn excerpts_stand_in_their_files() {
    let mut problems = Vec::new();
    for page in &pages() {
        for fence in page.fences().iter().filter(|fence| fence.tag == "rs") {
            let first = fence.lines.first().map_or("", |line| line.trim());
            let Some(file) = first.strip_prefix("// ") else {
                continue;
            };
            let places = ["src/", "tests/", "docs/rungs/"];
            if !places.iter().any(|place| file.starts_with(place)) {
                continue;
            }
            let Some(text) = read(file) else {
                let problem = format!("there is no file {file}: name the right one");
                problems.push(page.at(fence.first, &problem));
                continue;
            };
            let excerpt = &fence.lines[1..];
            if let Err(line) = find_excerpt(&text, excerpt, "// ...") {
                let wrong = excerpt[line].trim();
                let problem = format!(
                    "`{wrong}` does not stand there in {file}: copy it anew, or skip with `// ...`"
                );
                problems.push(page.at(fence.first + 1 + line, &problem));
            }
        }
    }
    assert_none(&problems);
}

/// Finds the stretches of an excerpt, one after the other. An error is the index of the first line
/// that is not there.
fn find_excerpt(text: &str, excerpt: &[&str], skip: &str) -> Result<(), usize> {
    let text: Vec<&str> = text.lines().collect();
    let shifts = (0..=16).step_by(4).map(|shift| " ".repeat(shift));
    let attempts = shifts.map(|shift| find_shifted(&text, excerpt, skip, &shift));
    let best = attempts.max_by_key(|found| found.map_or_else(|line| line, |()| usize::MAX));
    best.expect("there are attempts")
}

/// The same for an excerpt whose lines are so much deeper in the file.
fn find_shifted(text: &[&str], excerpt: &[&str], skip: &str, shift: &str) -> Result<(), usize> {
    let same = |line: &str, wanted: &str| match wanted.trim().is_empty() {
        true => line.trim().is_empty(),
        false => line.strip_prefix(shift) == Some(wanted),
    };
    let mut rest = text;
    let mut line = 0;
    for stretch in excerpt.split(|line| line.trim() == skip) {
        let blank = stretch.iter().take_while(|line| line.is_empty()).count();
        let wanted = &stretch[blank..];
        let last = wanted.iter().rposition(|line| !line.is_empty());
        let wanted = &wanted[..last.map_or(0, |last| last + 1)];
        let standing = |from: usize| {
            let pairs = rest[from..].iter().zip(wanted);
            pairs
                .take_while(|(line, wanted)| same(line, wanted))
                .count()
        };
        let longest = (0..rest.len()).map(standing).max().unwrap_or(0);
        if longest < wanted.len() {
            return Err(line + blank + longest);
        }
        let found = (0..=rest.len()).find(|&from| standing(from) == wanted.len());
        rest = &rest[found.unwrap_or(0) + wanted.len()..];
        line += stretch.len() + 1;
    }
    Ok(())
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn output_is_what_the_binary_prints() {
    let _alone = WRITING.lock();
    let mut problems = Vec::new();
    let mut written = HashSet::new();
    for page in &pages() {
        let mut fresh = Fresh::new(page);
        for fence in page.fences().iter().filter(|fence| fence.tag == "console") {
            let commands = fence.lines.iter().enumerate();
            let commands = commands.filter(|(_, line)| line.starts_with("$ "));
            let commands: Vec<(usize, &str)> = commands.map(|(at, line)| (at, *line)).collect();
            for (number, &(at, command)) in commands.iter().enumerate() {
                let next = commands
                    .get(number + 1)
                    .map_or(fence.lines.len(), |next| next.0);
                match run(command, &mut written) {
                    Ok(Some(output)) => {
                        let lines = at + 1..next;
                        let output = match command.contains("--example rung") {
                            true => with_digits_of(&fence.lines[lines.clone()], &output),
                            false => output,
                        };
                        problems.extend(fresh.put(fence, lines, &output));
                    }
                    Ok(None) => {}
                    Err(problem) => problems.push(page.at(fence.first + at, &problem)),
                }
            }
        }
        problems.extend(fresh.compare());
    }
    let files = |extension| files(Path::new("docs"), extension);
    for picture in files("svg").into_iter().chain(files("html")) {
        if !written.contains(&picture) && !picture.starts_with(DRAWINGS) {
            let picture = picture.display();
            let problem = "no page has a `--virtual` command that writes this file";
            problems.push(format!("{picture}: {problem}: show one, or delete it"));
        }
    }
    assert_none(&problems);
}

/// Whoever writes pages does so alone.
static WRITING: Mutex<()> = Mutex::new(());

fn is_blessing() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// What a rung printed, with the digits that the page shows: times and counts are its reader's own.
fn with_digits_of(shown: &[&str], output: &str) -> String {
    let form = |line: &str| {
        let parts = line.split(|c: char| c.is_ascii_digit());
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("0")
    };
    let mut rest = shown;
    let lines = output.lines().map(|line| {
        let Some(at) = rest.iter().position(|shown| form(shown) == form(line)) else {
            return line;
        };
        let same = rest[at];
        rest = &rest[at + 1..];
        same
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// A page as it would be if all that it shows were made again.
struct Fresh<'a> {
    page: &'a Page,
    lines: Vec<String>,
    /// The first line of the page that is not in `lines`.
    next: usize,
}

impl<'a> Fresh<'a> {
    fn new(page: &'a Page) -> Self {
        Fresh {
            page,
            lines: Vec::new(),
            next: 0,
        }
    }

    /// Copies the page up to this line.
    fn copy(&mut self, end: usize) {
        let lines = self.page.text.lines().take(end).skip(self.next);
        self.lines.extend(lines.map(ToString::to_string));
        self.next = end;
    }

    /// Puts output in the place of some lines of a fence. What it shows only in part is compared
    /// at once.
    fn put(&mut self, fence: &Fence, lines: Range<usize>, output: &str) -> Option<String> {
        let shown = &fence.lines[lines.clone()];
        if shown.contains(&"...") {
            let line = find_excerpt(output, shown, "...").err()?;
            let problem = format!("now there comes no `{}`: copy it anew", shown[line].trim());
            return Some(self.page.at(fence.first + lines.start + line, &problem));
        }
        self.copy(fence.first + lines.start);
        let indent = " ".repeat(fence.indent);
        let output = output.lines().map(|line| format!("{indent}{line}"));
        self.lines
            .extend(output.map(|line| line.trim_end().to_string()));
        self.next = fence.first + lines.end;
        None
    }

    /// The first difference. With `BLESS=1` there is none afterwards.
    fn compare(mut self) -> Option<String> {
        self.copy(usize::MAX);
        if is_blessing() {
            let text = self.lines.join("\n") + "\n";
            fs::write(project().join(&self.page.name), text).expect("the page can be written");
            return None;
        }
        let mut lines = self.page.text.lines().zip(&self.lines);
        let line = lines.position(|(old, new)| old != new)?;
        let new = &self.lines[line];
        let problem = format!("now there comes `{new}`: BLESS=1 accepts it");
        Some(self.page.at(line, &problem))
    }
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn programs_print_what_is_shown() {
    let _alone = WRITING.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src/bin")).expect("a folder can be made");
    let manifest = format!(
        "[package]\nname = \"programs\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\ndemitasse.path = {:?}\n",
        project()
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("the file can be written");

    let pages = pages();
    let mut shown = Vec::new();
    let mut problems = Vec::new();
    for (page, number) in pages.iter().zip(0..) {
        let mut program = None;
        for fence in page.fences() {
            if fence.tag.split(',').next() == Some("rust") {
                program = Some(fence);
            } else if fence.tag == "text printed" {
                let Some(program) = &program else {
                    problems.push(page.at(fence.first, "there is no program before this output"));
                    continue;
                };
                let path = page.name.trim_end_matches(".md").replace(['/', '-'], "_");
                let name = format!("{path}_line_{}", program.first);
                let file = folder.join(format!("src/bin/{name}.rs"));
                fs::write(file, program.lines.join("\n")).expect("the file can be written");
                shown.push((number, name, fence));
            }
        }
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--offline", "--target-dir", "target"]);
    let is_built = build.current_dir(&folder).status().expect("cargo runs");
    assert!(
        is_built.success(),
        "a program on the pages does not compile"
    );

    for (page, number) in pages.iter().zip(0..) {
        let mut fresh = Fresh::new(page);
        for (_, name, fence) in shown.iter().filter(|shown| shown.0 == number) {
            let program = folder.join("target/debug").join(name);
            let output = Command::new(program).output().expect("the program runs");
            let output = String::from_utf8(output.stdout).expect("the output is UTF-8");
            problems.extend(fresh.put(fence, 0..fence.lines.len(), &output));
        }
        problems.extend(fresh.compare());
    }
    assert_none(&problems);
}

/// Runs a command, if it is one of the binary's, in a folder of its own. Gives what it prints, if
/// that is the same at every run.
fn run(command: &str, written: &mut HashSet<PathBuf>) -> Result<Option<String>, String> {
    if let Some(rung) = command.strip_prefix("$ cargo run --release --example rung") {
        return run_rung(rung).map(Some);
    }
    let words = match command.strip_prefix("$ cargo run --release") {
        Some("") => "",
        Some(words) if words.starts_with(" -- ") => &words[4..],
        _ => return Ok(None),
    };
    if words.contains(['|', '>', '"', '\'', '#']) {
        return Err("this test is no shell: give the binary plain arguments".to_string());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    let _ = fs::remove_dir_all(&folder);
    let words: Vec<&str> = words.split_whitespace().collect();
    for word in words.iter().chain([&""]) {
        let parent = folder.join(word);
        fs::create_dir_all(parent.parent().unwrap_or(&folder)).expect("a folder can be made");
    }
    let is_virtual = words.contains(&"--virtual");
    let mut command = Command::new(env!("CARGO_BIN_EXE_demitasse"));
    command.args(&words).current_dir(&folder);
    for name in ["COLUMNS", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    if !is_virtual {
        // What it prints is the reader's own. But it must be a command.
        command.arg("--virtual");
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the binary runs");
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let first = errors.lines().next().unwrap_or_default();
        return Err(format!("this command fails ({first}): mend it"));
    }
    if !is_virtual {
        return Ok(None);
    }
    for word in words.iter().filter(|word| folder.join(word).is_file()) {
        let new = fs::read(folder.join(word)).expect("the file was written");
        let path = project().join(word);
        if is_blessing() {
            fs::write(&path, &new).expect("the file can be written");
        }
        written.insert(PathBuf::from(word));
        if fs::read(&path).ok().as_ref() != Some(&new) {
            return Err(format!(
                "{word} is not what this writes: BLESS=1 accepts it"
            ));
        }
    }
    let output = String::from_utf8(output.stdout).expect("the output is UTF-8");
    Ok(Some(output))
}

/// Compiles a rung with `rustc` alone, and gives what it prints.
fn run_rung(number: &str) -> Result<String, String> {
    let rungs = files(Path::new("docs/rungs"), "rs");
    let is_meant = |file: &&PathBuf| {
        let name = file.file_name().expect("a file has a name");
        name.to_string_lossy().starts_with(&format!("{number}-"))
    };
    let file = rungs.iter().find(is_meant);
    let file = file.ok_or_else(|| format!("there is no rung {number}"))?;
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-rung{number}"));
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    let rustc = match beside.exists() {
        true => beside,
        false => PathBuf::from("rustc"),
    };
    let mut compile = Command::new(rustc);
    compile.args(["--edition", "2024", "-O", "-o"]);
    let compile = compile.arg(&program).arg(project().join(file));
    if !compile.status().expect("there is a compiler").success() {
        return Err(format!("{} does not compile", file.display()));
    }
    let output = Command::new(&program).output().expect("the rung runs");
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn differences_of_rungs_are_true() {
    let mut problems = Vec::new();
    for page in &pages() {
        for fence in page.fences().iter().filter(|fence| fence.tag == "diff") {
            let names: Vec<_> = fence.lines.iter().take(2).map(|line| &line[4..]).collect();
            let is_of_rungs = |name: &&str| name.starts_with("docs/rungs/");
            if names.len() < 2 || names[0] == names[1] || !names.iter().any(is_of_rungs) {
                continue;
            }
            for (name, others) in names.iter().zip(["-", "+"]) {
                let Some(text) = read(name) else {
                    problems.push(page.at(fence.first, &format!("there is no {name}")));
                    continue;
                };
                // What this file has: the lines without a sign, and those with its own.
                let lines = fence.lines[2..]
                    .iter()
                    .map(|line| match line.split_at_checked(1) {
                        Some(("@", _)) => "// ...",
                        Some((sign, rest)) if sign == " " || sign == others => rest,
                        Some(_) => "\u{0}",
                        None => "",
                    });
                let lines: Vec<_> = lines.filter(|line| *line != "\u{0}").collect();
                if let Err(line) = find_excerpt(&text, &lines, "// ...") {
                    let wrong = lines[line].trim();
                    let problem = format!("`{wrong}` does not stand there in {name}");
                    problems.push(page.at(fence.first, &problem));
                }
            }
        }
        for (old, new, counts) in page.stated_differences() {
            let texts = [&old, &new].map(|name| read(name).unwrap_or_default());
            let [old_code, new_code] = [&texts[0], &texts[1]].map(|text| code(text));
            let kept = kept(&old_code, &new_code);
            let real = [old_code.len() - kept, new_code.len() - kept];
            if real != counts {
                let [go, come] = real;
                let problem = format!("from {old} to {new}, {go} lines go and {come} come");
                problems.push(page.at(0, &problem));
            }
        }
    }
    assert_none(&problems);
}

/// The lines that are code, without their indentation.
fn code(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .collect()
}

/// How many lines of one text are in the other too, in the same order.
fn kept(old: &[&str], new: &[&str]) -> usize {
    let mut row = vec![0; new.len() + 1];
    for old_line in old {
        let mut above_left = 0;
        for (at, new_line) in new.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = match old_line == new_line {
                true => above_left + 1,
                false => above.max(row[at]),
            };
            above_left = above;
        }
    }
    row[new.len()]
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for page in &pages() {
        let labels: Vec<String> = page.definitions().into_iter().map(|link| link.1).collect();
        for (line, label) in page.uses() {
            if !labels.contains(&label) {
                let problem = format!("there is no line `[{label}]: ...` in this page: add it");
                problems.push(page.at(line, &problem));
            }
        }
        for (line, link) in page.links() {
            if let Err(problem) = follow(page, &link) {
                problems.push(page.at(line, &problem));
            }
        }
    }
    assert_none(&problems);
}

/// The file to which a link leads, if it leads to one of ours.
fn follow(page: &Page, link: &str) -> Result<Option<String>, String> {
    if link.contains(':') {
        return Ok(None);
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut target = match path {
        "" => PathBuf::from(&page.name),
        _ => Path::new(&page.name).with_file_name(path),
    };
    // `..` goes up in the text: the path is compared with names of pages.
    let mut parts = Vec::new();
    for part in target.iter() {
        match part.to_string_lossy().as_ref() {
            ".." if parts.pop().is_none() => {
                return Err(format!("`{link}` leads out of the project"));
            }
            ".." | "." => {}
            part => parts.push(part.to_string()),
        }
    }
    target = parts.iter().collect();
    if path.starts_with('/') || !project().join(&target).exists() {
        return Err(format!("`{link}` leads nowhere: mend the path"));
    }
    let target = parts.join("/");
    if !anchor.is_empty() {
        let text = read(&target).unwrap_or_default();
        let page = Page {
            name: target.clone(),
            text,
        };
        if !page.anchors().contains(&anchor.to_string()) {
            return Err(format!(
                "{target} has no heading `#{anchor}`: it has {:?}",
                page.anchors()
            ));
        }
    }
    Ok(Some(target))
}

/// Pictures that are made by hand, and not by a run.
const DRAWINGS: &str = "docs/drawings";

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn each_drawing_is_shown() {
    let mut problems = Vec::new();
    let mut shown = HashSet::new();
    for page in &pages() {
        for (line, words, target) in page.pictures() {
            if words.len() < 20 {
                problems.push(page.at(line, "this picture needs a sentence in its brackets"));
            }
            match follow(page, &target) {
                Ok(picture) => shown.extend(picture),
                Err(problem) => problems.push(page.at(line, &problem)),
            }
        }
    }
    for drawing in files(Path::new(DRAWINGS), "svg") {
        let parts: Vec<_> = drawing.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/");
        let text = read(&name).expect("the drawing can be read");
        for part in ["<title ", "<desc ", "(prefers-color-scheme:dark)"] {
            if !text.contains(part) {
                problems.push(format!("{name}: it has no `{part}`: add it"));
            }
        }
        if !shown.contains(&name) {
            problems.push(format!("{name}: no page shows it: show it, or delete it"));
        }
    }
    assert_none(&problems);
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn paths_that_are_named_exist() {
    let mut problems = Vec::new();
    let pages = pages();
    // A solution may make a new file. The pages may speak of it.
    let made: HashSet<&str> = pages.iter().flat_map(|page| made(&page.text)).collect();
    for page in &pages {
        for (line, text) in page.text.lines().enumerate() {
            for path in paths(text) {
                let is_there = project().join(path).exists() || made.contains(path);
                if !path.contains("NN") && !is_there {
                    problems.push(page.at(line, &format!("there is no `{path}`: name another")));
                }
            }
        }
    }
    assert_none(&problems);
}

/// The files that the diffs of a page make.
fn made(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().zip(text.lines().skip(1));
    lines.filter_map(|(line, next)| {
        next.strip_prefix("+++ ")
            .filter(|_| line == "--- /dev/null")
    })
}

/// What looks like a path from the top of the project.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let words = line.split(move |c| !is_part(c));
    let paths = words.filter(|word| {
        let tops = ["src/", "tests/", "docs/"];
        tops.iter().any(|top| word.starts_with(top))
    });
    paths.map(|path| path.trim_end_matches(['.', '-']))
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn every_page_can_be_reached() {
    let pages = pages();
    let mut reached = HashSet::new();
    let mut left = vec!["docs/README.md".to_string(), "README.md".to_string()];
    while let Some(name) = left.pop() {
        if let Some(page) = pages.iter().find(|page| page.name == name)
            && reached.insert(name)
        {
            let links = page.links().into_iter();
            left.extend(links.filter_map(|(_, link)| follow(page, &link).ok().flatten()));
        }
    }
    let lost = pages.iter().filter(|page| !reached.contains(&page.name));
    let problems = lost.map(|page| page.at(0, "no link leads here: add one to docs/README.md"));
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn pages_are_modules_of_the_guide() {
    let guide = read("src/guide.rs").expect("there is a guide");
    let mut problems = Vec::new();
    for page in &pages() {
        let short = page.name.trim_start_matches("docs/");
        let names = [format!("\"{short}\""), format!("\"../{}\"", page.name)];
        let is_in_guide = names.iter().any(|name| guide.contains(name));
        let is_in_folder = Path::new(&page.name).parent() == Some(Path::new("docs"));
        if is_in_folder && !is_in_guide {
            problems.push(page.at(0, "this page is missing from src/guide.rs: add it there"));
        }
        for fence in page.fences() {
            let is_program = fence.tag.split(',').any(|tag| tag == "rust");
            if is_program && !is_in_guide {
                let problem = "nothing runs this program: its page is not in src/guide.rs";
                problems.push(page.at(fence.first, problem));
            }
            if fence.tag.is_empty() {
                let problem = "a fence without a tag is a program for rustdoc: tag it `text`";
                problems.push(page.at(fence.first, problem));
            }
        }
    }
    assert_none(&problems);
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn the_table_of_promises_is_true() {
    let page = read("docs/promises.md").expect("the page of the promises");
    let tests = |files: &[PathBuf]| {
        let texts = files
            .iter()
            .filter_map(|file| read(&file.to_string_lossy()));
        texts.collect::<String>()
    };
    let shared = files(Path::new("tests/promises"), "rs");
    let small = tests(&shared);
    let real = tests(&[shared, vec![PathBuf::from("tests/promises.rs")]].concat());
    let mut problems = Vec::new();
    for promise in 1..=14 {
        let line = format!("| I{promise} | ");
        let Some(row) = page.lines().find_map(|row| row.strip_prefix(&line)) else {
            problems.push(format!(
                "docs/promises.md: I{promise} has no row in the table"
            ));
            continue;
        };
        let cells = row.split(" | ").map(|cell| cell.trim_end_matches(" |"));
        for (cell, tests) in cells.zip([&small, &real]) {
            let is_tested = tests.contains(&format!("fn i{promise}_"));
            let is_kept = cell.starts_with("yes") || cell.starts_with("in part: ");
            if is_kept != is_tested {
                let tests = if is_tested { "a test" } else { "no test" };
                problems.push(format!(
                    "docs/promises.md: I{promise} is {cell}, and has {tests}"
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
#[ignore = "guards our text; CI runs it with --include-ignored"]
fn links_of_the_built_documentation_lead_somewhere() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("built-docs");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["doc", "--no-deps", "--quiet", "--target-dir"]);
    let status = cargo.arg(&target).current_dir(project()).status();
    assert!(status.expect("cargo runs").success());
    let pages = files(&target.join("doc/demitasse"), "html");
    let mut problems = Vec::new();
    let mut followed = 0;
    for page in &pages {
        let text = fs::read_to_string(page).expect("the page can be read");
        for rest in text.split("href=\"").skip(1) {
            let link = rest.split('"').next().unwrap_or_default();
            // What leads elsewhere, and what a script completes.
            if link.contains("://") || link.contains("${") {
                continue;
            }
            followed += 1;
            if !leads_somewhere(page, link) {
                let page = page.strip_prefix(&target).unwrap_or(page).display();
                problems.push(format!(
                    "{page}: there is no {link}: give the link a label in the page, and the label \
                     a place in src/guide.rs"
                ));
            }
        }
    }
    assert!(followed > 1_000, "{followed} links are too few");
    assert_none(&problems);
}

/// Whether the file exists, and in a page that is not source the anchor, too.
fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.parent().expect("a page is in a folder");
    let mut path = match file {
        "" => page.to_path_buf(),
        file => folder.join(file),
    };
    if path.is_dir() {
        path = path.join("index.html");
    }
    if anchor.is_empty() || file.contains("../src/") {
        return path.exists();
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    text.contains(&format!("id=\"{anchor}\""))
}

/// A page, named from the top of the project, with `/`.
struct Page {
    name: String,
    text: String,
}

/// What stands between two lines of three backticks.
struct Fence<'a> {
    tag: &'a str,
    /// The index of its first line in the page.
    first: usize,
    indent: usize,
    lines: Vec<&'a str>,
}

impl Page {
    /// A problem with a line, which is counted from 0.
    fn at(&self, line: usize, problem: &str) -> String {
        format!("{}:{}: {problem}", self.name, line + 1)
    }

    fn fences(&self) -> Vec<Fence<'_>> {
        let mut fences: Vec<Fence> = Vec::new();
        let mut open: Option<(usize, Fence)> = None;
        for (number, line) in self.text.lines().enumerate() {
            let ticks = line.trim_start().chars().take_while(|&c| c == '`').count();
            match &mut open {
                None if ticks >= 3 => {
                    let fence = Fence {
                        tag: line.trim().trim_start_matches('`'),
                        first: number + 1,
                        indent: line.len() - line.trim_start().len(),
                        lines: Vec::new(),
                    };
                    open = Some((ticks, fence));
                }
                None => {}
                Some((opening, _)) if ticks >= *opening && line.trim().len() == ticks => {
                    fences.extend(open.take().map(|(_, fence)| fence));
                }
                Some((_, fence)) => {
                    fence.lines.push(line.get(fence.indent..).unwrap_or(""));
                }
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name);
        fences
    }

    /// The lines outside of fences, counted from 0, with blanks in the place of code.
    fn prose(&self) -> Vec<(usize, String)> {
        let fences = self.fences();
        let is_fenced = |line| {
            let mut ranges = fences.iter().map(|fence| (fence.first, fence.lines.len()));
            ranges.any(|(first, len)| (first..first + len).contains(&line))
        };
        let lines = self.text.lines().enumerate();
        let prose = lines.filter(|&(number, _)| !is_fenced(number));
        let without_code = prose.map(|(number, line)| {
            let parts = line.split('`').enumerate();
            let parts = parts.map(|(part, text)| if part % 2 == 0 { text } else { " " });
            (number, parts.collect())
        });
        without_code.collect()
    }

    /// Where the links lead, those of definitions included.
    fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (number, line) in self.prose() {
            for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
                for rest in line.split(opening).skip(1) {
                    let target = rest.split([closing, ' ']).next().unwrap_or_default();
                    links.push((number, target.to_string()));
                }
            }
        }
        let definitions = self.definitions().into_iter();
        links.extend(definitions.map(|(number, _, target)| (number, target)));
        links
    }

    /// What `![words](target)` says and shows.
    fn pictures(&self) -> Vec<(usize, String, String)> {
        let mut pictures = Vec::new();
        for (number, line) in self.prose() {
            for rest in line.split("![").skip(1) {
                let (words, rest) = rest.split_once("](").unwrap_or((rest, ""));
                let target = rest.split(')').next().unwrap_or_default();
                pictures.push((number, words.to_string(), target.to_string()));
            }
        }
        pictures
    }

    /// Lines like `[label]: target`.
    fn definitions(&self) -> Vec<(usize, String, String)> {
        let lines = self.prose().into_iter();
        let definitions = lines.filter_map(|(number, line)| {
            let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
            let is_footnote = label.starts_with('^');
            (!is_footnote).then(|| (number, label.to_string(), target.trim().to_string()))
        });
        definitions.collect()
    }

    /// The labels in `[text][label]`.
    fn uses(&self) -> Vec<(usize, String)> {
        let mut uses = Vec::new();
        for (number, line) in self.prose() {
            for rest in line.split("][").skip(1) {
                let label = rest.split(']').next().unwrap_or_default();
                uses.push((number, label.to_string()));
            }
        }
        uses
    }

    /// Sentences like "From `a` to `b`, 3 lines go and 5 come".
    fn stated_differences(&self) -> Vec<(String, String, [usize; 2])> {
        let words: Vec<_> = self.text.split_whitespace().collect();
        let text = words.join(" ");
        let sentences = text.split("rom `").skip(1).filter_map(|rest| {
            let (old, rest) = rest.split_once("` to `")?;
            let (new, rest) = rest.split_once("`, ")?;
            let (go, rest) = rest.split_once(" lines go and ")?;
            let (come, _) = rest.split_once(" come")?;
            let counts = [go.parse().ok()?, come.parse().ok()?];
            Some((old.to_string(), new.to_string(), counts))
        });
        sentences.collect()
    }

    /// The names that code hosts give to headings.
    fn anchors(&self) -> Vec<String> {
        let fences = self.fences();
        let mut anchors: Vec<String> = Vec::new();
        for (number, line) in self.text.lines().enumerate() {
            let mut ranges = fences.iter().map(|fence| (fence.first, fence.lines.len()));
            let is_fenced = ranges.any(|(first, len)| (first..first + len).contains(&number));
            let title = line.trim_start_matches('#');
            if is_fenced || title.len() == line.len() || !title.starts_with(' ') {
                continue;
            }
            let kept = title.trim().to_lowercase();
            let kept = kept
                .chars()
                .filter(|&c| c.is_alphanumeric() || "-_ ".contains(c));
            let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
            let same = anchors.iter().filter(|&other| *other == anchor).count();
            match same {
                0 => anchors.push(anchor),
                _ => anchors.push(format!("{anchor}-{same}")),
            }
        }
        anchors
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> Option<String> {
    let text = fs::read_to_string(project().join(file)).ok()?;
    Some(text.replace("\r\n", "\n"))
}

/// The first page, and all in `docs/`, however deep.
fn pages() -> Vec<Page> {
    let mut names = files(Path::new("docs"), "md");
    names.push(PathBuf::from("README.md"));
    let pages = names.iter().filter_map(|name| {
        let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/");
        let text = read(&name)?;
        Some(Page { name, text })
    });
    let pages: Vec<Page> = pages.collect();
    assert!(!pages.is_empty(), "the pages are in docs/");
    pages
}

/// The files with this extension in a folder, however deep.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(project().join(folder)).expect("the folder can be read");
    for entry in entries {
        let name = entry.expect("the folder can be read").file_name();
        let path = folder.join(name);
        if project().join(&path).is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn assert_none(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "\n{}\n{} in the pages\n",
        problems.join("\n"),
        problems.len()
    );
}
